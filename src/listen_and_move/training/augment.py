"""What the critics are shown: windows with random colour, shift and cut-out, so that few frames go a long way.

After Zhao et al. 2020 (differentiable augmentation). All frames of a window are changed equally, or motion would show it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

SHIFT = 1 / 8  # largest shift, as a share of the side
CUT = 1 / 2  # side of the cut-out, as a share of the side


def augmented(video: Float[Tensor, "B T 3 H W"], generator: torch.Generator) -> Float[Tensor, "B T 3 H W"]:
    """The same windows, each changed by its own random draw."""
    return _cut_out(_shifted(_coloured(video, generator), generator), generator)


def _draw(video: Tensor, generator: torch.Generator) -> Tensor:
    """One number in [0, 1) per window, broadcast over it."""
    return torch.rand(len(video), 1, 1, 1, 1, generator=generator).to(video, non_blocking=True)


def _coloured(video: Tensor, generator: torch.Generator) -> Tensor:
    video = video + _draw(video, generator) - 0.5
    grey = video.mean(2, keepdim=True)
    video = (video - grey) * 2 * _draw(video, generator) + grey
    mean = video.mean((2, 3, 4), keepdim=True)
    return (video - mean) * (_draw(video, generator) + 0.5) + mean


def _shifted(video: Tensor, generator: torch.Generator) -> Tensor:
    """Moved by whole pixels; what comes in is black."""
    height, width = video.shape[-2:]
    down, right = int(height * SHIFT + 0.5), int(width * SHIFT + 0.5)
    padded = torch.nn.functional.pad(video, (right, right, down, down), value=-1.0)
    tops = torch.randint(0, 2 * down + 1, (len(video),), generator=generator).tolist()
    lefts = torch.randint(0, 2 * right + 1, (len(video),), generator=generator).tolist()
    return torch.stack(
        [window[..., top : top + height, left : left + width] for window, top, left in zip(padded, tops, lefts, strict=True)]
    )


def _cut_out(video: Tensor, generator: torch.Generator) -> Tensor:
    height, width = video.shape[-2:]
    mask = torch.ones(len(video), 1, 1, height, width)
    for window in mask:
        top = int(torch.randint(0, height, (1,), generator=generator)) - int(height * CUT / 2)
        left = int(torch.randint(0, width, (1,), generator=generator)) - int(width * CUT / 2)
        window[..., max(0, top) : top + int(height * CUT), max(0, left) : left + int(width * CUT)] = 0
    return video * mask.to(video, non_blocking=True)
