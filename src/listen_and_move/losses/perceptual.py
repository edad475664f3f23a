"""The perceptual loss: how far apart two windows are in the eyes of a network trained on photographs (Johnson
et al. 2016).

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
"""Of the pictures that are compared at once; VGG16's maps take some 1500 bytes for each."""


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
            raise UserError(
                f"{error}; or use another network with {others}, or none with `--losses.perceptual 0`"
            ) from None

    def __call__(self, fake: Window, real: Window) -> Tensor:
        """Mean squared difference of the feature maps: 0 for equal windows. Gradients reach ``fake`` alone.

        A large window is compared in pieces, each with its gradient at once, so that maps of one piece alone
        are kept.
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
        return self.network(normalised(pictures, self.eye.convention), [self.eye.tap])[0]


class _Settled(torch.autograd.Function):
    """A loss whose gradient is computed together with it, so that nothing else is kept."""

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
