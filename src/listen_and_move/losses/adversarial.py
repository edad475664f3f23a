"""Adversarial losses: what critics and generator minimise, given the critics' scores, and the critics'
penalties.

Scores are patch decisions of any shape, batch first. Each loss is a row of `ADVERSARIAL`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import relu, softplus

Scores = Float[Tensor, "batch *patches"]
Discriminator = Callable[[Tensor], Tensor]


class AdversarialLoss(NamedTuple):
    """One row: both players' losses and the penalty that keeps the critic smooth."""

    critic: Callable[[Scores, Scores], Tensor]
    """(real scores, fake scores) -> the critic's loss."""
    generator: Callable[[Scores, Scores], Tensor]
    """(real scores, fake scores) -> the generator's loss."""
    penalty: Callable[[Discriminator, Tensor, Tensor, Tensor | None], Tensor]
    """(critic, real, fake, mix) -> the critic's penalty, unweighted."""
    interpolates: bool = False
    """Whether the penalty wants a mix: (batch,) random numbers in [0, 1)."""
    paired: bool = False
    """Whether the generator's loss looks at the real scores."""


def wasserstein_critic(real: Scores, fake: Scores) -> Tensor:
    """mean D(fake) - mean D(real) (Arjovsky et al. 2017)."""
    return fake.mean() - real.mean()


def wasserstein_generator(real: Scores, fake: Scores) -> Tensor:
    """-mean D(fake)."""
    return -fake.mean()


def relativistic_critic(real: Scores, fake: Scores) -> Tensor:
    """softplus(D(fake) - D(real)) over pairs (Jolicoeur-Martineau 2018; Huang et al. 2024)."""
    return softplus(fake - real).mean()


def relativistic_generator(real: Scores, fake: Scores) -> Tensor:
    """softplus(D(real) - D(fake)) over pairs."""
    return softplus(real - fake).mean()


def hinge_critic(real: Scores, fake: Scores) -> Tensor:
    """max(0, 1 - D(real)) + max(0, 1 + D(fake)) (Lim and Ye 2017); the generator's side is Wasserstein's."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def cross_entropy_critic(real: Scores, fake: Scores) -> Tensor:
    """softplus(-D(real)) + softplus(D(fake)): cross-entropy of real or not, scores being logits (Goodfellow
    et al. 2014)."""
    return softplus(-real).mean() + softplus(fake).mean()


def cross_entropy_generator(real: Scores, fake: Scores) -> Tensor:
    """softplus(-D(fake)): the form that does not saturate."""
    return softplus(-fake).mean()


def least_squares_critic(real: Scores, fake: Scores) -> Tensor:
    """((D(real) - 1)^2 + D(fake)^2) / 2 (Mao et al. 2017)."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_generator(real: Scores, fake: Scores) -> Tensor:
    """(D(fake) - 1)^2 / 2."""
    return (fake - 1).square().mean() / 2


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of a critic's activations, averaged over its layers (Wang et al. 2018,
    pix2pixHD)."""
    layers = [(theirs - ours).abs().mean() for theirs, ours in zip(real, fake, strict=True)]
    return torch.stack(layers).mean()


def interpolated_penalty(
    critic: Discriminator, real: Tensor, fake: Tensor, mix: Float[Tensor, " batch"] | None
) -> Tensor:
    """(||grad D(x)|| - 1)^2 at x = alpha real + (1 - alpha) fake, alpha = mix of each sample (Gulrajani et
    al. 2017)."""
    assert mix is not None
    alpha = mix.reshape(-1, *[1] * (real.dim() - 1))
    return unit_slope(critic, alpha * real + (1 - alpha) * fake)


def unit_slope(critic: Discriminator, point: Tensor) -> Tensor:
    """(||grad D|| - 1)^2 at some points, the norm over a whole sample."""
    gradient = _gradient(critic, point)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def zero_centred_penalty(critic: Discriminator, real: Tensor, fake: Tensor, mix: Tensor | None) -> Tensor:
    """R1 + R2: ||grad D||^2 at the real and at the fake samples (Mescheder et al. 2018)."""
    return sum(
        (_gradient(critic, x).flatten(1).square().sum(1).mean() for x in (real, fake)), real.new_zeros(())
    )


def _gradient(critic: Discriminator, point: Tensor) -> Tensor:
    """Gradient of the summed scores with respect to the input, itself differentiable."""
    point = point.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(point).sum(), point, create_graph=True)
    return gradient


_CROSS_ENTROPY = AdversarialLoss(cross_entropy_critic, cross_entropy_generator, zero_centred_penalty)

ADVERSARIAL: dict[str, AdversarialLoss] = {
    "wgan-gp": AdversarialLoss(
        wasserstein_critic, wasserstein_generator, interpolated_penalty, interpolates=True
    ),
    "wgan": AdversarialLoss(wasserstein_critic, wasserstein_generator, zero_centred_penalty),
    "hinge": AdversarialLoss(hinge_critic, wasserstein_generator, zero_centred_penalty),
    "non-saturating": _CROSS_ENTROPY,
    "bce": _CROSS_ENTROPY,  # with logits, the same function under its other name
    "least-squares": AdversarialLoss(least_squares_critic, least_squares_generator, zero_centred_penalty),
    "relativistic": AdversarialLoss(
        relativistic_critic, relativistic_generator, zero_centred_penalty, paired=True
    ),
}
"""Only Wasserstein's bound asks for slope 1; every other row takes R1 + R2, which a weight of 0 leaves
out."""
