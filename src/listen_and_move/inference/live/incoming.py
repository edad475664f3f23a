"""Sound is taken as it comes by a thread of its own, so that it never waits for a picture."""

from collections.abc import Callable, Iterator
from threading import Condition, Thread

import numpy as np
from jaxtyping import Float

_LONGEST_BLOCK = 1.0
"""Seconds in which a file gives its next block, so that nobody reads it when it is closed."""


class Incoming:
    """Reads a sound in a thread.

    Args:
        blocks: float32 (n, channels); a slow one is waited for.
        channels: of them.
        arrived: called in the thread with the number of samples, as soon as a block is there.
        most: samples that may wait, where the sound can wait too; None: where it cannot.
    """

    def __init__(
        self,
        blocks: Iterator[np.ndarray],
        channels: int,
        arrived: Callable[[int], None],
        most: int | None = None,
    ) -> None:
        self.blocks, self.nothing, self.arrived, self.most = (
            blocks,
            np.zeros((0, channels), np.float32),
            arrived,
            most,
        )
        self.waiting: list[np.ndarray] = []
        self.changed, self.over, self.left, self.failure = Condition(), False, False, None
        self.thread = Thread(
            target=self._read, daemon=True
        )  # it may wait for sound for ever, which holds up nobody
        self.thread.start()

    def take(self, timeout: float) -> Float[np.ndarray, "n channels"] | None:
        """All that has come since, within so many seconds; None: it is over.

        Raises:
            Whatever reading raised, after all that came before it.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.waiting or self.over, timeout)
            taken, self.waiting = self.waiting, []
            self.changed.notify_all()
            if taken or not self.over:
                return np.concatenate([self.nothing, *taken])
        if self.failure is not None:
            raise self.failure
        return None

    def leave(self) -> None:
        """Nobody listens any more."""
        with self.changed:
            self.left = True
            self.changed.notify_all()
        self.thread.join(_LONGEST_BLOCK)

    def _read(self) -> None:
        try:
            for block in self.blocks:
                self.arrived(len(block))
                if not self._given(block):
                    return
        except BaseException as failure:
            self.failure = failure
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def _given(self, block: np.ndarray) -> bool:
        with self.changed:
            self.changed.wait_for(
                lambda: self.left or self.most is None or sum(map(len, self.waiting)) < self.most
            )
            self.waiting.append(block)
            self.changed.notify_all()
            return not self.left
