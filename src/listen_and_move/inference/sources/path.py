"""Replay of real frames: for every frame of sound, the training frame that sounded most like it.

Plain, each frame for itself; or as the cheapest path, on which a jump in the picture costs something (video
textures, Schödl et al. 2000; audio-conditioned ones, Narasimhan et al. 2022). It is what a model has to beat,
and for some short clips what one wants to see. It knows no rest: in silence it goes on through the frames
that were quietest, and moves.

Letters: T frames of the driving sound, N training frames, F numbers per frame, P numbers of a thumbnail, C
paths, D candidates for the next frame, L frames not decided yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.audio.novelty import Repertoire
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.errors import UserError
from listen_and_move.inference.controls import Controls
from listen_and_move.inference.display import Display
from listen_and_move.inference.front_end import AudioFrontEnd, AudioReference
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings
from listen_and_move.models.checkpoint import load_model
from listen_and_move.runs import RunFolder

THUMBNAIL = 16
"""Side of the thumbnails on which pictures are compared, in pixels."""
_BLOCK = 256  # frames made small at once: bounds the memory of a long clip
_PAIRED = 512  # frames of which all pairs are measured for a unit


class Search(NamedTuple):
    """How a path through the training frames is looked for."""

    jump_weight: float
    """Cost of a jump between pictures that differ as much as two of the clip do on average; for their sounds
    it is 1."""
    nearest: int
    """Training frames that sound most alike: candidates for each frame."""
    beam: int
    """Paths kept from frame to frame."""
    lag: int
    """Frames heard ahead before one is decided."""


PLAIN = Search(jump_weight=0.0, nearest=1, beam=1, lag=0)
"""Each frame by its sound alone."""
VITERBI = Search(jump_weight=1.0, nearest=32, beam=64, lag=32)
"""The cheapest path. The weight hardly matters: on five real clips, each fifth held out in turn, 0.1 to 2
follow the sound alike (mean dcor 0.15 to 0.16; plain 0.13). 1 jumps half as often as 0.25; from 4 on the path
leaves the sound too often."""


class ReplayState(NamedTuple):
    """What is kept between blocks of sound: the paths that may still turn out cheapest."""

    paths: Int[np.ndarray, "C L"]
    """Training frames along each path, oldest first, as far as they are not decided."""
    ends: Int[np.ndarray, " C"]
    """Where each path is now."""
    costs: Float[np.ndarray, " C"]
    """Of each path, above the cheapest one."""


@dataclass(frozen=True)
class Replay:
    """Training frames to choose from, by how they sounded and how the picture goes on; `of` makes one."""

    places: Int[np.ndarray, " N"]
    """Number of each training frame in the clip, rising; there is a gap where a part is held out."""
    features: Float[np.ndarray, "N F"]
    """Of their sound."""
    pictures: Float[np.ndarray, "N P"]
    """Their thumbnails."""
    search: Search = VITERBI

    @classmethod
    def of(cls, clip: Clip, search: Search = VITERBI) -> "Replay":
        """Replay of a clip's training frames."""
        places = np.concatenate([np.arange(span.start, span.stop) for span in clip.train])
        return cls(places, clip.features[places].numpy(), thumbnails(clip.frames, places), search)

    def whole(self, features: Float[Tensor, "T F"]) -> Int[np.ndarray, " T"]:
        """Frame numbers in the clip for a whole track."""
        decided, state = self.push(features)
        return np.concatenate([decided, self.finish(state)])

    def push(
        self, features: Float[Tensor, "T F"], state: ReplayState | None = None
    ) -> tuple[Int[np.ndarray, " T"], ReplayState | None]:
        """Hear the next frames, any number; give out frame numbers in the clip, ``search.lag`` frames late.

        All that is given out is one path: what is decided stays, and paths that do not begin with it are
        dropped.
        """
        decided: list[int] = []
        for sound in features.numpy() / self._spread:
            state = self._extended(sound, state)
            if state.paths.shape[1] > self.search.lag:
                first = state.paths[np.argmin(state.costs), 0]
                agree = state.paths[:, 0] == first
                state = ReplayState(state.paths[agree, 1:], state.ends[agree], state.costs[agree])
                decided.append(int(first))
        return self.places[decided], state

    def finish(self, state: ReplayState | None) -> Int[np.ndarray, " T"]:
        """The frames that are left when the sound has ended."""
        return self.places[[] if state is None else state.paths[np.argmin(state.costs)]]

    def _extended(self, sound: Float[np.ndarray, " F"], state: ReplayState | None) -> ReplayState:
        """All paths one frame on, to frames that sound alike and to each one's own next frame; the cheapest
        are kept."""
        distance = np.linalg.norm(self._sounds - sound, axis=1) / self._sound_unit
        candidates = np.argsort(distance, kind="stable")[: self.search.nearest]
        if state is None:
            return ReplayState(candidates[:, None], candidates, distance[candidates])
        candidates = np.union1d(candidates, state.ends[self._goes_on[state.ends]] + 1)
        costs = state.costs[:, None] + self.search.jump_weight * self._jumps(state.ends, candidates)
        before, total = costs.argmin(0), costs.min(0) + distance[candidates]
        kept = np.argsort(total, kind="stable")[: self.search.beam]
        paths = np.concatenate([state.paths[before[kept]], candidates[kept, None]], axis=1)
        return ReplayState(paths, candidates[kept], total[kept] - total[kept[0]])

    def _jumps(
        self, ends: Int[np.ndarray, " C"], candidates: Int[np.ndarray, " D"]
    ) -> Float[np.ndarray, "C D"]:
        """How far each candidate's picture is from the one that would come next; exactly 0 where it is that
        one."""
        distance = _distances(self._expected[ends], self._centred[candidates]) / self._picture_unit
        plays_on = self._goes_on[ends, None] & (ends[:, None] + 1 == candidates)
        return np.where(plays_on, 0.0, distance)

    @cached_property
    def _goes_on(self) -> Bool[np.ndarray, " N"]:
        """Whether the next frame of the clip is a training frame too."""
        return np.append(np.diff(self.places) == 1, False)

    @cached_property
    def _centred(self) -> Float[np.ndarray, "N P"]:
        """Thumbnails around their mean, which keeps the rounding of `_distances` small."""
        return self.pictures - self.pictures.mean(0)

    @cached_property
    def _expected(self) -> Float[np.ndarray, "N P"]:
        """The picture that would come next; where a part ends, the last change once more, so that standing
        still costs too."""
        now, before, after = (
            self._centred,
            np.roll(self._centred, 1, axis=0),
            np.roll(self._centred, -1, axis=0),
        )
        return np.where(self._goes_on[:, None], after, 2 * now - before)

    @cached_property
    def _spread(self) -> Float[np.ndarray, " F"]:
        """Of each number over the training frames; infinite where it is constant but for rounding, and tells
        nothing."""
        spread = self.features.std(0)
        return np.where(spread > 1e-6 * np.abs(self.features).max(0), spread, np.inf)

    @cached_property
    def _sounds(self) -> Float[np.ndarray, "N F"]:
        """Features in units of their spread."""
        return self.features / self._spread

    @cached_property
    def _sound_unit(self) -> float:
        return _mean_distance(self._sounds)

    @cached_property
    def _picture_unit(self) -> float:
        return _mean_distance(self._centred)


class PathState(NamedTuple):
    """State of the path source."""

    waiting: tuple[Frame, ...]
    """Frames whose place on the path is not decided."""
    replay: ReplayState | None


@dataclass(frozen=True)
class PathSource:
    """Shows real frames of a clip in the order that the sound asks for, each decided after a fixed lag."""

    clip: Clip
    replay: Replay

    def push(
        self, inputs: list[Frame], state: PathState | None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], PathState]:
        """Returns the frames that are decided, with their pictures; late ones are decided like the others."""
        waiting = [*(state.waiting if state else ()), *inputs]
        features = [frame.features for frame in inputs]
        new_features = torch.stack(features) if features else torch.zeros(0, self.replay.features.shape[1])
        places, replay = self.replay.push(new_features, state.replay if state else None)
        return self._shown(waiting, places), PathState(tuple(waiting[len(places) :]), replay)

    def finish(self, state: PathState | None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns the frames that are left."""
        return [] if state is None else self._shown(state.waiting, self.replay.finish(state.replay))

    def _shown(self, frames: Sequence[Frame], places: Int[np.ndarray, " T"]) -> list[Frame]:
        shown = zip(frames, places.tolist(), strict=False)
        return [frame._replace(picture=self.clip.frames[place].numpy()) for frame, place in shown]


def path_pipeline(clip: Clip, config: Config, search: Search = VITERBI) -> Pipeline:
    """Returns a pipeline that plays real frames of a clip by their sounds, without a network."""
    extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    repertoire = Repertoire.of(clip.features, clip.train, extractor)
    front_end = AudioFrontEnd(AudioReference(extractor, clip.level, repertoire))
    stages = (PathSource(clip, Replay.of(clip, search)), Display(config.clip.rate))
    return Pipeline(front_end, stages, (config.clip.width, config.clip.height), Controls.check_replay)


def recording(model: Path, video: Path | None = None) -> tuple[Path, Config]:
    """The video that a run learnt, and the settings to decode it with.

    Args:
        model: a run folder; with ``video`` also a model file, which does not know what it learnt from.
        video: where the video is, if it has been moved.

    Raises:
        UserError: it is not found, or another one than the run learnt.
    """
    if model.is_dir():
        return RunFolder(model).video(video), RunFolder(model).config()
    if video is None:
        raise UserError(
            f"{model}: expected the run folder, whose video is needed; got a model alone",
            "add its video with --video",
        )
    settings = load_model(model).config
    return video, Config(**vars(settings))


def thumbnails(
    frames: UInt8[Tensor, "frames H W 3"], places: Int[np.ndarray, " N"]
) -> Float[np.ndarray, "N P"]:
    """Some of the frames, averaged over a grid of 16 x 16, full range 1."""
    parts = [
        torch.nn.functional.adaptive_avg_pool2d(
            frames[block].movedim(-1, 1).float() / 255, THUMBNAIL
        ).flatten(1)
        for block in torch.from_numpy(places).split(_BLOCK)
    ]
    return torch.cat(parts).numpy()


def _distances(a: Float[np.ndarray, "C P"], b: Float[np.ndarray, "D P"]) -> Float[np.ndarray, "C D"]:
    """Euclidean, by way of |a - b|^2 = |a|^2 + |b|^2 - 2 ab."""
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


def _mean_distance(points: Float[np.ndarray, "N P"]) -> float:
    """Of all pairs among at most 512 points, evenly chosen; 1 where all are equal.

    The mean and not the median, which is 0 for a clip that is silent or still most of the time.
    """
    some = points[:: -(-len(points) // _PAIRED)]
    pairs = len(some) * (len(some) - 1)
    return float(_distances(some, some).sum() / pairs) if pairs and not (points == points[0]).all() else 1.0
