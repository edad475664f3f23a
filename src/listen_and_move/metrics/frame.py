"""How close generated frames are to real ones, pixel for pixel: error, structure, sharpness.

A video is a numpy array (T, H, W, 3): uint8, scaled to [0, 1] here, or floats in [0, 1] already.
"""

from math import inf, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

Video = NDArray[Any]
Array = NDArray[np.float64]

_SSIM_RADIUS, _SSIM_SIGMA = 5, 1.5  # 11 x 11
_SSIM_LUMINANCE, _SSIM_CONTRAST = 0.01**2, 0.03**2


def unit_range(video: Video) -> NDArray[np.floating]:
    """A video as floats in [0, 1]; floats are given back as they are.

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


def same_size(a: Video, b: Video) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Two videos of one shape in [0, 1].

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"videos: expected the same shape (T, H, W, 3); got {a.shape} and {b.shape}")
    return unit_range(a), unit_range(b)


def mse(a: Video, b: Video) -> float:
    """Mean squared error over all frames, pixels and channels; 0 for equal videos."""
    a, b = same_size(a, b)
    return float(np.mean((a - b) ** 2, dtype=np.float64))


def psnr(a: Video, b: Video) -> float:
    """Peak signal-to-noise ratio of the whole video in dB, -10 log10(mse): the error is averaged first; inf for equal videos."""
    error = mse(a, b)
    return -10 * log10(error) if error > 0 else inf


def ssim(a: Video, b: Video, *, zero_border: bool = False) -> float:
    """Structural similarity, -1..1, 1 for equal videos; mean over channels and frames (Wang et al. 2004).

    Gaussian window 11 x 11, sigma 1.5, biased covariance, constants 0.01^2 and 0.03^2.

    Args:
        a: a video of at least 11 x 11 pixels.
        b: another of the same shape.
        zero_border: False leaves out the 5 pixels at each side where the window would leave the picture (as
            scikit-image); True takes them along, the outside being black (as the figures published with the paper).
    """
    a, b = same_size(a, b)
    if min(a.shape[1:3]) < 2 * _SSIM_RADIUS + 1:
        raise ValueError(f"ssim: expected frames of at least 11 x 11 pixels; got {a.shape[2]} x {a.shape[1]}")
    return float(
        np.mean([_ssim_frame(x.astype(np.float64), y.astype(np.float64), zero_border) for x, y in zip(a, b, strict=True)])
    )


def _ssim_frame(a: Array, b: Array, zero_border: bool) -> float:
    mean_a, mean_b = _window_mean(a, zero_border), _window_mean(b, zero_border)
    spread_a = _window_mean(a * a, zero_border) - mean_a**2
    spread_b = _window_mean(b * b, zero_border) - mean_b**2
    common = _window_mean(a * b, zero_border) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _SSIM_LUMINANCE) / (mean_a**2 + mean_b**2 + _SSIM_LUMINANCE)
    structure = (2 * common + _SSIM_CONTRAST) / (spread_a + spread_b + _SSIM_CONTRAST)
    return float((luminance * structure).mean())


def _window_mean(picture: Array, zero_border: bool) -> Array:
    """Gaussian-weighted mean around each pixel of a picture (H, W, C), where the window fits or everywhere."""
    offsets = np.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    weights /= weights.sum()
    for axis in (0, 1):
        if zero_border:
            picture = np.pad(picture, [(_SSIM_RADIUS,) * 2 if place == axis else (0, 0) for place in range(3)])
        length = picture.shape[axis] - 2 * _SSIM_RADIUS
        parts = (weight * picture.take(range(place, place + length), axis) for place, weight in enumerate(weights))
        picture = np.sum(list(parts), axis=0)
    return picture


def sharpness_ratio(generated: Video, real: Video, moving_share: float | None = None) -> float:
    """Laplacian energy of the generated frames over that of the real ones: below 1 is blurred, above 1 grainy.

    Args:
        generated: a video.
        real: a video of the same height and width.
        moving_share: look only at this share of the pixels, those that vary most in the real clip; 0.15 is the
            most varying 15 %. None: all pixels.

    Returns:
        A ratio from 0; inf where the real clip has no detail and the generated one has; 1 where neither has.
    """
    ours, theirs = _laplacian_energy(generated), _laplacian_energy(real)
    if ours.shape != theirs.shape:
        raise ValueError(f"videos: expected the same height and width; got {generated.shape[1:3]} and {real.shape[1:3]}")
    if moving_share is not None:
        if not 0 < moving_share <= 1:
            raise ValueError(f"moving_share: expected above 0 to 1; got {moving_share}")
        spread = unit_range(real)[:, 1:-1, 1:-1].std(0, dtype=np.float64).mean(-1)
        moving = spread >= np.quantile(spread, 1 - moving_share)
        ours, theirs = ours[moving], theirs[moving]
    if theirs.mean() == 0:
        return 1.0 if ours.mean() == 0 else inf
    return float(ours.mean() / theirs.mean())


def _laplacian_energy(video: Video) -> Array:
    """Squared difference of a pixel from its four neighbours, mean over frames and channels: (H - 2, W - 2)."""
    video = unit_range(video)
    energy = np.zeros((video.shape[1] - 2, video.shape[2] - 2))
    for frame in video.astype(np.float32):
        around = frame[:-2, 1:-1] + frame[2:, 1:-1] + frame[1:-1, :-2] + frame[1:-1, 2:]
        energy += np.square(4 * frame[1:-1, 1:-1] - around, dtype=np.float64).mean(-1)
    return energy / len(video)
