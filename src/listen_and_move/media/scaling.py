"""Scaling of one axis of a picture."""

from math import ceil, floor

import numpy as np

_CHROMA = 4  # samples of chroma begin at multiples of it in pixels, in every subsampling


class Scaling:
    """Scaling of one axis from the span (begin, end) of the displayed picture to ``size`` pixels.

    Shrinking averages the area below each new pixel; enlarging interpolates linearly. Each new pixel is a
    weighted sum of a few coded ones, and a loop over these few computes all. Where a new pixel is much larger
    than a coded one, ``blocks`` of coded pixels are averaged first, since colours and sums of all of them
    cost time: an edge between two new pixels is then known to a block, at most an eighth of a new pixel. A
    span that begins and ends with coded pixels and is shrunk to half or less needs none of this: the
    conversion of colours averages the areas too (``plain``).
    """

    def __init__(self, span: tuple[int, int], displayed: int, coded: int, size: int) -> None:
        begin, end = (side * coded / displayed for side in span)
        step = (end - begin) / size
        self.plain = (int(begin), int(end)) if step >= 2 and begin % _CHROMA == 0 and end % 1 == 0 else None
        """The span in coded pixels, where the conversion of colours can average its areas; else None."""
        self.blocks = _blocks(step, coded)
        align = max(_CHROMA, self.blocks)
        self.first = max(0, floor(begin) - 2) // align * align
        self.count = min(coded, ceil((ceil(end) + 2) / self.blocks) * self.blocks) - self.first
        left = (begin - self.first + step * np.arange(size)) / self.blocks
        step, count = step / self.blocks, self.count // self.blocks
        centre = (left + step / 2 - 0.5).clip(0, count - 1)
        pixels = np.floor(left if step >= 1 else centre) + np.arange(ceil(step) + 1)[:, None]  # (taps, size)
        below = np.minimum(pixels + 1, left + step) - np.maximum(pixels, left)
        weights = (below if step >= 1 else 1 - np.abs(pixels - centre)).clip(0)
        self.weights = (weights / weights.sum(0)).astype(np.float32)
        self.pixels = pixels.clip(0, count - 1).astype(int)
        # With one coded pixel for each new one there is nothing to sum, and a slice is enough.
        self.taken = slice(int(left[0]), int(left[0]) + size) if step == 1 and left[0] % 1 == 0 else None

    def __call__(self, picture: np.ndarray, axis: int) -> np.ndarray:
        """Returns the picture with one axis scaled."""
        if self.taken is not None:
            return picture[self.taken] if axis == 0 else picture[:, self.taken]
        shape = [1, 1, 1]
        shape[axis] = -1
        taps = zip(self.weights, self.pixels, strict=True)
        return sum(
            (weight.reshape(shape) * picture.take(pixels, axis) for weight, pixels in taps),
            np.zeros((1, 1, 1), np.float32),
        )


def _blocks(step: float, coded: int) -> int:
    """Returns the largest power of two that divides ``coded`` and is at most an eighth of ``step``.

    ``step`` is the size of a new pixel in coded pixels.
    """
    blocks = 1
    while 16 * blocks <= step and coded % (2 * blocks) == 0:
        blocks *= 2
    return blocks
