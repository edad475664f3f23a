"""The signals that end a command: Ctrl-C, SIGTERM, and SIGHUP, which a terminal sends when it is closed.

Python raises `KeyboardInterrupt` wherever the main thread is, and drops it where nobody could catch it: in a
generator that is closed as garbage, in the callback of a weak reference. So it is remembered as well, and
raised again by `check`.
"""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

_caught: list[int] = []


def hang_up() -> tuple[signal.Signals, ...]:
    """SIGHUP; none where it is ignored, as under nohup, and stays so, and none on Windows."""
    hang_up = getattr(signal, "SIGHUP", None)
    return () if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN else (hang_up,)


def stopping() -> tuple[signal.Signals, ...]:
    """All signals that end a command here and now."""
    return (signal.SIGINT, signal.SIGTERM, *hang_up())


def install() -> None:
    """From now on each of them interrupts; where Ctrl-C is ignored, as in the background of a shell, it stays
    so.
    """
    _caught.clear()
    for number in stopping():
        if number != signal.SIGINT or signal.getsignal(number) is signal.default_int_handler:
            signal.signal(number, _interrupt)


@contextmanager
def handled(
    action: Callable[[int, FrameType | None], None], numbers: Iterable[int] | None = None
) -> Iterator[None]:
    """Meanwhile signals, by default `stopping`, do something else; beside the main thread, which alone gets
    them, nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = {number: signal.signal(number, action) for number in (stopping() if numbers is None else numbers)}
    try:
        yield
    finally:
        for number, before in usual.items():
            signal.signal(number, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _caught.append(number)
    raise KeyboardInterrupt


def interrupted() -> bool:
    """Whether one of the signals came."""
    return bool(_caught)


def check() -> None:
    """Raises `KeyboardInterrupt` if one of the signals came; commands call it wherever they say how far they
    are.
    """
    if _caught:
        raise KeyboardInterrupt
