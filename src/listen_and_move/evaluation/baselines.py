"""Rows of the table: the real video, the model, and baselines that any model must beat; altered sounds.

Letters: N frames of a video, T frames of the part that is measured, F numbers per frame, H height, W width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from listen_and_move.arrays import Array
from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.data.frame_store import FrameStore, Shelf
from listen_and_move.evaluation.dataset import Dataset, Frames, Watch
from listen_and_move.inference.animator import Animator
from listen_and_move.models.path_costs import PLAIN, VITERBI, Search
from listen_and_move.models.path_search import PathSearch, thumbnails
from listen_and_move.models.rendering import played

REAL, MODEL, MEAN, HELD, SHIFTED = (
    "real video",
    "model",
    "mean frame",
    "last frame held",
    "training video, shifted",
)
NEAREST, PATH = "replay, nearest sound", "replay, smooth path"
MOVING = (MODEL, SHIFTED, NEAREST, PATH)
"""Rows in which something moves."""
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
        """Returns the picture once per frame."""
        return np.repeat(self.picture[None], last - first, 0)


@dataclass(frozen=True)
class Picked:
    """Frames of a video in any order."""

    frames: Frames
    indices: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "T H W 3"]:
        """Returns the frames picked for ``first`` to ``last`` (exclusive)."""
        return np.concatenate(
            [self.frames.read(index, index + 1) for index in self.indices[first:last].tolist()]
        )


def baselines(
    animator: Animator, dataset: Dataset, seed: int, shelf: Shelf, watch: Watch
) -> dict[str, Frames]:
    """Returns the frames of each row in the order of the table: real video, model, and the baselines.

    Args:
        animator: plays the model.
        dataset: what the model learnt and what is measured.
        seed: of the model's noise, and of where the shifted training video begins.
        shelf: takes the model's frames.
        watch: told the progress.
    """
    learnt, count = dataset.learnt.frames, len(dataset.span)
    own = dataset.measured is dataset.learnt
    last = dataset.span.start - 1 if own and dataset.span.start > 0 else dataset.longest.stop - 1
    features, store = dataset.measured.features, shelf.store(*animator.size)
    return {
        REAL: dataset.real,
        MODEL: generated_frames(animator, features, dataset.span, seed, store, "playing", watch),
        MEAN: Still(mean_frame(learnt, dataset.train), count),
        HELD: Still(learnt.read(last, last + 1)[0], count),
        SHIFTED: Picked(learnt, _from_anywhere(dataset.longest, count, seed)),
        **{
            name: Picked(learnt, _replayed(dataset, search))
            for name, search in ((NEAREST, PLAIN), (PATH, VITERBI))
        },
    }


def _from_anywhere(span: range, count: int, seed: int) -> NDArray[np.int64]:
    """Returns places frame after frame from a random place on, over the end back to the beginning."""
    start = int(np.random.default_rng(seed).integers(len(span)))
    return span.start + (start + np.arange(count)) % len(span)


def _replayed(dataset: Dataset, search: Search) -> NDArray[np.int64]:
    """Returns the places of training frames in the order that the sound asks for."""
    places = np.concatenate([np.arange(span.start, span.stop) for span in dataset.train])
    small = [
        thumbnails(torch.tensor(block), np.arange(len(block)))
        for block in blocks(dataset.learnt.frames, dataset.train)
    ]
    replay = PathSearch(places, dataset.learnt.features[places].numpy(), np.concatenate(small), search)
    return replay.whole(dataset.measured.features[dataset.span.start : dataset.span.stop])


def generated_frames(
    animator: Animator,
    features: Float[Tensor, "N F"],
    span: range,
    seed: int,
    store: FrameStore,
    title: str,
    watch: Watch,
) -> FrameStore:
    """Returns the model's frames for a stretch of features.

    Args:
        animator: plays the model.
        features: of the whole sound.
        span: the stretch, in frames.
        seed: of the model's noise.
        store: takes the frames.
        title: of what is told to ``watch``.
        watch: told the progress.
    """
    for block in played(animator.network, features, span, animator.config, seed):
        store.append(block)
        watch(title, len(store), len(span))
    return store


def mean_frame(frames: Frames, parts: Sequence[range]) -> UInt8[np.ndarray, "H W 3"]:
    """Returns the mean of all frames of the parts.

    Args:
        frames: of a video.
        parts: in frames.
    """
    total, count = np.zeros(frames.read(0, 1).shape[1:]), 0
    for block in blocks(frames, parts):
        total += block.sum(0, dtype=np.float64)
        count += len(block)
    return (total / count).round().astype(np.uint8)


def temporal_spread(frames: Frames, parts: Sequence[range]) -> Array:
    """Returns the standard deviation of each pixel over time, 0..1, mean over the channels.

    Args:
        frames: of a video.
        parts: in frames.

    Returns:
        (H, W); exactly 0 where nothing changes.
    """
    count = sum(map(len, parts))
    total, squares = np.zeros((2, *frames.read(0, 1).shape[1:]), np.int64)
    for block in blocks(frames, parts):
        numbers = block.astype(np.int64)
        total, squares = total + numbers.sum(0), squares + np.square(numbers).sum(0)
    return (np.sqrt(count * squares - np.square(total)) / (255 * count)).mean(-1)


def mean_spread(spread: Array) -> float:
    """Returns how much a picture varies over time as a whole: root mean square of `temporal_spread`."""
    return float(np.sqrt(np.square(spread).mean()))


def blocks(
    frames: Frames, parts: Sequence[range], overlap: int = 0
) -> Iterator[UInt8[np.ndarray, "T H W 3"]]:
    """Yields the frames of some parts, `BLOCK` at a time.

    Args:
        frames: of a video.
        parts: in frames.
        overlap: each block comes with so many first frames of the next one.
    """
    for span in parts:
        for first in range(span.start, span.stop, BLOCK):
            yield frames.read(first, min(first + BLOCK + overlap, span.stop))


def shifted_sound(features: Float[Tensor, "N F"], span: range) -> Float[Tensor, "N F"]:
    """Returns the features with those of the span at the wrong time: shifted in a circle.

    Args:
        features: of the whole sound, (N, F).
        span: in frames.
    """
    altered = features.clone()
    altered[span.start : span.stop] = features[span.start : span.stop].roll(round(SHIFT * len(span)), 0)
    return altered


def shuffled_sound(
    features: Float[Tensor, "N F"], span: range, fps: float, seed: int = 0
) -> Float[Tensor, "N F"]:
    """Returns the features with pieces of half a second of the span in random order.

    Args:
        features: of the whole sound, (N, F).
        span: in frames.
        fps: frames per second.
        seed: of the order.
    """
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
    """Returns the features with digital silence in the span.

    Args:
        features: of the whole sound, (N, F).
        span: in frames.
        extractor: of the features.
    """
    silence = extractor.whole(torch.zeros(SAMPLE_RATE))  # one second: all frames of it are equal
    altered = features.clone()
    altered[span.start : span.stop] = silence[:1]
    return altered
