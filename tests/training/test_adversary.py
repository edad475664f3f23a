"""Adversaries: what each sees, what each is trained on, and their names in files."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.conftest import TINY

from listen_and_move.config import Config
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.augment import augmented
from listen_and_move.training.randomness import StepNoise, draw_step_noise
from listen_and_move.training.state import TrainingState, fresh_state, save_state


def config(**changes: object) -> Config:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return with_values(preset("quick"), {**TINY, "clip.size": "16", "training.average": 0.9, **named})


def prepared(settings: Config) -> tuple[TrainingState, torch.Tensor, torch.Tensor, StepNoise]:
    state = fresh_state(settings, torch.device("cpu"))
    random = torch.Generator().manual_seed(0)
    real, fake = torch.rand(2, 2, 4, 3, 16, 16, generator=random) * 2 - 1
    return state, real, fake, draw_step_noise(settings, real, True, random)


def test_the_video_adversary_sees_the_window_and_the_image_adversary_one_frame_of_it() -> None:
    state, real, _, noise = prepared(config(critics__augment=False))
    video, image = state.adversaries
    assert torch.equal(video.view(real, noise), real)
    assert torch.equal(image.view(real, noise), real[:, int(noise.frame)])


def test_real_and_generated_windows_are_augmented_alike() -> None:
    state, real, fake, noise = prepared(config(critics__augment=True))
    assert noise.augmentation is not None
    video, image = state.adversaries
    for window in (real, fake):
        expected = augmented(window, noise.augmentation)
        assert torch.equal(video.view(window, noise), expected)
        assert not torch.equal(window, expected)
        frame = augmented(window[:, noise.frame], noise.augmentation)[:, 0]
        assert torch.equal(image.view(window, noise), frame)


def test_shuffled_frames_are_a_fake_for_the_video_adversary_alone() -> None:
    state, real, fake, noise = prepared(config(losses__shuffled=0.5))
    found = {}
    for adversary in state.adversaries:
        view = adversary.view(real, noise)
        total, terms = adversary.discriminator_loss(real, view, fake, noise, penalise=False)
        weighted = terms["fake"] + 0.5 * terms.get("shuffled", torch.zeros(()))
        torch.testing.assert_close(total, weighted)
        found[adversary.name] = set(terms)
    assert found == {"video": {"fake", "shuffled"}, "image": {"fake"}}


def test_a_rare_penalty_is_as_many_times_as_strong() -> None:
    state, real, fake, noise = prepared(config(losses__penalty=0.1, losses__penalty_every=8))
    for adversary in state.adversaries:
        view = adversary.view(real, noise)
        total, terms = adversary.discriminator_loss(real, view, fake, noise, penalise=True)
        torch.testing.assert_close(total, terms["fake"] + 0.8 * terms["fake_penalty"])


@pytest.mark.parametrize(("loss", "passes"), [("relativistic", 2), ("hinge", 1)])
def test_the_generator_asks_for_real_outputs_only_where_its_loss_does(loss: str, passes: int) -> None:
    state, real, fake, noise = prepared(config(losses__adversarial=loss))
    adversary, calls = state.adversaries.video, []
    adversary.discriminator.decision.register_forward_hook(lambda *_: calls.append(1))
    fake.requires_grad_()
    outputs = adversary.outputs(adversary.view(real, noise), fake, noise)
    adversary.generator_loss(outputs).backward()
    assert len(calls) == passes
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
    assert passes == 1 or not outputs.real.scores.requires_grad


def test_names_in_files_are_those_of_the_first_version(tmp_path: Path) -> None:
    state, _, _, _ = prepared(config())
    assert list(state.modules) == ["network", "video_critic", "image_critic", "average"]
    assert set(state.optimizers) == {"generator", "video_critic", "image_critic"}
    save_state(tmp_path / "state.safetensors", state)
    stored = {name.partition("/")[0] for name in load_file(tmp_path / "state.safetensors")}
    assert stored == {"network", "video_critic", "image_critic", "average", "random"}
