"""Where and how numbers are computed and where their memory comes from: what a whole run or sound is put
into.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from listen_and_move.errors import UserError

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # names of mallopt(3)
_KEEP, _DEFAULT_TRIM, _DEFAULT_MMAP = 2**31 - 1, 128 * 1024, 65536


def choose_device(name: str) -> torch.device:
    """The device of that name; auto takes the best there is.

    Raises:
        UserError: it is not there.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(device for device in ("cuda", "mps", "cpu") if available[device]))
    kind = name.partition(":")[0]
    if not available.get(kind, False):
        usable = ", ".join(device for device, there in available.items() if there)
        raise UserError(f"device: expected auto or one that this machine has ({usable}); got {name}")
    return torch.device(name)


def autocast_bfloat16(device: torch.device, on: bool = True) -> AbstractContextManager[object]:
    """Within: convolutions and matrix products in bfloat16 where ``on``, else in the numbers that they are
    given.
    """
    return torch.autocast("cpu" if device.type == "meta" else device.type, torch.bfloat16, enabled=on)


@contextmanager
def products(exact: bool) -> Iterator[None]:
    """Within: float32 products on CUDA with all their digits, or with ten bits of them (TF32), which is much
    faster.
    """
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = not exact
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def reused_memory(on: bool = True) -> Iterator[None]:
    """Within, where ``on``: memory that tensors on the CPU no longer need is kept for the next ones, and
    given back at the end.

    The C library of Linux gives every block above 32 MB back to the system at once, and to get it again page
    by page costs more than most operations on it: 3x3 convolutions of 100 MB take twice as long. But what is
    kept does not always fit what comes next, so a process takes up to half as much memory again. Elsewhere
    nothing is changed.
    """
    library = ctypes.CDLL(None) if on and sys.platform == "linux" else None
    if (
        library is None or not hasattr(library, "mallopt") or not hasattr(library, "malloc_trim")
    ):  # musl has neither
        yield
        return
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, _KEEP)
    try:
        yield
    finally:
        library.mallopt(_MMAP_MAX, _DEFAULT_MMAP)
        library.mallopt(_TRIM_THRESHOLD, _DEFAULT_TRIM)
        library.malloc_trim(0)
