"""Course of a sound during the frames of an evaluation: loudness and onsets.

Letters: T frames of the part that is measured.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import FloatArray
from listen_and_move.clock import Seconds, frame_sample, sample_at
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.alignment import SILENT_DB
from listen_and_move.metrics.coupling import HOP, onset_strength, spectra
from listen_and_move.metrics.sync import loudness

COURSE_RATE = 16_000
"""Samples per second at which loudness and onsets are measured."""
PIECE = 600
"""Most frames of sound that are measured together: bounds memory. All usual rates have a whole number of
spectra in some number of frames below it (30000/1001 in 300), so that spectra lie where they would without
the cuts."""
MARGIN = 3 * HOP
"""Samples that are read before and after a piece, so that a cut is no onset: half a spectrum's window and a
step."""


@dataclass(frozen=True)
class Course:
    """Loudness and onsets of a sound during each frame."""

    loudness: FloatArray
    """dB of full scale, (T,)."""
    onsets: FloatArray
    """Onset strength: how much louder the frequencies become, (T,)."""

    @property
    def silent(self) -> bool:
        """Whether no frame is louder than what a quiet room leaves on a recording."""
        return bool(self.loudness.max() < SILENT_DB)

    def first(self, frames: int) -> "Course":
        """Returns the course of so many frames from the first on."""
        return Course(self.loudness[:frames], self.onsets[:frames])


def course(path: Path, fps: Fraction, start: Seconds, frames: int, track: int | None = None) -> Course:
    """Returns loudness and onsets of a part of a sound; where the sound has ended there is silence.

    Args:
        path: of a file with sound.
        fps: frames per second.
        start: of the part, in seconds.
        frames: T.
        track: number of the sound in the file; None: the default one.
    """
    together = (
        (Fraction(COURSE_RATE, HOP) / fps).limit_denominator(PIECE).denominator
    )  # frames to a whole number of spectra
    edges = [*range(0, frames, PIECE // together * together), frames]
    places = [sample_at(start, COURSE_RATE) + frame_sample(edge, fps, COURSE_RATE) for edge in edges]
    # From 0 on: a sound that ended before the part would be refused, and it is decoded from its beginning
    # anyway.
    end = Fraction(places[-1] + MARGIN, COURSE_RATE)
    blocks = read_sound(path, COURSE_RATE, track=track, start=0, end=end)
    pieces = zip(
        _stretches(blocks, [(a - MARGIN, b + MARGIN) for a, b in pairwise(places)]),
        pairwise(edges),
        strict=True,
    )
    values = [_course_of_frames(samples, fps, last - first) for samples, (first, last) in pieces]
    return Course(*(np.concatenate(each) for each in zip(*values, strict=True)))


def _course_of_frames(samples: NDArray[np.float32], fps: Fraction, frames: int) -> tuple[FloatArray, ...]:
    """Returns loudness and onsets of frames, the first one `MARGIN` samples after the first sample."""
    loud = loudness(samples[MARGIN:], COURSE_RATE, fps, frames)
    return loud, onset_strength(spectra(samples)[MARGIN // HOP :], COURSE_RATE, fps, frames)


def _stretches(
    blocks: Iterator[NDArray[np.float32]], spans: Iterable[tuple[int, int]]
) -> Iterator[NDArray[np.float32]]:
    """Yields overlapping stretches of a stream.

    The first one may begin in the silence before the stream, and stretches are shorter where the stream has
    ended.
    """
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
