"""All measures of one row of the table, block by block: the real video, the model, or a baseline.

Letters: T frames of the part that is measured.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from listen_and_move.arrays import Array, FloatArray
from listen_and_move.evaluation.baselines import BLOCK
from listen_and_move.evaluation.course import Course
from listen_and_move.evaluation.dataset import Frames
from listen_and_move.evaluation.measures import Values
from listen_and_move.metrics.alignment import av_align, av_align_null, lagged_correlation, peaks, stillness
from listen_and_move.metrics.coherence import flicker, frozen_share, visible_change
from listen_and_move.metrics.frame import (
    Region,
    decibels,
    laplacian_energies,
    ratio,
    region_means,
    same_size,
    similarity_maps,
)
from listen_and_move.metrics.sync import correlation, difference_products, motion_energy, product_correlation

MAX_LAG_SECONDS = 0.4
"""How much earlier or later than the other, at most, motion is looked for."""
LEAST_SHIFT = 4
"""Frames; a smaller shift is nearly the right time."""
OF_SOUND = (
    "loudness_correlation",
    "loudness_lag_ms",
    "onset_correlation",
    "onset_lag_ms",
    "av_align",
    "av_align_chance",
    "motion_in_silence",
)
"""Measures that hold motion against sound."""


class Series(NamedTuple):
    """Measures frame by frame; the pairs are frames t and t + 1."""

    errors: Array
    """Mean squared error, (T, 2): whole picture and moving region."""
    similarity: Array
    """SSIM, (T, 2)."""
    detail: Array
    """Laplacian energy, (T, 2)."""
    motion: Array
    """Motion energy, (T - 1,)."""
    products: Array
    """See `difference_products`, (T - 1, 3)."""
    changes: Array
    """See `visible_change`, (T - 1,)."""
    flicker: Array
    """See `coherence.flicker`, (T - 2,)."""


@dataclass(frozen=True)
class FrameMeasures:
    """Measures of any row against the real video and its sound."""

    real: Frames
    region: Region
    course: Course
    fps: Fraction

    def series(self, frames: Frames) -> Series:
        """Returns what is measured frame by frame, in one pass over the frames of a row and the real ones."""
        parts = [self._block(frames, first) for first in range(0, len(self.real), BLOCK)]
        return Series(*(np.concatenate(values) for values in zip(*parts, strict=True)))

    def _block(self, frames: Frames, first: int) -> Series:
        """Returns the measures of a block; what compares frames goes on into two frames of the next one."""
        last = min(first + BLOCK + 2, len(self.real))
        ours, theirs = frames.read(first, last), self.real.read(first, last)
        a, b = same_size(ours[:BLOCK], theirs[:BLOCK])
        after = slice(0, BLOCK + 1)
        return Series(
            self._both(np.square(a - b)),
            self._both(similarity_maps(a, b, zero_border=True)),
            np.stack([laplacian_energies(a, region) for region in (None, self.region)], 1),
            motion_energy(ours[after]),
            difference_products(ours[after], theirs[after]),
            visible_change(ours[after]),
            flicker(ours),
        )

    def _both(self, maps: FloatArray) -> Array:
        return np.stack([region_means(maps, None), region_means(maps, self.region)], 1)

    def values(self, series: Series, real: Series) -> Values:
        """Returns the figures of a row.

        Args:
            series: what was measured of the row.
            real: the same of the real video.
        """
        return (
            self._picture(series, real)
            | self._motion(series, real)
            | sound_and_motion(series.motion, self.course, self.fps, float(real.motion.std()))
        )

    def _picture(self, series: Series, real: Series) -> Values:
        values: Values = {}
        for place, suffix in enumerate(("", "_moving")):
            error = float(series.errors[:, place].mean())
            values |= {
                f"ssim{suffix}": float(series.similarity[:, place].mean()),
                f"psnr{suffix}": decibels(error),
                f"mse{suffix}": error,
                f"sharpness{suffix}": ratio(
                    float(series.detail[:, place].mean()), float(real.detail[:, place].mean())
                ),
            }
        return values

    def _motion(self, series: Series, real: Series) -> Values:
        lag, value = _best(series.motion, real.motion, self.fps)
        return {
            "motion_ratio": ratio(float(series.motion.mean()), float(real.motion.mean())),
            "frozen_share": frozen_share(series.changes),
            "flicker": float(series.flicker.mean()) if len(series.flicker) else None,
            "dcor": product_correlation(series.products),
            "motion_correlation": correlation(series.motion, real.motion),
            "motion_at_best_lag": value,
            "motion_lag_ms": lag,
        }


def sound_and_motion(motion: Array, course: Course, fps: Fraction, prominence: float | None = None) -> Values:
    """Returns how motion goes with sound over time; None for each figure where the sound is silent.

    Args:
        motion: motion energy, (T - 1,).
        course: of the sound.
        fps: frames per second.
        prominence: least height of a peak of motion; None: by the spread of ``motion``.
    """
    sound = course.first(len(motion))
    if sound.silent:
        return dict.fromkeys(OF_SOUND)
    loud, onsets = sound.loudness, sound.onsets
    loud_lag, by_loudness = _best(motion, np.maximum(loud, loud.max() - 50), fps)
    onset_lag, by_onsets = _best(motion, onsets, fps)
    sound_peaks, motion_peaks = peaks(onsets), peaks(motion, prominence)
    chance = av_align_null(sound_peaks, motion_peaks, len(motion), LEAST_SHIFT)
    return {
        "loudness_correlation": by_loudness,
        "loudness_lag_ms": loud_lag,
        "onset_correlation": by_onsets,
        "onset_lag_ms": onset_lag,
        "av_align": av_align(sound_peaks, motion_peaks),
        "av_align_chance": float(chance.mean()) if len(chance) else None,
        "motion_in_silence": stillness(motion, loud).ratio if motion.any() else None,
    }


def _best(motion: Array, other: FloatArray, fps: Fraction) -> tuple[float | None, float]:
    """Returns the lag in ms at which motion goes best with another series, and the correlation there.

    A positive lag says that motion is late; a still has None.

    Of equally good lags, which periodic motion has, the smallest.
    """
    lags, values = lagged_correlation(motion, other, round(MAX_LAG_SECONDS * fps))
    best = int(np.lexsort((np.abs(lags), -values.round(9)))[0])
    if not np.any(values):
        return None, 0.0
    return float(1000 * int(lags[best]) / fps), float(values[best])
