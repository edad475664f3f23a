"""Pixels of files, 0..255, and pictures of networks, [-1, 1].

Letters: H height, W width.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def as_network(frames: UInt8[Tensor, "*batch H W 3"]) -> Float[Tensor, "*batch 3 H W"]:
    """Pixels 0..255 as the networks see them: [-1, 1], channels first."""
    # The range of tanh, which a generator's picture ends with.
    return frames.movedim(-1, -3).float() / 127.5 - 1


def as_pixels(frames: Float[Tensor, "*batch 3 H W"]) -> UInt8[Tensor, "*batch H W 3"]:
    """The inverse of `as_network`, rounded."""
    # The cast alone would round towards 0, darkening all pixels by half a step, and wrap what lies outside.
    return ((frames.movedim(-3, -1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
