"""Adversarial losses: the published code's value, known scores, known slopes."""

import math
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from listen_and_move.config import LossConfig
from listen_and_move.losses.adversarial import (
    ADVERSARIAL,
    feature_matching,
    interpolated_penalty,
    unit_slope,
    zero_centred_penalty,
)
from listen_and_move.models.discriminators import Discriminator
from listen_and_move.models.published_names import from_authors

GOLDEN = Path(__file__).parents[1] / "golden"


def test_wgan_gp_equals_the_published_code() -> None:
    golden = load_file(GOLDEN / "wgan_gp.safetensors")
    weights = {
        name.removeprefix("param."): tensor for name, tensor in golden.items() if name.startswith("param.")
    }
    discriminator = Discriminator([8, 16, 32, 32], video=True, norm=True)
    discriminator.load_state_dict(from_authors(weights))
    real, fake = golden["io.real"], golden["io.fake"]
    penalty = unit_slope(discriminator.train(), 0.3 * real + 0.7 * fake)
    total = ADVERSARIAL["wgan-gp"].discriminator(discriminator(real), discriminator(fake)) + 10 * penalty
    torch.testing.assert_close(10 * penalty, golden["io.penalty"].squeeze(), rtol=1e-5, atol=0)
    torch.testing.assert_close(total, golden["io.loss_total"].squeeze(), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("wgan-gp", -2.0, -1.0),
        ("wgan", -2.0, -1.0),
        ("hinge", 2.0, -1.0),
        ("least-squares", 2.5, 0.0),
        ("relativistic", math.log1p(math.exp(-2)), math.log1p(math.exp(2))),
    ],
)
def test_known_scores(name: str, discriminator: float, generator: float) -> None:
    real, fake = torch.full((2, 1, 4, 4), 3.0), torch.full((2, 1, 4, 4), 1.0)
    assert ADVERSARIAL[name].discriminator(real, fake).item() == pytest.approx(discriminator)
    assert ADVERSARIAL[name].generator(real, fake).item() == pytest.approx(generator)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("wgan", "wgan"), ("hinge", "hinge"), ("non-saturating", "ns"), ("least-squares", "ls")],
)
def test_losses_equal_the_published_code(name: str, theirs: str) -> None:
    golden = load_file(GOLDEN / "losses_and_pixel_metrics.safetensors")
    real, fake = golden["io.real_preds"], golden["io.fake_preds"]
    torch.testing.assert_close(
        ADVERSARIAL[name].discriminator(real, fake), golden[f"io.{theirs}_d"].squeeze(), rtol=1e-5, atol=0
    )
    torch.testing.assert_close(
        ADVERSARIAL[name].generator(real, fake), golden[f"io.{theirs}_g"].squeeze(), rtol=1e-5, atol=0
    )


def test_bce_is_cross_entropy_with_logits() -> None:
    real, fake = torch.randn(2, 1, 4, 4), torch.randn(2, 1, 4, 4)
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    expected = binary_cross_entropy_with_logits(real, ones) + binary_cross_entropy_with_logits(fake, zeros)
    torch.testing.assert_close(ADVERSARIAL["bce"].discriminator(real, fake), expected)
    torch.testing.assert_close(
        ADVERSARIAL["bce"].generator(real, fake), binary_cross_entropy_with_logits(fake, ones)
    )


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_better_scores_are_rewarded(name: str) -> None:
    row, low, high = ADVERSARIAL[name], torch.zeros(3, 1), torch.ones(3, 1)
    assert row.discriminator(high, low) < row.discriminator(low, high)
    assert row.generator(low, high) < row.generator(high, low)


def test_matching_is_the_mean_over_layers_whatever_their_size() -> None:
    real = [torch.zeros(2, 4, 8, 8), torch.zeros(2, 16, 2, 2)]
    assert feature_matching(real, real) == 0
    assert feature_matching(real, [real[0] + 1, real[1] - 3]).item() == 2


def test_every_row_can_be_chosen() -> None:
    assert get_args(get_type_hints(LossConfig)["adversarial"]) == tuple(ADVERSARIAL)


def linear(weight: float):
    def discriminator(x: Tensor) -> Tensor:
        return weight * x.flatten(1).sum(1)

    return discriminator


def test_penalties_know_the_slope() -> None:
    real, fake = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    slope = 0.5 * math.sqrt(48)  # of the sum of 48 numbers, halved
    penalty = interpolated_penalty(linear(0.5), real, fake, torch.rand(2))
    assert penalty.item() == pytest.approx((slope - 1) ** 2, rel=1e-5)
    assert zero_centred_penalty(linear(0.5), real, fake, None).item() == pytest.approx(2 * slope**2, rel=1e-5)


def test_penalty_moves_the_discriminator() -> None:
    discriminator = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(12, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)
    )
    for penalty in (interpolated_penalty, zero_centred_penalty):
        discriminator.zero_grad()
        penalty(discriminator, torch.randn(2, 3, 2, 2), torch.randn(2, 3, 2, 2), torch.rand(2)).backward()
        assert discriminator[1].weight.grad.abs().sum() > 0  # type: ignore[union-attr]
