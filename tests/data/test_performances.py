"""Every kind of made-up performance: what is seen follows from what is heard, and rest is rest."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from listen_and_move.cli.arguments import DemoArguments
from listen_and_move.clock import exact
from listen_and_move.data.synthetic import bowed_string, mouth
from listen_and_move.data.synthetic.performances import (
    DEFAULT_PERFORMANCE,
    PERFORMANCES,
    SyntheticPerformance,
)
from listen_and_move.metrics.sync import motion_energy

FPS, RATE, SECONDS = Fraction(20), 16_000, 12.0
Kind = SyntheticPerformance[Any]


@pytest.fixture(scope="module", params=PERFORMANCES)
def kind(request: pytest.FixtureRequest) -> Kind:
    return PERFORMANCES[request.param]


def film(kind: Kind, score: Sequence[Any], seconds: float, side: int = 48) -> np.ndarray:
    return np.stack(list(kind.frames(score, seconds, FPS, side, side)))


def test_the_command_line_offers_every_kind() -> None:
    assert get_args(get_type_hints(DemoArguments)["performance"]) == tuple(PERFORMANCES)
    assert DemoArguments().performance == DEFAULT_PERFORMANCE
    assert len({kind.clip for kind in PERFORMANCES.values()}) == len(PERFORMANCES)


def test_a_score_is_determined_by_its_seed(kind: Kind) -> None:
    assert kind.score(5, 20.0) == kind.score(5, 20.0)
    assert len({kind.score(seed, 20.0) for seed in range(20)}) == 20


@pytest.mark.parametrize("seed", [0, 1, 1000])
def test_levels(kind: Kind, seed: int) -> None:
    sound = kind.sound(kind.score(seed, SECONDS), SECONDS, RATE)
    assert sound.shape == (int(SECONDS * RATE), 2)
    assert sound.dtype == np.float32
    assert -11 < 20 * np.log10(np.abs(sound).max()) < -3.5
    assert np.abs(sound.mean(0)).max() < 1e-3


@pytest.mark.parametrize("seed", [1, 1000])
def test_the_picture_moves_where_it_sounds_and_rests_where_it_does_not(kind: Kind, seed: int) -> None:
    score = kind.score(seed, SECONDS)
    moves = motion_energy(film(kind, score, SECONDS)) > 0
    power = (kind.sound(score, SECONDS, RATE).reshape(len(moves) + 1, -1) ** 2).mean(1)
    silent = power[:-1] < 1e-10  # from frame t to frame t + 1
    resting = silent & np.r_[True, silent[:-1]] & np.r_[silent[1:], True]
    assert resting.sum() > 20
    assert not moves[resting].any()
    assert moves[~silent].mean() > 0.6  # a mouth holds its vowels


def test_every_rest_looks_the_same(kind: Kind) -> None:
    score = kind.score(2, SECONDS)
    frames = film(kind, score, SECONDS)
    power = (kind.sound(score, SECONDS, RATE).reshape(len(frames), -1) ** 2).mean(1)
    resting = (power == 0) & (np.r_[0.0, power[:-1]] == 0)
    assert len(np.flatnonzero(np.diff(resting.astype(int)) == 1)) >= 1, "no rest after a phrase"
    assert (frames[resting] == frames[0]).all()


def test_the_picture_depends_on_the_past_only(kind: Kind) -> None:
    score = kind.score(4, 8.0)
    early = [event for event in score if event.time <= 3.0]
    frames = film(kind, score, 8.0)
    assert (film(kind, early, 3.05) == frames[:61]).all()
    assert (film(kind, early, 8.0) != frames).any()


@pytest.mark.parametrize(("width", "height"), [(64, 64), (112, 64), (64, 112), (33, 47)])
def test_sizes(kind: Kind, width: int, height: int) -> None:
    frame = next(iter(kind.frames((), 1.0, FPS, width, height)))
    assert frame.shape == (height, width, 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 20


@pytest.mark.parametrize("name", ["string", "mouth"])
def test_phrases_are_whole(name: str) -> None:
    for seed in range(10):
        last = PERFORMANCES[name].score(seed, 15.0)[-1]
        assert 6.0 < last.time + last.duration <= 15.0
        assert last.pitch == 0 and last.end == 0.0 if name == "string" else last.last


def spectrum(sound: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.rfft(sound[:, 0] * np.hanning(len(sound))))


def test_a_bowed_string_sounds_as_high_as_its_finger_stands() -> None:
    for pitch, hertz in enumerate(bowed_string.PITCHES):
        stroke = bowed_string.BowStroke(0.0, 1.0, pitch, 0.0, 0.9)
        finger = stroke.finger(np.linspace(0, 1, RATE, endpoint=False), pitch)
        assert finger.mean() == pytest.approx(1 - bowed_string.OPEN_PITCH / hertz, abs=0.002)
        loudest = np.argmax(spectrum(bowed_string.render_sound([stroke], 1.0, RATE)))
        overtone = loudest / hertz  # the body's resonances may lift one above the fundamental
        assert overtone == pytest.approx(round(overtone), abs=0.04)


def test_a_bowed_string_is_as_loud_as_its_bow_is_fast() -> None:
    slow, fast = (bowed_string.BowStroke(0.0, 1.0, 2, 0.2, end) for end in (0.5, 0.8))
    times = np.array([0.5, 0.501])
    assert np.diff(fast.place(times)) == pytest.approx(2 * np.diff(slow.place(times)))
    assert fast.loudness(times) == pytest.approx(2 * slow.loudness(times))
    steps = np.diff(slow.place(np.arange(0, 1.001, 0.001))) * 1000 / bowed_string.FULL_SPEED
    assert steps == pytest.approx(slow.loudness(np.arange(0.0005, 1.0, 0.001)), abs=0.002)


def test_a_bow_sounds_brighter_at_its_frog() -> None:
    frog, tip = (
        spectrum(bowed_string.render_sound([bowed_string.BowStroke(0.0, 1.0, 1, *way)], 1.0, RATE)) ** 2
        for way in ((0.0, 0.3), (0.7, 1.0))
    )
    assert frog[2000:].sum() / frog.sum() > 3 * tip[2000:].sum() / tip.sum()


@pytest.mark.parametrize("vowel", mouth.VOWELS)
def test_a_vowel_sounds_as_the_mouth_is_shaped(vowel: str) -> None:
    spoken = [mouth.Syllable(0.0, 1.0, "m", vowel, 150.0, 1.0, False)]
    sound = mouth.render_sound(spoken, 1.0, RATE)[int(0.25 * RATE) : int(0.45 * RATE)]
    overtones = spectrum(sound)[30 * np.arange(1, 9)]  # bins of 5 Hz
    lips = mouth.VOWELS[vowel]
    assert 150 * (1 + np.argmax(overtones)) == pytest.approx(280 + 560 * lips.opening, abs=150)
    frame = mouth.expression(spoken, exact(0.23))
    assert (frame.opening, frame.spread) == pytest.approx(lips)


@pytest.mark.parametrize("consonant", mouth.CONSONANTS)
def test_a_consonant_closes_the_lips(consonant: str) -> None:
    spoken = [
        mouth.Syllable(0.0, 0.5, "m", "a", 150.0, 1.0, False),
        mouth.Syllable(0.5, 0.5, consonant, "a", 150.0, 1.0, True),
    ]
    closed = mouth.expression(spoken, exact(0.6)).opening
    assert closed == mouth.CONSONANTS[consonant].lips.opening <= 0.15
    assert mouth.expression(spoken, exact(0.23)).opening == 1.0
    sound = mouth.render_sound(spoken, 1.0, RATE)
    vowel, between = (
        (spectrum(sound[int(at * RATE) : int((at + 0.06) * RATE)]) ** 2).sum() for at in (0.4, 0.56)
    )
    assert between < 0.3 * vowel
