"""What a model is measured on: decoded videos, with their frames on disk and their sound as features and
courses.

Letters: N frames of the video, T frames of the part that is measured, F numbers per frame.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, Statistics
from listen_and_move.audio.loudness import Gain, Leveller
from listen_and_move.clock import Seconds, exact, frame_sample, frame_time, sample_at
from listen_and_move.config import ClipConfig, FeatureConfig
from listen_and_move.data.clip import resolved_box
from listen_and_move.data.frame_store import FrameStore, Shelf
from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.alignment import SILENT_DB
from listen_and_move.metrics.coupling import HOP, onset_strength, spectra
from listen_and_move.metrics.sync import loudness
from listen_and_move.models.rendering import BLOCK

HEARD_RATE = 16_000
"""Samples per second at which loudness and onsets are measured."""
PIECE = 600
"""Frames of sound that are looked at together, at most: bounds memory. All usual rates have a whole number of
spectra in some number of frames below it (30000/1001 in 300), so that spectra lie where they would without
the cuts."""
MARGIN = 3 * HOP
"""Samples that are heard before and after a piece, so that a cut is no onset: half a spectrum's window and a
step."""
Watch = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


class Frames(Protocol):
    """Frames that can be read part by part, wherever they are."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "T H W 3"]:
        """Frames ``first`` to ``last`` (exclusive)."""
        ...


@dataclass(frozen=True)
class Part:
    """A stretch of other frames."""

    frames: Frames
    span: range

    def __len__(self) -> int:
        return len(self.span)

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "T H W 3"]:
        """Frames ``first`` to ``last`` of the stretch."""
        return self.frames.read(self.span.start + first, self.span.start + last)


@dataclass(frozen=True)
class Video:
    """A decoded video; frame t shows the instant start + t / fps of the file."""

    path: Path
    start: Fraction
    fps: Fraction
    frames: FrameStore
    features: Float[Tensor, "N F"]

    def seconds(self, frame: int) -> Fraction:
        """The instant of a frame in the file."""
        return self.start + frame_time(frame, self.fps)


@dataclass(frozen=True)
class Course:
    """What is heard during each frame."""

    loudness: NDArray[np.floating]
    """dB of full scale, (T,)."""
    onsets: NDArray[np.floating]
    """How much louder the frequencies become, (T,)."""

    @property
    def silent(self) -> bool:
        """Whether no frame is louder than what a quiet room leaves on a recording."""
        return bool(self.loudness.max() < SILENT_DB)

    def first(self, frames: int) -> "Course":
        """What is heard during so many frames from the first on."""
        return Course(self.loudness[:frames], self.onsets[:frames])


def decode(
    path: Path,
    clip: ClipConfig,
    features: FeatureConfig,
    statistics: Statistics | None,
    shelf: Shelf,
    watch: Watch,
) -> Video:
    """Decode a video: its frames onto the shelf, its sound into features.

    Raises:
        UserError: no picture, no sound, or nothing in the part that ``clip`` names.
    """
    box, start = resolved_box(path, clip), exact(clip.start)
    end = probe(path).duration if clip.end is None else exact(clip.end)
    expected = max(1, ceil((end - start) * clip.rate))
    store = shelf.store(clip.width, clip.height)
    for frame in read_frames(
        path, clip.rate, width=clip.width, height=clip.height, box=box, start=clip.start, end=clip.end
    ):
        store.append(frame[None])
        if len(store) % BLOCK == 0:
            watch(f"decoding {path.name}", len(store), max(expected, len(store)))
    if len(store) < 3:
        raise UserError(
            f"{path}: expected at least 3 frames from {clip.start} s on; got {len(store)}: choose another "
            "part"
        )
    watch(f"decoding {path.name}", len(store), len(store))
    extractor = FeatureExtractor(features, clip.rate, statistics)
    return Video(path, start, clip.rate, store, heard(path, extractor, start, len(store)))


def heard(
    path: Path, extractor: FeatureExtractor, start: Seconds, frames: int, gain: Gain = 0.0
) -> Float[Tensor, "N F"]:
    """The features of so many frames, heard with a gain in dB; where the sound has ended it is silent."""
    end = exact(start) + frame_time(frames, extractor.fps)
    state, parts, total = None, [], 0
    for block in Leveller(gain, None).applied(read_sound(path, SAMPLE_RATE, start=start, end=end)):
        features, state = extractor.push(torch.from_numpy(block), state)
        total += len(block)
        parts.append(features)
    missing = frame_sample(frames, extractor.fps, SAMPLE_RATE) - total
    if missing > 0:
        features, state = extractor.push(torch.zeros(missing), state)
        parts.append(features)
    return torch.cat([*parts, extractor.finish(state)])[:frames]


def course(path: Path, fps: Fraction, start: Seconds, frames: int) -> Course:
    """Loudness and onsets during each of so many frames from an instant on; where the sound has ended it is
    silent."""
    together = (
        (Fraction(HEARD_RATE, HOP) / fps).limit_denominator(PIECE).denominator
    )  # frames to a whole number of spectra
    edges = [*range(0, frames, PIECE // together * together), frames]
    places = [sample_at(start, HEARD_RATE) + frame_sample(edge, fps, HEARD_RATE) for edge in edges]
    # From 0 on: a sound that ended before the part would be refused, and it is decoded from its beginning
    # anyway.
    blocks = read_sound(path, HEARD_RATE, start=0, end=Fraction(places[-1] + MARGIN, HEARD_RATE))
    pieces = zip(
        _stretches(blocks, [(a - MARGIN, b + MARGIN) for a, b in pairwise(places)]),
        pairwise(edges),
        strict=True,
    )
    values = [_heard_during(samples, fps, last - first) for samples, (first, last) in pieces]
    return Course(*(np.concatenate(each) for each in zip(*values, strict=True)))


def _heard_during(
    samples: NDArray[np.float32], fps: Fraction, frames: int
) -> tuple[NDArray[np.floating], ...]:
    """Loudness and onsets of frames, the first of which begins `MARGIN` samples after the first sample."""
    loud = loudness(samples[MARGIN:], HEARD_RATE, fps, frames)
    return loud, onset_strength(spectra(samples)[MARGIN // HOP :], HEARD_RATE, fps, frames)


def _stretches(
    blocks: Iterator[NDArray[np.float32]], spans: Iterable[tuple[int, int]]
) -> Iterator[NDArray[np.float32]]:
    """Overlapping stretches of a stream, the first of which may begin in the silence before it; shorter where
    it has ended."""
    parts, begin, end = [np.zeros(MARGIN, np.float32)], -MARGIN, 0
    for first, last in spans:
        while end < last and (block := next(blocks, None)) is not None:
            if end <= first:
                parts, begin = [], end
            parts.append(block)
            end += len(block)
        held = np.concatenate(parts)[first - begin :]
        parts, begin = [held], first
        yield held[: last - first]
