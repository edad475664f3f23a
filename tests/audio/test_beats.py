"""Beats: found where they are, at the period that they have, and nowhere else."""

from fractions import Fraction

import numpy as np
import pytest

from listen_and_move.audio.beats import Beats, beats_of, find_beats

FPS = Fraction(20)


def pulses(
    period: float, frames: int = 240, first: float = 3.0, noise: float = 0.1, seed: int = 0
) -> np.ndarray:
    """Flux of a pulse over noise, every second beat weaker and some missing."""
    random = np.random.default_rng(seed)
    flux = noise * np.abs(random.standard_normal(frames))
    for count, place in enumerate(np.arange(first, frames - 1, period)):
        if random.random() > 0.15:
            flux[round(place)] += 1.0 if count % 2 else 0.7
    return flux


@pytest.mark.parametrize("period", [6.0, 8.4, 10.0, 12.5])
@pytest.mark.parametrize("seed", range(3))
def test_a_pulse_is_found(period: float, seed: int) -> None:
    found = find_beats(pulses(period, seed=seed), FPS)
    assert found is not None
    octaves = np.log2(found.period / period)
    assert abs(octaves - round(octaves)) < 0.04, "a beat, or two, or half of one"
    beats = found.near(period)
    truth = np.arange(3.0, 239, period)
    off = np.abs(beats.places[:, None] - truth).min(1)
    assert np.median(off) <= 0.6
    assert (off <= 1.6).mean() > 0.85


@pytest.mark.parametrize("seed", range(8))
def test_noise_has_no_beat(seed: int) -> None:
    assert find_beats(np.abs(np.random.default_rng(seed).standard_normal(400)), FPS) is None


@pytest.mark.parametrize("flux", [np.zeros(200), np.ones(200), np.ones(3), np.zeros(0)])
def test_what_never_becomes_louder_has_none(flux: np.ndarray) -> None:
    assert find_beats(flux, FPS) is None
    assert len(flux) > 3 or beats_of(flux, 8.0) is None


def test_phases_go_from_beat_to_beat_and_on_beyond_them() -> None:
    beats = Beats(4.0, np.array([10.0, 14.0, 18.0]))
    assert [beats.phase(frame) for frame in (10, 11, 12, 13, 14, 17)] == [0, 0.25, 0.5, 0.75, 0, 0.75]
    assert [beats.phase(frame) for frame in (1, 2, 9)] == [0.75, 0, 0.75]
    assert [beats.phase(frame) for frame in (18, 21, 22)] == [0, 0.75, 0]


@pytest.mark.parametrize(
    ("period", "near", "expected"), [(10.0, 10.0, 10), (10.0, 5.2, 5), (10.0, 19.0, 20), (10.0, 13.0, 10)]
)
def test_twice_or_half_as_often(period: float, near: float, expected: float) -> None:
    beats = Beats(period, np.arange(0, 100, period)).near(near)
    assert beats.period == expected
    assert set(np.diff(beats.places)) == {expected}
    assert beats.places[0] == 0
