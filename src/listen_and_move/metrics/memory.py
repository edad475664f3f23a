"""Distances to the nearest training frames: is a picture new, or one of them again.

Letters: T frames of a clip, N reference frames, H height, W width. Frames are uint8 (T, H, W, 3).
"""

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array

Frames = NDArray[np.uint8]

BLOCK_BYTES = 2**25
"""Memory for one block of frames as numbers: 32 MiB."""


def thumbnails(video: Frames, side: int) -> Frames:
    """Returns frames made small: the mean of the area below each new pixel, so that brightness is kept.

    Args:
        video: uint8 (T, H, W, 3).
        side: the longer side in pixels afterwards, from 1; the other keeps the proportions. Smaller frames
            stay as they are.

    Returns:
        uint8 (T, h, w, 3), rounded.

    Raises:
        ValueError: no such video, or a side below 1.
    """
    _checked(video)
    if side < 1:
        raise ValueError(f"side: expected at least 1 pixel; got {side}")
    height, width = video.shape[1:3]
    if max(height, width) <= side:
        return video
    shrink = side / max(height, width)
    rows, columns = (_area_weights(old, max(1, round(old * shrink))) for old in (height, width))
    small = np.empty((len(video), len(rows), len(columns), 3), np.uint8)
    for index, frame in enumerate(video):
        picture = np.tensordot(rows, frame.astype(np.float32), 1)  # (h, W, 3)
        small[index] = np.rint(np.einsum("hwc,vw->hvc", picture, columns, optimize=True)).clip(0, 255)
    return small


def _area_weights(old: int, new: int) -> NDArray[np.float32]:
    """Share of each of ``old`` pixels in each of ``new`` ones of the same total length: (new, old)."""
    edges = np.linspace(0, old, new + 1)[:, None]
    below = np.minimum(edges[1:], np.arange(1, old + 1)) - np.maximum(edges[:-1], np.arange(old))
    return (below.clip(0) * new / old).astype(np.float32)


def nearest_distances(frames: Frames, reference: Frames) -> tuple[Array, NDArray[np.int64]]:
    """Returns how far each frame is from the nearest reference frame, and which one that is.

    The distance is the root mean square difference over pixels and channels, in shares of the full range.
    Products of blocks of frames do the work, in float64, where sums of whole numbers are exact; memory does
    not grow with T or N.

    A blurred picture lies near many frames without being a replay, and a noisy one far from all: read it
    beside sharpness.

    Args:
        frames: uint8 (T, H, W, 3).
        reference: uint8 (N, H, W, 3), N from 1; make long clips small with `thumbnails` first.

    Returns:
        Distances (T,), 0..1, 0 for a frame that is among the reference; indices (T,) into the reference, the
            first of equals.

    Raises:
        ValueError: other types or sizes, or no reference frame.
    """
    _checked(frames)
    _checked(reference)
    if frames.shape[1:] != reference.shape[1:] or len(reference) == 0:
        raise ValueError(
            f"frames: expected at least one reference frame of the same size; got {frames.shape}, "
            f"{reference.shape}"
        )
    size = frames[0].size if len(frames) else 1
    squared, nearest = np.full(len(frames), np.inf), np.zeros(len(frames), np.int64)
    step = max(1, BLOCK_BYTES // (8 * size))
    for first in range(0, len(reference), step):
        others = _numbers(reference[first : first + step])
        for start in range(0, len(frames), step):
            rows = slice(start, start + step)
            found = _squared_distances(_numbers(frames[rows]), others)
            best = found.argmin(1)
            closest = found[np.arange(len(found)), best]
            nearest[rows] = np.where(closest < squared[rows], first + best, nearest[rows])
            squared[rows] = np.minimum(closest, squared[rows])
    return np.sqrt(squared / size) / 255, nearest


def _numbers(frames: Frames) -> Array:
    return frames.reshape(len(frames), -1).astype(np.float64)


def _squared_distances(a: Array, b: Array) -> Array:
    """Squared distances between all rows of a and all of b: (rows of a, rows of b)."""
    return np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * (a @ b.T)


def _checked(video: Frames) -> None:
    if video.ndim != 4 or video.shape[-1] != 3 or video.dtype != np.uint8:
        raise ValueError(
            f"frames: expected uint8 of shape (T, H, W, 3); got {video.dtype} of shape {video.shape}"
        )
