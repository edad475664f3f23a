"""Augmentation of what the discriminators see."""

import torch

from listen_and_move.training.augment import Augmentation, augmented, draw_augmentation


def windows() -> torch.Tensor:
    return torch.rand(4, 3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def draw(seed: int, count: int = 4) -> Augmentation:
    return draw_augmentation(count, 16, 16, torch.Generator().manual_seed(seed))


def test_the_same_draw_changes_alike() -> None:
    assert torch.equal(augmented(windows(), draw(1)), augmented(windows(), draw(1)))
    assert not torch.equal(augmented(windows(), draw(1)), augmented(windows(), draw(2)))


def test_all_frames_of_a_window_are_changed_equally() -> None:
    still = windows()[:, :1].expand(-1, 3, -1, -1, -1)
    changed = augmented(still, draw(3))
    torch.testing.assert_close(changed[:, 0], changed[:, 2])


def test_windows_are_changed_differently() -> None:
    same = windows()[:1].expand(4, -1, -1, -1, -1)
    changed = augmented(same, draw(4))
    assert all(not torch.allclose(changed[0], other) for other in changed[1:])


def test_gradients_pass() -> None:
    video = windows().requires_grad_()
    augmented(video, draw(5)).sum().backward()
    assert video.grad is not None
    assert video.grad.abs().sum() > 0


def test_every_part_is_used() -> None:
    ones = torch.ones(64, 1, 3, 16, 16)
    changed = augmented(ones, draw(6, 64))
    assert (changed == 0).flatten(1).any(1).all()  # the cut-out
    assert changed.flatten(1).amax(1).std() > 0.1  # brightness
