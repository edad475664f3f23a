"""How far the edges of two pictures differ: a distance for which no pretrained network is needed.

Gradient magnitude similarity (Xue, Zhang, Mou and Bovik 2014), its mean instead of its deviation.

Letters: H height, W width, h, w of reduced pictures.
"""

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.arrays import Array

SIDE = 192
"""Pixels of the longer side at which pictures are compared. There it orders what models show (drawn, path,
composed, replay) as the distance of a pretrained SqueezeNet does at full size, on five real clips."""
STEADY = 170.0
"""Keeps noise in flat regions from counting: c of the paper, for 8 bits."""


def gradient_distance(one: UInt8[np.ndarray, "H W 3"], other: UInt8[np.ndarray, "H W 3"]) -> float:
    """Returns 1 - the mean similarity of the gradients' magnitudes: 0 for equal pictures, below 1."""
    ours, theirs = _magnitudes(one), _magnitudes(other)
    similarity = (2 * ours * theirs + STEADY) / (ours**2 + theirs**2 + STEADY)
    return float(1 - similarity.mean())


def reduced(picture: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns a picture with no side longer than `SIDE`."""
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _magnitudes(picture: UInt8[np.ndarray, "H W 3"]) -> Float[Array, "H W"]:
    """Returns the length of the gradient at each pixel, by Prewitt's kernels."""
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, 0, -1]] * 3, np.float32) / 3
    return np.hypot(cv2.filter2D(grey, -1, kernel), cv2.filter2D(grey, -1, kernel.T))
