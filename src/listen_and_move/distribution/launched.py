"""What `torchrun` says to the processes that it starts; PyTorch is not imported here."""

import os


def several_processes() -> bool:
    """Returns whether this process is one of several that were started to train together."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


def writes() -> bool:
    """Returns whether this process is the one that writes, and that tells the user what was done."""
    return not several_processes() or os.environ.get("RANK", "0") == "0"
