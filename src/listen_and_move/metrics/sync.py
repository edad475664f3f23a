"""Synchrony of picture and sound: motion, loudness, and how they go together.

A video is a numpy array (T, H, W, 3): uint8, scaled to [0, 1] here, or floats in [0, 1] already.
"""

from fractions import Fraction
from itertools import pairwise
from math import prod

import numpy as np

from listen_and_move.arrays import Array, FloatArray
from listen_and_move.clock import frame_sample
from listen_and_move.metrics.frame import Video, ratio, same_size, unit_range

SILENCE_DB = -100.0
"""Loudness of digital silence; nothing is reported as quieter."""
_CONSTANT = 1e-9
"""A series whose spread is below this share of its largest value is constant but for rounding."""


def motion_energy(video: Video) -> Array:
    """Returns the mean absolute difference of consecutive frames, in shares of the full range.

    Args:
        video: T frames.

    Returns:
        (T - 1,), 0 for a still, at most 1; value t is what changed from frame t to frame t + 1.
    """
    video = unit_range(video)
    pairs = pairwise(video)
    return np.array([np.abs(after - before).mean(dtype=np.float64) for before, after in pairs], np.float64)


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Returns Pearson's correlation of two series, -1..1; 0.0 where one of them is constant.

    Args:
        a: (T,).
        b: (T,).

    Raises:
        ValueError: different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"correlation: expected series of one length; got {len(a)} and {len(b)}")
    if len(a) < 2:
        return 0.0
    return float(np.clip(_standardised(a) @ _standardised(b), -1, 1))


def _standardised(series: FloatArray) -> FloatArray:
    """Returns series (..., T) around their mean, of length 1; of length 0 where one is constant."""
    series = np.asarray(series, np.float64)
    centred = series - series.mean(-1, keepdims=True)
    largest = np.abs(series).max(-1, keepdims=True)
    constant = np.abs(centred).max(-1, keepdims=True) <= _CONSTANT * largest
    length = np.sqrt(np.square(centred).sum(-1, keepdims=True))
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, length))


def best_lag(a: FloatArray, b: FloatArray, max_lag: int) -> tuple[int, float]:
    """Returns the shift at which two series correlate most, and their correlation there.

    A positive lag says that ``a`` comes later than ``b``: a[t + lag] goes with b[t]. Lags are tried on the
    frames where both exist; of equally good ones the smallest shift is given.

    Args:
        a: (T,).
        b: (T,).
        max_lag: largest lag in frames, either way.

    Raises:
        ValueError: different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"best_lag: expected series of one length; got {len(a)} and {len(b)}")
    lags, values = lagged_correlations(np.asarray(a)[None], np.asarray(b)[None], max_lag)
    best = int(np.argmax(values))
    return lags[best], float(values[best, 0, 0])


def lagged_correlations(a: FloatArray, b: FloatArray, max_lag: int) -> tuple[list[int], Array]:
    """Returns lags, the smallest shifts first, and the correlation of many pairs of series at each of them.

    Args:
        a: N series, (N, T).
        b: M series, (M, T).
        max_lag: see `best_lag`, which also says what a lag is.

    Returns:
        L lags and the correlations (L, N, M).
    """
    length = a.shape[-1]
    reach = max(0, min(max_lag, length - 2))
    lags = sorted(range(-reach, reach + 1), key=abs)
    if length < 2:
        return lags, np.zeros((len(lags), len(a), len(b)))
    spans = [
        (slice(max(0, lag), length + min(0, lag)), slice(max(0, -lag), length - max(0, lag))) for lag in lags
    ]
    products = [_standardised(a[:, ours]) @ _standardised(b[:, theirs]).T for ours, theirs in spans]
    return lags, np.clip(products, -1, 1)


def difference_products(generated: Video, real: Video) -> Array:
    """Returns the products that `difference_correlation` is made of, per pair of consecutive frames.

    Args:
        generated: a video.
        real: a video of the same shape.

    Returns:
        (T - 1, 3): dg dr, dg^2 and dr^2, each summed over pixels and channels; rows of several videos may be
            put together.

    Raises:
        ValueError: the shapes differ.
    """
    pairs = zip(*_differences(generated, real), strict=True)
    return np.array([[np.vdot(x, y), np.vdot(x, x), np.vdot(y, y)] for x, y in pairs], np.float64).reshape(
        -1, 3
    )


def product_correlation(products: FloatArray) -> float:
    """Returns dcor of the rows of `difference_products`, (N, 3); 0 where one side is a still."""
    product, ours, theirs = products.sum(0)
    norm = float(np.sqrt(ours * theirs))
    return float(product / norm) if norm > 0 else 0.0


def difference_correlation(generated: Video, real: Video) -> float:
    """Returns dcor, the correlation of frame differences: do the same pixels change alike at the same time?

    sum(dg dr) / sqrt(sum(dg^2) sum(dr^2)) over pixels, channels and frames; d is the difference of
    consecutive frames. Read it beside `shifted_null`: periodic motion correlates with itself at other times
    as well.

    Args:
        generated: a video.
        real: a video of the same shape.

    Returns:
        -1..1, 1 for equal videos, 0 for a still.

    Raises:
        ValueError: the shapes differ.
    """
    return product_correlation(difference_products(generated, real))


def shifted_null(generated: Video, real: Video, min_shift: int = 4) -> Array:
    """Returns dcor against the real clip at the wrong times: its differences shifted circularly.

    Args:
        generated: a video.
        real: a video of the same shape.
        min_shift: smallest shift in frames, in either direction, from 1.

    Returns:
        One value per shift min_shift, min_shift + 1, ... T - 1 - min_shift; empty where the clip is too short
            for one.

    Raises:
        ValueError: the shapes differ, or min_shift below 1.
    """
    if min_shift < 1:
        raise ValueError(f"min_shift: expected at least 1 frame; got {min_shift}")
    ours, theirs = _differences(generated, real)
    norm, count = _norm(ours, theirs), len(ours)
    shifts = range(min_shift, count - min_shift + 1)
    if norm == 0:
        return np.zeros(len(shifts))
    products = ours @ theirs.T  # (T - 1, T - 1): generated difference t with real difference s
    places = np.arange(count)
    return np.array(
        [products[places, (places - shift) % count].sum(dtype=np.float64) / norm for shift in shifts],
        np.float64,
    )


def motion_ratio(generated: Video, real: Video) -> float:
    """Returns the mean motion energy of a generated clip over that of a real one.

    1 is as lively, 0 a still, above 1 jitter; inf where the real clip alone is still; 1 where both are.

    Args:
        generated: a video.
        real: a video; size and length may differ.
    """
    ours, theirs = (
        float(motion_energy(video).mean()) if len(video) > 1 else 0.0 for video in (generated, real)
    )
    return ratio(ours, theirs)


def loudness(samples: FloatArray, sample_rate: int, fps: Fraction, frames: int) -> Array:
    """Returns the loudness of a sound from each frame's instant to the next one's: root mean square.

    Args:
        samples: one channel (samples,), full scale 1.
        sample_rate: samples per second.
        fps: frames per second.
        frames: how many values; where the sound has ended it is silent.

    Returns:
        dB of full scale, (frames,), at least `SILENCE_DB`; a full-scale sine has -3.

    Raises:
        ValueError: more than one channel.
    """
    if samples.ndim != 1:
        raise ValueError(f"loudness: expected one channel (samples,); got shape {samples.shape}")
    edges = [frame_sample(index, fps, sample_rate) for index in range(frames + 1)]
    power = np.zeros(frames)
    for index, (first, end) in enumerate(pairwise(edges)):
        span = samples[first:end]
        power[index] = np.square(span, dtype=np.float64).sum() / max(1, end - first)
    return 10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10)))


def _differences(generated: Video, real: Video) -> tuple[FloatArray, FloatArray]:
    """Differences of consecutive frames in either clip: (T - 1, H * W * 3) each."""
    ours, theirs = (np.diff(video, axis=0) for video in same_size(generated, real))
    size = prod(generated.shape[1:])  # not -1: a single frame has no differences to tell it by
    return ours.reshape(-1, size), theirs.reshape(-1, size)


def _norm(ours: FloatArray, theirs: FloatArray) -> float:
    return float(np.linalg.norm(ours) * np.linalg.norm(theirs))
