"""Outputs of live play: a file or a pipe.

Letters: n samples, H height, W width.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from queue import Queue
from threading import Condition, Thread
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.clock import frame_sample
from listen_and_move.media.soundtrack import Source
from listen_and_move.media.streaming import Stream
from listen_and_move.media.video import VideoWriter
from listen_and_move.provenance.label import Label

LONGEST_WAIT = 0.5
"""Seconds that a picture and its sound wait for a slow reader before they are dropped."""
MOST_WAITING = 8
"""Most pictures that wait to be compressed into a file: 22 MB at 720p."""


class Outlet(Protocol):
    """Takes the sound as it was heard, and the pictures in order."""

    gone: bool
    """Whether the viewer is gone."""

    def hear(self, samples: Float[np.ndarray, "n channels"]) -> None:
        """Takes the next samples."""
        ...

    def show(self, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        """Takes the next picture."""
        ...

    def refresh(self) -> None:
        """Called regularly, also where no picture comes."""
        ...

    def finish(self) -> None:
        """Called when the sound is over and all pictures have been taken."""
        ...


class Moment(NamedTuple):
    """A frame with the sound from its instant to the next one's."""

    frame: int
    picture: UInt8[np.ndarray, "H W 3"]
    sound: Float[np.ndarray, "n channels"]


class Moments:
    """Joins pictures and sound, which come at different times."""

    def __init__(self, fps: Fraction, rate: int, channels: int) -> None:
        self.fps, self.rate, self.frame = fps, rate, 0
        self.pictures: deque[np.ndarray] = deque()
        self.sound = np.zeros((0, channels), np.float32)

    def hear(self, samples: Float[np.ndarray, "n channels"]) -> None:
        """Takes the next samples."""
        self.sound = np.concatenate([self.sound, samples])

    def show(self, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        """Takes the next picture."""
        self.pictures.append(picture)

    def complete(self, over: bool = False) -> Iterator[Moment]:
        """Yields each moment whose picture and sound are there, once.

        ``over`` says that no more sound comes.
        """
        while self.pictures and ((length := self._length()) <= len(self.sound) or over):
            yield Moment(self.frame, self.pictures.popleft(), self.sound[:length])
            self.sound, self.frame = self.sound[length:], self.frame + 1

    def _length(self) -> int:
        return frame_sample(self.frame + 1, self.fps, self.rate) - frame_sample(
            self.frame, self.fps, self.rate
        )


class FileOutlet:
    """A video file with its sound, complete or not there; see `VideoWriter`.

    Where it is live, pictures are compressed in a thread of their own, while the next ones are made.

    Args:
        writer: of the file.
        moments: puts pictures and sound together.
        sounds: where the writer finds the sound of its next picture.
        live: the sound does not wait.
    """

    gone = False

    def __init__(
        self, writer: VideoWriter, moments: Moments, sounds: deque[np.ndarray], live: bool = False
    ) -> None:
        self.writer, self.moments, self.sounds = writer, moments, sounds
        self.waiting: Queue[Moment | None] = Queue(MOST_WAITING)
        self.failure: BaseException | None = None
        self.thread = Thread(target=self._write_all, daemon=True) if live else None
        if self.thread:
            self.thread.start()

    def hear(self, samples: Float[np.ndarray, "n channels"]) -> None:
        """Takes the next samples."""
        self.moments.hear(samples)

    def show(self, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        """Takes the next picture."""
        self.moments.show(picture)
        self._write(over=False)

    def refresh(self) -> None:
        """Does nothing."""

    def finish(self) -> None:
        """Writes the rest."""
        self._write(over=True)
        self._join()
        self._raise_failure()

    def leave(self) -> None:
        """Stops writing; what waits is dropped."""
        if self.thread and self.thread.is_alive():
            self.failure = self.failure or InterruptedError()
            self._join()

    def _write(self, over: bool) -> None:
        for moment in self.moments.complete(over):
            if self.thread is None:
                self._write_moment(moment)
            else:
                self._raise_failure()
                self.waiting.put(moment)

    def _write_moment(self, moment: Moment) -> None:
        self.sounds.append(moment.sound)
        self.writer.write(moment.picture)

    def _write_all(self) -> None:
        # After a failure the rest is taken and dropped, so that no thread waits for a place in the queue.
        while (moment := self.waiting.get()) is not None:
            if self.failure is None:
                try:
                    self._write_moment(moment)
                except BaseException as failure:  # raised when the next picture comes
                    self.failure = failure

    def _join(self) -> None:
        if self.thread:
            self.waiting.put(None)
            self.thread.join()

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure


@contextmanager
def file_outlet(
    path: str, size: tuple[int, int], fps: Fraction, source: Source, label: Label, overwrite: bool, live: bool
) -> Iterator[FileOutlet]:
    """Yields an outlet into a file that is complete when the block ends well, and else not there.

    Raises:
        UserError: it cannot be written, or nothing was.
    """
    sounds: deque[np.ndarray] = deque()
    sound = Source(_taken(sounds), source.rate, source.channels, source.layout)
    with VideoWriter(
        path,
        width=size[0],
        height=size[1],
        fps=fps,
        sound=sound,
        label=label,
        overwrite=overwrite,
        live=live,
    ) as writer:
        outlet = FileOutlet(writer, Moments(fps, source.rate, source.channels), sounds, live)
        try:
            yield outlet
        finally:
            outlet.leave()  # its thread has to end before the file is closed


def _taken(sounds: deque[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the sounds that `show` put there before `VideoWriter` asks for them."""
    while sounds:
        yield sounds.popleft()


class StreamOutlet:
    """A pipe to another program.

    Where play is live and the reader is slow, moments that have waited too long are dropped.

    Args:
        stream: what is written to.
        moments: joins pictures and sound; None: pictures alone.
        live: play does not wait for the reader.
        clock: seconds that never go back.
    """

    def __init__(
        self, stream: Stream, moments: Moments | None, live: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stream, self.moments, self.frame = stream, moments, 0
        self.nothing = np.zeros((0, 1), np.float32)
        self.clock = clock
        self.waiting: deque[tuple[float, Moment]] = deque()
        self.changed, self.over, self.gone = Condition(), False, False
        self.failure: BaseException | None = None
        self.thread = Thread(target=self._write_all, daemon=True) if live else None
        if self.thread:
            self.thread.start()

    def hear(self, samples: Float[np.ndarray, "n channels"]) -> None:
        """Takes the next samples."""
        if self.moments:
            self.moments.hear(samples)
            self._send_complete()

    def show(self, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        """Takes the next picture."""
        if self.moments:
            self.moments.show(picture)
            self._send_complete()
        else:
            self._send(Moment(self.frame, picture, self.nothing))
        self.frame += 1

    def refresh(self) -> None:
        """Does nothing."""

    def finish(self) -> None:
        """Writes the rest, as fast as the reader takes it."""
        self._send_complete(over=True)
        if self.thread:
            with self.changed:
                self.over = True
                self.changed.notify_all()
            self.thread.join()
        if self.failure is not None:
            raise self.failure
        if not self.gone:
            self._written(lambda: self.stream.close())

    def _send_complete(self, over: bool = False) -> None:
        for moment in self.moments.complete(over) if self.moments else ():
            self._send(moment)

    def _send(self, moment: Moment) -> None:
        if self.thread is None:
            self._written(lambda: self.stream.write(*moment))
            return
        with self.changed:
            now = self.clock()
            while self.waiting and now - self.waiting[0][0] > LONGEST_WAIT:
                self.waiting.popleft()
            self.waiting.append((now, moment))
            self.changed.notify_all()

    def _write_all(self) -> None:
        try:
            while not self.gone:
                with self.changed:
                    self.changed.wait_for(lambda: self.waiting or self.over)
                    if not self.waiting:
                        return
                    _, moment = self.waiting.popleft()
                self._written(lambda moment=moment: self.stream.write(*moment))
        except BaseException as failure:
            self.failure, self.gone = failure, True

    def _written(self, action: Callable[[], None]) -> None:
        """Writes, and notes a reader that has closed the pipe, which is no error."""
        try:
            action()
        except BrokenPipeError:
            self.gone = True
