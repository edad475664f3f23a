"""Stateless blocks of generator and discriminators, and the initialisation of weights.

Shape letters: N pictures (batch x frames), C channels, H height, W width, F features, K numbers per
condition.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from listen_and_move.models.activation import SLOPE, leaky
from listen_and_move.models.norms import BatchNorm


class NoiseInjection(nn.Module):
    """Adds pixel noise with one learnt strength, which starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(
        self, x: Float[Tensor, "N C H W"], noise: Float[Tensor, "N 1 H W"] | None
    ) -> Float[Tensor, "N C H W"]:
        """Returns the input with noise; without noise it is unchanged."""
        return x if noise is None else x + (self.strength * noise).to(x)


class OverTime(nn.Module):
    """Makes a 3-D convolution of a 2-D one with three times the outputs.

    The three parts of the outputs are for this frame, the next one and the one after it; the parts that meet
    at a frame are added up. The kernel ends at the frame itself, so no frame waits for a later one.
    """

    def forward(
        self, x: Float[Tensor, "B T thrice H W"], past: Float[Tensor, "B 2 twice H W"] | None
    ) -> tuple[Float[Tensor, "B T D H W"], Float[Tensor, "B 2 2*D H W"]]:
        """Returns the sums, and the parts for the next two frames.

        Before the first frame there is nothing to add.
        """
        width = x.shape[2] // 3
        now, later = x.split([width, 2 * width], dim=2)
        past = later.new_zeros(len(x), 2, *later.shape[2:]) if past is None else past
        later = torch.cat([past, later], dim=1)
        return now + later[:, 1:-1, :width] + later[:, :-2, width:], later[:, -2:]


Pasts = tuple[Float[Tensor, "B 2 _ _ _"], ...]
"""State of `OverTime`, one per convolution in order; empty for 2-D ones."""


class Start(nn.Module):
    """Makes the start grid from one vector.

    The vector stands in every cell; 3x3 convolution, noise, batch norm and rectifier follow.
    """

    def __init__(
        self, inputs: int, channels: int, grid: tuple[int, int], *, noise: bool, over_time: bool = False
    ) -> None:
        super().__init__()
        self.grid = grid
        self.convolution = nn.Conv2d(inputs, channels * (3 if over_time else 1), 3, padding=1)
        self.over_time = OverTime() if over_time else None
        self.noise = NoiseInjection() if noise else None
        self.norm: nn.Module = BatchNorm(channels)

    def forward(
        self, z: Float[Tensor, "N Z"], noises: Sequence[Tensor | None], frames: int = 1, pasts: Pasts = ()
    ) -> tuple[Float[Tensor, "N C H W"], Pasts]:
        """Returns the start grid and the state.

        ``noises``: one (N, 1, H, W) or None; ``frames``: pictures per item of the batch.
        """
        # Contiguous, since an expanded tensor counts as channels-last, and every later norm would copy it.
        x = self.convolution(z[..., None, None].expand(-1, -1, *self.grid).contiguous())
        x, past = _timed(self.over_time, x, frames, pasts[:1])
        return leaky(self.norm(_noisy(x, self.noise, noises, 0))), past


_SIDE = np.array([[0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]], np.float32)
"""To which of 4 places along a side each of 3 weights is added, see `UpsampledConvolution`."""


class UpsampledConvolution(nn.Conv2d):
    """The 3x3 convolution of `upsampled`, as one transposed convolution.

    It has the same sums with 4/9 of the products. Each pixel of a 2x2 group repeats its source, so the four
    places of a 4x4 kernel that see the source add up 3x3 weights.
    """

    places: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        # By numpy: on the meta device a product by torch imports PyTorch's compiler, seconds of each process.
        self.register_buffer("places", torch.tensor(np.kron(_SIDE, _SIDE)), persistent=False)

    def forward(self, input: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D 2*H 2*W"]:
        """Returns the convolution, with zeros outside the picture."""
        return F.conv_transpose2d(input, self.transposed_kernel(), self.bias, stride=2, padding=1)

    def transposed_kernel(self) -> Float[Tensor, "C D 4 4"]:
        """Returns the weights for a transposed convolution of stride 2."""
        return (self.weight.transpose(0, 1).flatten(2) @ self.places).unflatten(-1, (4, 4))


class PointConvolution(nn.Conv2d):
    """A 1x1 convolution to few channels, computed as a matrix product.

    Convolutions are slow for so few channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)

    def forward(self, input: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D H W"]:
        """Returns the same as torch's conv2d."""
        assert self.bias is not None
        return torch.einsum("dc, nchw -> ndhw", self.weight.flatten(1), input) + self.bias[:, None, None]


class Block(nn.Module):
    """Doubles the size by two convolutions, each with noise and norm.

    Residual: beside a 1x1 shortcut, LeakyReLU((a + b) / sqrt 2); else without it.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        norms: tuple[nn.Module, nn.Module],
        sound: nn.Module | None,
        *,
        noise: bool,
        residual: bool = True,
        over_time: bool = False,
    ) -> None:
        super().__init__()
        wide = outputs * (3 if over_time else 1)
        self.convolutions = nn.ModuleList(
            [UpsampledConvolution(inputs, wide), nn.Conv2d(outputs, wide, 3, padding=1)]
        )
        self.over_time = OverTime() if over_time else None
        self.noises = nn.ModuleList([NoiseInjection(), NoiseInjection()]) if noise else None
        self.norms = nn.ModuleList(norms)
        self.sound = sound
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if residual else None

    def forward(
        self,
        x: Float[Tensor, "N C H W"],
        condition: Float[Tensor, "N K"],
        noises: Sequence[Tensor | None],
        frames: int = 1,
        pasts: Pasts = (),
    ) -> tuple[Float[Tensor, "N D 2*H 2*W"], Pasts]:
        """Returns the doubled activations and the state.

        ``noises``: two (N, 1, 2H, 2W) or None; ``frames``: pictures per item of the batch.
        """
        affines = (None, None) if self.sound is None else self.sound(condition)
        y, after = x, ()
        for place, (convolution, norm, affine) in enumerate(
            zip(self.convolutions, self.norms, affines, strict=True)
        ):
            y, past = _timed(
                self.over_time, convolution(leaky(y) if place else y), frames, pasts[place : place + 1]
            )
            strength = None if self.noises is None else self.noises[place]
            y, after = norm(_noisy(y, strength, noises, place), affine), (*after, *past)
        if self.shortcut is not None:
            # A 1x1 convolution before the doubling equals one after it, at a quarter of the cost.
            y = (y + upsampled(self.shortcut(x))) / math.sqrt(2)
        return leaky(y), after


def recomputed(module: nn.Module | Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function with the same result that keeps only its inputs.

    All between is computed again for the gradients.
    """
    return partial(checkpoint, module, use_reentrant=False, preserve_rng_state=False)


def _timed(over_time: nn.Module | None, x: Tensor, frames: int, pasts: Pasts) -> tuple[Tensor, Pasts]:
    """Returns the activations with the parts of earlier frames, and the parts for later frames.

    In 2-D the activations are unchanged.
    """
    if over_time is None:
        return x, ()
    y, past = over_time(x.unflatten(0, (-1, frames)), pasts[0] if pasts else None)
    return y.flatten(0, 1), (past,)


def _noisy(x: Tensor, injection: nn.Module | None, noises: Sequence[Tensor | None], place: int) -> Tensor:
    return x if injection is None else injection(x, noises[place])


def upsampled(x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C 2*H 2*W"]:
    """Returns every pixel four times (nearest neighbour)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class WholePicture(nn.Module):
    """Draws a frame from activations: 1x1 convolution and tanh."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = PointConvolution(channels, 3)

    def forward(
        self,
        x: Float[Tensor, "N C H W"],
        base: Float[Tensor, "N 3 H W"] | None = None,
        sketch: Float[Tensor, "N 3 H W"] | None = None,
    ) -> Float[Tensor, "N 3 H W"]:
        """Returns frames in [-1, 1].

        ``base``: for pictures that are drawn upon another one; ``sketch``: is added before tanh.
        """
        return torch.tanh(self._preactivations(x, sketch))

    def _preactivations(self, x: Tensor, sketch: Tensor | None) -> Tensor:
        return self.convolution(x) if sketch is None else self.convolution(x) + sketch


class ResidualPicture(WholePicture):
    """Draws the difference from the mean frame: tanh(atanh(0.97 mean) + output).

    The output is 0 at the start.
    """

    mean_frame: Tensor

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__(channels)
        self.register_buffer("mean_frame", torch.zeros(3, *size))

    def forward(
        self,
        x: Float[Tensor, "N C H W"],
        base: Float[Tensor, "N 3 H W"] | None = None,
        sketch: Float[Tensor, "N 3 H W"] | None = None,
    ) -> Float[Tensor, "N 3 H W"]:
        """Returns frames in [-1, 1], drawn upon the base, else upon the mean frame.

        The factor 0.97 lets black and white pixels change.
        """
        return torch.tanh(
            torch.atanh(0.97 * (self.mean_frame if base is None else base)) + self._preactivations(x, sketch)
        )


def initialise(module: nn.Module, *, keep_scale: bool = False) -> None:
    """Initialises weights as normal(0, 0.02), biases as 0, and norm weights as normal(1, 0.02).

    GRUs keep torch's own initialisation.

    Source: Redondo 2023, published code. ``keep_scale`` instead draws weights that keep the size of
    activations from layer to layer (He et al. 2015): without norms, 0.02 lets them fade until a
    discriminator's output is constant.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Conv3d, nn.Linear)):
            if keep_scale:
                nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            else:
                nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, (nn.BatchNorm2d, nn.InstanceNorm2d)):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)
    for layer in module.modules():  # after all convolutions above
        if isinstance(layer, ResidualPicture):
            nn.init.zeros_(layer.convolution.weight)
