"""What a figure was measured on."""

from pathlib import Path
from typing import Any

from listen_and_move.environment import environment


def machine() -> dict[str, Any]:
    """Threads, platform, versions and commit."""
    known = environment(Path(), "", "cpu")
    return {key: known[key] for key in ("threads", "python", "platform", "versions", "commit")}
