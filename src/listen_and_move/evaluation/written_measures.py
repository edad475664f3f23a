"""Measures of a row that was written to a file, against the film; one pass, with a few frames in memory.

Letters: T frames, H height, W width.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from listen_and_move.arrays import Array
from listen_and_move.evaluation.film import Film
from listen_and_move.evaluation.film_part import Picture
from listen_and_move.evaluation.measures import Values
from listen_and_move.media.edit_list import ClipMoment
from listen_and_move.metrics.coherence import flicker
from listen_and_move.metrics.frame import MOVING_SHARE, Region, laplacian_energies, moving_region, ratio
from listen_and_move.metrics.perceptual import PerceptualDistance
from listen_and_move.metrics.sync import motion_energy

USUAL_CHANGE = 95
"""Percentile of a clip's own changes from frame to frame to which jumps are compared."""
STEADY = Fraction(3, 2)
"""Most frames by which a path goes on without a jump: positions are rounded."""


class WrittenSeries(NamedTuple):
    """Measures of each frame, of several parts one after the other.

    Pair t is of two frames in a row of one part.
    """

    detail: Array
    """Laplacian energy in the moving region, (T,)."""
    changes: Array
    """Mean absolute change, full range 1, (T - 1,) per part."""
    flicker: Array
    """Flicker as in `coherence.flicker`, (T - 2,) per part."""
    distances: Mapping[str, Array]
    """Perceptual distances of the sampled frames, by measure."""
    jumps: Array = np.zeros(0)
    """Changes during a transition of a path."""

    @classmethod
    def joined(cls, parts: Sequence["WrittenSeries"]) -> "WrittenSeries":
        """Returns the series of several parts; no pair spans two parts."""
        detail, changes, flickers, jumps = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("detail", "changes", "flicker", "jumps")
        )
        names = parts[0].distances
        distances = {name: np.concatenate([part.distances[name] for part in parts]) for name in names}
        return cls(detail, changes, flickers, distances, jumps)


class LearntFilm(NamedTuple):
    """Statistics of the trained parts."""

    mean: Picture
    usual_change: float
    """`USUAL_CHANGE` percentile of the changes from frame to frame, full range 1."""


def learnt_film(film: Film) -> LearntFilm:
    """Returns the mean of the film's trained parts, and how much it changes from frame to frame."""
    total, count = np.zeros((film.size[1], film.size[0], 3), np.int64), 0
    changes = []
    for part in film.train:
        last = None
        for frame in part.frames():
            total += frame
            count += 1
            if last is not None:
                changes.append(_change(last, frame))
            last = frame
    mean = (total / max(1, count)).round().astype(np.uint8)
    return LearntFilm(mean, float(np.percentile(changes, USUAL_CHANGE)) if changes else 0.0)


def region_of(parts: Iterable[Iterable[Picture]]) -> tuple[Region, list[int]]:
    """Returns the region where a film moves most, and the number of frames of each part.

    Args:
        parts: their frames, at least one in all.
    """
    total, squares, counts = np.zeros(()), np.zeros(()), []
    for frames in parts:
        counts.append(0)
        for frame in frames:
            numbers = frame.astype(np.int64)
            total, squares = total + numbers, squares + np.square(numbers)
            counts[-1] += 1
    count = sum(counts)
    spread = np.sqrt(np.maximum(0, count * squares - np.square(total))).mean(-1) / (255 * count)
    return moving_region(spread, MOVING_SHARE), counts


@dataclass(frozen=True)
class WrittenMeasures:
    """Measures rows against the film."""

    region: Region
    usual_change: float
    networks: Mapping[str, PerceptualDistance]
    """Perceptual networks, by measure."""
    looked_at: frozenset[int]
    """Numbers of the frames for which the networks measure a distance."""

    def series(
        self, frames: Iterable[Picture], real: Iterable[Picture], first: int = 0, jumps: Sequence[int] = ()
    ) -> WrittenSeries:
        """Returns the measures of a part frame by frame; ends where either video does.

        Args:
            frames: as they are in the file.
            real: the film.
            first: number of the first frame among those of all parts.
            jumps: pairs of frames, from 0 on, at which a path is in a transition.
        """
        detail, changes, flickers = [], [], []
        distances: dict[str, list[float]] = {name: [] for name in self.networks}
        window: deque[Picture] = deque(maxlen=3)
        for number, (ours, theirs) in enumerate(zip(frames, real, strict=False), start=first):
            window.append(ours)
            detail.append(float(laplacian_energies(ours[None], self.region)[0]))
            if len(window) > 1:
                changes.append(_change(window[-2], ours))
            if len(window) > 2:
                flickers.append(float(flicker(np.stack(list(window)))[0]))
            for name, network in self.networks.items() if number in self.looked_at else ():
                distances[name].append(float(network(ours[None], theirs[None])[0]))
        found = {name: np.array(values) for name, values in distances.items()}
        at_jumps = np.array([changes[pair] for pair in jumps if pair < len(changes)])
        return WrittenSeries(np.array(detail), np.array(changes), np.array(flickers), found, at_jumps)

    def values(self, series: WrittenSeries, real: WrittenSeries) -> Values:
        """Returns the figures of a row, from its series and that of the film.

        Args:
            series: what was measured of it.
            real: the same of the film.
        """
        return {
            "sharpness_moving": ratio(_mean(series.detail), _mean(real.detail)),
            **{name: _mean(values) for name, values in series.distances.items()},
            "motion_ratio": ratio(_mean(series.changes), _mean(real.changes)),
            "flicker_ratio": ratio(_mean(series.flicker), _mean(real.flicker)),
            "largest_change": ratio(float(series.changes.max(initial=0)), self.usual_change),
            "jump": ratio(float(series.jumps.max()), self.usual_change) if len(series.jumps) else None,
        }


def transitions(moments: Sequence[Sequence[ClipMoment]], rate: Fraction) -> list[int]:
    """Returns the pairs of frames, t for t and t + 1, at which a path does not just go on or rest.

    Args:
        moments: of each frame; empty where it is not of a path.
        rate: frames per second.
    """
    return [
        pair
        for pair, (before, after) in enumerate(pairwise(moments))
        if before and after and not _goes_on(before, after, rate)
    ]


def _goes_on(before: Sequence[ClipMoment], after: Sequence[ClipMoment], rate: Fraction) -> bool:
    """Returns whether the clip goes on or rests from one frame to the next."""
    if len(before) > 1 or len(after) > 1:
        return False
    same_file = after[0].take == before[0].take
    return same_file and 0 <= after[0].seconds - before[0].seconds <= STEADY / rate


def _change(before: Picture, after: Picture) -> float:
    return float(motion_energy(np.stack([before, after]))[0])


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else 0.0
