"""Playing a model: any cutting of the sound, the seed, silence."""

from pathlib import Path

import numpy as np
import pytest
import torch

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.clock import frame_count
from listen_and_move.errors import UserError
from listen_and_move.inference.animator import Animator
from listen_and_move.models.noise import frame_noise
from listen_and_move.precision import choose_device


def sound(seconds: float) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(int(seconds * SAMPLE_RATE))).astype(np.float32)


def played(animator: Animator, blocks: list[np.ndarray], seed: int = 0) -> np.ndarray:
    return np.stack(list(animator.frames(blocks, seed)))


@pytest.mark.parametrize("form", ["trained", "noisy"])
def test_any_cutting_gives_the_same_frames(form: str, request: pytest.FixtureRequest) -> None:
    animator, wave = Animator.load(request.getfixturevalue(form), "cpu"), sound(2.3)
    whole = played(animator, [wave])
    assert len(whole) == frame_count(len(wave), SAMPLE_RATE, animator.fps)
    assert whole.shape[1:] == (32, 32, 3)
    assert whole.dtype == np.uint8
    for cut in ([1, 20_000], [50_000, 50_000], list(range(5000, len(wave), 5000))):
        parts = played(animator, np.split(wave, cut)).astype(int)
        assert np.abs(parts - whole).max() <= 1  # one step of 8 bits where rounding falls otherwise


def test_the_seed_matters_where_there_is_noise(noisy: Path, trained: Path) -> None:
    for run, differs in ((noisy, True), (trained, False)):
        animator, wave = Animator.load(run, "cpu"), sound(1.0)
        one, again, two = (played(animator, [wave], seed) for seed in (1, 1, 2))
        assert np.array_equal(one, again)
        assert np.array_equal(one, two) != differs
        assert animator.config.has_noise == differs


def test_noise_depends_on_seed_and_frame_number_alone() -> None:
    motion, pixels = frame_noise(range(0, 10), 7, (2, 0), [(4, 4), (8, 8)])
    later, later_pixels = frame_noise(range(6, 8), 7, (2, 0), [(4, 4), (8, 8)])
    assert torch.equal(motion[:, 6:8], later)
    assert pixels is not None
    assert later_pixels is not None
    assert all(
        torch.equal(whole[:, 6:8], section) for whole, section in zip(pixels, later_pixels, strict=True)
    )
    assert motion.min() >= 0
    assert motion.max() < 1
    both, _ = frame_noise(range(3, 9), 7, (2, 3), [])
    assert torch.equal(both[..., :2], motion[:, 3:9])
    assert torch.equal(both[0, :, 2:], both[0, :1, 2:].expand(6, -1))
    assert not torch.equal(both[0, 0, 2:], frame_noise(range(3, 4), 8, (2, 3), [])[0][0, 0, 2:])
    many, _ = frame_noise(range(0, 4000), 0, (2, 0), [])
    other, _ = frame_noise(range(0, 4000), 1, (2, 0), [])
    assert many.mean().item() == pytest.approx(0.5, abs=0.02)
    assert abs(np.corrcoef(many.flatten(), other.flatten())[0, 1]) < 0.05
    assert abs(np.corrcoef(many[0, 1:, 0], many[0, :-1, 0])[0, 1]) < 0.05


def test_silence_gives_a_still_picture(trained: Path) -> None:
    frames = played(Animator.load(trained, "cpu"), [np.zeros(3 * SAMPLE_RATE, np.float32)]).astype(int)
    assert np.abs(np.diff(frames[20:], axis=0)).max() <= 1


def test_a_device_that_is_not_there_is_refused() -> None:
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(UserError, match="expected auto or one that this machine has"):
        choose_device("quantum")
