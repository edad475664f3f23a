"""The image discriminator and the video discriminator: a score for each patch of a picture, or of a window.

Shape letters: B batch, T frames, C channels, H height, W width. Layers count from the outside in.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.models.activation import leaky
from listen_and_move.models.norms import BatchNorm


class SpaceTimeConvolution(nn.Conv3d):
    """A 3x3x3 convolution with zero padding, computed as one 2-D convolution per offset in time."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Makes the convolution, its weights as torch's.

        Args:
            inputs: channels.
            outputs: channels.
        """
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, input: Float[Tensor, "B T C H W"]) -> Float[Tensor, "B T D H W"]:
        """Returns what torch's conv3d gives, with time before channels.

        On a CPU three 2-D convolutions are never slower than the 3-D one, and up to 3 times faster for one
        window.
        """
        before, now, after = self.weight.unbind(2)  # by indices each gradient would fill a kernel with zeros
        y = _of_frames(input, now, self.bias)
        if input.shape[1] > 1:
            y = (
                y
                + F.pad(_of_frames(input[:, :-1], before), (*_SPACE, 1, 0))
                + F.pad(_of_frames(input[:, 1:], after), (*_SPACE, 0, 1))
            )
        return y


def _of_frames(
    x: Float[Tensor, "B T C H W"], kernel: Float[Tensor, "D C 3 3"], bias: Float[Tensor, " D"] | None = None
) -> Float[Tensor, "B T D H W"]:
    """Returns the convolution of every frame by itself."""
    return F.conv2d(x.flatten(0, 1), kernel, bias, padding=1).unflatten(0, x.shape[:2])


_SPACE = (0, 0, 0, 0, 0, 0)


class SpaceConvolution(nn.Conv2d):
    """A 2-D convolution of every frame by itself."""

    def forward(self, input: Float[Tensor, "B T C H W"]) -> Float[Tensor, "B T D H W"]:
        """Returns what torch's conv2d gives for each frame."""
        return super().forward(input.flatten(0, 1)).unflatten(0, input.shape[:2])


class DiscriminatorLayer(nn.Module):
    """Two times convolution, norm and LeakyReLU."""

    def __init__(self, inputs: int, outputs: int, *, video: bool, norm: bool) -> None:
        """Makes the layer.

        Args:
            inputs: channels.
            outputs: channels.
            video: whether convolutions reach over time.
            norm: whether batch norms follow them.
        """
        super().__init__()
        sizes = ((inputs, outputs), (outputs, outputs))
        self.convolutions = nn.ModuleList(
            SpaceTimeConvolution(*size) if video else SpaceConvolution(*size, 3, padding=1) for size in sizes
        )
        self.norms = nn.ModuleList(BatchNorm(outputs) if norm else nn.Identity() for _ in sizes)

    def forward(self, x: Float[Tensor, "B T C H W"]) -> Float[Tensor, "B T D H W"]:
        """Returns the layer's activations; batch norms are over batch, frames and pixels."""
        return leaky(self._normed(1, leaky(self._normed(0, x))))

    def _normed(self, place: int, x: Tensor) -> Tensor:
        return self.norms[place](self.convolutions[place](x).flatten(0, 1)).unflatten(0, x.shape[:2])


class ResidualDiscriminatorLayer(DiscriminatorLayer):
    """A `DiscriminatorLayer` with a 1x1 convolution of the input added before the last LeakyReLU."""

    def __init__(self, inputs: int, outputs: int, *, video: bool, norm: bool) -> None:
        """Makes the layer.

        Args:
            inputs: channels.
            outputs: channels.
            video: whether convolutions reach over time.
            norm: whether batch norms follow them.
        """
        super().__init__(inputs, outputs, video=video, norm=norm)
        self.shortcut = SpaceConvolution(inputs, outputs, 1)

    def forward(self, x: Float[Tensor, "B T C H W"]) -> Float[Tensor, "B T D H W"]:
        """Returns the layer's activations; batch norms are over batch, frames and pixels."""
        y = leaky(self._normed(0, x))
        # Divided by the root of 2, the sum of two terms keeps the variance of each.
        return leaky((self._normed(1, y) + self.shortcut(x)) / 2**0.5)


class Connections(NamedTuple):
    """How the layers of a discriminator are connected."""

    layer: type[DiscriminatorLayer]
    image: bool
    """Whether every layer sees the image itself, else the outermost alone."""


CONNECTIONS = {
    "skip": Connections(DiscriminatorLayer, image=True),
    "residual": Connections(ResidualDiscriminatorLayer, image=False),
    "basic": Connections(DiscriminatorLayer, image=False),
}


class DiscriminatorOutput(NamedTuple):
    """Scores, and the activations that they were made from."""

    scores: Tensor
    """The higher the more real, per patch: (B, 1, h, w), or (B, t, 1, h, w) of a video discriminator."""
    activations: list[Float[Tensor, "B t C h w"]]
    """After each layer, from the outside in."""


class Discriminator(nn.Module):
    """Scores patches as real or generated (Redondo 2023, section 3.4).

    A layer halves the size by the mean, then convolves. With skip connections every layer also sees the
    image itself, halved by taking every second pixel. A video discriminator halves time as well, in the
    outermost layers, as long as the number of frames is even.
    """

    def __init__(self, widths: Sequence[int], *, video: bool, norm: bool, connections: str = "skip") -> None:
        """Makes the layers.

        Args:
            widths: channels from the outside in, one more than layers.
            video: takes windows of frames, else single frames.
            norm: batch normalisation after each convolution, else none.
            connections: a row of `CONNECTIONS`.
        """
        super().__init__()
        self.video = video
        self.depends_on_batch = norm
        """Whether the scores of one item depend on the others of the batch."""
        layer, every = CONNECTIONS[connections]
        self.from_image = nn.ModuleList(
            SpaceConvolution(3, width, 1) for width in (widths[:-1] if every else widths[:1])
        )
        self.layers = nn.ModuleList(layer(*pair, video=video, norm=norm) for pair in pairwise(widths))
        self.decision = SpaceConvolution(widths[-1], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Returns scores per patch, the higher the more real.

        Args:
            images: (B, 3, H, W), or (B, T, 3, H, W) for a video discriminator, in [-1, 1].

        Returns:
            (B, 1, h, w), or (B, t, 1, h, w): size and time after all the halvings.
        """
        return self.output(images).scores

    def output(self, images: Tensor) -> DiscriminatorOutput:
        """Returns the scores of `forward`, and the activations for feature matching.

        Args:
            images: as in `forward`.
        """
        image = images if self.video else images.unsqueeze(1)
        activations: list[Tensor] = []
        for place, layer in enumerate(self.layers):
            time = 2 if image.shape[1] % 2 == 0 else 1
            inputs = [_mean(each, time) for each in activations[-1:]]
            if place < len(self.from_image):
                # A 1x1 convolution after the mean equals one before it, at a fraction of the cost.
                inputs.append(self.from_image[place](_mean(image, time)))
            activations.append(layer(sum(inputs[1:], inputs[0])))
            # Every second pixel and not the mean: the image keeps its sharpness, which is what is judged.
            image = image[:, ::time, :, ::2, ::2]
        scores = self.decision(activations[-1])
        return DiscriminatorOutput(scores if self.video else scores.squeeze(1), activations)


def _mean(x: Float[Tensor, "B T C H W"], time: int) -> Float[Tensor, "B T//{time} C H//2 W//2"]:
    """Returns the means of 2 x 2 pixels and of ``time`` frames."""
    x = F.avg_pool2d(x.flatten(0, 1), 2).unflatten(0, x.shape[:2])
    return x if time == 1 else x.unflatten(1, (-1, time)).mean(dim=2)


class Discriminators(NamedTuple):
    """Both discriminators, in the order in which their weights are drawn."""

    image: Discriminator
    video: Discriminator
