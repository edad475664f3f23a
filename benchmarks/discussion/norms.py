"""Other norms: of the pixels in the generator, of the weights in the discriminators.

Letters: N pictures (batch x frames), C channels, H height, W width.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from benchmarks.discussion.published import (
    RebuiltDiscriminator,
    published_discriminators,
    published_network,
)
from listen_and_move.config import Config, ModelConfig
from listen_and_move.models.discriminators import Discriminator, DiscriminatorOutput, Discriminators
from listen_and_move.models.generator import Network
from listen_and_move.models.layers import Block
from listen_and_move.models.norms import Affine, PixelNorm


class ConditionalPixelNorm(PixelNorm):
    """Pixel norm (Karras et al. 2018), then the shift and scale by the sound that acIN has.

    So the row differs from the published one in what is normalised alone: the channels of each pixel, to a
    mean square of 1, in place of the pixels of each channel; and the sound keeps its third route.
    """

    def forward(self, x: Float[Tensor, "N C H W"], affine: Affine | None = None) -> Float[Tensor, "N C H W"]:
        """Returns the normalised input, shifted and scaled where there is an affine."""
        x = super().forward(x)
        if affine is None:
            return x
        shift, scale = (each[..., None, None] for each in affine)
        return scale * x + shift


def pixel_network(config: ModelConfig) -> Network:
    """Returns a network with pixel norms in place of all norms of the generator, that of the start too."""
    network = published_network(config)
    network.generator.start.norm = PixelNorm(config.widths[0])
    for block, width in zip(network.generator.blocks, config.widths[1:], strict=True):
        assert isinstance(block, Block)
        block.norms = nn.ModuleList(ConditionalPixelNorm(width) for _ in block.norms)
    return network


class SpectralDiscriminator(RebuiltDiscriminator):
    """A discriminator whose convolutions have largest singular values of 1 (Miyato et al. 2018).

    The size of the first weights is so of no account, and they stay as PyTorch draws them.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        """Takes the parts of another discriminator.

        Args:
            discriminator: without batch norms, which would undo the bound.
        """
        super().__init__(discriminator)
        for layer in [*self.modules()]:
            if isinstance(layer, (nn.Conv2d, nn.Conv3d)):
                spectral_norm(layer)

    def output(self, images: Tensor) -> DiscriminatorOutput:
        """As `Discriminator`."""
        # A convolution over time takes its weights three times, which must be the same: each time that they
        # are computed the estimate of the singular value moves on.
        with parametrize.cached():
            return super().output(images)


def spectral_discriminators(config: Config) -> Discriminators:
    """Returns discriminators with spectral norm."""
    return Discriminators(*map(SpectralDiscriminator, published_discriminators(config)))
