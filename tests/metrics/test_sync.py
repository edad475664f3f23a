"""Synchrony measures, checked against scipy and by known shifts, sizes and sounds."""

from fractions import Fraction
from math import inf, isclose

import numpy as np
import pytest
from scipy.stats import pearsonr

from listen_and_move.metrics.sync import (
    SILENCE_DB,
    best_lag,
    correlation,
    difference_correlation,
    loudness,
    motion_energy,
    motion_ratio,
    shifted_null,
)


def noise(seed, shape=(12, 8, 9, 3)):
    return np.random.default_rng(seed).random(shape)


def test_motion_energy():
    video = np.zeros((4, 5, 6, 3), np.uint8)
    video[2:, 0] = 255  # one row of five
    assert np.allclose(motion_energy(video), [0, 0.2, 0])
    assert np.allclose(motion_energy(video), motion_energy(video / 255))
    assert motion_energy(video[:1]).shape == (0,)


def test_correlation_is_pearsons():
    a, b = noise(0, 50), noise(1, 50) + noise(0, 50)
    assert isclose(correlation(a, b), float(np.asarray(pearsonr(a, b))[0]), rel_tol=1e-12)
    assert isclose(correlation(a, 3 * a + 7), 1)
    assert isclose(correlation(a, -a), -1)
    assert isclose(correlation(1e-9 * a, 1e9 * b - 5), correlation(a, b), rel_tol=1e-6)


@pytest.mark.parametrize("constant", [np.zeros(20), np.full(20, 0.1), np.full(20, 1e6 / 3, np.float32)])
def test_a_constant_correlates_with_nothing(constant):
    assert correlation(constant, noise(2, 20)) == 0.0
    assert correlation(noise(2, 20), constant) == 0.0
    assert correlation(constant[:1], constant[:1]) == 0.0


def test_series_of_different_length_are_refused():
    with pytest.raises(ValueError, match="5 and 6"):
        correlation(np.zeros(5), np.zeros(6))
    with pytest.raises(ValueError, match="5 and 6"):
        best_lag(np.zeros(5), np.zeros(6), 2)


@pytest.mark.parametrize("lag", [-5, -1, 0, 1, 4])
def test_a_known_shift_is_found(lag):
    series = noise(3, 80)
    a, b = series[10 : 10 + 60], series[10 + lag : 70 + lag]  # a[t + lag] = b[t]: a is later by lag
    assert best_lag(a, b, 6)[0] == lag
    assert isclose(best_lag(a, b, 6)[1], 1)
    assert best_lag(b, a, 6)[0] == -lag


def test_lags_stay_within_their_limits():
    series = noise(4, 40)
    assert abs(best_lag(series[:30], series[9:39], 4)[0]) <= 4
    assert best_lag(np.zeros(30), series[:30], 4) == (0, 0.0)
    assert best_lag(series[:3], series[:3], 50)[0] == 0


def test_difference_correlation_laws():
    video, other = noise(5), noise(6)
    assert isclose(difference_correlation(video, video), 1)
    assert isclose(difference_correlation(1 - video, video), -1)
    assert isclose(difference_correlation(0.3 * video + 0.1, video), 1)
    assert isclose(difference_correlation(video + noise(7)[0], video), 1), (
        "a constant picture on top changes nothing"
    )
    assert isclose(difference_correlation(video, other), difference_correlation(other, video))
    assert abs(difference_correlation(video, other)) < 0.1
    assert difference_correlation(np.zeros_like(video), video) == 0


def test_difference_correlation_by_hand():
    real, ours = np.zeros((3, 1, 1, 3)), np.zeros((3, 1, 1, 3))
    real[:, 0, 0, 0], ours[:, 0, 0, 0] = [0, 0.2, 0.6], [0, 0.3, 0.3]  # differences 0.2, 0.4 and 0.3, 0
    assert isclose(difference_correlation(ours, real), 0.06 / np.sqrt(0.2 * 0.09))


def test_bytes_do_not_wrap_around():
    video = (255 * noise(8)).astype(np.uint8)
    assert isclose(difference_correlation(video, video), 1, rel_tol=1e-5)
    assert isclose(difference_correlation(255 - video, video), -1, rel_tol=1e-5)


def test_shifted_null_is_dcor_at_every_other_time():
    video, other = noise(9), noise(10)
    null = shifted_null(video, other, min_shift=3)
    assert len(null) == 11 - 2 * 3 + 1
    for shift, value in zip(range(3, 9), null, strict=True):
        rolled = np.cumsum(
            np.concatenate([other[:1], np.roll(np.diff(other, axis=0), shift, axis=0)]), axis=0
        )
        assert isclose(value, difference_correlation(video, rolled), abs_tol=1e-9)


def test_periodic_motion_has_a_high_null():
    loop = np.tile(noise(11, (5, 6, 6, 3)), (5, 1, 1, 1))[:21]  # 20 differences, period 5
    assert isclose(shifted_null(loop, loop, 5).max(), 1)
    assert shifted_null(noise(12, (21, 6, 6, 3)), loop).max() < 0.3


def test_shifted_null_of_short_and_still_clips():
    assert shifted_null(noise(13, (5, 4, 4, 3)), noise(14, (5, 4, 4, 3))).shape == (0,)
    assert (shifted_null(np.zeros((12, 4, 4, 3)), noise(14, (12, 4, 4, 3))) == 0).all()
    with pytest.raises(ValueError, match="at least 1 frame; got 0"):
        shifted_null(noise(0), noise(0), 0)


def test_motion_ratio():
    video = noise(15)
    assert isclose(motion_ratio(video, video), 1)
    assert isclose(motion_ratio(0.5 * video, video), 0.5)
    assert motion_ratio(np.zeros_like(video), video) == 0
    assert motion_ratio(video, np.zeros_like(video)) == inf
    assert motion_ratio(np.zeros_like(video), np.zeros_like(video)) == 1


@pytest.mark.parametrize("fps", [Fraction(20), Fraction(30000, 1001)])
def test_loudness_of_known_sounds(fps):
    rate, frames = 44_100, 30
    time = np.arange(2 * rate) / rate
    sine = np.sin(2 * np.pi * 1000 * time)
    assert np.allclose(loudness(sine, rate, fps, frames), -10 * np.log10(2), atol=0.05)
    assert np.allclose(loudness(0.1 * sine, rate, fps, frames) - loudness(sine, rate, fps, frames), -20)
    assert (loudness(0 * sine, rate, fps, frames) == SILENCE_DB).all()


@pytest.mark.parametrize("fps", [Fraction(20), Fraction(24000, 1001), Fraction(30000, 1001)])
def test_loudness_belongs_to_its_frame_for_a_minute(fps):
    rate, index = 48_000, int(60 * fps)
    samples = np.zeros(61 * rate)
    samples[-(-index * rate // fps)] = 1.0  # the first sample at or after the frame's instant
    found = loudness(samples, rate, fps, index + 3)
    assert np.argmax(found) == index
    assert (np.delete(found, index) == SILENCE_DB).all()


def test_loudness_after_the_end_and_of_stereo():
    found = loudness(np.ones(1000), 1000, Fraction(10), 12)
    assert np.allclose(found[:10], 0)
    assert (found[10:] == SILENCE_DB).all()
    with pytest.raises(ValueError, match="one channel"):
        loudness(np.ones((1000, 2)), 1000, Fraction(10), 5)
