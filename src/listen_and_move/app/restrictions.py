"""Limits of the system on processes that read strangers' files: memory, processor time, open files.

Windows has none of these limits, and macOS has no limit of memory: there a process runs without.
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

STACK_BYTES, THREADS_OF_A_CORE = 8 * 2**20, 2
"""Bytes of the stack of a thread, and the threads that libraries start for each core."""


def restrict_this(files: int) -> None:
    """Limits this process.

    Args:
        files: that may be open at once.
    """
    if resource is not None:
        _limit(resource.RLIMIT_NOFILE, files)
        _limit(resource.RLIMIT_CORE, 0)


def allow_memory(most: int | None) -> None:
    """Limits the memory of this process from now on.

    Memory that is reserved and unused, and libraries, which processes share, do not count: torch alone
    reserves more than it ever uses. Stacks of threads are added to the limit: the system counts them whole,
    and a machine of many cores has many.

    Args:
        most: bytes of the process's own; an allocation beyond them fails. None: no limit.
    """
    if resource is not None:
        affinity = getattr(os, "sched_getaffinity", None)
        cores = len(affinity(0)) if affinity else os.cpu_count() or 1
        stacks = THREADS_OF_A_CORE * cores * STACK_BYTES
        _limit(resource.RLIMIT_DATA, resource.RLIM_INFINITY if most is None else most + stacks)


def allow_more_memory(more: int) -> None:
    """Raises the limit of `allow_memory`.

    Args:
        more: bytes, such as those of a file that is mapped: they count as this process's own.
    """
    if resource is not None:
        most, _ = resource.getrlimit(resource.RLIMIT_DATA)
        _limit(resource.RLIMIT_DATA, most if most == resource.RLIM_INFINITY else most + more)


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
    """Returns whether drawing and training here need unlimited memory, as the driver of CUDA does."""
    from listen_and_move.precision import choose_device

    return choose_device("auto").type == "cuda"


def allow_seconds(seconds: int) -> None:
    """Limits the processor time of this process from now on.

    Args:
        seconds: of processor time, all threads together; then the system ends the process by SIGXCPU.
    """
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, ceil(used.ru_utime + used.ru_stime) + seconds)


def is_spent(most: int) -> bool:
    """Returns whether this process holds more than half of its memory; False where that cannot be told.

    Args:
        most: see `allow_memory`.
    """
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])  # of data, as it counts
        return 2 * pages * os.sysconf("SC_PAGE_SIZE") > most
    return False


def give_back() -> None:
    """Gives unused memory back to the system, where the C library can.

    Otherwise the process keeps some memory of every film, and grows.
    """
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _limit(kind: int, most: int) -> None:
    assert resource is not None
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (_within(most, hard), hard))


def _within(most: int, hard: int) -> int:
    assert resource is not None
    finite = [limit for limit in (most, hard) if limit != resource.RLIM_INFINITY]
    return min(finite, default=resource.RLIM_INFINITY)
