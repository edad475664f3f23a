from dataclasses import replace

import pytest
import torch

from listen_and_move.audio.augmentation import augmented_power
from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, Statistics
from listen_and_move.config import FeatureConfig
from listen_and_move.data.clip import Clip, split
from listen_and_move.models.memory import FrameMemory
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.batches import Batches
from listen_and_move.training.memory_fitting import (
    feature_groups,
    fitted_memory,
    fitted_metric_scale,
    memory_mask,
    remembered_frames,
)
from listen_and_move.training.state import fresh_state

QUICK = preset("quick")
AHEAD = 3 * 6
"""The group of the bands of the last chunk of context."""


def clip(frames: int = 200) -> Clip:
    """A bright bar jumps to where the chunk four frames ahead says; all other features are noise."""
    generator = torch.Generator().manual_seed(0)
    place = torch.randint(0, 4, (frames,), generator=generator)
    pictures = torch.zeros(frames, 64, 64, 3, dtype=torch.uint8)
    for frame, where in enumerate(place.tolist()):
        pictures[frame, 16 * where : 16 * where + 16] = 200
    features = torch.randn(frames, QUICK.features.size, generator=generator)
    features[:, feature_groups(QUICK.features) == AHEAD] = (
        torch.nn.functional.one_hot(place, 4).float().repeat(1, 4)
    )
    train, held_out = split(frames, QUICK.clip)
    statistics = Statistics(torch.zeros(66), torch.ones(66))
    return Clip(pictures, features, statistics, train, (held_out,), (0, 0, 64, 64), level=-20.0)


def test_groups_follow_the_features() -> None:
    assert feature_groups(FeatureConfig()).tolist() == [0] * 64
    numbers = feature_groups(FeatureConfig(kind="shape", past=1, future=1))
    assert numbers.tolist() == [0] * 64 + [1, 2] + [3] * 16 + [4, 5] + [6] * 16 + [7, 8]
    assert len(feature_groups(QUICK.features)) == QUICK.features.size


def test_all_training_frames_are_kept_or_evenly_spaced_ones() -> None:
    assert remembered_frames(clip(), QUICK).tolist() == list(range(160))
    few = with_values(QUICK, {"generator.recall": 50})
    assert remembered_frames(clip(), few).tolist() == list(range(0, 160, 4))


def test_the_held_out_part_is_not_remembered() -> None:
    config = with_values(QUICK, {"clip.holdout": "0.4-0.6"})
    train, held_out = split(200, config.clip)
    places = remembered_frames(replace(clip(), train=train, held_out=(held_out,)), config)
    assert not set(places.tolist()) & set(held_out)


def test_a_window_and_what_is_near_it_is_no_test_of_memory() -> None:
    places = torch.arange(0, 100, 5)
    mask = memory_mask(places, range(40, 48), QUICK)  # half a second is 10 frames
    assert places[mask].tolist() == [30, 35, 40, 45, 50, 55]
    assert not memory_mask(torch.arange(5), range(2, 4), QUICK).any()  # or nothing would be left


def test_features_that_tell_the_picture_get_the_weight() -> None:
    memory = fitted_memory(clip(), with_values(QUICK, {"losses.rest": 0.0}))
    spread = clip().features[:160].std(0)
    weight = memory.metric_scale * spread
    numbers = feature_groups(QUICK.features)
    others = torch.tensor([float(weight[numbers == number].mean()) for number in range(AHEAD)])
    assert weight[numbers == AHEAD].mean() > 2 * others.max()
    assert memory.keys.shape == (1, 160, QUICK.features.size)
    assert memory.values.shape == (160, 3, 64, 64)


def test_a_constant_feature_has_no_say() -> None:
    keys = torch.randn(30, 2)
    keys[:, 1] = 5.0
    free = torch.zeros(30, 30, dtype=torch.bool).fill_diagonal_(True)
    scale = fitted_metric_scale(
        keys, torch.rand(30, 4), free, torch.ones(29, dtype=torch.bool), torch.tensor([0, 1])
    )
    assert scale[0] > 0
    assert scale[1] == 0
    assert scale.isfinite().all()


def test_sounds_are_remembered_as_they_might_have_been_recorded() -> None:
    one = clip()
    power = torch.rand(200 + 6, 8, 64, generator=torch.Generator().manual_seed(1))
    keys = fitted_memory(replace(one, power=power), QUICK).keys
    assert keys.shape[0] == 17
    assert not torch.allclose(keys[1], keys[2])


def test_keys_of_a_long_clip_are_those_of_its_whole_sound() -> None:
    config = with_values(QUICK, {"generator.recall": 20, "losses.rest": 0.0, "training.seed": 5})
    one, numbers = clip(), torch.arange(0, 160, 8)
    power = torch.rand(200 + 6, 8, 64, generator=torch.Generator().manual_seed(1))
    keys = fitted_memory(replace(one, power=power), config).keys
    # The first two draws of this seed add no noise, which would differ.
    random = torch.Generator().manual_seed(5)
    extractor = FeatureExtractor(config.features, config.clip.rate, one.statistics)
    for version in (1, 2):
        whole = augmented_power(power, float(power.mean()), 1.0, random)
        assert torch.allclose(keys[version], extractor.assemble(extractor.described(whole))[numbers])


@pytest.mark.parametrize("rest", [10.0, 0.0])
def test_room_tone_shows_one_picture(rest: float) -> None:
    config = with_values(QUICK, {"losses.rest": rest})
    one = clip()
    recall = FrameMemory(config.features.size, (64, 64))
    power = torch.rand(206, 8, 64, generator=torch.Generator().manual_seed(1))
    recall.fill(*fitted_memory(replace(one, power=power), config))
    noise = 1e-3 * torch.randn(2 * SAMPLE_RATE, generator=torch.Generator().manual_seed(3))
    features = FeatureExtractor(config.features, config.clip.rate, one.statistics).whole(noise)[8:32]
    _, best = recall(features[None])
    motion = float(best.diff(dim=1).abs().mean())
    assert motion < 1e-3 if rest else motion > 0.02


def test_a_window_may_retrieve_room_tone_and_not_itself() -> None:
    one, state = clip(), fresh_state(QUICK, torch.device("cpu"))
    recall = state.network.generator.memory
    assert recall is not None
    recall.fill(*fitted_memory(one, QUICK))
    batch, _ = Batches(one, QUICK, torch.device("cpu")).next(state)
    assert batch.memory_mask is not None
    assert batch.memory_mask.shape[1] == len(recall.values) > 160
    assert batch.memory_mask[:, :160].any(1).all()
    assert not batch.memory_mask[:, 160:].any()
