"""Reconstruction losses on windows whose distance is known."""

import pytest
import torch

from listen_and_move.losses.reconstruction import change_l1, multiscale_l1, total_variation


def test_equal_windows_have_distance_0() -> None:
    window = torch.rand(2, 4, 3, 16, 16)
    assert multiscale_l1(window, window, 4) == 0
    assert change_l1(window, window) == 0


@pytest.mark.parametrize("scales", [1, 2, 4])
def test_a_constant_difference_is_the_same_at_every_scale(scales: int) -> None:
    window = torch.rand(2, 4, 3, 16, 16)
    assert multiscale_l1(window + 0.25, window, scales).item() == pytest.approx(0.25, rel=1e-5)


def test_a_checkerboard_is_seen_at_full_size_only() -> None:
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1
    real = torch.zeros(1, 2, 3, 16, 16)
    assert multiscale_l1(real + board, real, 1) == 1
    assert multiscale_l1(real + board, real, 4).item() == pytest.approx(0.25)


def test_the_weight_counts_pixels() -> None:
    real, fake = torch.zeros(1, 2, 3, 4, 4), torch.zeros(1, 2, 3, 4, 4)
    fake[..., 0, 0] = 1
    weight = torch.ones(4, 4)
    weight[0, 0] = 3
    assert multiscale_l1(fake, real, 1, weight).item() == pytest.approx(
        3 * multiscale_l1(fake, real, 1).item()
    )


def test_change_ignores_what_stays() -> None:
    real = torch.rand(1, 4, 3, 8, 8)
    assert change_l1(real + 0.5, real).item() == pytest.approx(0, abs=1e-6)
    assert change_l1(real.flip(1), real) > 0.01


def test_total_variation_knows_ramps_and_directions() -> None:
    plain = torch.full((1, 2, 3, 8, 8), 0.3)
    down, across = (torch.linspace(0, 0.7, 8).view(shape).expand(1, 2, 3, 8, 8) for shape in ((8, 1), (1, 8)))
    assert total_variation(plain) == 0
    for ramp in (down, across, down + 0.2, 1 - across):
        assert total_variation(ramp).item() == pytest.approx(0.1, rel=1e-5)
    assert total_variation(down + across).item() == pytest.approx(0.2, rel=1e-5)
