"""Adversarial losses of discriminator and generator, and the discriminator's gradient penalties.

Losses are computed from the discriminator's scores.

Scores are of patches, of any shape, batch first. Each loss is a row of `ADVERSARIAL`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import relu, softplus

Scores = Float[Tensor, "batch *patches"]
ScoreFunction = Callable[[Tensor], Tensor]
"""A discriminator as penalties take it: windows in, scores out."""


class AdversarialLoss(NamedTuple):
    """One row: both players' losses and the penalty that keeps the discriminator smooth."""

    discriminator: Callable[[Scores, Scores], Tensor]
    """(real scores, fake scores) -> the discriminator's loss."""
    generator: Callable[[Scores, Scores], Tensor]
    """(real scores, fake scores) -> the generator's loss."""
    penalty: Callable[[ScoreFunction, Tensor, Tensor, Tensor | None], Tensor]
    """(discriminator, real, fake, interpolation) -> the discriminator's penalty, unweighted."""
    interpolates: bool = False
    """Whether the penalty needs an interpolation: (batch,) random numbers in [0, 1)."""
    paired: bool = False
    """Whether the generator's loss depends on the real scores."""


def wasserstein_discriminator(real: Scores, fake: Scores) -> Tensor:
    """Returns mean D(fake) - mean D(real) (Arjovsky et al. 2017)."""
    return fake.mean() - real.mean()


def wasserstein_generator(real: Scores, fake: Scores) -> Tensor:
    """Returns -mean D(fake)."""
    return -fake.mean()


def relativistic_discriminator(real: Scores, fake: Scores) -> Tensor:
    """Returns softplus(D(fake) - D(real)) over pairs (Jolicoeur-Martineau 2018; Huang et al. 2024)."""
    return softplus(fake - real).mean()


def relativistic_generator(real: Scores, fake: Scores) -> Tensor:
    """Returns softplus(D(real) - D(fake)) over pairs."""
    return softplus(real - fake).mean()


def hinge_discriminator(real: Scores, fake: Scores) -> Tensor:
    """Returns max(0, 1 - D(real)) + max(0, 1 + D(fake)) (Lim and Ye 2017).

    The generator's side is Wasserstein's.
    """
    return relu(1 - real).mean() + relu(1 + fake).mean()


def cross_entropy_discriminator(real: Scores, fake: Scores) -> Tensor:
    """Returns softplus(-D(real)) + softplus(D(fake)) (Goodfellow et al. 2014).

    It is the cross-entropy of real against fake, with scores as logits.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def cross_entropy_generator(real: Scores, fake: Scores) -> Tensor:
    """Returns softplus(-D(fake)): the form that does not saturate."""
    return softplus(-fake).mean()


def least_squares_discriminator(real: Scores, fake: Scores) -> Tensor:
    """Returns ((D(real) - 1)^2 + D(fake)^2) / 2 (Mao et al. 2017)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_generator(real: Scores, fake: Scores) -> Tensor:
    """Returns (D(fake) - 1)^2 / 2."""
    return (fake - 1).square().mean() / 2


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Returns the mean absolute difference of a discriminator's activations (Wang et al. 2018, pix2pixHD).

    Args:
        real: activations of each layer for the real windows.
        fake: activations of each layer for the generated windows.

    Returns:
        The mean over layers, so that a layer with many activations counts no more than another.
    """
    layers = [(of_real - of_fake).abs().mean() for of_real, of_fake in zip(real, fake, strict=True)]
    return torch.stack(layers).mean()


def interpolated_penalty(
    discriminator: ScoreFunction, real: Tensor, fake: Tensor, interpolation: Float[Tensor, " batch"] | None
) -> Tensor:
    """Returns (||grad D(x)|| - 1)^2 at x = alpha real + (1 - alpha) fake (Gulrajani et al. 2017).

    Args:
        discriminator: scores of a batch.
        real: batch of real samples.
        fake: batch of generated samples.
        interpolation: alpha of each sample, in [0, 1).
    """
    assert interpolation is not None
    alpha = interpolation.reshape(-1, *[1] * (real.dim() - 1))
    return unit_slope(discriminator, alpha * real + (1 - alpha) * fake)


def unit_slope(discriminator: ScoreFunction, points: Tensor) -> Tensor:
    """Returns (||grad D|| - 1)^2, mean over points.

    Args:
        discriminator: scores of a batch.
        points: batch of samples; the norm is over a whole sample.
    """
    gradient = _gradient(discriminator, points)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def zero_centred_penalty(
    discriminator: ScoreFunction, real: Tensor, fake: Tensor, interpolation: Tensor | None
) -> Tensor:
    """Returns R1 + R2: ||grad D||^2 at the real and at the fake samples (Mescheder et al. 2018).

    Args:
        discriminator: scores of a batch.
        real: batch of real samples.
        fake: batch of generated samples.
        interpolation: not used; a parameter of every row's penalty.
    """
    return sum(
        (_gradient(discriminator, x).flatten(1).square().sum(1).mean() for x in (real, fake)),
        real.new_zeros(()),
    )


def _gradient(discriminator: ScoreFunction, points: Tensor) -> Tensor:
    """Returns the gradient of the summed scores with respect to the points.

    The gradient is differentiable itself (create_graph), since a penalty on it trains the discriminator.
    """
    points = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(points).sum(), points, create_graph=True)
    return gradient


_CROSS_ENTROPY = AdversarialLoss(cross_entropy_discriminator, cross_entropy_generator, zero_centred_penalty)

ADVERSARIAL: dict[str, AdversarialLoss] = {
    "wgan-gp": AdversarialLoss(
        wasserstein_discriminator, wasserstein_generator, interpolated_penalty, interpolates=True
    ),
    "wgan": AdversarialLoss(wasserstein_discriminator, wasserstein_generator, zero_centred_penalty),
    "hinge": AdversarialLoss(hinge_discriminator, wasserstein_generator, zero_centred_penalty),
    "non-saturating": _CROSS_ENTROPY,
    "bce": _CROSS_ENTROPY,  # with logits, the same function under its other name
    "least-squares": AdversarialLoss(
        least_squares_discriminator, least_squares_generator, zero_centred_penalty
    ),
    "relativistic": AdversarialLoss(
        relativistic_discriminator, relativistic_generator, zero_centred_penalty, paired=True
    ),
}
"""Losses by the value of losses.adversarial.

Only Wasserstein's bound asks for slope 1; every other row takes R1 + R2, which a weight of 0 leaves out."""
