"""The perceptual loss: a distance of two windows in feature maps (Johnson et al. 2016).

The maps are those of a network trained on photographs.

Windows are (B, T, 3, H, W) in [-1, 1].
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss

from listen_and_move.errors import UserError
from listen_and_move.pretrained.inputs import CAFFE, IMAGENET, Convention, normalised
from listen_and_move.pretrained.load import load
from listen_and_move.pretrained.tapped import TappedNetwork

Window = Float[Tensor, "B T 3 H W"]

PIXELS = 2**20
"""Most pixels that are compared at once; VGG16's maps take some 1500 bytes for each."""


class PerceptualFeatures(NamedTuple):
    """The feature map of a network that is compared, and the network's normalisation of pictures."""

    tap: str
    convention: Convention


PERCEPTUAL_FEATURES = {
    "vgg16": PerceptualFeatures("relu2_2", IMAGENET),
    "squeezenet1_1": PerceptualFeatures("fire3", IMAGENET),
    "squeezenet1_1-caffe": PerceptualFeatures("fire3", CAFFE),
}
"""Feature maps by the name of the weights.

The paper compares VGG16's relu2_2; SqueezeNet's fire3 has as many channels."""


class PerceptualLoss(NamedTuple):
    """A frozen network and its compared feature map; not part of the checkpoint."""

    network: TappedNetwork
    features: PerceptualFeatures

    @classmethod
    def load(cls, name: str, device: torch.device | str = "cpu") -> "PerceptualLoss":
        """Returns the loss by a network of `PERCEPTUAL_FEATURES`, from the user's weight file.

        Args:
            name: of the weights.
            device: to compute on.

        Raises:
            UserError: the file is not here, damaged or of another network; the message names every way on.
        """
        try:
            return cls(cast(TappedNetwork, load(name, device)), PERCEPTUAL_FEATURES[name])
        except UserError as error:
            others = " or ".join(
                f"`--losses.perceptual-network {other}`" for other in PERCEPTUAL_FEATURES if other != name
            )
            another = f"or use another network with {others}, or none with `--losses.perceptual 0`"
            raise UserError(error.message, f"{error.hint}; {another}" if error.hint else another) from None

    def __call__(self, fake: Window, real: Window) -> Tensor:
        """Returns the mean squared difference of the feature maps: 0 for equal windows.

        A large window is compared in pieces, each with its gradient at once, so that only the maps of one
        piece are in memory.

        Args:
            fake: generated windows, which gradients reach.
            real: real windows, which gradients do not reach.
        """
        at_once = max(1, PIXELS // fake[:, 0, 0].numel())
        if fake.shape[1] <= at_once:
            return self._distance(fake, real)
        pieces = zip(fake.split(at_once, dim=1), real.split(at_once, dim=1), strict=True)
        shares = [
            _Settled.apply(piece, partial(self._distance, real=other)) * piece.shape[1]
            for piece, other in pieces
        ]
        return torch.stack(shares).sum() / fake.shape[1]

    def _distance(self, fake: Window, real: Window) -> Tensor:
        with torch.no_grad():
            wanted = self._maps(real)
        return mse_loss(self._maps(fake), wanted)

    def _maps(self, window: Window) -> Float[Tensor, "N C h w"]:
        pictures = (window.flatten(0, 1) + 1) / 2  # B T, 3, H, W
        return self.network(normalised(pictures, self.features.convention), [self.features.tap])[0]


class _Settled(torch.autograd.Function):
    """A loss whose gradient is computed together with its value, so that no activations are kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.enable_grad():
            given = x.detach().requires_grad_()
            value = loss(given)
            (gradient,) = torch.autograd.grad(value, given)
        ctx.save_for_backward(gradient)
        return value.detach()

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (gradient,) = ctx.saved_tensors
        return weight * gradient, None
