"""What is put beside the real video: the model, the model with altered sound, and baselines that any model
must beat.

Letters: N frames of a video, T frames of the part that is measured, F numbers per frame, H height, W width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.data.frame_store import FrameStore
from listen_and_move.evaluation.dataset import Frames, Watch
from listen_and_move.inference.animator import Animator
from listen_and_move.models.rendering import played

BLOCK = 32
"""Frames that are held at once."""
SHUFFLED_SECONDS = 0.5
"""Length of the pieces that are put into random order: long enough for a stroke, too short for a phrase."""
SHIFT = 0.381966
"""Share of the part by which the sound is shifted: the golden section, so that no rhythm fits by accident."""


@dataclass(frozen=True)
class Still:
    """One picture all the time."""

    picture: UInt8[np.ndarray, "H W 3"]
    count: int

    def __len__(self) -> int:
        return self.count

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "T H W 3"]:
        """The picture, as often as asked."""
        return np.repeat(self.picture[None], last - first, 0)


@dataclass(frozen=True)
class Picked:
    """Frames of a video in any order."""

    frames: Frames
    indices: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "T H W 3"]:
        """The frames picked for ``first`` to ``last``."""
        return np.concatenate(
            [self.frames.read(index, index + 1) for index in self.indices[first:last].tolist()]
        )


def drawn(
    animator: Animator,
    features: Float[Tensor, "N F"],
    span: range,
    seed: int,
    store: FrameStore,
    title: str,
    watch: Watch,
) -> FrameStore:
    """The model's pictures for a stretch of features, added to a store."""
    for block in played(animator.network, features, span, animator.config, seed):
        store.append(block)
        watch(title, len(store), len(span))
    return store


def mean_frame(frames: Frames, parts: Sequence[range]) -> UInt8[np.ndarray, "H W 3"]:
    """The mean of some frames."""
    total, count = np.zeros(frames.read(0, 1).shape[1:]), 0
    for block in blocks(frames, parts):
        total += block.sum(0, dtype=np.float64)
        count += len(block)
    return (total / count).round().astype(np.uint8)


def temporal_spread(frames: Frames, parts: Sequence[range]) -> NDArray[np.float64]:
    """Each pixel's standard deviation over time, 0..1, mean over the channels: (H, W); exactly 0 where
    nothing changes."""
    count = sum(map(len, parts))
    total, squares = np.zeros((2, *frames.read(0, 1).shape[1:]), np.int64)
    for block in blocks(frames, parts):
        numbers = block.astype(np.int64)
        total, squares = total + numbers.sum(0), squares + np.square(numbers).sum(0)
    return (np.sqrt(count * squares - np.square(total)) / (255 * count)).mean(-1)


def mean_spread(spread: NDArray[np.float64]) -> float:
    """How much a picture varies over time as a whole: root mean square of `temporal_spread`."""
    return float(np.sqrt(np.square(spread).mean()))


def blocks(
    frames: Frames, parts: Sequence[range], overlap: int = 0
) -> Iterator[UInt8[np.ndarray, "T H W 3"]]:
    """Frames of some parts, `BLOCK` at a time, each block going on into the first ``overlap`` frames of the
    next one."""
    for part in parts:
        for first in range(part.start, part.stop, BLOCK):
            yield frames.read(first, min(first + BLOCK + overlap, part.stop))


def shifted_sound(features: Float[Tensor, "N F"], span: range) -> Float[Tensor, "N F"]:
    """The features with those of the span at the wrong time: shifted in a circle."""
    altered = features.clone()
    altered[span.start : span.stop] = features[span.start : span.stop].roll(round(SHIFT * len(span)), 0)
    return altered


def shuffled_sound(
    features: Float[Tensor, "N F"], span: range, fps: float, seed: int = 0
) -> Float[Tensor, "N F"]:
    """The features with pieces of half a second of the span in random order."""
    pieces = features[span.start : span.stop].split(max(1, round(SHUFFLED_SECONDS * fps)))
    order = torch.randperm(len(pieces), generator=torch.Generator().manual_seed(seed)).tolist()
    if order == sorted(order):  # happens with two or three pieces, and would alter nothing
        order.reverse()
    altered = features.clone()
    altered[span.start : span.stop] = torch.cat([pieces[place] for place in order])
    return altered


def silent_sound(
    features: Float[Tensor, "N F"], span: range, extractor: FeatureExtractor
) -> Float[Tensor, "N F"]:
    """The features with digital silence in the span."""
    silence = extractor.whole(torch.zeros(SAMPLE_RATE))  # one second: all frames of it are equal
    altered = features.clone()
    altered[span.start : span.stop] = silence[:1]
    return altered
