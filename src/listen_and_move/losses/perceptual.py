"""The perceptual loss: how far apart two windows are in the eyes of a network trained on photographs (Johnson et al. 2016).

Windows are (B, T, 3, H, W) in [-1, 1].
"""

from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss

from listen_and_move.backbones.inputs import CAFFE, IMAGENET, Convention, normalised
from listen_and_move.backbones.load import load
from listen_and_move.backbones.tapped import TappedNetwork
from listen_and_move.errors import UserError

Window = Float[Tensor, "B T 3 H W"]


class Eye(NamedTuple):
    """Which feature map of a network is compared, and how the network wants its pictures."""

    tap: str
    convention: Convention


EYES = {
    "vgg16": Eye("relu2_2", IMAGENET),
    "squeezenet1_1": Eye("fire3", IMAGENET),
    "squeezenet1_1-caffe": Eye("fire3", CAFFE),
}
"""By the name of the weights. The paper compares VGG16's relu2_2; SqueezeNet's fire3 has as many channels."""


class PerceptualLoss(NamedTuple):
    """A frozen network and what is compared in it; no part of the checkpoint."""

    network: TappedNetwork
    eye: Eye

    @classmethod
    def load(cls, name: str, device: torch.device | str = "cpu") -> "PerceptualLoss":
        """The loss by a network of `EYES`, from the user's weight file.

        Raises:
            UserError: the file is not here, damaged or of another network; the message names every way on.
        """
        try:
            return cls(cast(TappedNetwork, load(name, device)), EYES[name])
        except UserError as error:
            others = " or ".join(f"`--losses.perceptual-network {other}`" for other in EYES if other != name)
            raise UserError(f"{error}; or use another network with {others}, or none with `--losses.perceptual 0`") from None

    def __call__(self, fake: Window, real: Window) -> Tensor:
        """Mean squared difference of the feature maps: 0 for equal windows. Gradients reach ``fake`` alone."""
        with torch.no_grad():
            wanted = self._maps(real)
        return mse_loss(self._maps(fake), wanted)

    def _maps(self, window: Window) -> Float[Tensor, "N C h w"]:
        pictures = (window.flatten(0, 1) + 1) / 2  # B T, 3, H, W
        return self.network(normalised(pictures, self.eye.convention), [self.eye.tap])[0]
