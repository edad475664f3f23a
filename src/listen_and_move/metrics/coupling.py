"""Coupling of sound and motion of a film: how strong, where in the picture, and which comes first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from listen_and_move.arrays import FloatArray
from listen_and_move.clock import frame_sample
from listen_and_move.metrics.sync import lagged_correlations

WINDOW, HOP = 512, 160
"""Samples of a spectrum and between spectra: 32 and 10 ms at 16 kHz."""
_NOISE = 1e-2
"""Size of a spectral line that counts as silence: about -80 dBFS for a sine."""
_MARGIN, _LEAST = 0.07, 0.3
"""By how much a clear link exceeds chance, which some twenty shifts tell roughly only, and what it has at
least."""
BLOCKS = 4
"""The picture is divided into 4 x 4 regions."""


@dataclass(frozen=True)
class Coupling:
    """Correlation of motion and sound at the best of all regions, measures and lags tried."""

    correlation: float
    """Pearson's correlation of the two series at this lag."""
    lag: int
    """Frames by which motion comes after sound; negative: motion comes first."""
    sound: str
    """Which measure of the sound it is: loudness or onsets."""
    region: tuple[int, int] | None
    """Row and column of the region of `BLOCKS` x `BLOCKS`; None: the whole picture."""
    chance: float
    """What the same search finds in 19 of 20 cases when the sound is shifted to a wrong time."""

    @property
    def clear(self) -> bool:
        """Whether the correlation is more than chance."""
        return self.correlation > max(self.chance + _MARGIN, _LEAST)


def spectra(samples: FloatArray) -> FloatArray:
    """Returns the spectra of a sound in dB, one per `HOP` samples and centred there.

    Samples before and after are silence.

    Args:
        samples: one channel (samples,), full scale 1.

    Returns:
        float32 (columns, 257).
    """
    padded = np.pad(samples.astype(np.float32), WINDOW // 2)
    window = np.hanning(WINDOW).astype(np.float32)
    columns = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    parts = [np.abs(np.fft.rfft(columns[at : at + 1000] * window)) for at in range(0, len(columns), 1000)]
    return 20 * np.log10(np.concatenate(parts) + _NOISE).astype(np.float32)


def onset_strength(decibels: FloatArray, sample_rate: int, fps: Fraction, frames: int) -> FloatArray:
    """Returns how much louder the sound's frequencies become during each frame.

    Args:
        decibels: of `spectra`, for the sound at ``sample_rate``.
        sample_rate: samples per second.
        fps: frames per second.
        frames: how many values.

    Returns:
        Mean rise in dB per spectrum, (frames,), from 0.
    """
    rises = np.maximum(np.diff(decibels, axis=0), 0).mean(1)
    edges = [-(-frame_sample(index, fps, sample_rate) // HOP) for index in range(frames + 1)]
    return np.array(
        [
            rises[first:end].mean() if end > first and first < len(rises) else 0.0
            for first, end in pairwise(edges)
        ]
    )


def region_motion(differences: Sequence[FloatArray]) -> FloatArray:
    """Returns the motion energy of each region of the picture.

    Args:
        differences: T - 1 absolute differences of consecutive frames, (H, W) each.

    Returns:
        (T - 1, BLOCKS, BLOCKS).
    """
    rows = [np.array_split(difference, BLOCKS, axis=0) for difference in differences]
    return np.array(
        [[[block.mean() for block in np.array_split(row, BLOCKS, axis=1)] for row in frame] for frame in rows]
    )


def strongest(
    motion: Mapping[tuple[int, int] | None, FloatArray], sounds: Mapping[str, FloatArray], max_lag: int
) -> Coupling:
    """Returns the region, the measure of the sound and the lag at which motion and sound go together most.

    The more is tried the more is found by chance: `Coupling.chance` is the same search against the sound
    shifted circularly.

    Args:
        motion: motion energy (T - 1,) per region; None stands for the whole picture.
        sounds: measures of the sound (T - 1,) by name.
        max_lag: largest lag in frames, either way.
    """
    best = max(_search(motion, sounds, max_lag), key=lambda found: found[0])
    length = len(next(iter(motion.values())))
    shifts = (
        np.unique(np.linspace(2 * max_lag, length - 2 * max_lag, 20).astype(int))
        if length > 6 * max_lag
        else []
    )
    null = [
        max(
            found[0]
            for found in _search(
                motion, {name: np.roll(series, shift) for name, series in sounds.items()}, max_lag
            )
        )
        for shift in shifts
    ]
    correlation, lag, sound, region = best
    return Coupling(correlation, lag, sound, region, float(np.quantile(null, 0.95)) if null else 1.0)


def _search(
    motion: Mapping[tuple[int, int] | None, FloatArray], sounds: Mapping[str, FloatArray], max_lag: int
) -> list[tuple[float, int, str, tuple[int, int] | None]]:
    """Correlation, lag, measure and region: the best lag of every measure in every region."""
    lags, values = lagged_correlations(np.stack([*motion.values()]), np.stack([*sounds.values()]), max_lag)
    best = values.argmax(0)
    return [
        (float(values[best[row, column], row, column]), lags[best[row, column]], name, region)
        for row, region in enumerate(motion)
        for column, name in enumerate(sounds)
    ]
