"""Coloured patches: areas of a colour that the clip never had there.

Letters: T frames, h and w cells of a picture, which overlap by half.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from listen_and_move.evaluation.baselines import blocks
from listen_and_move.evaluation.dataset import Frames
from listen_and_move.metrics.memory import thumbnails

CELLS = 16
"""Side of a picture in cells: the layers of a generator that can colour an area have up to so many."""
MARGIN = 0.03
"""How far outside a colour counts, in shares of the range of Cb and Cr: 8 steps of 8 bits."""
Cells = Float[np.ndarray, "T h w 2"]


class ColourRange(NamedTuple):
    """Least and largest Cb and Cr that each cell, or a cell beside it, had in the training part.

    A cell has the mean colour of its pixels, which averages noise out; cells overlap by half, so that it does
    not matter where in them something lies. Blur brings the colour of one cell to
    those beside it, and so does what moves a little farther than it did in training; both stay inside. Grey
    is one colour however bright it is; what is strongly coloured and grows much darker comes to lie outside.
    """

    least: Float[np.ndarray, "h w 2"]
    largest: Float[np.ndarray, "h w 2"]

    @classmethod
    def of(cls, frames: Frames, parts: Sequence[range]) -> "ColourRange":
        """Returns the range of the training part.

        Args:
            frames: of the learnt video.
            parts: the trained parts, in frames.
        """
        found = np.concatenate([chroma(block) for block in blocks(frames, parts)])
        return cls(_around(found, np.minimum), _around(found, np.maximum))

    def shares(self, video: UInt8[np.ndarray, "T H W 3"]) -> Float[np.ndarray, " T"]:
        """Returns the share of each frame's area whose colour lies outside the range by more than `MARGIN`.

        Args:
            video: frames of the size of the training part.
        """
        colours = chroma(video)
        outside = np.maximum(self.least - colours, colours - self.largest).max(-1) > MARGIN
        return outside.mean((1, 2))

    def share(self, frames: Frames) -> float:
        """Returns the mean of `shares` over all frames."""
        return float(
            np.concatenate([self.shares(each) for each in blocks(frames, [range(len(frames))])]).mean()
        )


def chroma(video: UInt8[np.ndarray, "T H W 3"]) -> Cells:
    """Returns Cb and Cr of each cell, -0.5 to 0.5 (ITU-R BT.601).

    Args:
        video: RGB.
    """
    halves = thumbnails(video, 2 * CELLS).astype(np.float64) / 255
    colours = sliding_window_view(halves, (2, 2), (1, 2)).mean((-2, -1))
    luma = colours @ (0.299, 0.587, 0.114)
    return np.stack([(colours[..., 2] - luma) / 1.772, (colours[..., 0] - luma) / 1.402], -1)


def _around(colours: Cells, extreme: np.ufunc) -> Float[np.ndarray, "h w 2"]:
    """Returns the extreme over time of each cell and of those beside it."""
    padded = np.pad(extreme.reduce(colours), ((2, 2), (2, 2), (0, 0)), mode="edge")
    return extreme.reduce(sliding_window_view(padded, (5, 5), (0, 1)), axis=(-2, -1))
