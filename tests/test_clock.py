"""Exact time."""

from dataclasses import asdict, fields
from fractions import Fraction
from math import inf, nan
from pathlib import Path

import pytest

from listen_and_move.clock import (
    exact,
    frame_count,
    frame_sample,
    frame_time,
    parse_number,
    parse_rate,
    sample_at,
)
from listen_and_move.config import (
    ClipConfig,
    FeatureConfig,
    GeneratorConfig,
    LossConfig,
    ModelConfig,
    TrainingConfig,
)
from listen_and_move.errors import SettingError, UserError
from listen_and_move.evaluation.robustness.sounds import lengths
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.settings import from_values


@pytest.mark.parametrize(
    ("text", "rate"),
    [("25", Fraction(25)), ("30000/1001", Fraction(30000, 1001)), ("29.97", Fraction(2997, 100))],
)
def test_rates_are_fractions(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-5", "fast", "1/0", "1000", "nan", ""])
def test_senseless_rates_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match="fps: expected"):
        parse_rate(text)


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_frames_do_not_drift(fps: Fraction) -> None:
    for index in (0, 1, 999, 86_313, 10_000_000):
        assert abs(frame_sample(index, fps, 44_100) - index * 44_100 / fps) <= Fraction(1, 2)
        assert frame_time(index, fps) * fps == index


def test_frames_cover_the_sound() -> None:
    assert frame_count(0, 48_000, Fraction(20)) == 0
    assert frame_count(1, 48_000, Fraction(20)) == 1
    assert frame_count(48_000, 48_000, Fraction(20)) == 20
    assert frame_count(48_001, 48_000, Fraction(20)) == 21


def test_a_decimal_means_what_it_says() -> None:
    assert exact(0.1) == Fraction(1, 10)
    assert sample_at(0.1, 44_100) == 4410


@pytest.mark.parametrize(
    "text",
    [
        "1e99999999999",
        "1E+1000",
        "1e-99999999999",
        "1e0000000099999",
        "9" * 5000,
        "1_0e9_99_9",
        "1/0",
        "nan",
        "inf",
        "",
        "x",
    ],
)
def test_a_text_that_is_no_number_or_an_absurd_one_is_refused_at_once(text: str) -> None:
    assert parse_number(text) is None
    with pytest.raises(SettingError, match="fps: expected a number"):
        parse_rate(text)
    with pytest.raises(SettingError, match="holdout: expected"):
        ClipConfig(holdout=text)
    with pytest.raises(SettingError, match="fps: expected"):
        from_values(ModelConfig, {**asdict(ModelConfig()), "clip": {"fps": text}})


def test_short_numbers_are_exact() -> None:
    assert parse_number("30000/1001") == Fraction(30000, 1001)
    assert parse_number(" 1e-3 ") == Fraction(1, 1000)
    assert parse_number("2.5E+2") == 250
    assert parse_number("1e999") == 10**999


@pytest.mark.parametrize("seconds", [inf, -inf, nan])
def test_times_are_finite(seconds: float, performance: Path) -> None:
    with pytest.raises(SettingError, match="finite"):
        exact(seconds)
    with pytest.raises(SettingError, match="finite"):
        ClipConfig(start=seconds)
    with pytest.raises(SettingError, match="finite"):
        list(read_sound(performance, 16_000, start=seconds))
    with pytest.raises(SettingError, match="finite"):
        list(read_frames(performance, Fraction(20), width=16, height=16, end=seconds))


@pytest.mark.parametrize("text", ["9" * 5000, "1" * 10, "x", "1,2,3," + "9" * 5000])
def test_whole_numbers_inside_texts_are_bounded(text: str) -> None:
    for name, make in (
        ("size", lambda: ClipConfig(size=text)),
        ("crop", lambda: ClipConfig(crop=text)),
    ):
        with pytest.raises(SettingError, match=name) as found:
            make()
        assert len(str(found.value)) < 300
    with pytest.raises(SettingError, match="prediction-layers"):
        GeneratorConfig(prediction_layers=text)
    with pytest.raises(UserError, match="seconds: expected"):
        lengths(f"1-{'9' * 5000}")


@pytest.mark.parametrize("value", [inf, nan])
@pytest.mark.parametrize("group", [FeatureConfig, LossConfig, TrainingConfig])
def test_settings_are_finite(group: type, value: float) -> None:
    for item in fields(group):
        if isinstance(item.default, float):
            with pytest.raises(SettingError, match="expected a finite number; got"):
                group(**{item.name: value})
