"""Phrases that are whole when a performance ends."""

from collections.abc import Callable
from typing import Protocol, TypeVar

_DRAWS = 8
"""How often a phrase is drawn until one ends in time."""


class Timed(Protocol):
    """What a phrase is made of."""

    @property
    def time(self) -> float:
        """When it begins, in seconds."""
        ...

    @property
    def duration(self) -> float:
        """Seconds until its end."""
        ...


Part = TypeVar("Part", bound=Timed)


def fitting(draw: Callable[[], list[Part]], seconds: float) -> list[Part]:
    """The first of some phrases that ends before ``seconds``; none: there is no time left for one."""
    for _ in range(_DRAWS):
        phrase = draw()
        if phrase[-1].time + phrase[-1].duration <= seconds:
            return phrase
    return []
