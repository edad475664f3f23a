"""The noise of generation: that of a frame depends on the seed and the frame's number alone, however it is
cut.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from listen_and_move.models.generator import PixelNoise

_GOLDEN, _MIX1, _MIX2, _WORD = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, (1 << 64) - 1


def frame_noise(
    frames: range,
    seed: int,
    sizes: tuple[int, int],
    shapes: Sequence[tuple[int, int]],
    device: torch.device | None = None,
) -> tuple[Tensor, PixelNoise | None]:
    """Noise of motion in [0, 1) and of content, standard normal and the same in every frame, as one (1, T,
    sum of sizes); and pixel noise, one (1, T, 1, h, w) per shape; None without shapes.
    """
    if not any(sizes) and not shapes:
        return torch.zeros(1, len(frames), 0, device=device), None
    frame_noises = [_one_frame(seed, frame, sizes[0], shapes) for frame in frames]
    # Frame -1, which no sound has, stands for the whole sound.
    content = torch.randn(sizes[1], generator=torch.Generator().manual_seed(_mixed(seed, -1)))
    vectors = torch.stack([torch.cat([motion, content]) for motion, _ in frame_noises])[None].to(device)
    pixels = [
        torch.stack(places)[None, :, None].to(device)
        for places in zip(*(pixel for _, pixel in frame_noises), strict=True)
    ]
    return vectors, pixels or None


def _one_frame(
    seed: int, frame: int, size: int, shapes: Sequence[tuple[int, int]]
) -> tuple[Tensor, list[Tensor]]:
    # A generator per frame, not one for all: a frame drawn alone or late has the noise it has in any window.
    random = torch.Generator().manual_seed(_mixed(seed, frame))
    return torch.rand(size, generator=random), [torch.randn(shape, generator=random) for shape in shapes]


def _mixed(seed: int, frame: int) -> int:
    """A number that differs in about half of its bits for neighbouring seeds or frames (SplitMix64)."""
    value = (_scrambled(seed + _GOLDEN) + frame * _GOLDEN) & _WORD
    return _scrambled(value) >> 1


def _scrambled(value: int) -> int:
    value &= _WORD
    value = (value ^ (value >> 30)) * _MIX1 & _WORD
    value = (value ^ (value >> 27)) * _MIX2 & _WORD
    return value ^ (value >> 31)
