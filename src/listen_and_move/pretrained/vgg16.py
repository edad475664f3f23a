"""VGG16's convolutions, named as in torchvision's vgg16-397923af.

After Simonyan and Zisserman 2015, configuration D.
"""

from itertools import pairwise
from typing import ClassVar

from torch import nn

from listen_and_move.pretrained.tapped import Tap, TappedNetwork

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the 3x3 convolutions between two poolings."""


class VGG16(TappedNetwork):
    """Thirteen convolutions, 14,714,688 parameters.

    The input is normalised by ImageNet's mean and standard deviation. relu2_2 is also the map of the paper's
    perceptual loss.
    """

    taps: ClassVar = {
        "relu1_2": Tap(3, 64),
        "relu2_2": Tap(8, 128),
        "relu3_3": Tap(15, 256),
        "relu4_3": Tap(22, 512),
        "relu5_3": Tap(29, 512),
    }
    least_size: ClassVar = 16

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        starts = (3, *(stage[-1] for stage in _STAGES))
        for start, stage in zip(starts, _STAGES, strict=False):
            for inputs, outputs in pairwise((start, *stage)):
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        super().__init__(layers)
