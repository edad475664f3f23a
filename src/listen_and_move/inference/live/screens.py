"""Where live pictures are seen at once: a window, a virtual camera.

Letters: n samples, H height, W width.
"""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.errors import UserError
from listen_and_move.inference.live.pacing import Pacer

WINDOW, CAMERA = "window", "camera"
LARGE = 512
"""A picture is shown as many times larger, a whole number, as fits into so many pixels."""


class Screen(ABC):
    """Shows each picture when it is due, and only the last one of those that are."""

    gone = False

    def __init__(self, pacer: Pacer, clock: Callable[[], float] = time.monotonic) -> None:
        self.pacer, self.clock = pacer, clock
        self.waiting: deque[np.ndarray] = deque()
        self.index = 0
        """The frame that waits longest."""

    def hear(self, samples: Float[np.ndarray, "n channels"]) -> None:  # noqa: B027 - nothing to do here
        """The sound is in the room already."""

    def show(self, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        """The next picture, to be seen when it is due."""
        self.waiting.append(picture)

    def refresh(self) -> None:
        """Show what is due."""
        picture = None
        while self.waiting and not self.pacer.wait(self.index, self.clock()):
            picture, self.index = self.waiting.popleft(), self.index + 1
        self.display(picture)

    def finish(self) -> None:
        """The sound is over: the last picture of it."""
        if self.waiting:
            self.display(self.waiting.pop())

    @abstractmethod
    def display(self, picture: UInt8[np.ndarray, "H W 3"] | None) -> None:
        """Show a picture, or go on with the last one."""


class Window(Screen):
    """A window of the desktop; closing it ends the play."""

    def __init__(self, pacer: Pacer, size: tuple[int, int], title: str, tk: Any) -> None:
        super().__init__(pacer)
        self.scale = max(1, LARGE // max(size))
        self.tk, self.root = tk, tk.Tk()
        self.root.title(title)
        self.root.resizable(False, False)
        self.root.protocol("WM_DELETE_WINDOW", self._close)
        self.image = tk.PhotoImage(width=size[0] * self.scale, height=size[1] * self.scale)
        tk.Label(self.root, image=self.image, borderwidth=0).pack()
        self.root.update()

    def display(self, picture: UInt8[np.ndarray, "H W 3"] | None) -> None:
        """Also lets the window live: it is moved, covered, closed."""
        if picture is not None:
            large = picture.repeat(self.scale, 0).repeat(self.scale, 1)
            self.image.configure(data=b"P6 %d %d 255\n" % large.shape[1::-1] + large.tobytes())
        self.root.update()

    def _close(self) -> None:
        self.gone = True


class Camera(Screen):
    """A virtual camera, which other programs take for a real one."""

    def __init__(self, pacer: Pacer, camera: Any) -> None:
        super().__init__(pacer)
        self.camera = camera

    def display(self, picture: UInt8[np.ndarray, "H W 3"] | None) -> None:
        """Sends it."""
        if picture is not None:
            self.camera.send(np.ascontiguousarray(picture))


@contextmanager
def opened_window(pacer: Pacer, size: tuple[int, int], title: str) -> Iterator[Window]:
    """A window with pictures of that width and height.

    Raises:
        UserError: there is no display.
    """
    try:
        import tkinter
    except ImportError:
        raise UserError(
            f"{WINDOW}: expected Python's tkinter; it is not there: install it (Debian: python3-tk)"
        ) from None
    try:
        window = Window(pacer, size, title, tkinter)
    except tkinter.TclError as error:
        raise UserError(
            f"{WINDOW}: expected a display; there is none ({error})", "--output FILE, or - into a player"
        ) from None
    try:
        yield window
    finally:
        window.root.destroy()


@contextmanager
def opened_camera(pacer: Pacer, size: tuple[int, int], fps: Fraction) -> Iterator[Camera]:
    """A virtual camera with pictures of that width and height.

    Raises:
        UserError: the extra is not installed, or the system has none.
    """
    try:
        pyvirtualcam: Any = import_module("pyvirtualcam")
    except ImportError:
        raise UserError(
            f"{CAMERA}: expected the extra live; it is not installed: pip install 'listen-and-move[live]'"
        ) from None
    try:
        camera = pyvirtualcam.Camera(width=size[0], height=size[1], fps=float(fps))
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{CAMERA}: expected a virtual camera (OBS, or v4l2loopback on Linux); got: {reason}"
        ) from None
    with camera:
        yield Camera(pacer, camera)
