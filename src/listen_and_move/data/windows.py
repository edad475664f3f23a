"""Which window of the clip each lane of a training step takes: in order, or anywhere."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from listen_and_move.config import TrainingConfig
from listen_and_move.errors import UserError

Parts = Sequence[range]


class Windows(NamedTuple):
    """The windows of one step, a number per lane."""

    starts: tuple[int, ...]
    """First frame of each window."""
    primed: tuple[int | None, ...]
    """First frame on which the lane's state is to be made anew; None: the state is carried over from the last
    step."""


Positions = tuple[int, ...]
"""Where each lane goes on; -1: at its beginning."""


def beginning(config: TrainingConfig) -> Positions:
    """Every lane at its beginning."""
    return (-1,) * config.lanes


def next_windows(
    config: TrainingConfig, train: Parts, positions: Positions, generator: torch.Generator
) -> tuple[Windows, Positions]:
    """The windows of the next step, and where the lanes are after it."""
    return _SAMPLERS[config.sampler](config, train, positions, generator)


def lanes(train: Parts, count: int, window: int) -> list[list[range]]:
    """The training parts cut into ``count`` contiguous lanes, each a list of ranges that hold a window.

    Raises:
        UserError: a lane is shorter than a window.
    """
    total = sum(len(span) for span in train)
    cuts = [total * lane // count for lane in range(count + 1)]
    shares = [pieces(train, first, last) for first, last in pairwise(cuts)]
    usable = [[span for span in piece if len(span) >= window] for piece in shares]
    if not all(usable):
        raise UserError(
            f"training.lanes: expected lanes of at least {window} frames; {count} lanes of {total} frames "
            "are shorter",
            "use fewer --training.lanes, a smaller --training.window or a longer video",
        )
    return usable


def pieces(parts: Parts, first: int, last: int) -> list[range]:
    """Frames first to last, counted through the parts one after the other."""
    result, passed = [], 0
    for span in parts:
        piece = span[max(0, first - passed) : max(0, last - passed)]
        passed += len(span)
        if len(piece):
            result.append(piece)
    return result


def _in_order(
    config: TrainingConfig, train: Parts, positions: Positions, generator: torch.Generator
) -> tuple[Windows, Positions]:
    """One after the other; at a lane's end back to its beginning, a random offset below a window added."""
    starts, primed = [], []
    for parts, position in zip(lanes(train, config.lanes, config.window), positions, strict=True):
        start = position if position >= 0 else parts[0].start
        if not any(start in span and start + config.window <= span.stop for span in parts):
            start = _after(parts, start, config.window, generator)
        starts.append(start)
        primed.append(None if start == position else start)
    return Windows(tuple(starts), tuple(primed)), tuple(start + config.window for start in starts)


def _after(parts: Parts, position: int, window: int, generator: torch.Generator) -> int:
    """The start of the next part, or of the first one with a random offset."""
    later = [span.start for span in parts if span.start >= position]
    if later:
        return later[0]
    room = min(window - 1, len(parts[0]) - window)
    return parts[0].start + int(torch.randint(0, room + 1, (1,), generator=generator))


def _anywhere(
    config: TrainingConfig, train: Parts, positions: Positions, generator: torch.Generator
) -> tuple[Windows, Positions]:
    """Windows at random places, each with the frames before it in the same part to prime the state."""
    choices = [(span, start) for span in train for start in range(span.start, span.stop - config.window + 1)]
    choice_indices = torch.randint(0, len(choices), (config.lanes,), generator=generator).tolist()
    picked = [choices[index] for index in choice_indices]
    starts = tuple(start for _, start in picked)
    primed = tuple(max(span.start, start - config.priming) for span, start in picked)
    return Windows(starts, primed), positions


_SAMPLERS: dict[
    str, Callable[[TrainingConfig, Parts, Positions, torch.Generator], tuple[Windows, Positions]]
] = {
    "sequential": _in_order,
    "random": _anywhere,
}
