"""The joint discriminator of picture and sound.

Letters: B windows, T frames, F features, C channels, H height, W width, h and w a side in patches.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.discussion.published import RebuiltDiscriminator, published_discriminators
from listen_and_move.audio.feature_kinds import RANGE_DB
from listen_and_move.config import Config, LossConfig
from listen_and_move.models.activation import leaky
from listen_and_move.models.adam import Adam
from listen_and_move.models.discriminators import (
    Discriminator,
    DiscriminatorOutput,
    Discriminators,
    SpaceConvolution,
)
from listen_and_move.models.norms import BatchNorm
from listen_and_move.training.adversary import Adversary, Window
from listen_and_move.training.batches import Batch
from listen_and_move.training.randomness import StepNoise
from listen_and_move.training.state import TrainingState
from listen_and_move.training.step import Losses, training_step

Pair = Float[Tensor, "B 4 H W"]
"""A picture and its sound: the first numbers of the fourth channel, in [-1, 1] as pictures are."""


def paired(picture: Float[Tensor, "B 3 H W"], sound: Float[Tensor, "B F"]) -> Pair:
    """Returns pairs of pictures and sounds, which all that is done to pictures can be done to.

    Args:
        picture: in [-1, 1], of at least F pixels.
        sound: features in decibels.
    """
    plane = torch.zeros_like(picture[:, 0]).flatten(1)
    plane[:, : sound.shape[1]] = sound / (RANGE_DB / 2) + 1
    return torch.cat([picture, plane.view_as(picture[:, :1])], dim=1)


class JointDiscriminator(RebuiltDiscriminator):
    """Scores pairs of a picture and a sound (Reed et al. 2016).

    The sound is projected, laid beside the innermost activations in every patch, and mixed with them by a
    convolution before the decision, with a batch norm where the layers have one.
    """

    def __init__(self, discriminator: Discriminator, features: int) -> None:
        """Takes the parts of another discriminator.

        Args:
            discriminator: of pictures.
            features: numbers of a sound.
        """
        super().__init__(discriminator)
        channels = discriminator.decision.in_channels
        self.features = features
        self.projection = nn.Linear(features, channels)
        self.mix = SpaceConvolution(2 * channels, channels, 1)
        self.norm = BatchNorm(channels) if self.depends_on_batch else nn.Identity()

    def output(self, images: Pair) -> DiscriminatorOutput:
        """Returns the scores of pairs, and the activations of their pictures."""
        found = super().output(images[:, :3])
        innermost = found.activations[-1]  # B, 1, C, h, w
        sound = self.projection(images[:, 3].flatten(1)[:, : self.features])
        sound = sound[:, None, :, None, None].expand_as(innermost)
        mixed = self.norm(self.mix(torch.cat([innermost, leaky(sound)], dim=2)).flatten(0, 1))
        return found._replace(scores=self.decision(leaky(mixed)[:, None]).squeeze(1))


def joint_discriminators(config: Config) -> Discriminators:
    """Returns discriminators of which that of pictures has the sound too."""
    image, video = published_discriminators(config)
    return Discriminators(JointDiscriminator(image, config.features.size), video)


class JointAdversary(Adversary):
    """An adversary that judges pictures with their sound; one of windows is as published.

    A third kind of pair is a fake: a real picture with the sound of another frame of its window. It is the
    frame of the shuffled window, with the sound of the frame that stands there in the real one, so picture
    and sound are each as probable as in real pairs. Where the shuffled window has that frame in its own
    place, one time in as many as there are frames, there is no such pair in the step.
    """

    sound: Float[Tensor, "B T F"]
    """Of the step's windows."""

    def __init__(self, discriminator: Discriminator, optimizer: Adam, losses: LossConfig) -> None:
        """As `Adversary`."""
        super().__init__(discriminator, optimizer, losses)
        if not discriminator.video:
            self.weights["shuffled"] = 1.0

    def view(self, window: Window, noise: StepNoise) -> Tensor:
        """As `Adversary`; of pictures with their sound."""
        view = super().view(window, noise)
        if self.discriminator.video:
            return view
        return paired(view, self.sound.index_select(1, noise.frame)[:, 0])

    def discriminator_loss(
        self, real: Window, real_view: Tensor, fake: Window, noise: StepNoise, penalise: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As `Adversary`; both fakes are penalised at the same share of the way to them.

        So nothing is drawn that other rows do not draw.
        """
        drawn = noise.interpolations
        both = drawn | {"image": 2 * drawn["image"]}
        return super().discriminator_loss(
            real, real_view, fake, noise._replace(interpolations=both), penalise
        )


def joint_step(state: TrainingState, batch: Batch, *others: Any) -> Losses:
    """As `training_step`, which gives adversaries the windows alone; the sound is given before."""
    image = state.adversaries.image
    assert isinstance(image, JointAdversary)
    image.sound = batch.features
    return training_step(state, batch, *others)
