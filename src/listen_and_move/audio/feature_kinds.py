"""Kinds of features: the numbers that describe a chunk, computed from its mel power.

Letters: T chunks, C columns of a chunk, B bands.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.config import FeatureConfig

SMALLEST_POWER, RANGE_DB = 1e-10, 80.0
Kind = Callable[[Tensor, FeatureConfig], Tensor]


def _decibels(power: Tensor) -> Tensor:
    return 10 * torch.log10(power.clamp(min=SMALLEST_POWER))


def _lms(power: Float[Tensor, "T C B"], config: FeatureConfig) -> Float[Tensor, "T B"]:
    level = _decibels(power)
    return (level - level.amax((1, 2), keepdim=True)).clamp(min=-RANGE_DB).mean(1)


def _mel(power: Float[Tensor, "T C B"], config: FeatureConfig) -> Float[Tensor, "T B"]:
    return power.mean(1)


def _mfcc(power: Float[Tensor, "T C B"], config: FeatureConfig) -> Float[Tensor, "T 20"]:
    level = _decibels(power)
    level = torch.maximum(level, level.amax((1, 2), keepdim=True) - RANGE_DB)
    return (level @ cosines(config.bands, config.chunk_size).T).mean(1)


def _level(power: Float[Tensor, "T C B"], config: FeatureConfig) -> Float[Tensor, "T B"]:
    """Returns dB above the noise floor, 0 in silence, with a soft corner at the floor."""
    return _above_floor(power, config).mean(1)


def _shape(power: Float[Tensor, "T C B"], config: FeatureConfig) -> Float[Tensor, "T B+2"]:
    """Returns the bands relative to their mean, then that mean (the level), then the flux.

    The flux is how much louder the chunk's second half is than its first.
    """
    level = _above_floor(power, config)
    bands, half = level.mean(1), level.shape[1] // 2
    loud = bands.mean(1, keepdim=True)
    flux = (level[:, -half:].mean(1) - level[:, :half].mean(1)).clamp(min=0).mean(1, keepdim=True)
    return torch.cat([bands - loud, loud, flux], dim=1)


def _above_floor(power: Tensor, config: FeatureConfig) -> Tensor:
    return 10 * torch.log10(1 + power * 10 ** (-config.floor_db / 10))


@lru_cache(maxsize=8)
def cosines(bands: int, coefficients: int) -> Tensor:
    """Returns the rows of the orthonormal DCT-II."""
    angle = torch.arange(coefficients)[:, None] * (torch.arange(bands) + 0.5) * math.pi / bands
    rows = torch.cos(angle.double()) * math.sqrt(2 / bands)
    rows[0] /= math.sqrt(2)
    return rows.float()


KINDS: Mapping[str, Kind] = {"lms": _lms, "mel": _mel, "mfcc": _mfcc, "level": _level, "shape": _shape}
"""Functions that take mel power (T, C, B) and settings and return T rows of `FeatureConfig.chunk_size`
numbers.

See `FeatureConfig.kind`."""
