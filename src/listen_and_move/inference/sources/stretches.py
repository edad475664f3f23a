"""What a path shows at an output frame: stretches of the clip in their own order, and what mixes at jumps."""

from collections.abc import Sequence
from typing import NamedTuple


class Stretch(NamedTuple):
    """Frames of the clip in their own order, as far as the path goes along them."""

    begin: int
    """Output frame with which the path comes here."""
    position: int
    """Of the clip's frame that is shown then."""
    moving: bool
    """Whether the clip goes on, or rests on that frame."""
    jump: bool
    """Whether the clip did not go on to here by itself, so that a transition is shown."""
    ends: tuple[int, int]
    """First and last position that belong to it; beyond them the picture stands."""
    morph: bool = False
    """Whether the transition is a morph: decided once, at the jump, so that it does not flicker."""
    before: int = 0
    """Output frames of the transition before the jump."""
    after: int = 0
    """Output frames of the transition from the jump on."""

    def at(self, frame: int) -> int:
        """Returns the position that is shown at an output frame, before its begin too."""
        position = self.position + (frame - self.begin) * self.moving
        return min(max(position, self.ends[0]), self.ends[1])


class Shot(NamedTuple):
    """What is shown at an output frame: a position of the clip, or a mix of two or more."""

    position: int
    share: float
    """Of this one over those before it, above 0."""
    stretch: Stretch


def shots(stretches: Sequence[Stretch], frame: int) -> list[Shot]:
    """Returns what is shown at an output frame, the oldest first; each covers those before it by its share.

    Args:
        stretches: of the path, oldest first.
        frame: the output frame.
    """
    mixed: list[Shot] = []
    for stretch in stretches:
        share = 1.0 if frame >= stretch.begin else 0.0
        if stretch.jump:
            length = stretch.before + stretch.after
            share = min(1.0, max(0.0, (frame - stretch.begin + stretch.before + 0.5) / length))
        elif share and len(mixed) > 1:  # a transition to the one before goes on, to where this one is
            mixed[-1] = mixed[-1]._replace(position=stretch.at(frame))
            continue
        eased = share * share * (3 - 2 * share)
        if eased == 1 or not mixed:
            mixed = [Shot(stretch.at(frame), 1.0, stretch)]
        elif eased > 0:
            mixed.append(Shot(stretch.at(frame), eased, stretch))
    return mixed


def seen(stretches: tuple[Stretch, ...], frame: int) -> tuple[Stretch, ...]:
    """Returns the stretches that are seen from an output frame on: a later one covers those before it."""
    for place in range(len(stretches) - 1, -1, -1):
        jump = next(
            (stretch for stretch in reversed(stretches[: place + 1]) if stretch.jump), stretches[place]
        )
        if frame >= max(stretches[place].begin, jump.begin + jump.after):
            return stretches[place:]
    return stretches
