"""How much memory there is."""

import os
from contextlib import suppress


def machine_bytes() -> int | None:
    """Returns the memory of the machine; None where nobody can tell."""
    with suppress(AttributeError, OSError, ValueError):  # Windows has no such call
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None
