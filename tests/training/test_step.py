"""The training step: who is changed by what."""

import copy

import pytest
import torch
from tests.conftest import TINY

from listen_and_move.config import Config
from listen_and_move.losses.adversarial import ADVERSARIAL
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.batches import Batch, SilenceBatch
from listen_and_move.training.state import TrainingState, fresh_state
from listen_and_move.training.step import training_step


def tiny(**changes: object) -> Config:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return with_values(preset("quick"), {**TINY, **named})


def batch(config: Config) -> Batch:
    random = torch.Generator().manual_seed(0)
    real = torch.rand(2, 4, 3, 32, 32, generator=random) * 2 - 1
    features = torch.randn(2, 4, config.features.size, generator=random)
    return Batch(real, features, torch.zeros(2, 4, config.motion.noise), None, None, None)


def weights(state: TrainingState) -> dict[str, list[torch.Tensor]]:
    image, video = (state.adversaries.image.discriminator, state.adversaries.video.discriminator)
    modules = {"generator": state.network, "image": image, "video": video}
    return {
        name: [parameter.detach().clone() for parameter in module.parameters()]
        for name, module in modules.items()
    }


def changed(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    return any(not torch.equal(one, two) for one, two in zip(before, after, strict=True))


def test_all_three_players_learn() -> None:
    config = tiny()
    state = fresh_state(config, torch.device("cpu"))
    training_step(state, batch(config), config)  # the last layer of a residual picture starts at zero
    before = weights(state)
    losses = training_step(state, batch(config), config)
    after = weights(state)
    assert all(changed(before[name], after[name]) for name in before)
    assert {
        "generator/video",
        "generator/image",
        "generator/l1",
        "video_critic/fake",
        "image_critic/fake",
    } <= set(losses)
    assert state.step == 2
    assert state.lanes is not None
    assert not state.lanes.motion.memory[0].requires_grad


def test_without_adversarial_weight_no_discriminator_is_touched() -> None:
    config = tiny(losses__adversarial_weight=0.0)
    state = fresh_state(config, torch.device("cpu"))
    before = weights(state)
    losses = training_step(state, batch(config), config)
    after = weights(state)
    assert set(losses) <= {"generator/l1", "generator/difference"}
    assert "generator/l1" in losses
    assert not changed(before["image"], after["image"])
    assert not changed(before["video"], after["video"])


def test_the_penalty_comes_in_every_nth_step() -> None:
    config = tiny(losses__penalty_every=3)
    state = fresh_state(config, torch.device("cpu"))
    with_penalty = [
        "image_critic/fake_penalty" in training_step(state, batch(config), config) for _ in range(6)
    ]
    assert with_penalty == [True, False, False, True, False, False]


def test_both_fakes_of_the_paper() -> None:
    config = tiny(losses__shuffled=1.0, losses__adversarial="wgan-gp", losses__penalty_every=1)
    losses = training_step(fresh_state(config, torch.device("cpu")), batch(config), config)
    assert {"video_critic/shuffled", "video_critic/shuffled_penalty"} <= set(losses)
    assert "image_critic/shuffled" not in losses


@pytest.mark.parametrize("name", ["total_variation", "feature_matching"])
def test_a_term_of_weight_0_is_left_out_and_another_weight_moves_the_generator(name: str) -> None:
    after = {}
    for weight in (0.0, 10.0):
        config = tiny(**{f"losses__{name}": weight})
        state = fresh_state(config, torch.device("cpu"))
        training_step(state, batch(config), config)
        losses = training_step(state, batch(config), config)
        assert (f"generator/{name}" in losses) == (weight > 0)
        after[weight] = weights(state)["generator"]
    assert changed(after[0.0], after[10.0])


@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_every_adversarial_loss_trains(loss: str) -> None:
    config = tiny(losses__adversarial=loss)
    losses = training_step(fresh_state(config, torch.device("cpu")), batch(config), config)
    assert all(torch.isfinite(value) for value in losses.values())
    assert "video_critic/fake_penalty" in losses


def test_room_tone_brings_the_picture_to_rest() -> None:
    """What moves without a reason, here by its sound alone, moves less after steps that punish it."""
    config = tiny(losses__adversarial_weight=0.0, losses__l1=0.01, losses__difference=0.0, losses__rest=10.0)
    state = fresh_state(config, torch.device("cpu"))
    room = torch.randn(1, 4, config.features.size, generator=torch.Generator().manual_seed(1))
    silence = SilenceBatch(room, torch.zeros(1, 4, config.motion.noise), None)
    losses = [training_step(state, batch(config)._replace(silence=silence), config) for _ in range(40)]
    assert losses[-1]["generator/rest"] < 0.3 * max(each["generator/rest"] for each in losses)
    assert "generator/rest" not in training_step(state, batch(config), config)


def test_the_ema_follows_slowly() -> None:
    config = tiny(training__average=0.9)
    state = fresh_state(config, torch.device("cpu"))
    assert state.ema is not None
    for _ in range(100):
        state.step += 1  # far from the beginning, where the EMA follows fast
    before, kept = copy.deepcopy(state.network), copy.deepcopy(state.ema)
    training_step(state, batch(config), config)
    name = "generator.picture.convolution.weight"  # the only one that moves in the first step
    moved = state.network.get_parameter(name) - kept.get_parameter(name)
    torch.testing.assert_close(
        state.ema.get_parameter(name) - kept.get_parameter(name), 0.1 * moved, rtol=1e-3, atol=1e-7
    )
    assert not torch.equal(before.get_parameter(name), state.network.get_parameter(name))
