"""Limits that the system holds a process to which works on strangers' files: memory, processor time, files.

Windows knows none of them, and macOS none of memory: there a process goes on without.
"""

import ctypes
import gc
import os
from contextlib import suppress
from math import ceil
from pathlib import Path

from listen_and_move.memory import machine_bytes

try:
    import resource
except ImportError:  # Windows
    resource = None


def restrict_this(memory: int, files: int) -> None:
    """Limits this process.

    Args:
        memory: bytes of its own; more of it is refused to whoever asks. What it reserves without use, and
            libraries, which it shares, do not count: torch alone reserves more than it ever uses.
        files: that may be open at once.
    """
    if resource is not None:
        _lower(resource.RLIMIT_DATA, memory)
        _lower(resource.RLIMIT_NOFILE, files)
        _lower(resource.RLIMIT_CORE, 0)


def restrict_other(pid: int, share: float | None, files: int) -> None:
    """Limits a process that was just started; on Linux alone.

    Args:
        pid: of the process.
        share: of the machine's memory that it may have of its own, see `restrict_this`; None: any.
        files: that may be open at once.
    """
    if resource is not None and hasattr(resource, "prlimit"):
        machine = machine_bytes()
        memory = resource.RLIM_INFINITY if machine is None or share is None else int(share * machine)
        for kind, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_NOFILE, files)):
            with suppress(OSError):  # it has ended already
                _, hard = resource.prlimit(pid, kind)
                resource.prlimit(pid, kind, (_within(most, hard), hard))


def takes_any_memory() -> bool:
    """Returns whether what draws or trains here takes as much memory as it likes: the driver of CUDA does."""
    from listen_and_move.precision import choose_device

    return choose_device("auto").type == "cuda"


def allow_memory() -> None:
    """Lifts the limit of memory of this process."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def allow_seconds(seconds: int) -> None:
    """Limits what this process does from now on.

    Args:
        seconds: of processor time, of all its threads together; the system ends it then, by SIGXCPU.
    """
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _lower(resource.RLIMIT_CPU, ceil(used.ru_utime + used.ru_stime) + seconds)


def is_spent() -> bool:
    """Returns whether this process holds more than half of the memory that it may; False where nobody can
    tell."""
    if resource is None:
        return False
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])  # of data, as it counts
        most, _ = resource.getrlimit(resource.RLIMIT_DATA)
        return most != resource.RLIM_INFINITY and 2 * pages * os.sysconf("SC_PAGE_SIZE") > most
    return False


def give_back() -> None:
    """Gives memory that nothing uses any more back to the system, where the C library can: it keeps some of
    every film otherwise, and more and more."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # of another library
        ctypes.CDLL(None).malloc_trim(0)


def _lower(kind: int, most: int) -> None:
    assert resource is not None
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (_within(most, hard), hard))


def _within(most: int, hard: int) -> int:
    assert resource is not None
    return most if hard == resource.RLIM_INFINITY else min(most, hard)
