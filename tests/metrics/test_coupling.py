"""The link of sound and motion: found where it is, with its lag, and told from chance."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.signal

from listen_and_move.metrics.coupling import HOP, WINDOW, onset_strength, region_motion, spectra, strongest

RATE, FPS = 16_000, Fraction(20)


def noise(seed, *shape):
    return np.random.default_rng(seed).random(shape)


def test_spectra_are_those_of_scipy():
    sound = noise(0, RATE).astype(np.float32) - 0.5
    window: Any = np.hanning(WINDOW)  # scipy's hints know names only
    _, _, expected = scipy.signal.stft(
        sound,
        RATE,
        window,
        WINDOW,
        WINDOW - HOP,
        boundary="zeros",
        padded=False,
        detrend=False,
        scaling="spectrum",
    )
    found = spectra(sound)[: expected.shape[1]]
    assert np.allclose(found, 20 * np.log10(np.abs(expected.T) * window.sum() + 1e-2), atol=1e-2)


def test_onsets_are_at_their_frames():
    sound = np.zeros(3 * RATE)
    for frame in (7, 20, 41):
        start = frame * RATE // 20 + 300
        sound[start : start + 2000] = np.sin(np.arange(2000)) * np.exp(-np.arange(2000) / 400)
    strength = onset_strength(spectra(sound), RATE, FPS, 60)
    assert sorted(np.argsort(strength)[-3:]) == [7, 20, 41]
    assert strength.min() == 0


def test_onsets_of_silence_and_after_the_end():
    assert not onset_strength(spectra(np.zeros(RATE)), RATE, FPS, 40).any()
    assert onset_strength(spectra(noise(1, RATE)), RATE, FPS, 40)[21:].max() == 0


def test_region_motion():
    difference = np.zeros((9, 13))
    difference[-1, -1] = 1
    found = region_motion([difference, 0 * difference])
    assert found.shape == (2, 4, 4)
    assert found[0, 3, 3] > 0
    assert np.count_nonzero(found) == 1


@pytest.mark.parametrize("lag", [-3, 0, 2])
def test_the_linked_region_is_found_with_its_lag(lag):
    sound = noise(2, 220)
    motion: dict[tuple[int, int] | None, np.ndarray] = {(row, 0): noise(3 + row, 200) for row in range(4)}
    motion[2, 0] = 0.5 * motion[2, 0] + sound[10 - lag : 210 - lag]
    found = strongest(motion, {"loudness": sound[10:210], "onsets": noise(9, 200)}, 8)
    assert (found.region, found.lag, found.sound) == ((2, 0), lag, "loudness")
    assert found.correlation > 0.8
    assert found.clear


def test_unlinked_series_are_not_clear():
    cleared = [
        strongest({None: noise(seed, 200)}, {"loudness": noise(50 + seed, 200)}, 8).clear
        for seed in range(12)
    ]
    assert sum(cleared) <= 3


def test_too_short_a_film_proves_nothing():
    series = noise(1, 30)
    assert not strongest({None: series}, {"loudness": series}, 8).clear
