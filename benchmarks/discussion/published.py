"""The published networks, which rows change."""

from torch import nn

from listen_and_move.models import build
from listen_and_move.models.discriminators import Discriminator

published_network, published_discriminators = build._network, build._discriminators
"""Build what settings describe; the first weights are drawn later."""


class RebuiltDiscriminator(Discriminator):
    """A discriminator of the parts of another one."""

    def __init__(self, discriminator: Discriminator) -> None:
        """Takes the parts.

        Args:
            discriminator: is not used any more.
        """
        nn.Module.__init__(self)
        self.video, self.depends_on_batch = discriminator.video, discriminator.depends_on_batch
        self.from_image, self.layers = discriminator.from_image, discriminator.layers
        self.decision = discriminator.decision
