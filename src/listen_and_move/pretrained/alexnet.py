"""AlexNet's convolutions, named as in torchvision's alexnet-owt-7be5be79.

After Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks".
"""

from typing import ClassVar

from torch import nn

from listen_and_move.pretrained.tapped import Tap, TappedNetwork


class AlexNet(TappedNetwork):
    """Five convolutions, 2,469,696 parameters; input normalised by ImageNet's mean and standard deviation."""

    taps: ClassVar = {
        "relu1": Tap(1, 64),
        "relu2": Tap(4, 192),
        "relu3": Tap(7, 384),
        "relu4": Tap(9, 256),
        "relu5": Tap(11, 256),
    }
    least_size: ClassVar = 31

    def __init__(self) -> None:
        super().__init__(
            [
                nn.Conv2d(3, 64, 11, stride=4, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(3, 2),
                nn.Conv2d(64, 192, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(3, 2),
                nn.Conv2d(192, 384, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(256, 256, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(3, 2),
            ]
        )
