"""SqueezeNet 1.1's convolutions (Iandola et al. 2016), named as in torchvision's squeezenet1_1-b8a52dc0."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.pretrained.tapped import Tap, TappedNetwork


class Fire(nn.Module):
    """Fire module: channels squeezed by a 1x1 convolution, then expanded by a 1x1 and a 3x3 one, half each.

    Args:
        inputs: C.
        squeezed: channels between.
        outputs: D.
    """

    def __init__(self, inputs: int, squeezed: int, outputs: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, outputs // 2, 1)
        self.expand3x3 = nn.Conv2d(squeezed, outputs // 2, 3, padding=1)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D H W"]:
        """Returns rectified activations as large as the input."""
        squeezed = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], 1).relu()


class SqueezeNet(TappedNetwork):
    """A convolution and eight Fire modules, 722,496 parameters; the input convention is that of the weights.

    Normalised by ImageNet's mean and standard deviation for torchvision's file, BGR for weights of Caffe
    origin.
    """

    taps: ClassVar = {
        "relu1": Tap(1, 64),
        "fire3": Tap(4, 128),
        "fire5": Tap(7, 256),
        "fire6": Tap(9, 384),
        "fire7": Tap(10, 384),
        "fire8": Tap(11, 512),
        "fire9": Tap(12, 512),
    }
    least_size: ClassVar = 17

    def __init__(self) -> None:
        super().__init__(
            [
                nn.Conv2d(3, 64, 3, stride=2),
                nn.ReLU(),
                _pooling(),
                Fire(64, 16, 128),
                Fire(128, 16, 128),
                _pooling(),
                Fire(128, 32, 256),
                Fire(256, 32, 256),
                _pooling(),
                Fire(256, 48, 384),
                Fire(384, 48, 384),
                Fire(384, 64, 512),
                Fire(512, 64, 512),
            ]
        )


def _pooling() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, ceil_mode=True)  # a last window that hangs over the border counts
