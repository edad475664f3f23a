"""Which remembered frames explain a guide together, region by region.

A path shows one frame at a time; here a hand is of one frame and the other hand of another one. Frames are
compared on thumbnails, cell by cell.

Letters: N training frames, C cells of a thumbnail's side, R frames that are seen at once, h, w of the guide.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from listen_and_move.models.distances import distances
from listen_and_move.models.path_memory import SIDE, PathMemory

AT_ONCE = 4
"""Frames at most that are chosen for one guide; 8 gives the same picture."""
LEAST_GAIN = 0.15
"""Share of the error by which one frame more has to lower it: with .03 pictures are less sharp (cello .68
instead of .80) and no nearer."""
WHOLE = 0.5
"""Factor of the error of the frame that explains most: another one is seen where it is clearly nearer, and
not where a guide mixes two poses, which are as near as each other."""
LOYALTY = 0.5
"""Factor of the error of a frame that is seen already, or follows one: without, regions shimmer."""
SOFTNESS = 0.3
"""Of the choice between two frames in a cell, in usual errors: small, so that one pose is taken and not a mix
of two."""
FADING = 0.1
"""Share of a region that is left after a frame of which nothing is chosen any more: a short dissolve."""
BELIEVED = 3.0
"""Usual errors beyond which a guide is not believed: it mixes poses there, and what is remembered is shown as
it was."""
MOST_COMPARED = 512
"""Frames that are compared cell by cell: those whose whole pictures are nearest to the guide's."""
_MEASURED, _NEAR, _LEAST = 96, 10, 1e-5


class Regions(NamedTuple):
    """What is seen for one guide, and what the choice for the next one continues from."""

    rows: Int[np.ndarray, " R"]
    """Training frames, by their row in the memory."""
    moving: Bool[np.ndarray, " R"]
    """Whether a frame goes on from the one before, or rests or is new."""
    masks: Float[np.ndarray, "R C C"]
    """Where each is seen: their sum is 1 in every cell."""
    agreement: Float[np.ndarray, "C C"]
    """How far the guide is believed, 0 to 1."""


@dataclass(frozen=True)
class RegionSearch:
    """Training frames to choose from."""

    memory: PathMemory

    def step(self, guide: Float[Tensor, "3 h w"], before: Regions | None) -> Regions:
        """Returns what is seen for a guide.

        Args:
            guide: the network's picture, [-1, 1].
            before: what was seen for the guide before; None begins.
        """
        errors, rows = self._errors(guide, before)
        chosen, least = _explaining(errors, float(self._usual.sum()))
        masks = _soft(errors[chosen], self._usual)
        agreement = np.exp(-least / (BELIEVED * self._usual))
        if before is None:
            return Regions(rows[chosen], np.zeros(len(chosen), bool), masks, agreement)
        found = {int(row): (1 - FADING) * mask for row, mask in zip(rows[chosen], masks, strict=True)}
        moving = dict.fromkeys(found, False)
        for row, mask in zip(before.rows.tolist(), before.masks, strict=True):
            after = row + int(self._goes_on[row])
            last = after if after in found or row not in found else row
            found[last] = found.get(last, 0) + FADING * mask
            moving[last] = last != row
        kept = [row for row, mask in found.items() if mask.max() > FADING**2]
        whole = np.stack([found[row] for row in kept])
        return Regions(
            np.array(kept), np.array([moving[row] for row in kept]), whole / whole.sum(0), agreement
        )

    def _errors(
        self, guide: Float[Tensor, "3 h w"], before: Regions | None
    ) -> tuple[Float[np.ndarray, "N C C"], Int[np.ndarray, " N"]]:
        """Returns how far some training frames are from a guide in each cell, and which they are."""
        compared = self._nearest(guide)
        going_on = np.zeros(0, int)
        if before is not None:
            going_on = np.union1d(before.rows, before.rows + self._goes_on[before.rows])
            compared = np.union1d(compared, going_on)
        small = torch.nn.functional.adaptive_avg_pool2d((guide.float() + 1) / 2, SIDE)
        errors = _cell_errors(self._thumbnails[compared], small)
        errors[np.isin(compared, going_on)] *= LOYALTY
        return errors, compared

    def _nearest(self, guide: Float[Tensor, "3 h w"]) -> Int[np.ndarray, " N"]:
        """Returns the rows of the frames that are compared."""
        if len(self.memory.numbers) <= MOST_COMPARED:
            return np.arange(len(self.memory.numbers))
        description = self.memory.described(guide[None])
        apart = distances(description, self.memory.descriptions.numpy())[0]
        return np.argpartition(apart, MOST_COMPARED)[:MOST_COMPARED]

    @cached_property
    def _thumbnails(self) -> Float[Tensor, "N 3 C C"]:
        memory = self.memory
        return (memory.descriptions @ memory.components + memory.centre).unflatten(1, (3, SIDE, SIDE))

    @cached_property
    def _goes_on(self) -> Bool[np.ndarray, " N"]:
        """Whether the next row is the next frame of the clip."""
        return np.append(np.diff(self.memory.numbers.numpy()) == 1, False)

    @cached_property
    def _usual(self) -> Float[np.ndarray, "C C"]:
        """Median error, in each cell, of training frames to the nearest one of another time."""
        numbers = self.memory.numbers.numpy()
        some = np.unique(np.linspace(0, len(numbers) - 1, _MEASURED).astype(int))
        compared = np.unique(np.linspace(0, len(numbers) - 1, MOST_COMPARED).astype(int))
        found = []
        for row in some:
            far = compared[np.abs(numbers[compared] - numbers[row]) > _NEAR]
            if len(far):
                found.append(_cell_errors(self._thumbnails[far], self._thumbnails[row]).min(0))
        return _LEAST + np.median(found, axis=0) if found else np.full((SIDE, SIDE), _LEAST)


def _cell_errors(
    thumbnails: Float[Tensor, "N 3 C C"], guide: Float[Tensor, "3 C C"]
) -> Float[np.ndarray, "N C C"]:
    """Returns the squared difference in each cell and those around it."""
    squares = (thumbnails - guide).square_().mean(1)
    return _means_around(squares).numpy()


def _means_around(cells: Float[Tensor, "N C C"]) -> Float[Tensor, "N C C"]:
    """Returns the mean of each cell and those around it; on a CPU several times as fast as `avg_pool2d`."""
    padded = torch.nn.functional.pad(cells, (1, 1, 1, 1))
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    sums = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    counts = torch.full(cells.shape[-1:], 3.0)
    counts[[0, -1]] = 2
    return sums.div_(counts[:, None] * counts)


def _explaining(
    errors: Float[np.ndarray, "N C C"], usual: float
) -> tuple[list[int], Float[np.ndarray, "C C"]]:
    """Returns the frames that are least far together, greedily, and how far they are in each cell.

    Args:
        errors: of each frame in each cell; those of the first one are made smaller.
        usual: error of a frame below which nothing is left to explain.
    """
    chosen = [int(errors.sum((1, 2)).argmin())]
    errors[chosen[0]] *= WHOLE
    least = errors[chosen[0]]
    while len(chosen) < AT_ONCE:
        sums = np.minimum(errors, least).sum((1, 2))
        following, before = int(sums.argmin()), least.sum()
        if before - sums[following] < LEAST_GAIN * max(before, usual):
            break
        chosen.append(following)
        least = np.minimum(least, errors[following])
    return chosen, least


def _soft(errors: Float[np.ndarray, "R C C"], usual: Float[np.ndarray, "C C"]) -> Float[np.ndarray, "R C C"]:
    """Returns the share of each frame in each cell."""
    weights = np.exp((errors.min(0) - errors) / (SOFTNESS * usual))
    return weights / weights.sum(0)
