"""Devices, precision and memory of a computation, set for a whole run or sound."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from listen_and_move.errors import UserError

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # names of mallopt(3)
_KEEP, _DEFAULT_TRIM, _DEFAULT_MMAP = 2**31 - 1, 128 * 1024, 65536


def choose_device(name: str) -> torch.device:
    """Returns the device of a name; auto is the best device there is.

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
    """Within the context convolutions and matrix products run in bfloat16 where ``on``.

    Else they run in the type of their inputs.
    """
    return torch.autocast("cpu" if device.type == "meta" else device.type, torch.bfloat16, enabled=on)


@contextmanager
def products(exact: bool) -> Iterator[None]:
    """Within the context float32 products on CUDA are exact, or have ten bits (TF32).

    The latter is much faster.
    """
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = not exact
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def reused_memory(on: bool = True) -> Iterator[None]:
    """Within the context, where ``on``, freed CPU memory is reused by later tensors, and returned at the end.

    The C library of Linux gives every block above 32 MB back to the system at once, and to get it again page
    by page costs more than most operations on it: 3x3 convolutions of 100 MB take twice as long. But kept
    memory does not always fit later tensors, so a process takes up to half as much memory again. On other
    systems nothing is changed.
    """
    library = ctypes.CDLL(None) if on and sys.platform == "linux" else None
    if (
        library is None or not hasattr(library, "mallopt") or not hasattr(library, "malloc_trim")
    ):  # musl has neither function
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
