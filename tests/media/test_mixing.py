"""Channels as one: the mean, but where they cancel in it."""

import numpy as np
import pytest
from tests.media.making import make_wav, whole

from listen_and_move.media.mixing import STEPS, MonoMix
from listen_and_move.media.sound import read_sound

RATE = 8000
STEP = RATE // STEPS


def noise(seconds: float, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(round(seconds * RATE), channels)).astype(np.float32) / 8


def mixed(samples: np.ndarray, *sizes: int) -> np.ndarray:
    """The mix of a sound that comes in blocks of these sizes, again and again."""
    mix, blocks, at = MonoMix(RATE), [], 0
    while at < len(samples):
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(mix.push(samples[at : at + size]))
        at += size
    return np.concatenate(blocks)


def correlated(seconds: float, correlation: float, seed: int = 0) -> np.ndarray:
    """Stereo noise whose sides have a correlation."""
    left, other = noise(seconds, 2, seed).T
    return np.stack([left, correlation * left + np.sqrt(1 - correlation**2) * other], 1).astype(np.float32)


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_that_cancel_are_heard(tmp_path, channels):
    sound = noise(2)
    sides = np.concatenate([sound, -sound, *[0 * sound] * (channels - 2)], 1)
    path = make_wav(tmp_path / "opposite.wav", np.rint(sides * 32768), RATE)
    samples = whole(read_sound(path, RATE))
    assert np.array_equal(samples[2 * STEP :], (np.rint(sound * 32768) / 32768)[2 * STEP :, 0])


@pytest.mark.parametrize("correlation", [-0.8, -0.5, 0, 0.5, 1])
def test_all_else_is_the_mean_to_the_bit(correlation):
    sides = correlated(5, correlation)
    assert np.array_equal(mixed(sides, 700), sides.mean(1, dtype=np.float64).astype(np.float32))


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_one_channel_of_many_is_the_mean_to_the_bit(channels):
    sides = np.zeros((RATE, channels), np.float32)
    sides[:, -1] = noise(1)[:, 0]
    assert np.array_equal(mixed(sides, 700), sides.mean(1, dtype=np.float64).astype(np.float32))


def test_any_cut_of_the_sound_gives_the_same():
    sound = noise(4)
    sides = np.concatenate([correlated(2, 0.3), np.concatenate([sound, -sound], 1), correlated(2, 0.3)])
    expected = mixed(sides, len(sides))
    for sizes in ((1, 79, 80, 81), (1024,), (7,)):
        assert np.array_equal(mixed(sides, *sizes), expected)


def test_a_change_is_a_slope_and_none_follows_it():
    """Noise would tell a steady mix from one that goes to and fro."""
    sound = np.full((4 * RATE, 1), 0.5, np.float32)
    sides = np.concatenate([np.concatenate([sound, 0.9 * sound], 1), np.concatenate([sound, -sound], 1)])
    samples = mixed(sides, 1024)
    steps = np.abs(np.diff(samples))
    assert steps[: 4 * RATE - 1].max() == 0
    begin = np.flatnonzero(samples[4 * RATE :] > 0)[0]
    assert begin < RATE  # within a second the sound before has faded from memory
    after = steps[4 * RATE + begin :]
    assert np.count_nonzero(after) == STEP
    assert after.max() < 0.51 / (STEP)


def test_silence_changes_nothing():
    sound = np.concatenate([noise(1), np.zeros((3 * RATE, 1), np.float32), noise(1)])
    samples = mixed(np.concatenate([sound, -sound], 1), 1000)
    assert np.array_equal(samples[2 * STEP :], sound[2 * STEP :, 0])


def test_one_side_that_is_late_is_no_cancelling():
    """Two microphones apart: single tones cancel, the sound does not."""
    sound = noise(3)
    sides = np.concatenate([sound[5:], sound[:-5]], 1)
    assert np.array_equal(mixed(sides, 1024), sides.mean(1, dtype=np.float64).astype(np.float32))
