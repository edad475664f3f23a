"""How much memory there is."""

import os
from contextlib import suppress
from pathlib import Path


def machine_bytes() -> int | None:
    """Returns the memory of the machine, or of its container; None where nobody can tell."""
    found: list[int] = []
    with suppress(AttributeError, OSError, ValueError):  # Windows has no such call
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):  # there is no such file, or it says max
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(found, default=None)
