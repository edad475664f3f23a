"""Augmentation of the discriminators' inputs: random colour, shift and cut-out.

It keeps a discriminator from learning few frames by heart.

After Zhao et al. 2020 (differentiable augmentation): real and generated windows are augmented alike, and
gradients pass to the generator, so that the generator does not learn to draw the augmentation. All frames of
a window are augmented equally, or the augmentation would show as motion.

Letters: B windows, T frames, H height, W width.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

SHIFT = 1 / 8
"""Largest shift, as a share of the side."""
CUT = 1 / 2
"""Side of the cut-out, as a share of the side."""


class Augmentation(NamedTuple):
    """One draw for each of B windows, as tensors, so that several windows can be augmented alike."""

    colours: Float[Tensor, "3 B 1 1 1 1"]
    """Brightness, saturation and contrast, each in [0, 1)."""
    sources: Int[Tensor, "B H*W"]
    """Number of the pixel in the padded window that each pixel is taken from."""
    kept: Float[Tensor, "B 1 1 H W"]
    """0 in the cut-out, else 1."""

    def of_rows(self, rows: slice) -> "Augmentation":
        """Returns the draw of some windows.

        Args:
            rows: numbers of the windows.
        """
        return Augmentation(self.colours[:, rows], self.sources[rows], self.kept[rows])


def draw_augmentation(count: int, height: int, width: int, random: torch.Generator) -> Augmentation:
    """Draws an augmentation for each window, on the CPU.

    Args:
        count: number of windows.
        height: of a frame, in pixels.
        width: of a frame, in pixels.
        random: the generator to draw from.
    """
    colours = torch.stack([torch.rand(count, 1, 1, 1, 1, generator=random) for _ in range(3)])
    rows, columns = (
        torch.randint(0, 2 * _largest_shift(side) + 1, (count, 1), generator=random) + torch.arange(side)
        for side in (height, width)
    )
    sources = rows[:, :, None] * (width + 2 * _largest_shift(width)) + columns[:, None]
    kept = torch.ones(count, 1, 1, height, width)
    for window in kept:
        top, left = (
            int(torch.randint(0, side, (1,), generator=random)) - int(side * CUT / 2)
            for side in (height, width)
        )
        window[..., max(0, top) : top + int(height * CUT), max(0, left) : left + int(width * CUT)] = 0
    return Augmentation(colours, sources.flatten(1), kept)


def augmented(video: Float[Tensor, "B T 3 H W"], augmentation: Augmentation) -> Float[Tensor, "B T 3 H W"]:
    """Returns the windows, each augmented by its own draw.

    Args:
        video: in [-1, 1].
        augmentation: of as many windows of that size.
    """
    coloured = _coloured(video, *augmentation.colours)
    return _shifted(coloured, augmentation.sources) * augmentation.kept


def _coloured(video: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    video = video + brightness - 0.5
    grey = video.mean(2, keepdim=True)
    video = (video - grey) * 2 * saturation + grey
    mean = video.mean((2, 3, 4), keepdim=True)
    return (video - mean) * (contrast + 0.5) + mean


def _largest_shift(side: int) -> int:
    """Returns the largest shift in pixels."""
    return int(side * SHIFT + 0.5)


def _shifted(video: Tensor, sources: Tensor) -> Tensor:
    """Returns the windows moved by whole pixels; what comes in at the border is black."""
    down, right = map(_largest_shift, video.shape[-2:])
    padded = torch.nn.functional.pad(video, (right, right, down, down), value=-1.0).flatten(-2)
    # One gather for all windows: slices would need their shifts on the host and wait for the device.
    return padded.gather(-1, sources[:, None, None].expand(*video.shape[:3], -1)).view(video.shape)
