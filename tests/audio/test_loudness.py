"""Levels and gains: known sounds, laws of gain and cut, what is left alone."""

from fractions import Fraction
from math import isclose, log10
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import welch

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.audio.loudness import (
    BLOCK,
    GainState,
    Leveller,
    gated_level,
    level_of,
    matching_gain,
    measured,
    parse_gain,
)
from listen_and_move.config import FeatureConfig
from listen_and_move.data.synthetic.marimba import melody, render_sound
from listen_and_move.errors import UserError
from listen_and_move.media.sound import read_sound


def tone(seconds, amplitude, hertz=1000):
    return (
        amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    ).astype(np.float32)


def strokes(seconds, seed=0):
    """Noise that is struck about three times a second and dies away by 70 dB."""
    count = int(seconds * SAMPLE_RATE)
    noise = np.random.default_rng(seed).standard_normal(count)
    return (0.2 * noise * np.exp(-(np.arange(count) % 21_000) / 2600)).astype(np.float32)


def room(seconds, colour, seed=0):
    """Noise of -60 dB of full scale whose power falls with a power of the frequency above 20 Hz."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE)))
    hertz = np.maximum(np.arange(len(spectrum)) / seconds, 20)
    noise = np.fft.irfft(spectrum * hertz ** (-colour / 2))
    return (noise * 1e-3 / np.sqrt(np.mean(noise**2))).astype(np.float32)


def louder(samples, decibels):
    return samples * np.float32(10 ** (decibels / 20))


def test_a_sine_has_its_level_and_pauses_do_not_count():
    sine = tone(2, 1.0)
    assert gated_level([sine]) == pytest.approx(-10 * log10(2), abs=0.05)
    assert gated_level([louder(sine, -30)]) == pytest.approx(-30 - 10 * log10(2), abs=0.05)
    pauses = np.concatenate([sine, np.zeros(8 * SAMPLE_RATE, np.float32), sine])
    assert gated_level([pauses]) == pytest.approx(-10 * log10(2), abs=0.3)
    murmur = np.concatenate([sine, tone(20, 0.01, 700)])
    assert gated_level([murmur]) == pytest.approx(-10 * log10(2), abs=0.3), (
        "what is 40 dB below counts as a pause"
    )


def test_the_band_is_that_of_the_listener():
    sine = tone(2, 0.1)
    assert isclose(gated_level([sine + 0.5]) or 0, gated_level([sine]) or 1, abs_tol=0.1), (
        "an offset is not heard"
    )
    assert isclose(gated_level([sine + tone(2, 0.5, 50)]) or 0, gated_level([sine]) or 1, abs_tol=0.05), (
        "nor is a hum"
    )
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * SAMPLE_RATE).astype(np.float32)
    hertz, density = welch(noise, SAMPLE_RATE, nperseg=8192)
    power = density[(hertz >= 125) & (hertz <= 7500)].sum() * (hertz[1] - hertz[0])
    assert gated_level([noise]) == pytest.approx(10 * log10(power), abs=0.1)


@pytest.mark.parametrize("cut", [[1], [2719, 2720, 2721], [50_000, 50_001], list(range(777, 200_000, 777))])
def test_any_cut_measures_the_same(cut):
    sound = strokes(3.1)
    assert gated_level(np.split(sound, cut)) == gated_level([sound])


def test_an_old_state_stays_usable():
    sound = strokes(2.0)
    early = measured(sound[:70_000])
    before = level_of(early)
    measured(sound[70_000:], early)
    assert level_of(early) == before


@pytest.mark.parametrize("decibels", [-20, -10, -3.3, 6])
def test_a_gain_changes_the_level_by_itself(decibels):
    sound = strokes(5)
    assert gated_level([louder(sound, decibels)]) == pytest.approx(
        (gated_level([sound]) or 0) + decibels, abs=0.1 if decibels > -20 else 0.3
    )


def test_silence_and_room_noise_have_no_level_and_get_no_gain():
    for noise in (
        np.zeros(SAMPLE_RATE, np.float32),
        np.zeros(10, np.float32),
        *(room(5, colour) for colour in (0, 1, 2)),
    ):
        assert gated_level([noise]) is None
        assert matching_gain(gated_level([noise]), -20) == 0
        played, _ = Leveller("running", -20).push(noise)
        assert np.array_equal(played, noise)
    assert gated_level([]) is None
    assert gated_level([louder(room(5, 0), 15)]) is not None, "noise that is clearly heard is a sound"


def test_matching_gain_is_limited():
    assert matching_gain(-30, -20) == 10
    assert matching_gain(-20, -30) == -10
    assert matching_gain(-50, -20) == 20
    assert matching_gain(-5, -40) == -20
    assert matching_gain(None, -20) == matching_gain(-20, None) == 0


def marimba() -> np.ndarray:
    """A made-up performance in a room that is not quite silent."""
    struck = render_sound(melody(1, 6.0), 6.0, SAMPLE_RATE).mean(1)
    return (struck + room(6, 1)).astype(np.float32)


@pytest.fixture(scope="session", params=["marimba", "percussion_drums_overhead_10s", "animal_beagle_bark_6s"])
def performed(request: pytest.FixtureRequest) -> np.ndarray:
    """The sound of a made-up performance, or of a real video, which alone has the noise of a real room."""
    if request.param == "marimba":
        return marimba()
    folder: Path = request.getfixturevalue("shared")
    return np.concatenate(list(read_sound(folder / "data/videos" / f"{request.param}.mp4", SAMPLE_RATE)))


@pytest.mark.parametrize("decibels", [-20, -7, 5])
def test_a_louder_or_quieter_copy_sounds_the_same_when_matched(
    performed: np.ndarray, decibels: float
) -> None:
    """Features, within what a quieter copy loses in the noise floor."""
    sound = performed
    copy = louder(sound, decibels)
    gain = matching_gain(gated_level([copy]), gated_level([sound]))
    assert gain == pytest.approx(-decibels, abs=0.1)
    extractor = FeatureExtractor(FeatureConfig(kind="level"), Fraction(20))
    features = [
        extractor.whole(torch.from_numpy(each)) for each in (sound, Leveller(gain, -20).push(copy)[0])
    ]
    assert (features[0] - features[1]).abs().max() < 0.1  # dB


def pushed(leveller, blocks) -> tuple[np.ndarray, GainState]:
    state, parts = None, []
    for block in blocks:
        levelled, state = leveller.push(block, state)
        parts.append(levelled)
    assert state is not None
    return np.concatenate(parts), state


@pytest.mark.parametrize("gain", ["running", 7.5])
@pytest.mark.parametrize("cut", [[1], [2719, 2720, 5441], list(range(997, 300_000, 997))])
def test_any_cut_is_played_the_same(gain, cut):
    sound = louder(strokes(6), -15)
    whole, state = pushed(Leveller(gain, -20), [sound])
    parts, other = pushed(Leveller(gain, -20), np.split(sound, cut))
    assert np.array_equal(whole, parts)
    assert whole.dtype == np.float32
    assert state.sample_count == other.sample_count
    assert state.gains == other.gains


def test_a_fixed_gain_is_that_gain():
    sound = strokes(1)
    assert np.array_equal(Leveller(0.0, -20).push(sound)[0], sound)
    assert np.allclose(Leveller(-6.0, None).push(sound)[0], louder(sound, -6), rtol=1e-6)
    assert np.array_equal(
        np.concatenate(list(Leveller(3.0, -20).applied(np.split(sound, [7])))),
        Leveller(3.0, -20).push(sound)[0],
    )


@pytest.mark.parametrize("decibels", [-13, 9, -45])
def test_a_running_gain_ends_at_the_matching_one_slowly_and_smoothly(decibels):
    sound = tone(40, 0.1)
    trained = (gated_level([sound]) or 0) + decibels
    played, state = Leveller("running", trained).push(sound)
    expected = matching_gain(gated_level([sound]), trained)
    assert state.gains[1] == pytest.approx(expected, abs=0.02)
    assert abs(expected) <= 20
    loud = np.abs(sound) > 0.05
    gains = 20 * np.log10(np.abs(played[loud] / sound[loud]))
    assert gains[0] == 0
    assert np.abs(gains).max() <= 20 + 1e-3
    at = np.flatnonzero(loud)
    half = at[np.argmax(np.abs(gains) > abs(expected) / 2)] / SAMPLE_RATE
    assert 1 < half < 5
    assert np.abs(np.diff(gains)).max() < 1e-2, "no step that could be heard"


def test_a_running_gain_rests_in_pauses():
    sound = np.concatenate([tone(10, 0.01), room(10, 0), tone(0.1, 0.01)])
    leveller = Leveller("running", -20)
    _, before = leveller.push(sound[: 10 * SAMPLE_RATE + BLOCK])
    _, after = leveller.push(sound[10 * SAMPLE_RATE + BLOCK : 20 * SAMPLE_RATE], before)
    assert before.gains[1] > 15
    assert after.gains[1] == before.gains[1]


def test_without_a_trained_level_a_running_gain_does_nothing():
    sound = strokes(3)
    assert np.array_equal(Leveller("running", None).push(sound)[0], sound)


def test_a_dial_may_be_turned_while_playing():
    sound = tone(3, 0.1)
    _, state = Leveller(0.0, -20).push(sound[:SAMPLE_RATE])
    later, state = Leveller(6.0, -20).push(sound[SAMPLE_RATE : 2 * SAMPLE_RATE], state)
    assert np.allclose(
        later[2 * BLOCK :], louder(sound[SAMPLE_RATE + 2 * BLOCK : 2 * SAMPLE_RATE], 6), rtol=1e-5
    )
    assert np.abs(np.diff(later)).max() < 1.1 * np.abs(np.diff(louder(sound, 6))).max()
    _, state = Leveller("running", -40).push(sound[2 * SAMPLE_RATE :], state)
    assert state.gains[1] < 6


@pytest.mark.parametrize(
    ("text", "gain"), [("match", "match"), ("running", "running"), ("6", 6.0), ("-3.5", -3.5), ("0", 0.0)]
)
def test_a_gain_as_it_is_written(text, gain):
    assert parse_gain(text) == gain


@pytest.mark.parametrize("text", ["loud", "", "6dB", "nan", "inf", "61", "-1e9"])
def test_a_gain_that_makes_no_sense_is_refused(text):
    with pytest.raises(UserError, match=r"gain: expected .*; got"):
        parse_gain(text)
