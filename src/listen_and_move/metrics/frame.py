"""Likeness of generated frames to real ones, pixel for pixel: error, structure, sharpness.

A video is a numpy array (T, H, W, 3): uint8, scaled to [0, 1] here, or floats in [0, 1] already.
"""

from functools import lru_cache
from math import inf, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array, FloatArray

Video = NDArray[Any]
Region = NDArray[np.bool_]
"""Which pixels count, (H, W)."""

MOVING_SHARE = 0.15
"""The moving region of a clip is this share of its pixels: those that vary most."""
_SSIM_RADIUS, _SSIM_SIGMA = 5, 1.5  # 11 x 11
_SSIM_LUMINANCE, _SSIM_CONTRAST = 0.01**2, 0.03**2


def unit_range(video: Video) -> FloatArray:
    """Returns a video as floats in [0, 1]; floats are given back as they are.

    Raises:
        ValueError: not of shape (T, H, W, 3), or neither uint8 nor float.
    """
    if video.ndim != 4 or video.shape[-1] != 3:
        raise ValueError(f"video: expected shape (T, H, W, 3); got {video.shape}")
    if video.dtype == np.uint8:
        return video.astype(np.float32) / np.float32(255)
    if not np.issubdtype(video.dtype, np.floating):
        raise ValueError(f"video: expected uint8, or floats in [0, 1]; got {video.dtype}")
    return video


def same_size(a: Video, b: Video) -> tuple[FloatArray, FloatArray]:
    """Returns two videos of one shape as floats in [0, 1].

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"videos: expected the same shape (T, H, W, 3); got {a.shape} and {b.shape}")
    return unit_range(a), unit_range(b)


def mse(a: Video, b: Video) -> float:
    """Returns the mean squared error over all frames, pixels and channels; 0 for equal videos.

    Args:
        a: a video.
        b: another of the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    a, b = same_size(a, b)
    return float(np.mean((a - b) ** 2, dtype=np.float64))


def decibels(error: float) -> float:
    """Returns the peak signal-to-noise ratio in dB of a mean squared error: -10 log10; inf for none."""
    return -10 * log10(error) if error > 0 else inf


def psnr(a: Video, b: Video) -> float:
    """Returns the peak signal-to-noise ratio of a whole video in dB; inf for equal videos.

    The error is averaged over the frames first.

    Args:
        a: a video.
        b: another of the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    return decibels(mse(a, b))


def similarity_maps(a: Video, b: Video, *, zero_border: bool = False) -> Array:
    """Returns the structural similarity around each pixel, -1..1, 1 for equal videos (Wang et al. 2004).

    Gaussian window 11 x 11, sigma 1.5, biased covariance, constants 0.01^2 and 0.03^2.

    Args:
        a: a video of at least 11 x 11 pixels.
        b: another of the same shape.
        zero_border: False leaves out the 5 pixels at each side where the window would leave the picture (as
            scikit-image); True takes them along, the outside being black (as the figures published with the
            paper).

    Returns:
        (T, H, W, 3), or (T, H - 10, W - 10, 3) without the border.

    Raises:
        ValueError: the shapes differ, or the frames are too small.
    """
    a, b = same_size(a, b)
    if min(a.shape[1:3]) < 2 * _SSIM_RADIUS + 1:
        raise ValueError(f"ssim: expected frames of at least 11 x 11 pixels; got {a.shape[2]} x {a.shape[1]}")
    pairs = zip(a, b, strict=True)
    return np.stack([_similarity(x.astype(np.float64), y.astype(np.float64), zero_border) for x, y in pairs])


def ssim(a: Video, b: Video, *, zero_border: bool = False) -> float:
    """Returns the mean of `similarity_maps`: structural similarity, -1..1, 1 for equal videos.

    Args:
        a: a video of at least 11 x 11 pixels.
        b: another of the same shape.
        zero_border: see `similarity_maps`.

    Raises:
        ValueError: the shapes differ, or the frames are too small.
    """
    a, b = same_size(a, b)
    maps = (similarity_maps(a[at : at + 1], b[at : at + 1], zero_border=zero_border) for at in range(len(a)))
    return float(np.mean([each.mean() for each in maps]))


def _similarity(a: Array, b: Array, zero_border: bool) -> Array:
    """Structural similarity around each pixel, (H, W, C), of two pictures."""
    a, b = a.transpose(2, 0, 1), b.transpose(2, 0, 1)  # C, H, W
    mean_a, mean_b, square_sum, product = _window_means(np.stack([a, b, a * a + b * b, a * b]), zero_border)
    common, spread = product - mean_a * mean_b, square_sum - mean_a**2 - mean_b**2
    luminance = (2 * mean_a * mean_b + _SSIM_LUMINANCE) / (mean_a**2 + mean_b**2 + _SSIM_LUMINANCE)
    return (luminance * (2 * common + _SSIM_CONTRAST) / (spread + _SSIM_CONTRAST)).transpose(1, 2, 0)


def _window_means(pictures: Array, zero_border: bool) -> Array:
    """Gaussian-weighted means around the pixels of pictures (..., H, W), all or where the window fits."""
    rows, columns = (_window(side, zero_border) for side in pictures.shape[-2:])
    return rows @ pictures @ columns.T


@lru_cache(maxsize=16)
def _window(side: int, zero_border: bool) -> Array:
    """The window's weights as a matrix: a row per place, a column per pixel."""
    offsets = np.arange(side)[None] - np.arange(side)[:, None]
    nearest = np.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1)
    weights = (
        np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2)) / np.exp(-(nearest**2) / (2 * _SSIM_SIGMA**2)).sum()
    )
    weights[np.abs(offsets) > _SSIM_RADIUS] = 0
    return weights if zero_border else weights[_SSIM_RADIUS:-_SSIM_RADIUS]


def sharpness_ratio(generated: Video, real: Video, moving_share: float | None = None) -> float:
    """Returns the Laplacian energy of generated frames over that of real ones.

    Below 1 is blurred, above 1 grainy.

    Args:
        generated: a video.
        real: a video of the same height and width.
        moving_share: look only at this share of the pixels, those that vary most in the real clip; 0.15 is
            the most varying 15 %. None: all pixels.

    Returns:
        A ratio from 0; inf where the real clip has no detail and the generated one has; 1 where neither has.

    Raises:
        ValueError: the sizes differ, or the share is not above 0 to 1.
    """
    if generated.shape[1:3] != real.shape[1:3]:
        raise ValueError(
            f"videos: expected the same height and width; got {generated.shape[1:3]} and {real.shape[1:3]}"
        )
    if moving_share is not None and not 0 < moving_share <= 1:
        raise ValueError(f"moving_share: expected above 0 to 1; got {moving_share}")
    region = (
        None
        if moving_share is None
        else moving_region(unit_range(real).std(0, dtype=np.float64).mean(-1), moving_share)
    )
    return ratio(
        float(laplacian_energies(generated, region).mean()), float(laplacian_energies(real, region).mean())
    )


def moving_region(spread: FloatArray, share: float) -> Region:
    """Returns the share of the pixels that vary most, the border of one pixel left out.

    Fewer where fewer vary at all; all where none does.

    Args:
        spread: each pixel's standard deviation over time, (H, W).
        share: of the pixels, above 0 to 1.

    Returns:
        bool (H, W).
    """
    region = np.zeros(spread.shape, bool)
    inner = spread[1:-1, 1:-1]
    region[1:-1, 1:-1] = (inner >= np.quantile(inner, 1 - share)) & ((inner > 0) | (inner.max() == 0))
    return region


def laplacian_energies(video: Video, region: Region | None = None) -> Array:
    """Returns the mean squared difference of a pixel from its four neighbours: how much detail there is.

    Args:
        video: T frames.
        region: which pixels count; None: all. The border of one pixel never does.

    Returns:
        (T,).
    """
    inner = None if region is None else region[1:-1, 1:-1]
    energies = []
    for frame in unit_range(video).astype(np.float32):
        around = frame[:-2, 1:-1] + frame[2:, 1:-1] + frame[1:-1, :-2] + frame[1:-1, 2:]
        energies.append(region_means(np.square(4 * frame[1:-1, 1:-1] - around)[None], inner)[0])
    return np.array(energies, np.float64)


def ratio(ours: float, theirs: float) -> float:
    """Returns the quotient of two amounts; inf where only the second is 0, and 1 where both are."""
    if theirs == 0:
        return 1.0 if ours == 0 else inf
    return ours / theirs


def region_means(maps: FloatArray, region: Region | None) -> Array:
    """Returns the mean of each map over all pixels or those of a region.

    Args:
        maps: (T, H, W, C).
        region: which pixels count; None: all.

    Returns:
        (T,).
    """
    return (maps if region is None else maps[:, region]).reshape(len(maps), -1).mean(1, dtype=np.float64)
