"""Search for a path: the training frame that is shown for every frame of sound.

Each frame is chosen for itself, or all together as the cheapest path, on which a jump in the picture has a
cost (video textures, Schödl et al. 2000; audio-conditioned ones, Narasimhan et al. 2022). The cost of a
training frame is the distance of its sound from the played one and, where a network draws a guide, that of
its picture from the guide. For a foreign sound these distances say less, but its strokes are clear: at a
stroke, frames with much motion are cheap, and between strokes frames with little.

Letters: T frames of the driving sound, N training frames, F numbers per frame of sound, P numbers of a
picture's description (a thumbnail, or its principal components), C paths, D candidates for the next frame, L
frames not decided yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from listen_and_move.models.distances import Points, cheapest, distances, mean_distance
from listen_and_move.models.path_costs import BY_SOUND, VITERBI, CostWeights, Search

THUMBNAIL = 16
"""Side of the thumbnails on which pictures are compared, in pixels."""
ADVANCE = 1.0
"""Cost of the next frame in silence, in units of a jump that changes the picture as much.

With it a path comes to rest, in a pose that the clip often has in silence."""
STROKE, TRUST = 0.2, 0.25
"""Weights for a sound that is all foreign.

The first is the cost of a frame whose motion is a spread away from what the stroke asks for, the second the
share of sound and guide beside that cost and jumps."""
WEAKEST, STRONGEST = -1.0, 3.0
"""Bounds of strokes and motion, in spreads over the mean."""
SPEED = 0.5
"""Cost of repeating or skipping a frame, over that of another jump that changes the picture as much.

It holds where the sound is all foreign, or beats count: so the clip plays slower or faster until the next
stroke or beat."""
BEAT = 0.3
"""Cost of a frame a quarter of a beat away from the phase of the sound."""
_BLOCK = 256  # frames made small at once: bounds the memory of a long clip
_CONSTANT = 1e-4  # share of its mean: motion with less spread is even but for rounding


class PathCue(NamedTuple):
    """What a path should be near to at one frame of sound."""

    features: Float[np.ndarray, " F"]
    """Features of the sound."""
    guide: Float[np.ndarray, " P"] | None = None
    """Description of the picture that a network drew for the sound; None: there is no guide, and the sound
    leads."""
    silent: bool = False
    """Whether the sound is silent: the path may rest on a frame, and going on has a cost."""
    foreign: float = 0.0
    """How foreign the sound is, 0 to 1, which is how much its strokes lead."""
    stroke: float = 0.0
    """Flux of the sound, in spreads over its mean."""
    beat: float | None = None
    """Phase of the sound between two beats, 0 to 1; None: beats do not count."""

    @property
    def free(self) -> float:
        """How freely the clip plays slower or faster, 0 to 1."""
        return self.foreign if self.beat is None else 1.0


class PathState(NamedTuple):
    """State of the search: the paths that may still turn out cheapest."""

    paths: Int[np.ndarray, "C L"]
    """Undecided training frames along each path, oldest first."""
    ends: Int[np.ndarray, " C"]
    """Current training frame of each path."""
    costs: Float[np.ndarray, " C"]
    """Cost of each path, above the cheapest one."""


@dataclass(frozen=True)
class PathSearch:
    """Training frames to choose from, with their sounds, pictures and successors."""

    places: Int[np.ndarray, " N"]
    """Number of each training frame in the clip, rising; there is a gap where a stretch is held out."""
    features: Float[np.ndarray, "N F"]
    """Features of the frames' sound."""
    pictures: Float[np.ndarray, "N P"]
    """Descriptions of the frames."""
    search: Search = VITERBI
    weights: CostWeights = BY_SOUND
    metric_scale: Float[np.ndarray, " F"] | None = None
    """Factor of each feature in the distance between sounds; None: one over the feature's spread."""
    variety: int = 0
    """Seed of a small random cost of each training frame, which leads to another path of nearly the same
    cost; 0: none."""
    phases: Float[np.ndarray, " N"] | None = None
    """Phase of each training frame between two beats; nan: not known; None: beats do not count."""

    def whole(self, features: Float[Tensor, "T F"]) -> Int[np.ndarray, " T"]:
        """Returns the frame numbers in the clip for the sound of a whole track."""
        decided, state = self.push([PathCue(row) for row in features.numpy()])
        return np.concatenate([decided, self.finish(state)])

    def push(
        self, cues: Sequence[PathCue], state: PathState | None = None
    ) -> tuple[Int[np.ndarray, " T"], PathState | None]:
        """Returns the decided frame numbers in the clip, ``search.lag`` frames late, and the state.

        All returned numbers are one path: decisions are final, and paths that do not begin with them are
        dropped.

        Args:
            cues: the next frames, any number.
            state: as the last push returned it; None begins.
        """
        decided: list[int] = []
        for cue in cues:
            state = self._extended(cue, state)
            if state.paths.shape[1] > self.search.lag:
                first = state.paths[np.argmin(state.costs), 0]
                agree = state.paths[:, 0] == first
                state = PathState(state.paths[agree, 1:], state.ends[agree], state.costs[agree])
                decided.append(int(first))
        return self.places[decided], state

    def finish(self, state: PathState | None) -> Int[np.ndarray, " T"]:
        """Returns the remaining frame numbers when the sound has ended."""
        return self.places[[] if state is None else state.paths[np.argmin(state.costs)]]

    def apart(self, before: int, after: int) -> float:
        """Returns the distance of a frame from the expected successor of another one.

        The unit is a large change of the clip from frame to frame (the 95th percentile).

        Args:
            before: number in the clip of the frame that was shown.
            after: number of the frame that comes.
        """
        ends, candidates = (np.searchsorted(self.places, [number]) for number in (before, after))
        distance = float(distances(self._expected[ends], self._centred[candidates])[0, 0])
        return distance / self.large_change if self.large_change else 0.0

    def _extended(self, cue: PathCue, state: PathState | None) -> PathState:
        """Returns all paths one frame on; the cheapest are kept.

        Paths go to frames that cost little, and to their own next frames.
        """
        costs_here = self._costs(cue)
        candidates = cheapest(costs_here, self.search.nearest)
        if state is None:
            return PathState(candidates[:, None], candidates, costs_here[candidates])
        following = state.ends[self._goes_on[state.ends]] + 1
        candidates = np.union1d(candidates, following)
        if cue.silent or cue.free:
            candidates = np.union1d(candidates, state.ends)
        if cue.free:
            candidates = np.union1d(candidates, following[self._goes_on[following]] + 1)
        costs = state.costs[:, None] + self.search.jump_weight * self._jumps(state.ends, candidates, cue)
        before, total = costs.argmin(0), costs.min(0) + costs_here[candidates]
        kept = np.argsort(total, kind="stable")[: self.search.beam]
        paths = np.concatenate([state.paths[before[kept]], candidates[kept, None]], axis=1)
        return PathState(paths, candidates[kept], total[kept] - total[kept[0]])

    def _costs(self, cue: PathCue) -> Float[np.ndarray, " N"]:
        """Returns the cost of each training frame by itself."""
        weights = BY_SOUND if cue.guide is None else self.weights
        costs = np.zeros(len(self.places))
        if weights.sound:
            squares = self.sounds.squared_distances(cue.features * self.scale)
            costs = costs + weights.sound * (np.sqrt(squares) / self.sound_unit)
        if weights.guide and cue.guide is not None:
            squares = self.shown.squared_distances(cue.guide)
            costs = costs + weights.guide * (squares / self.picture_unit**2)
        if cue.foreign:
            stroke = min(max(cue.stroke, WEAKEST), STRONGEST)
            costs = costs * (1 - cue.foreign * (1 - TRUST))
            costs = costs + cue.foreign * STROKE * np.square(self.motion - stroke)
        if cue.beat is not None and self.phases is not None:
            apart = 1 - np.cos(2 * np.pi * (self.phases - cue.beat))
            costs = costs + BEAT * np.nan_to_num(apart, nan=1.0)
        return costs * self._variety

    def _jumps(
        self, ends: Int[np.ndarray, " C"], candidates: Int[np.ndarray, " D"], cue: PathCue
    ) -> Float[np.ndarray, "C D"]:
        """Returns the distance of each candidate's picture from the expected next one of each path.

        It is exactly 0 for the next frame. In silence it is exactly 0 for the same frame, and for the next
        one it is its change.
        """
        distance = distances(self._expected[ends], self._centred[candidates]) / self.picture_unit
        plays_on = self._goes_on[ends, None] & (ends[:, None] + 1 == candidates)
        if not cue.silent:
            if cue.free:
                near = self._slower_or_faster(ends, candidates)
                distance = np.where(near, distance * (1 - cue.free * (1 - SPEED)), distance)
            return np.where(plays_on, 0.0, distance)
        stays = distances(self._centred[ends], self._centred[candidates]) / self.picture_unit
        return np.where(ends[:, None] == candidates, 0.0, np.where(plays_on, ADVANCE * stays, distance))

    def _slower_or_faster(
        self, ends: Int[np.ndarray, " C"], candidates: Int[np.ndarray, " D"]
    ) -> Bool[np.ndarray, "C D"]:
        """Returns whether a candidate is the same frame, or the one after the next in the same stretch."""
        on = self._goes_on
        left_out = on[ends] & on[np.minimum(ends + 1, len(on) - 1)]
        return (ends[:, None] == candidates) | (left_out[:, None] & (ends[:, None] + 2 == candidates))

    @cached_property
    def _variety(self) -> Float[np.ndarray, " N"]:
        """Random factor of each frame's cost, up to a tenth above 1."""
        random = np.random.default_rng(self.variety)
        return 1 + 0.1 * random.random(len(self.places)) if self.variety else np.ones(len(self.places))

    @cached_property
    def _goes_on(self) -> Bool[np.ndarray, " N"]:
        """Whether the next frame of the clip is a training frame too."""
        return np.append(np.diff(self.places) == 1, False)

    @cached_property
    def shown(self) -> Points:
        """Descriptions of the frames."""
        return Points.of(self.pictures)

    @property
    def _centred(self) -> Float[np.ndarray, "N P"]:
        return self.shown.centred

    @cached_property
    def large_change(self) -> float:
        """The 95th percentile of the changes from frame to frame; 0 where no two frames follow each other."""
        changes = self._changes[self._goes_on]
        return float(np.percentile(changes, 95)) if len(changes) else 0.0

    @cached_property
    def _expected(self) -> Float[np.ndarray, "N P"]:
        """The expected next picture of each frame.

        Where a stretch ends it repeats the last change, so that standing still has a cost too.
        """
        now, before, after = (
            self._centred,
            np.roll(self._centred, 1, axis=0),
            np.roll(self._centred, -1, axis=0),
        )
        return np.where(self._goes_on[:, None], after, 2 * now - before)

    @cached_property
    def motion(self) -> Float[np.ndarray, " N"]:
        """How much the picture changes from each frame to the next, in spreads over the mean.

        It is kept within `WEAKEST` and `STRONGEST`.
        """
        changes, told = self._changes, self._changes[self._goes_on]
        if not len(told) or told.std() <= _CONSTANT * told.mean():
            return np.zeros(len(changes))
        return np.where(self._goes_on, (changes - told.mean()) / told.std(), 0.0).clip(WEAKEST, STRONGEST)

    @cached_property
    def _changes(self) -> Float[np.ndarray, " N"]:
        """How much the picture changes from each frame to the next one that may be shown."""
        return np.linalg.norm(np.diff(self._centred, axis=0, append=self._centred[-1:]), axis=1)

    @cached_property
    def scale(self) -> Float[np.ndarray, " F"]:
        """Factor of each feature; 0 for a feature that is constant but for rounding."""
        if self.metric_scale is not None:
            return self.metric_scale
        spread = self.features.std(0)
        return np.where(spread > 1e-6 * np.abs(self.features).max(0), 1 / np.maximum(spread, 1e-30), 0.0)

    @cached_property
    def sounds(self) -> Points:
        """Features in units of the metric."""
        return Points.of(self.features * self.scale)

    @cached_property
    def sound_unit(self) -> float:
        """The mean distance of two training sounds."""
        return mean_distance(self.sounds.centred)

    @cached_property
    def picture_unit(self) -> float:
        """The mean distance of two training pictures."""
        return mean_distance(self._centred)


def thumbnails(
    frames: UInt8[Tensor, "frames H W 3"], places: Int[np.ndarray, " N"], side: int = THUMBNAIL
) -> Float[np.ndarray, "N P"]:
    """Returns some of the frames, averaged over a square grid, full range 1.

    Args:
        frames: of the clip.
        places: numbers of the frames that are wanted.
        side: of the grid, in cells.
    """
    small = [
        torch.nn.functional.adaptive_avg_pool2d(frames[block].movedim(-1, 1).float() / 255, side).flatten(1)
        for block in torch.from_numpy(places).split(_BLOCK)
    ]
    return torch.cat(small).numpy()
