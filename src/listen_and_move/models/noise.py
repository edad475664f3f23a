"""The noise of generation.

The noise of a frame depends on the seed and the frame's number alone, however a sound is cut.
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
    """Returns the noise of motion and content, and the pixel noise, of some frames.

    Noise of motion is in [0, 1), that of content standard normal; together they are (1, T, sum of sizes).
    Pixel noise is one (1, T, 1, h, w) per shape; None without shapes.
    """
    if not any(sizes) and not shapes:
        return torch.zeros(1, len(frames), 0, device=device), None
    frame_noises = [_one_frame(seed, frame, sizes[0], shapes) for frame in frames]
    # Frame -1, which no sound has, seeds the noise of the whole sound.
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
    # With a generator of its own, a frame has the same noise alone, late, and in any window.
    random = torch.Generator().manual_seed(_mixed(seed, frame))
    return torch.rand(size, generator=random), [torch.randn(shape, generator=random) for shape in shapes]


def _mixed(seed: int, frame: int) -> int:
    """Returns a number for a seed and a frame, by SplitMix64.

    For neighbouring seeds or frames it differs in about half of its bits.
    """
    value = (_scrambled(seed + _GOLDEN) + frame * _GOLDEN) & _WORD
    return _scrambled(value) >> 1


def _scrambled(value: int) -> int:
    value &= _WORD
    value = (value ^ (value >> 30)) * _MIX1 & _WORD
    value = (value ^ (value >> 27)) * _MIX2 & _WORD
    return value ^ (value >> 31)
