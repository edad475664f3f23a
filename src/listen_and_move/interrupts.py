"""Ctrl-C and SIGTERM, which end a command and are not lost in work that shows its progress.

Python raises `KeyboardInterrupt` wherever the main thread is, and drops it where nobody could catch it: in a generator that is
closed as garbage, in the callback of a weak reference. So it is remembered as well, and raised again by `check`.
"""

import signal
from types import FrameType

_caught: list[int] = []


def install() -> None:
    """From now on both signals interrupt; where Ctrl-C is ignored, as in the background of a shell, it stays so."""
    _caught.clear()
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _caught.append(number)
    raise KeyboardInterrupt


def interrupted() -> bool:
    """Whether one of the signals came."""
    return bool(_caught)


def check() -> None:
    """Raises `KeyboardInterrupt` if one of the signals came; commands call it wherever they say how far they are."""
    if _caught:
        raise KeyboardInterrupt
