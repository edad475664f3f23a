"""Inception of the Frechet Inception distance: TensorFlow's graph of 2015-12-05, as ported by pytorch-fid.

Inception v3 (Szegedy et al. 2016) but for three peculiarities of that graph, without which no FID compares
with published ones: average pooling does not count the border, the last block pools by maximum, and it knows
1008 classes (the layer for them is not needed here). Layers are named as in pt_inception-2015-12-05-6726825d.

Shape letters: N pictures, C and D channels in and out, H height, W width, h and w the same of an output.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SIZE = 299
"""Height and width of the pictures that the network sees."""
FEATURES = 2048

Kernel = int | tuple[int, int]


class InceptionConvolution(nn.Sequential):
    """Convolution without bias, batch norm, rectifier.

    Args:
        inputs: C.
        outputs: D.
        kernel: side, or height and width, in pixels.
        stride: in pixels.
        padded: keep the size (at stride 1).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: Kernel, *, stride: int = 1, padded: bool = True
    ) -> None:
        padding = "same" if padded else "valid"
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        super().__init__(OrderedDict(conv=convolution, bn=nn.BatchNorm2d(outputs, eps=1e-3), relu=nn.ReLU()))


class Node(NamedTuple):
    """One convolution of a block: its name, the source of its input, and its form."""

    name: str
    source: str
    outputs: int
    kernel: Kernel = 1
    stride: int = 1


class InceptionBlock(nn.Module):
    """A graph of convolutions beside a pooling; what no convolution takes as its input is concatenated.

    Args:
        inputs: C.
        pool: of the block's input.
        nodes: the convolutions, each after its source.
    """

    def __init__(self, inputs: int, pool: nn.Module, nodes: Sequence[Node]) -> None:
        super().__init__()
        self.pool = pool
        channels = {"input": inputs, "pool": inputs}
        for node in nodes:
            convolution = InceptionConvolution(
                channels[node.source], node.outputs, node.kernel, stride=node.stride, padded=node.stride == 1
            )
            self.add_module(node.name, convolution)
            channels[node.name] = node.outputs
        self.sources = {node.name: node.source for node in nodes}
        taken = {"input", *self.sources.values()}
        self.ends = [name for name in (*self.sources, "pool") if name not in taken]
        self.channels = sum(channels[name] for name in self.ends)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D h w"]:
        """Returns the concatenated outputs.

        D is ``channels``; h and w are H and W, or half of them in a block with strides.
        """
        values = {"input": x, "pool": self.pool(x)}
        for name, source in self.sources.items():
            values[name] = self.get_submodule(name)(values[source])
        return torch.cat([values[name] for name in self.ends], 1)


def _average() -> nn.Module:
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def _block_5(inputs: int, pooled: int) -> InceptionBlock:
    nodes = [
        Node("branch1x1", "input", 64),
        Node("branch5x5_1", "input", 48),
        Node("branch5x5_2", "branch5x5_1", 64, 5),
        Node("branch3x3dbl_1", "input", 64),
        Node("branch3x3dbl_2", "branch3x3dbl_1", 96, 3),
        Node("branch3x3dbl_3", "branch3x3dbl_2", 96, 3),
        Node("branch_pool", "pool", pooled),
    ]
    return InceptionBlock(inputs, _average(), nodes)


def _block_6a(inputs: int) -> InceptionBlock:
    nodes = [
        Node("branch3x3", "input", 384, 3, 2),
        Node("branch3x3dbl_1", "input", 64),
        Node("branch3x3dbl_2", "branch3x3dbl_1", 96, 3),
        Node("branch3x3dbl_3", "branch3x3dbl_2", 96, 3, 2),
    ]
    return InceptionBlock(inputs, nn.MaxPool2d(3, 2), nodes)


def _block_6(inputs: int, width: int) -> InceptionBlock:
    nodes = [
        Node("branch1x1", "input", 192),
        Node("branch7x7_1", "input", width),
        Node("branch7x7_2", "branch7x7_1", width, (1, 7)),
        Node("branch7x7_3", "branch7x7_2", 192, (7, 1)),
        Node("branch7x7dbl_1", "input", width),
        Node("branch7x7dbl_2", "branch7x7dbl_1", width, (7, 1)),
        Node("branch7x7dbl_3", "branch7x7dbl_2", width, (1, 7)),
        Node("branch7x7dbl_4", "branch7x7dbl_3", width, (7, 1)),
        Node("branch7x7dbl_5", "branch7x7dbl_4", 192, (1, 7)),
        Node("branch_pool", "pool", 192),
    ]
    return InceptionBlock(inputs, _average(), nodes)


def _block_7a(inputs: int) -> InceptionBlock:
    nodes = [
        Node("branch3x3_1", "input", 192),
        Node("branch3x3_2", "branch3x3_1", 320, 3, 2),
        Node("branch7x7x3_1", "input", 192),
        Node("branch7x7x3_2", "branch7x7x3_1", 192, (1, 7)),
        Node("branch7x7x3_3", "branch7x7x3_2", 192, (7, 1)),
        Node("branch7x7x3_4", "branch7x7x3_3", 192, 3, 2),
    ]
    return InceptionBlock(inputs, nn.MaxPool2d(3, 2), nodes)


def _block_7(inputs: int, pool: nn.Module) -> InceptionBlock:
    nodes = [
        Node("branch1x1", "input", 320),
        Node("branch3x3_1", "input", 384),
        Node("branch3x3_2a", "branch3x3_1", 384, (1, 3)),
        Node("branch3x3_2b", "branch3x3_1", 384, (3, 1)),
        Node("branch3x3dbl_1", "input", 448),
        Node("branch3x3dbl_2", "branch3x3dbl_1", 384, 3),
        Node("branch3x3dbl_3a", "branch3x3dbl_2", 384, (1, 3)),
        Node("branch3x3dbl_3b", "branch3x3dbl_2", 384, (3, 1)),
        Node("branch_pool", "pool", 192),
    ]
    return InceptionBlock(inputs, pool, nodes)


class Inception(nn.Sequential):
    """Inception v3 of 2015-12-05 up to its last pooling: 21,785,568 parameters."""

    def __init__(self) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            Conv2d_1a_3x3=InceptionConvolution(3, 32, 3, stride=2, padded=False),
            Conv2d_2a_3x3=InceptionConvolution(32, 32, 3, padded=False),
            Conv2d_2b_3x3=InceptionConvolution(32, 64, 3),
            maxpool1=nn.MaxPool2d(3, 2),
            Conv2d_3b_1x1=InceptionConvolution(64, 80, 1),
            Conv2d_4a_3x3=InceptionConvolution(80, 192, 3, padded=False),
            maxpool2=nn.MaxPool2d(3, 2),
            Mixed_5b=_block_5(192, 32),
            Mixed_5c=_block_5(256, 64),
            Mixed_5d=_block_5(288, 64),
            Mixed_6a=_block_6a(288),
            Mixed_6b=_block_6(768, 128),
            Mixed_6c=_block_6(768, 160),
            Mixed_6d=_block_6(768, 160),
            Mixed_6e=_block_6(768, 192),
            Mixed_7a=_block_7a(768),
            Mixed_7b=_block_7(1280, _average()),
            Mixed_7c=_block_7(2048, nn.MaxPool2d(3, stride=1, padding=1)),
        )
        super().__init__(layers)

    def forward(self, input: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N 2048"]:
        """Returns the pool features of pictures.

        The resize is pytorch-fid's: bilinear to 299 x 299 whatever the shape was, pixel centres at halves
        (align_corners=False), in floats, no smoothing before shrinking. clean-fid (Parmar et al. 2022) shows
        that the resize alone moves FID: figures compare only with others made by this one. For pictures below
        299 pixels, which are enlarged, smoothing plays no part.

        Args:
            input: RGB pictures in [0, 1] of any size.
        """
        pictures = F.interpolate(input, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        return super().forward(2 * pictures - 1).mean((2, 3))
