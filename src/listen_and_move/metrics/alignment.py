"""Alignment of sound and picture over time: peaks, lags, stillness in silence, and what chance would give.

A series is an array (T,), one value per frame: motion energy, loudness, onset strength.
"""

from math import copysign, inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array
from listen_and_move.metrics.sync import correlation

Series = NDArray[Any]

SILENT_DB = -60.0
"""A frame whose loudness is below this counts as silent: what a quiet room leaves on a recording."""
_EXACT_PAIRS = 12
"""Up to so many pairs all choices of signs are tried, 4096; beyond, as many drawn ones."""
_MOST_SHIFTS = 500
"""So many shifts tell the chance of common peaks well enough; each takes time."""


def peaks(series: Series, prominence: float | None = None) -> NDArray[np.int64]:
    """Returns the places of a series' maxima that stand out, in ascending order.

    A maximum stands out by its prominence: how far one has to descend from it before a higher value is
    reached, on the side where that is less (as in scipy.signal.find_peaks). The middle of a plateau stands
    for it. The first and the last value are no maxima.

    Args:
        series: (T,).
        prominence: least prominence in the unit of the series; give that of the real clip to judge a
            generated one by the same measure. None: the standard deviation of the series, so that its scale
            does not matter.

    Returns:
        Indices, int64; empty for a constant series.

    Raises:
        ValueError: not of shape (T,), or not finite.
    """
    series = _series(series)
    if _constant(series):
        return np.zeros(0, np.int64)
    least = series.std() if prominence is None else prominence
    changes = np.flatnonzero(np.diff(series)) + 1  # where runs of equal values begin, but for the first
    values = series[np.r_[0, changes]]
    tops = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] > values[2:])).tolist()
    standing = [top + 1 for top in tops if _prominence(values, top + 1) >= least]
    first, end = np.r_[0, changes], np.r_[changes, len(series)]
    return (first[standing] + end[standing] - 1) // 2


def _prominence(values: Array, top: int) -> float:
    """Prominence of the maximum at an index of values of which no two neighbours are equal."""
    higher = np.flatnonzero(values > values[top])
    place = int(np.searchsorted(higher, top))
    start = higher[place - 1] if place > 0 else 0
    end = higher[place] if place < len(higher) else len(values)
    return float(values[top] - max(values[start:top].min(), values[top + 1 : end].min()))


def av_align(sound_peaks: Series, motion_peaks: Series, tolerance: float = 1) -> float | None:
    """Returns AV-Align: the peaks that sound and motion share over all peaks of either, 0..1, 1 is best.

    Intersection over union of two sets of peaks, where two that lie within ``tolerance`` of each other are
    the same (Yariv et al. 2024). Each peak is matched once at most, and as many as can be, so that the value
    does not depend on the order of arguments and stays within 1: the code first published with the paper let
    several sounds share a motion, and could exceed it.

    Read it beside `av_align_null`: where peaks are dense, many meet by chance.

    Args:
        sound_peaks: places of peaks, in frames.
        motion_peaks: likewise.
        tolerance: largest distance of a match, in the unit of the peaks: one frame before to one frame after.

    Returns:
        None where neither has a peak; 0.0 where only one has.
    """
    sound, motion = sorted(sound_peaks.tolist()), sorted(motion_peaks.tolist())
    if not sound and not motion:
        return None
    matched = sound_index = motion_index = 0
    while sound_index < len(sound) and motion_index < len(motion):
        apart = sound[sound_index] - motion[motion_index]
        matched += abs(apart) <= tolerance
        sound_index += apart <= tolerance  # the earlier one, or both if they match
        motion_index += apart >= -tolerance
    return matched / (len(sound) + len(motion) - matched)


def av_align_null(
    sound_peaks: Series, motion_peaks: Series, frames: int, min_shift: int, tolerance: float = 1
) -> Array:
    """Returns `av_align` with the peaks of the sound at the wrong times: shifted circularly.

    At most 500 shifts, evenly spread from min_shift to frames - min_shift.

    Args:
        sound_peaks: places of peaks, in frames.
        motion_peaks: likewise.
        frames: length of the clip.
        min_shift: smallest shift in frames, in either direction, from 1.
        tolerance: see `av_align`.

    Returns:
        One value per shift; empty where the clip is too short for a shift, or has no peaks.

    Raises:
        ValueError: min_shift below 1.
    """
    shifts = _shifts(frames, min_shift)
    tried = shifts[:: -(-len(shifts) // _MOST_SHIFTS) or 1]
    values = [av_align((sound_peaks + shift) % frames, motion_peaks, tolerance) for shift in tried]
    return np.array([value for value in values if value is not None], np.float64)


def lagged_correlation(a: Series, b: Series, max_lag: int) -> tuple[NDArray[np.int64], Array]:
    """Returns Pearson's correlation of two series at every lag from -max_lag to max_lag frames.

    The signs are those of `sync.best_lag`: at a positive lag ``a`` is taken to come later, a[t + lag] with
    b[t]. Only the frames where both exist count, so that the outermost lags rest on fewer values.

    Args:
        a: (T,).
        b: (T,).
        max_lag: largest lag in frames, either way.

    Returns:
        Lags in frames, ascending, and the correlations there; fewer lags where the series are too short.

    Raises:
        ValueError: different lengths, not of shape (T,), or not finite.
    """
    a, b = _pair(a, b)
    reach = max(0, min(max_lag, len(a) - 2))
    lags = np.arange(-reach, reach + 1)
    later, earlier = np.maximum(lags, 0), np.maximum(-lags, 0)
    values = [correlation(a[x : len(a) - y], b[y : len(b) - x]) for x, y in zip(later, earlier, strict=True)]
    return lags, np.array(values, np.float64)


class Stillness(NamedTuple):
    """Motion in silence over motion in sound, and how many frames each rests on."""

    ratio: float | None
    """Mean motion in silence over mean motion in sound: 0 is a picture that rests, 1 one that does not
    listen; inf where it moves in silence only, 1 where it never moves; None where one of the counts is 0."""
    silent: int
    """Frames in silence."""
    sounding: int
    """Frames in sound."""


def stillness(motion: Series, loudness_db: Series, silent_db: float = SILENT_DB) -> Stillness:
    """Returns the motion while the sound is silent over the motion while it sounds.

    Args:
        motion: motion energy (T,), from 0.
        loudness_db: loudness of the same frames (T,), in dB of full scale.
        silent_db: a frame below this is silent.

    Raises:
        ValueError: different lengths, not of shape (T,), or not finite.
    """
    motion, loudness_db = _pair(motion, loudness_db)
    silent = loudness_db < silent_db
    counts = int(silent.sum()), int((~silent).sum())
    if min(counts) == 0:
        return Stillness(None, *counts)
    quiet, loud = float(motion[silent].mean()), float(motion[~silent].mean())
    if loud == 0:
        return Stillness(1.0 if quiet == 0 else inf, *counts)
    return Stillness(quiet / loud, *counts)


class Effect(NamedTuple):
    """Effect of the right sound on the scores of segments, against an altered sound."""

    size: float | None
    """Mean difference over its standard deviation, corrected for few pairs: 0.2 small, 0.5 medium, 0.8 large
    (Cohen 1988); above 0: the altered sound scores less. inf or -inf where all differences are the same but
    not 0; None for one or two pairs."""
    p: float
    """How often a mean difference as large as this comes from random signs, in either direction; 2^(1 -
    pairs) at least."""
    pairs: int


def effect_size(with_sound: Series, altered: Series) -> Effect:
    """Returns the effect of altering the sound on scores of segments, pair by pair.

    Cohen's d_z with the correction 1 - 3 / (4 (N - 1) - 1) of Hedges (1981). p is of the permutation test
    that flips the signs of differences: exact for up to 12 pairs, beyond that from 4096 fixed draws. It takes
    the segments as independent: let them not overlap.

    Args:
        with_sound: scores (N,) of segments with their own sound.
        altered: scores (N,) of the same segments with an altered one.

    Raises:
        ValueError: different lengths, or no pair.
    """
    with_sound, altered = _pair(with_sound, altered)
    difference = with_sound - altered
    if len(difference) == 0:
        raise ValueError("effect_size: expected at least one pair of scores; got none")
    return Effect(_standardised(difference), _sign_flip_p(difference), len(difference))


def _standardised(difference: Array) -> float | None:
    """Cohen's d_z with Hedges' correction; None for one or two pairs."""
    if len(difference) < 3:
        return None
    mean = float(difference.mean())
    if _constant(difference):
        return copysign(inf, mean) if mean else 0.0
    return mean / float(difference.std(ddof=1)) * (1 - 3 / (4 * (len(difference) - 1) - 1))


def _sign_flip_p(difference: Array) -> float:
    """Share of all choices of signs whose sum of differences is at least as large as the one found."""
    pairs = len(difference)
    if pairs <= _EXACT_PAIRS:
        signs = 1.0 - 2 * (np.arange(2**pairs)[:, None] >> np.arange(pairs) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (2**_EXACT_PAIRS, pairs))
        signs[0] = 1  # what was found is one of the possible draws
    sums = np.abs(signs @ difference)
    return float((sums >= sums[0] * (1 - 1e-9)).mean())


def circular_null(a: Series, b: Series, min_shift: int) -> Array:
    """Returns the correlations of two series of one length at wrong times: the second shifted circularly.

    Args:
        a: (T,).
        b: (T,).
        min_shift: smallest shift in frames, in either direction, from 1.

    Returns:
        One value per shift min_shift, min_shift + 1, ... T - min_shift; empty where the series are too short
            for one.

    Raises:
        ValueError: different lengths, not of shape (T,), not finite, or min_shift below 1.
    """
    a, b = _pair(a, b)
    shifts = list(_shifts(len(a), min_shift))
    if not shifts or _constant(a) or _constant(b):
        return np.zeros(len(shifts))
    a, b = ((series - series.mean()) / np.linalg.norm(series - series.mean()) for series in (a, b))
    return np.fft.irfft(np.fft.rfft(a) * np.fft.rfft(b).conj(), len(a))[shifts]


class Excess(NamedTuple):
    """A value against its null distribution: the values at wrong times."""

    above: float
    """The value minus the mean of the null: what is owed to the right time."""
    p: float
    """Share of the null at least as large, the value itself counted with it; rough, as neighbouring shifts
    are alike."""
    mean: float
    """Mean of the null."""
    quantile: float
    """What 95 % of the null stay below."""
    largest: float
    """Largest value of the null."""


def excess(value: float, null: Series) -> Excess | None:
    """Returns how far a value exceeds its null distribution; None for an empty one.

    Args:
        value: at the right time.
        null: the values at wrong times (N,), as of `circular_null` or `sync.shifted_null`.
    """
    null = _series(null)
    if len(null) == 0:
        return None
    reached = (null >= value) | np.isclose(null, value, rtol=1e-9, atol=1e-12)  # equal but for rounding
    share = (1 + int(reached.sum())) / (1 + len(null))
    return Excess(
        float(value - null.mean()),
        share,
        float(null.mean()),
        float(np.quantile(null, 0.95)),
        float(null.max()),
    )


def _shifts(length: int, min_shift: int) -> range:
    """Shifts in frames of a clip in a circle, at least ``min_shift`` in either direction."""
    if min_shift < 1:
        raise ValueError(f"min_shift: expected at least 1 frame; got {min_shift}")
    return range(min_shift, length - min_shift + 1)


def _constant(series: Array) -> bool:
    """Whether a series is constant but for rounding: then it correlates not even with itself."""
    return correlation(series, series) == 0


def _series(series: Series) -> Array:
    """A series as float64, checked."""
    series = np.asarray(series, np.float64)
    if series.ndim != 1 or not np.isfinite(series).all():
        raise ValueError(
            f"series: expected finite numbers of shape (T,); got shape {series.shape}, or not all are finite"
        )
    return series


def _pair(a: Series, b: Series) -> tuple[Array, Array]:
    """Two series as float64, checked, of one length."""
    if len(a) != len(b):
        raise ValueError(f"series: expected two of one length; got {len(a)} and {len(b)}")
    return _series(a), _series(b)
