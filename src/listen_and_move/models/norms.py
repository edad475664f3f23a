"""Norms of pictures, and how the sound shifts and scales them.

Shape letters: N pictures (batch x frames), C channels, H height, W width, K numbers per condition.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.models.activation import leaky

Affine = tuple[Tensor, Tensor]
"""Shift and scale of a norm, each (N, C)."""


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation over frames and batch.

    It takes an affine like the other norms, and ignores it.
    """

    def forward(
        self, input: Float[Tensor, "N C H W"], affine: Affine | None = None
    ) -> Float[Tensor, "N C H W"]:
        """Returns the input normalised by these frames in training, else by the running statistics."""
        return super().forward(input)


class InstanceNorm(nn.InstanceNorm2d):
    """Normalises each channel of each picture to mean 0 and spread 1; a learnt scale and shift follow.

    Like `BatchNorm` it ignores an affine.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(
        self, input: Float[Tensor, "N C H W"], affine: Affine | None = None
    ) -> Float[Tensor, "N C H W"]:
        """Returns the normalised input, the same in training and after it."""
        return super().forward(input)


class PixelNorm(nn.Module):
    """Normalises the channels of each pixel to a mean square of 1 (Karras et al. 2018).

    Nothing is learnt. Like `BatchNorm` it ignores an affine.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Float[Tensor, "N C H W"], affine: Affine | None = None) -> Float[Tensor, "N C H W"]:
        """Returns the normalised input, the same in training and after it."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


NORMS = {"batch": BatchNorm, "instance": InstanceNorm, "pixel": PixelNorm}
"""Norms without sound conditioning, by the setting's value."""


class ConditionalInstanceNorm(nn.Module):
    """Instance normalisation whose shift and scale come from the sound (acIN)."""

    def forward(self, x: Float[Tensor, "N C H W"], affine: Affine) -> Float[Tensor, "N C H W"]:
        """Returns each channel of each picture with mean ``shift`` and spread ``scale``."""
        shift, scale = (
            each.to(torch.promote_types(each.dtype, torch.float32)) for each in affine
        )  # in the number type of x
        channels = x.reshape(
            1, -1, *x.shape[2:]
        )  # (1, N*C, H, W): normalised, scaled and shifted in one operation
        return F.batch_norm(channels, None, None, scale.reshape(-1), shift.reshape(-1), training=True).view(
            x.shape
        )


class SharedAffine(nn.Module):
    """The paper's acIN: one linear layer and rectifier gives shift and scale.

    Both norms of a block share them.
    """

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 2 * channels)

    def forward(self, condition: Float[Tensor, "N K"]) -> tuple[Affine, Affine]:
        """Returns shift and scale for the first and for the second norm."""
        shift, scale = leaky(self.linear(condition)).chunk(2, dim=1)
        return (shift, scale), (shift, scale)


class OwnAffine(nn.Module):
    """Shift and 1 + scale by one linear layer per norm.

    They are near the identity at the start, so that silence does not give a grey picture.
    """

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 4 * channels)

    def forward(self, condition: Float[Tensor, "N K"]) -> tuple[Affine, Affine]:
        """Returns shift and scale for the first and for the second norm."""
        shift1, scale1, shift2, scale2 = self.linear(condition).chunk(4, dim=1)
        return (shift1, 1 + scale1), (shift2, 1 + scale2)
