"""Signals that end a command: Ctrl-C, SIGTERM, and SIGHUP, which a terminal sends when it is closed.

Python raises `KeyboardInterrupt` wherever the main thread is, and drops it where it cannot be caught: in a
generator that is closed as garbage, in the callback of a weak reference. So the interrupt is remembered as
well, and raised again by `check`.
"""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

_caught: list[int] = []


def hang_up() -> tuple[signal.Signals, ...]:
    """Returns SIGHUP; nothing on Windows, and nothing where the signal is ignored, as under nohup."""
    hang_up = getattr(signal, "SIGHUP", None)
    return () if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN else (hang_up,)


def stopping() -> tuple[signal.Signals, ...]:
    """Returns all signals that end a command."""
    return (signal.SIGINT, signal.SIGTERM, *hang_up())


def install() -> None:
    """Makes each signal raise an interrupt from now on.

    A Ctrl-C that is ignored, as in the background of a shell, stays ignored.
    """
    _caught.clear()
    for number in stopping():
        if number != signal.SIGINT or signal.getsignal(number) is signal.default_int_handler:
            signal.signal(number, _interrupt)


def ignore() -> None:
    """Ignores each signal from now on, since the process is ending by itself.

    Outside of the main thread, which alone gets signals, nothing changes.
    """
    if threading.current_thread() is threading.main_thread():
        for number in stopping():
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def handled(
    action: Callable[[int, FrameType | None], None], numbers: Iterable[int] | None = None
) -> Iterator[None]:
    """Within the context signals, by default `stopping`, call an action instead.

    Outside of the main thread, which alone gets signals, nothing changes.
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
    """Returns whether one of the signals came."""
    return bool(_caught)


def check() -> None:
    """Raises `KeyboardInterrupt` if one of the signals came.

    Commands call it wherever they report their progress.
    """
    if _caught:
        raise KeyboardInterrupt
