"""A network made ready for playing: what never changes again is computed once.

The same sums as the network's own, to rounding; and fewer digits where they are asked for.
"""

import copy
from typing import Literal

import torch
from torch import Tensor, nn

from listen_and_move.models.generator import Generator, Network
from listen_and_move.models.layers import BatchNorm, Block, NoiseInjection, Start, UpsampledConvolution

Precision = Literal["float32", "bfloat16"]
"""Of the generator's convolutions; what listens, recalls and puts the picture together is float32 always."""


def prepared(network: Network, precision: Precision = "float32") -> Network:
    """A copy in evaluation mode, without gradients, that only plays; remembered frames are shared, not copied."""
    recall = network.generator.recall
    network = copy.deepcopy(network, {} if recall is None else {id(recall): recall}).eval().requires_grad_(False)
    generator = network.generator
    if generator.start.over_time is None:  # else a norm is over sums of several convolutions
        _fold_start(generator.start)
    for block in generator.blocks:
        assert isinstance(block, Block)
        if block.over_time is None:
            _fold_block(block)
        block.convolutions[0] = _transposed(block.convolutions[0])
    if precision == "bfloat16":
        _shorten(generator)
    return network


class Folded(nn.Module):
    """Where a batch norm was whose scale and shift are in the convolution before it."""

    def forward(self, x: Tensor, affine: object = None) -> Tensor:
        """Unchanged."""
        return x


def _fold_start(start: Start) -> None:
    """A batch norm with known statistics becomes a part of the convolution, and of the noise, before it."""
    start.norm = _folded(start.convolution, start.noise, start.norm)


def _fold_block(block: Block) -> None:
    noises = [None, None] if block.noises is None else [*block.noises]
    for place, (convolution, noise) in enumerate(zip(block.convolutions, noises, strict=True)):
        block.norms[place] = _folded(convolution, noise, block.norms[place])


def _folded(convolution: nn.Module, noise: nn.Module | None, norm: nn.Module) -> nn.Module:
    """What remains of the norm: nothing, or all of it where it is of another kind."""
    if not isinstance(norm, BatchNorm):
        return norm
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    convolution.bias.copy_((convolution.bias - norm.running_mean) * scale + norm.bias)
    convolution.weight.mul_(scale[:, None, None, None])
    if isinstance(noise, NoiseInjection):
        noise.strength = nn.Parameter(noise.strength * scale[:, None, None], requires_grad=False)
    return Folded()


def _transposed(convolution: nn.Module) -> nn.ConvTranspose2d:
    """Its kernel, computed once."""
    assert isinstance(convolution, UpsampledConvolution)
    kernel = convolution.transposed_kernel()
    result = nn.ConvTranspose2d(kernel.shape[0], kernel.shape[1], 4, stride=2, padding=1, device="meta")
    result.weight, result.bias = nn.Parameter(kernel, requires_grad=False), convolution.bias
    return result


def _shorten(generator: Generator) -> None:
    """The convolutions in bfloat16; norms and what the sound does to them keep their digits."""
    for part in (generator.start, generator.blocks, generator.predictions, generator.sketches, generator.look):
        if part is not None:
            part.bfloat16()
    for block in generator.blocks:
        for part in (block.norms, block.sound):
            if part is not None:
                part.float()
    generator.start.norm.float()
