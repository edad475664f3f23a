"""Optimisation of a network for playing: constant parts are computed once.

The sums are those of the network itself, but for rounding; bfloat16 is used where it is asked for.
"""

import copy
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.models.generator import Generator, Network
from listen_and_move.models.layers import Block, NoiseInjection, Start, UpsampledConvolution
from listen_and_move.models.norms import BatchNorm
from listen_and_move.models.optimized_prediction import OptimizedPrediction
from listen_and_move.models.prediction import PredictionLayer

Precision = Literal["float32", "bfloat16"]
"""Precision of the generator's convolutions; encoder, memory and the final picture are always float32."""

FEW_PIXELS = 64
"""Pixels, of all pictures of a call, below which a doubling convolution spends its time on its weights."""


def optimized(
    network: Network, precision: Precision = "float32", device: torch.device | None = None
) -> Network:
    """Returns a copy in evaluation mode, without gradients, that only plays.

    Remembered frames are shared, not copied. ``device``: where it will play, the CPU by default. CUDA keeps
    the prediction layer as it was trained, both signs of a direction in one batch: there launches cost more
    than memory.
    """
    memory = network.generator.memory
    network = (
        copy.deepcopy(network, {} if memory is None else {id(memory): memory}).eval().requires_grad_(False)
    )
    generator = network.generator
    if generator.start.over_time is None:  # else the norms act on sums of several convolutions
        _fold_start(generator.start)
    for block in generator.blocks:
        assert isinstance(block, Block)
        if block.over_time is None:
            _fold_block(block)
        doubling = block.convolutions[0]
        assert isinstance(doubling, UpsampledConvolution)
        block.convolutions[0] = Doubling(doubling)
    if device is None or device.type != "cuda":
        for name, layer in generator.predictions.items():
            if type(layer) is PredictionLayer:  # other forms (benchmarks/studio/forms.py) stay unchanged
                generator.predictions[name] = OptimizedPrediction(layer)
    if precision == "bfloat16":
        _shorten(generator)
    return network


class Folded(nn.Module):
    """The place of a batch norm whose scale and shift were folded into the convolution before it."""

    def forward(self, x: Tensor, affine: object = None) -> Tensor:
        """Returns x unchanged."""
        return x


def _fold_start(start: Start) -> None:
    """Folds a batch norm with known statistics into the convolution, and the noise, before it."""
    start.norm = _folded(start.convolution, start.noise, start.norm)


def _fold_block(block: Block) -> None:
    noises = [None, None] if block.noises is None else [*block.noises]
    for place, (convolution, noise) in enumerate(zip(block.convolutions, noises, strict=True)):
        block.norms[place] = _folded(convolution, noise, block.norms[place])


def _folded(convolution: nn.Module, noise: nn.Module | None, norm: nn.Module) -> nn.Module:
    """Returns what remains of a norm after folding: nothing of a batch norm, all of another kind."""
    if not isinstance(norm, BatchNorm):
        return norm
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    convolution.bias.copy_((convolution.bias - norm.running_mean) * scale + norm.bias)
    convolution.weight.mul_(scale[:, None, None, None])
    if isinstance(noise, NoiseInjection):
        noise.strength = nn.Parameter(noise.strength * scale[:, None, None], requires_grad=False)
    return Folded()


class Doubling(nn.ConvTranspose2d):
    """The convolution of `UpsampledConvolution`, its kernel computed once."""

    def __init__(self, convolution: UpsampledConvolution) -> None:
        kernel = convolution.transposed_kernel()
        super().__init__(*kernel.shape[:2], kernel_size=4, stride=2, padding=1, device="meta")
        self.weight, self.bias = nn.Parameter(kernel, requires_grad=False), convolution.bias

    def forward(
        self, input: Float[Tensor, "N C H W"], output_size: list[int] | None = None
    ) -> Float[Tensor, "N D 2*H 2*W"]:
        """Returns the transposed convolution.

        For a few pixels with many channels it is a matrix product, as the convolution would first rearrange
        megabytes of weights.
        """
        count, _, height, width = input.shape
        if input.device.type != "cpu" or count * height * width > FEW_PIXELS:
            return super().forward(input)
        assert self.bias is not None
        products = (input.flatten(2).mT @ self.weight.flatten(1)).mT  # N, D 4 4, H W
        return (
            F.fold(products, (2 * height, 2 * width), kernel_size=4, padding=1, stride=2)
            + self.bias[:, None, None]
        )


def _shorten(generator: Generator) -> None:
    """Converts the convolutions to bfloat16; norms and their affines stay in float32."""
    for module in (
        generator.start,
        generator.blocks,
        generator.predictions,
        generator.sketches,
        generator.reference_encoder,
    ):
        if module is not None:
            module.bfloat16()
    for block in generator.blocks:
        for module in (block.norms, block.sound):
            if module is not None:
                module.float()
    generator.start.norm.float()
