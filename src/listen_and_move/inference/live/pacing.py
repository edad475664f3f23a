"""Pacing of live play: which pictures are due, and which are too late.

The rule, in one place:

1. The sound never waits. All of it is heard as it comes, and time is counted in its samples alone.
2. A picture is due when all the sound that it needs has been played. A block is taken to play from the moment
   of its arrival, at its own speed, until the next one comes. So the clocks of two machines cannot drift
   apart, however long it plays.
3. Underrun: where no sound comes, no picture is due, and the last one stays.
4. Overrun: where more than `PATIENCE` pictures are due and not drawn yet, only the newest is drawn; the sound
   of the others is heard, and the picture before them is shown in their place.
"""

from fractions import Fraction
from math import floor
from typing import NamedTuple

PATIENCE = 2
"""Most due pictures that are all drawn."""


class _Arrival(NamedTuple):
    """The arrival of the last block."""

    before: int
    """Samples before the block."""
    samples: int
    """Samples up to the block's end."""
    moment: float
    """Moment of the arrival."""


class Pacer:
    """Counts the sound as it comes, and says which frames are due.

    Moments are seconds of a clock that never goes back. One thread may count while another one asks.

    Args:
        fps: frames per second.
        sample_rate: of the sound.
        latency: seconds of sound that a frame hears beyond its own instant.
    """

    def __init__(self, fps: Fraction, sample_rate: int, latency: Fraction) -> None:
        self.fps, self.rate, self.latency = fps, sample_rate, latency
        self.last = _Arrival(0, 0, 0.0)

    def receive(self, samples: int, now: float) -> None:
        """Counts samples that have come."""
        self.last = _Arrival(self.last.samples, self.last.samples + samples, now)

    def lose(self, samples: int) -> None:
        """Takes back samples that came and will never be heard."""
        before, count, moment = self.last
        self.last = _Arrival(max(0, before - samples), count - samples, moment)

    def position(self, now: float) -> Fraction:
        """Returns the seconds of sound that have been played."""
        before, samples, moment = self.last
        since = floor((now - moment) * self.rate)
        return Fraction(before + max(0, min(since, samples - before)), self.rate)

    def due(self, now: float) -> int:
        """Returns the number of frames that are due, counted from the first one."""
        return max(0, floor((self.position(now) - self.latency) * self.fps) + 1)

    def late(self, frame: int, now: float) -> int:
        """Returns how many frames, from ``frame`` on, which is drawn next, are too late to be drawn."""
        waiting = self.due(now) - frame
        return waiting - 1 if waiting > PATIENCE else 0

    def wait(self, frame: int, now: float) -> float:
        """Returns the seconds until a frame is due if the sound goes on; 0 where it is due."""
        return float(max(Fraction(0), frame / self.fps + self.latency - self.position(now)))
