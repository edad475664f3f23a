"""Norms of pictures, and how the sound shifts and scales them.

Shape letters: N pictures (batch x frames), C channels, H height, W width, K numbers per condition.
"""

from collections.abc import Callable

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

    total: Callable[[Tensor], Tensor] | None = None
    """Adds up a tensor over all processes that train together, and passes gradients of any order; None: there
    is one."""

    def forward(
        self, input: Float[Tensor, "N C H W"], affine: Affine | None = None
    ) -> Float[Tensor, "N C H W"]:
        """Returns the input normalised by these frames in training, else by the running statistics.

        In training these are the frames of all processes.
        """
        if self.total is None or not self.training:
            return super().forward(input)
        return self._normalised(input, self.total)

    def _normalised(
        self, input: Float[Tensor, "N C H W"], total: Callable[[Tensor], Tensor]
    ) -> Float[Tensor, "N C H W"]:
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        count = total(x.new_tensor(x.numel() / x.shape[1]))
        mean = total(x.sum((0, 2, 3))) / count
        centred = x - mean[:, None, None]
        variance = total(centred.square().sum((0, 2, 3))) / count
        self._remember(mean.detach(), (variance * count / (count - 1)).detach())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input)

    @torch.no_grad()
    def _remember(self, mean: Float[Tensor, " C"], variance: Float[Tensor, " C"]) -> None:
        """Moves the running statistics towards those of some frames, as PyTorch does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var), self.momentum)


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
