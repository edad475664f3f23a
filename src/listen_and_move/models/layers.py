"""Stateless blocks of generator and critics, and how weights start.

Shape letters: N pictures (batch x frames), C channels, H height, W width, F features, K numbers per condition.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SLOPE = 0.2
"""Slope of every leaky rectifier below zero."""

Affine = tuple[Tensor, Tensor]
"""Shift and scale of a norm, each (N, C)."""


def leaky(x: Tensor) -> Tensor:
    """The rectifier used everywhere."""
    return F.leaky_relu(x, SLOPE)


class NoiseInjection(nn.Module):
    """Adds pixel noise with one learnt strength, which starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, x: Float[Tensor, "N C H W"], noise: Float[Tensor, "N 1 H W"] | None) -> Float[Tensor, "N C H W"]:
        """Without noise the input passes unchanged."""
        return x if noise is None else x + self.strength * noise


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation over frames and batch; deaf: it takes an affine like the other norms and ignores it."""

    def forward(self, input: Float[Tensor, "N C H W"], affine: Affine | None = None) -> Float[Tensor, "N C H W"]:
        """Normalised in training by these frames, else by the running statistics."""
        return super().forward(input)


class ConditionalInstanceNorm(nn.Module):
    """Instance normalisation whose shift and scale come from the sound (acIN)."""

    def forward(self, x: Float[Tensor, "N C H W"], affine: Affine) -> Float[Tensor, "N C H W"]:
        """Each channel of each picture to mean ``shift`` and spread ``scale``."""
        shift, scale = affine
        return shift[..., None, None] + scale[..., None, None] * F.instance_norm(x)


class SharedAffine(nn.Module):
    """The paper's acIN: one linear layer and rectifier gives shift and scale, the same for both norms of a block."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 2 * channels)

    def forward(self, condition: Float[Tensor, "N K"]) -> tuple[Affine, Affine]:
        """Shift and scale for the first and for the second norm."""
        shift, scale = leaky(self.linear(condition)).chunk(2, dim=1)
        return (shift, scale), (shift, scale)


class OwnAffine(nn.Module):
    """Shift and 1 + scale by one linear layer per norm: near the identity at the start, so silence is no grey picture."""

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 4 * channels)

    def forward(self, condition: Float[Tensor, "N K"]) -> tuple[Affine, Affine]:
        """Shift and scale for the first and for the second norm."""
        shift1, scale1, shift2, scale2 = self.linear(condition).chunk(4, dim=1)
        return (shift1, 1 + scale1), (shift2, 1 + scale2)


class Start(nn.Module):
    """From one vector to the start grid: the vector in every cell, 3x3 convolution, noise, batch norm, rectifier."""

    def __init__(self, inputs: int, channels: int, grid: tuple[int, int], *, noise: bool) -> None:
        super().__init__()
        self.grid = grid
        self.convolution = nn.Conv2d(inputs, channels, 3, padding=1)
        self.noise = NoiseInjection() if noise else None
        self.norm = BatchNorm(channels)

    def forward(self, z: Float[Tensor, "N Z"], noises: Sequence[Tensor | None]) -> Float[Tensor, "N C H W"]:
        """``noises``: one (N, 1, H, W) or None."""
        x = self.convolution(z[..., None, None].expand(-1, -1, *self.grid))
        return leaky(self.norm(_noisy(x, self.noise, noises, 0)))


class Block(nn.Module):
    """Doubles the size: two convolutions, each with noise and norm, beside a 1x1 shortcut; LeakyReLU((a + b) / sqrt 2)."""

    def __init__(
        self, inputs: int, outputs: int, norms: tuple[nn.Module, nn.Module], sound: nn.Module | None, *, noise: bool
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)])
        self.noises = nn.ModuleList([NoiseInjection(), NoiseInjection()]) if noise else None
        self.norms = nn.ModuleList(norms)
        self.sound = sound
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(
        self, x: Float[Tensor, "N C H W"], condition: Float[Tensor, "N K"], noises: Sequence[Tensor | None]
    ) -> Float[Tensor, "N D 2*H 2*W"]:
        """``noises``: two (N, 1, 2H, 2W) or None."""
        affines = (None, None) if self.sound is None else self.sound(condition)
        y = upsampled(x)
        for place, (convolution, norm, affine) in enumerate(zip(self.convolutions, self.norms, affines, strict=True)):
            strength = None if self.noises is None else self.noises[place]
            y = norm(_noisy(convolution(leaky(y) if place else y), strength, noises, place), affine)
        # A 1x1 convolution before the doubling equals one after it, at a quarter of the cost.
        return leaky((y + upsampled(self.shortcut(x))) / math.sqrt(2))


def _noisy(x: Tensor, injection: nn.Module | None, noises: Sequence[Tensor | None], place: int) -> Tensor:
    return x if injection is None else injection(x, noises[place])


def upsampled(x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C 2*H 2*W"]:
    """Every pixel four times (nearest neighbour)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class WholePicture(nn.Module):
    """Activations to a frame: 1x1 convolution and tanh."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, 3, 1)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N 3 H W"]:
        """Frames in [-1, 1]."""
        return torch.tanh(self.convolution(x))


class ResidualPicture(WholePicture):
    """Activations to what differs from the mean frame: tanh(atanh(0.97 mean) + output), output 0 at the start."""

    mean_frame: Tensor

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__(channels)
        self.register_buffer("mean_frame", torch.zeros(3, *size))

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N 3 H W"]:
        """Frames in [-1, 1]; 0.97 keeps black and white movable."""
        return torch.tanh(torch.atanh(0.97 * self.mean_frame) + self.convolution(x))


def initialise(module: nn.Module, *, keep_scale: bool = False) -> None:
    """The start of training: weights normal(0, 0.02), biases 0, norm weights normal(1, 0.02); GRUs keep torch's own.

    Source: Redondo 2023, published code. ``keep_scale`` instead draws weights that keep the size of activations from
    layer to layer (He et al. 2015): without norms, 0.02 lets them fade until a critic says nothing.
    """
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.Conv3d, nn.Linear)):
            if keep_scale:
                nn.init.kaiming_normal_(part.weight, a=SLOPE)
            else:
                nn.init.normal_(part.weight, 0.0, 0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)
            nn.init.zeros_(part.bias)
    for part in module.modules():  # after its convolution had its turn above
        if isinstance(part, ResidualPicture):
            nn.init.zeros_(part.convolution.weight)
