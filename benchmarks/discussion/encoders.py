"""Encoders of the sound features: compression, and conditioning augmentation.

Both stand before all three routes of the sound, and are learnt with the network.

Letters: B batch, T frames, F features, K numbers of an encoded sound.
"""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.discussion.published import published_network
from listen_and_move.audio.feature_kinds import RANGE_DB
from listen_and_move.config import FeatureConfig, ModelConfig
from listen_and_move.models.activation import leaky
from listen_and_move.models.generator import Network, NetworkState, RoutedFeatures

COMPRESSED = 16
"""Numbers of a compressed sound, of the 64 that the paper hears."""
DRAWS = 2**20
"""More than a training has draws: the draws of the next seed begin so much later.

PyTorch's generator on the CPU looks at 32 bits of a seed."""


class EncodedNetwork(Network):
    """A network that hears the sound through an encoder."""

    def __init__(self, network: Network, encoder: nn.Module) -> None:
        """Takes the parts of another network.

        Args:
            network: for encoded sounds.
            encoder: (B, T, F) to (B, T, K).
        """
        super().__init__(
            network.motion,
            network.generator,
            motion_sound=network.motion_sound,
            sound_content=network.sound_content,
            content_noise=network.content_noise,
        )
        self.encoder = encoder

    def listen(
        self,
        features: RoutedFeatures | Float[Tensor, "B T F"],
        noise: Float[Tensor, "B T E"],
        state: NetworkState | None = None,
        smoothing: Float[Tensor, "B 1 1"] | None = None,
    ) -> tuple[Float[Tensor, "B T Z"], Float[Tensor, "B T K"], NetworkState]:
        """As `Network`, with every route's sound encoded."""
        if isinstance(features, RoutedFeatures):  # the dials of playing may give each route a gain of its own
            return super().listen(RoutedFeatures(*map(self.encoder, features)), noise, state, smoothing)
        return super().listen(self.encoder(features), noise, state, smoothing)


class Compression(nn.Module):
    """Fewer numbers per frame: one linear layer and rectifier."""

    def __init__(self, features: int, compressed: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, compressed)

    def forward(self, features: Float[Tensor, "B T F"]) -> Float[Tensor, "B T K"]:
        """Returns the compressed features."""
        return leaky(self.linear(features))


class ConditioningAugmentation(nn.Module):
    """Takes the features of a frame for a normal distribution of features (Zhang et al. 2017, StackGAN).

    Training goes on with a sample of every frame, playing with the mean. The divergence of the distributions
    from the standard normal one joins the generator's loss.

    Decibels are brought to [-1, 1] before, since log-variances of their size would be variances of nothing or
    of millions, and back to decibels after, so that the routes hear numbers of the size of other rows.
    """

    drawn: Tensor
    """Seed of the next draw.

    The draws are none of the training's random numbers, which are those of other rows; and a buffer is saved
    with the weights, so a training that goes on draws what it would have drawn."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.moments = nn.Linear(features, 2 * features)
        self.register_buffer("drawn", torch.tensor(torch.initial_seed() * DRAWS % 2**31))

    def forward(self, features: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        """Returns a sample in training, else the mean; in decibels."""
        encoded, log_variance = self.distribution(features)
        if self.training:
            noise = torch.randn(encoded.shape, generator=torch.Generator().manual_seed(int(self.drawn)))
            self.drawn.add_(1)
            sample = encoded + torch.exp(log_variance / 2) * noise.to(encoded)
            encoded = _WithLoss.apply(sample, divergence(encoded, log_variance))
        return (encoded - 1) * (RANGE_DB / 2)

    def distribution(
        self, features: Float[Tensor, "B T F"]
    ) -> tuple[Float[Tensor, "B T F"], Float[Tensor, "B T F"]]:
        """Returns the mean and the logarithm of the variance of every number, of features in [-1, 1]."""
        mean, log_variance = self.moments(features / (RANGE_DB / 2) + 1).chunk(2, dim=-1)
        return mean, log_variance


def divergence(mean: Float[Tensor, "B T F"], log_variance: Float[Tensor, "B T F"]) -> Float[Tensor, ""]:
    """Returns the Kullback-Leibler divergence from the standard normal distribution, mean over numbers."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2


class _WithLoss(torch.autograd.Function):
    """The first input; its backward pass is that of a loss to which the second input was added.

    The step that trains the network knows the losses of settings alone, and the network's backward pass comes
    once in a step: that of the generator's loss.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, loss: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return gradient, gradient.new_ones(())


def compressed_network(config: ModelConfig) -> Network:
    """Returns a network that hears compressed features."""
    narrow = replace(config, features=FeatureConfig(bands=COMPRESSED))
    return EncodedNetwork(published_network(narrow), Compression(config.features.size, COMPRESSED))


def augmented_network(config: ModelConfig) -> Network:
    """Returns a network that hears features with conditioning augmentation."""
    return EncodedNetwork(published_network(config), ConditioningAugmentation(config.features.size))
