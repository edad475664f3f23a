"""A distance of pictures by their edges."""

import numpy as np
import pytest
from scipy.ndimage import convolve

from listen_and_move.metrics.gradients import SIDE, gradient_distance, reduced

GREY = np.random.default_rng(0).integers(0, 256, (24, 32)).astype(np.uint8)


def picture(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=-1)


def test_it_is_the_published_similarity() -> None:
    """Prewitt's gradients and c = 170, mean instead of deviation."""
    other = np.roll(GREY, 1, axis=1)
    kernel = np.array([[1, 0, -1]] * 3) / 3
    ours, theirs = (
        np.hypot(*(convolve(grey.astype(float), each, mode="mirror") for each in (kernel, kernel.T)))
        for grey in (GREY, other)
    )
    expected = 1 - np.mean((2 * ours * theirs + 170) / (ours**2 + theirs**2 + 170))
    assert gradient_distance(picture(GREY), picture(other)) == pytest.approx(expected, rel=1e-4)


def test_equal_pictures_are_at_no_distance() -> None:
    assert gradient_distance(picture(GREY), picture(GREY)) == pytest.approx(0, abs=1e-6)


def test_pictures_are_compared_small() -> None:
    assert reduced(np.zeros((SIDE, 2 * SIDE, 3), np.uint8)).shape == (SIDE // 2, SIDE, 3)
    assert reduced(np.zeros((90, 60, 3), np.uint8)).shape == (90, 60, 3)
