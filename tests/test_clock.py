"""Exact time."""

from fractions import Fraction

import pytest

from listen_and_move.clock import exact, frame_count, frame_sample, frame_time, parse_rate, sample_at
from listen_and_move.errors import SettingError


@pytest.mark.parametrize(
    ("text", "rate"), [("25", Fraction(25)), ("30000/1001", Fraction(30000, 1001)), ("29.97", Fraction(2997, 100))]
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
