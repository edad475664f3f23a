"""What turns sound into pictures, whoever draws them."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np

from listen_and_move.audio.loudness import Gain
from listen_and_move.inference.controls import AS_TRAINED, Controls


class Player(Protocol):
    """An `Animator`, a `Replayer`, or one of them `Pasted`."""

    @property
    def fps(self) -> Fraction:
        """Frames per second."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame, in pixels."""
        ...

    def frames(
        self, sound: Iterable[np.ndarray], seed: int = 0, controls: Controls = AS_TRAINED, gain: Gain = 0.0
    ) -> Iterator[np.ndarray]:
        """Pictures uint8 (height, width, 3) to a sound at 64 kHz, given in blocks of any length, heard with a
        gain."""
        ...
