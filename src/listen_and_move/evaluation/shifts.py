"""dcor at the wrong times, and over several parts: the sums that dcor is made of, which can be added up.

Letters: T frames of the part that is measured.
"""

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array
from listen_and_move.evaluation.dataset import Frames
from listen_and_move.evaluation.frame_measures import LEAST_SHIFT
from listen_and_move.evaluation.results import Products

LONGEST = 600
"""Frames of a stretch within which the real video is shifted: bounds time and memory."""
_BLOCK = 32


def pooled(parts: list[Products]) -> Products:
    """Returns the sums of several parts as if they were one part, for the shifts that all of them have."""
    shifts = min(len(products.shifted) for products in parts)
    shifted = np.array([products.shifted[:shifts] for products in parts], np.float64).sum(0)
    product, generated, real = np.array([products[:3] for products in parts], np.float64).sum(0).tolist()
    return Products(product, generated, real, tuple(shifted.tolist()))


def products(generated: Frames, real: Frames) -> Products:
    """Returns the products of two videos of one size and length; long ones are shifted within equal parts.

    Args:
        generated: T frames.
        real: T frames to compare with.
    """
    count = max(1, -(-len(real) // LONGEST))
    length = len(real) // count
    return pooled([_stretch(generated, real, first * length, (first + 1) * length) for first in range(count)])


def _stretch(generated: Frames, real: Frames, first: int, last: int) -> Products:
    table = _table(generated, real, first, last)
    places = np.arange(len(table))
    shifts = range(LEAST_SHIFT, len(table) - LEAST_SHIFT + 1)
    shifted = tuple(float(table[places, (places - shift) % len(table)].sum()) for shift in shifts)
    squares = [_squares(frames, first, last) for frames in (generated, real)]
    return Products(float(np.trace(table)), squares[0], squares[1], shifted)


def _table(generated: Frames, real: Frames, first: int, last: int) -> Array:
    """Returns the product of every generated difference with every real one, (T - 1, T - 1)."""
    rows = []
    for place in range(first, last - 1, _BLOCK):
        ours = _differences(generated, place, last)
        rows.append(
            np.concatenate(
                [ours @ _differences(real, other, last).T for other in range(first, last - 1, _BLOCK)], 1
            )
        )
    return np.concatenate(rows).astype(np.float64)


def _squares(frames: Frames, first: int, last: int) -> float:
    blocks = (_differences(frames, place, last) for place in range(first, last - 1, _BLOCK))
    return float(sum(np.vdot(block, block) for block in blocks))


def _differences(frames: Frames, place: int, last: int) -> NDArray[np.float32]:
    """Returns differences of frames from ``place`` on, in shares of the full range: (block, H * W * 3)."""
    block = frames.read(place, min(place + _BLOCK + 1, last)).astype(np.float32) / np.float32(255)
    return np.diff(block.reshape(len(block), -1), axis=0).astype(np.float32, copy=False)
