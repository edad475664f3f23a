"""Live play keeps to the clock of its sound: which pictures are due, and which come too late. The rule, in
one place:

1. The sound never waits. All of it is heard as it comes, and time is counted in its samples alone.
2. A picture is due when all that it hears is out. What a block brings is taken to go on from the moment at
   which it came, at its own speed, until the next one comes. So the clocks of two machines cannot drift
   apart, however long it plays.
3. Underrun: where no sound comes, no picture is due, and the last one stays.
4. Overrun: where more than `PATIENCE` pictures are due and not drawn yet, only the newest is drawn; the
   others are heard, and shown as the picture before them.
"""

from fractions import Fraction
from math import floor
from typing import NamedTuple

PATIENCE = 2
"""Pictures that may be due at once and are all drawn."""


class _Arrival(NamedTuple):
    """What was known when the last block came."""

    before: int
    """Samples before it."""
    samples: int
    """Samples with it."""
    moment: float
    """When it came."""


class Pacer:
    """Counts the sound as it comes, and says what is due. Moments are seconds of a clock that never goes
    back.

    One thread may count while another one asks.

    Args:
        fps: frames per second.
        sample_rate: of the sound.
        latency: seconds of sound that a frame hears beyond its own instant.
    """

    def __init__(self, fps: Fraction, sample_rate: int, latency: Fraction) -> None:
        self.fps, self.rate, self.latency = fps, sample_rate, latency
        self.last = _Arrival(0, 0, 0.0)

    def receive(self, samples: int, now: float) -> None:
        """So many samples have come."""
        self.last = _Arrival(self.last.samples, self.last.samples + samples, now)

    def lose(self, samples: int) -> None:
        """Takes back so many samples, which came and will never be heard."""
        before, count, moment = self.last
        self.last = _Arrival(max(0, before - samples), count - samples, moment)

    def position(self, now: float) -> Fraction:
        """Seconds of sound that are out."""
        before, samples, moment = self.last
        since = floor((now - moment) * self.rate)
        return Fraction(before + max(0, min(since, samples - before)), self.rate)

    def due(self, now: float) -> int:
        """How many frames are due, counted from the first one."""
        return max(0, floor((self.position(now) - self.latency) * self.fps) + 1)

    def late(self, frame: int, now: float) -> int:
        """How many frames from this one on, which is the next to be drawn, are not worth drawing any more."""
        waiting = self.due(now) - frame
        return waiting - 1 if waiting > PATIENCE else 0

    def wait(self, frame: int, now: float) -> float:
        """Seconds until a frame is due if the sound goes on as it should; 0 where it is."""
        return float(max(Fraction(0), frame / self.fps + self.latency - self.position(now)))
