"""What the critics are shown: windows with random colour, shift and cut-out, so that few frames go a long
way.

After Zhao et al. 2020 (differentiable augmentation). All frames of a window are changed equally, or motion
would show it.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

SHIFT = 1 / 8  # largest shift, as a share of the side
CUT = 1 / 2  # side of the cut-out, as a share of the side


class Change(NamedTuple):
    """One draw for each of B windows, as values, so that several windows can be changed alike."""

    colours: Float[Tensor, "3 B 1 1 1 1"]
    """Brightness, saturation and contrast, each in [0, 1)."""
    places: Int[Tensor, "B H*W"]
    """Which pixel of the window in its frame of black each pixel shows."""
    kept: Float[Tensor, "B 1 1 H W"]
    """0 where the picture is cut out, else 1."""


def drawn_change(count: int, height: int, width: int, generator: torch.Generator) -> Change:
    """A change for each of so many windows, on the CPU."""
    colours = torch.stack([torch.rand(count, 1, 1, 1, 1, generator=generator) for _ in range(3)])
    rows, columns = (
        torch.randint(0, 2 * _shift(side) + 1, (count, 1), generator=generator) + torch.arange(side)
        for side in (height, width)
    )
    places = rows[:, :, None] * (width + 2 * _shift(width)) + columns[:, None]
    kept = torch.ones(count, 1, 1, height, width)
    for window in kept:
        top, left = (
            int(torch.randint(0, side, (1,), generator=generator)) - int(side * CUT / 2)
            for side in (height, width)
        )
        window[..., max(0, top) : top + int(height * CUT), max(0, left) : left + int(width * CUT)] = 0
    return Change(colours, places.flatten(1), kept)


def augmented(video: Float[Tensor, "B T 3 H W"], change: Change) -> Float[Tensor, "B T 3 H W"]:
    """The same windows, each changed by its own draw."""
    return _shifted(_coloured(video, *change.colours), change.places) * change.kept


def _coloured(video: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    video = video + brightness - 0.5
    grey = video.mean(2, keepdim=True)
    video = (video - grey) * 2 * saturation + grey
    mean = video.mean((2, 3, 4), keepdim=True)
    return (video - mean) * (contrast + 0.5) + mean


def _shift(side: int) -> int:
    """The largest shift in pixels."""
    return int(side * SHIFT + 0.5)


def _shifted(video: Tensor, places: Tensor) -> Tensor:
    """Moved by whole pixels; what comes in is black."""
    down, right = map(_shift, video.shape[-2:])
    padded = torch.nn.functional.pad(video, (right, right, down, down), value=-1.0).flatten(-2)
    return padded.gather(-1, places[:, None, None].expand(*video.shape[:3], -1)).view(video.shape)
