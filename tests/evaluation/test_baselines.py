"""Baselines and altered sounds: each does what its name says, and nothing to what lies outside."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.evaluation.making import Held, noise

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.config import FeatureConfig
from listen_and_move.evaluation.baselines import (
    BLOCK,
    Picked,
    Still,
    blocks,
    mean_frame,
    shifted_sound,
    shuffled_sound,
    silent_sound,
    temporal_spread,
)
from listen_and_move.evaluation.dataset import FrameSpan

FEATURES = torch.randn(100, 5, generator=torch.Generator().manual_seed(0))
SPAN = range(20, 83)


def outside(features: torch.Tensor) -> torch.Tensor:
    return torch.cat([features[: SPAN.start], features[SPAN.stop :]])


def inside(features: torch.Tensor) -> torch.Tensor:
    return features[SPAN.start : SPAN.stop]


def test_still_and_picked_and_part() -> None:
    frames = noise(0, 10)
    still, order = Still(frames[3], 7), np.array([4, 4, 0, 9])
    assert len(still) == 7
    assert np.array_equal(still.read(2, 5), frames[[3, 3, 3]])
    picked = Picked(Held(frames), order)
    assert len(picked) == 4
    assert np.array_equal(picked.read(1, 4), frames[[4, 0, 9]])
    section = FrameSpan(Held(frames), range(2, 6))
    assert len(section) == 4
    assert np.array_equal(section.read(1, 4), frames[3:6])


@pytest.mark.parametrize("overlap", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 31, 32, 33, 34, 65])
def test_blocks_cover_everything_once(count: int, overlap: int) -> None:
    frames = Held(noise(1, 7 + count))
    found = list(blocks(frames, [range(2, 5), range(7, 7 + count)], overlap))
    assert np.array_equal(found[0], frames.pictures[2:5])
    assert np.array_equal(np.concatenate([block[:BLOCK] for block in found[1:]]), frames.pictures[7:])
    for block, after in pairwise(found[1:]):
        assert len(block) == min(BLOCK + overlap, BLOCK + len(after))
        assert np.array_equal(block[BLOCK:], after[: len(block) - BLOCK])
    assert frames.largest <= BLOCK + overlap


def test_mean_frame_is_that_of_numpy() -> None:
    frames = noise(2, 90)
    parts = [range(0, 40), range(70, 90)]
    expected = np.concatenate([frames[:40], frames[70:]]).mean(0)
    assert np.abs(mean_frame(Held(frames), parts) - expected).max() <= 0.5 + 1e-9
    assert np.array_equal(mean_frame(Still(frames[5], 50), [range(50)]), frames[5])


def test_temporal_spread_is_that_of_numpy() -> None:
    frames = noise(3, 77)
    assert np.allclose(temporal_spread(Held(frames), [range(len(frames))]), (frames / 255).std(0).mean(-1))
    assert not temporal_spread(Still(frames[0], 40), [range(40)]).any()


def test_shifted_sound_is_the_same_sound_at_another_time() -> None:
    altered = shifted_sound(FEATURES, SPAN)
    assert torch.equal(outside(altered), outside(FEATURES))
    rolled = [
        shift for shift in range(len(SPAN)) if torch.equal(inside(altered), inside(FEATURES).roll(shift, 0))
    ]
    assert rolled == [24]  # 63 frames times the golden section


@pytest.mark.parametrize("length", [12, 22, 33, 63])
@pytest.mark.parametrize("seed", range(5))
def test_shuffled_sound_is_its_pieces_in_another_order(length: int, seed: int) -> None:
    span = range(20, 20 + length)
    altered = shuffled_sound(FEATURES, span, 20.0, seed)
    assert torch.equal(altered[:20], FEATURES[:20])
    assert torch.equal(altered[span.stop :], FEATURES[span.stop :])
    rows = [FEATURES[20:].eq(row).all(1).nonzero().item() for row in altered[20 : span.stop]]
    assert sorted(rows) == list(range(length)), "every frame is there once"
    assert rows != sorted(rows), "two pieces change places as well"
    cuts = [place for place, (before, after) in enumerate(pairwise(rows)) if after != before + 1]
    assert all(rows[place + 1] % 10 == 0 for place in cuts), "pieces of half a second stay whole"
    assert torch.equal(altered, shuffled_sound(FEATURES, span, 20.0, seed))


@pytest.mark.parametrize("kind", ["lms", "level"])
def test_silent_sound_is_what_silence_sounds_like(kind: str) -> None:
    config = FeatureConfig(kind=kind, past=1, future=2)  # pyright: ignore[reportArgumentType]
    extractor = FeatureExtractor(config, Fraction(20))
    wave = torch.randn(5 * SAMPLE_RATE, generator=torch.Generator().manual_seed(2))
    features = extractor.whole(wave)
    wave[SAMPLE_RATE : 4 * SAMPLE_RATE + SAMPLE_RATE // 2] = 0
    expected = extractor.whole(wave)[25:85]
    altered = silent_sound(features, range(25, 85), extractor)
    assert torch.allclose(altered[25:85], expected, atol=1e-5)
    assert torch.equal(altered[:25], features[:25])
    assert torch.equal(altered[85:], features[85:])
    assert not torch.allclose(features[25:85], expected, atol=1e-2)
