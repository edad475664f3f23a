"""Phrases with pauses between them, each of them whole when a performance ends."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Protocol, TypeVar

import numpy as np

from listen_and_move.clock import exact

_DRAWS = 8
"""Number of phrases that are drawn at most until one ends in time."""


class Timed(Protocol):
    """A part of a phrase."""

    @property
    def time(self) -> float:
        """When the part begins, in seconds."""
        ...

    @property
    def duration(self) -> float:
        """Seconds until the part ends."""
        ...


Part = TypeVar("Part", bound=Timed)
Phrase = Callable[[np.random.Generator, Fraction, Sequence[Part]], list[Part]]
"""Draws a phrase that begins at a time, in seconds, after the parts that were played before it."""


def played(
    seed: int, seconds: float, phrase: Phrase[Part], *, step: Fraction, still: int, pauses: range
) -> tuple[Part, ...]:
    """Returns the parts of phrases, one phrase after another, in the order of time; every phrase is whole.

    Args:
        seed: any integer from 0; the same seed gives the same parts.
        seconds: length of the performance.
        phrase: draws a phrase.
        step: unit of ``still`` and ``pauses``, in seconds.
        still: steps before the first phrase, in which the picture is seen still.
        pauses: numbers of steps that a pause may have.
    """
    random = np.random.default_rng(seed)
    parts: list[Part] = []
    time = still * step
    while drawn := _whole(random, seconds, phrase, time, parts):
        parts += drawn
        pause = int(random.integers(pauses.start, pauses.stop)) * step
        time = exact(drawn[-1].time) + exact(drawn[-1].duration) + pause
    return tuple(parts)


def _whole(
    random: np.random.Generator, seconds: float, phrase: Phrase[Part], time: Fraction, before: Sequence[Part]
) -> list[Part]:
    """Returns the first of some drawn phrases that ends before ``seconds``; empty: there is no time left."""
    for _ in range(_DRAWS):
        drawn = phrase(random, time, before)
        if drawn[-1].time + drawn[-1].duration <= seconds:
            return drawn
    return []
