"""Dials that are turned from outside: all of them, within their ranges, at once or over seconds."""

import math

import pytest

from listen_and_move.errors import UserError
from listen_and_move.inference.controls import AS_TRAINED, GAIN, Controls, dials
from listen_and_move.stage.turning import DIALS, Turning, checked_seconds, checked_value, dial_named


def test_every_dial_can_be_turned_to_both_ends() -> None:
    assert [*DIALS] == [*(each.name for each in dials(Controls)), "gain"]
    for name, dial in DIALS.items():
        assert dial_named(name.replace("_", "-")) is dial
        for value in (dial.lowest, dial.highest, int(dial.highest)):
            assert checked_value(dial, value) == value
        low, high = dial.slider or (dial.lowest, dial.highest)
        assert dial.at(1) == high
        assert dial.at(0) == (None if dial.default is None else low)
        for position in (0.0, 0.2, 64 / 127, 1.0):
            assert dial.allows(dial.at(position))


def test_a_slider_in_the_middle_of_a_controller_changes_nothing() -> None:
    assert DIALS["sharpness"].at(64 / 127) == 0, "64 of 127 is not quite the middle"
    assert DIALS["amount"].at(1 / 3) == 1
    assert DIALS["freeze"].at(0.5) == -50


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 4.01, 1e300, 10**400, True, "1", None, [1]])
def test_what_is_no_value_is_refused(value: object) -> None:
    with pytest.raises(UserError, match=r"amount: expected 0 \(deaf\) to 4"):
        checked_value(DIALS["amount"], value)


def test_words_and_none() -> None:
    assert checked_value(GAIN, "running") == "running"
    assert checked_value(DIALS["freeze"], "off") is None
    assert checked_value(DIALS["freeze"], None) is None
    for dial, value in ((GAIN, "match"), (GAIN, None), (DIALS["freeze"], "on")):
        with pytest.raises(UserError, match="expected"):
            checked_value(dial, value)


@pytest.mark.parametrize("name", DIALS)
def test_a_fade_never_leaves_the_range_of_its_dial(name: str) -> None:
    """Also where it begins anywhere on the way of another one; in the end it is just there."""
    dial = DIALS[name]
    for number in range(300):
        turning, seconds = Turning({name: dial.highest}), 1 + number / 7
        for end, now in ((dial.lowest, 0.0), (dial.highest, seconds / 3), (dial.lowest, seconds / 2)):
            turning.turn(name, end, seconds, now)
        for now in (seconds * 1.5 - 1e-9, seconds * 1.5, seconds * 2):
            value = turning.at(now)[name]
            assert not isinstance(value, str)
            assert dial.allows(value)
        assert turning.at(seconds * 1.5 + 1e-6)[name] == dial.lowest


@pytest.mark.parametrize("value", [-0.1, 3601, math.nan, True, "3", None])
def test_seconds(value: object) -> None:
    with pytest.raises(UserError, match="seconds: expected 0 to 3600"):
        checked_seconds(value)


def test_a_dial_goes_its_way_and_may_be_sent_elsewhere_on_it() -> None:
    turning = Turning({**vars(AS_TRAINED), "gain": "running"})
    turning.turn("amount", 3.0, 2.0, 10.0)
    assert [turning.at(now)["amount"] for now in (9, 10, 11, 12, 99)] == [1, 1, 2, 3, 3]
    turning.turn("amount", 0.0, 4.0, 11.0)
    assert [turning.at(now)["amount"] for now in (11, 13, 15)] == [2, 1, 0]
    turning.settle(14)
    assert turning.at(14)["amount"] == 0.5
    turning.settle(15)
    assert not turning.ramps
    assert turning.at(15)["amount"] == 0
    turning.turn("gain", 6.0, 5.0, 15.0)
    turning.turn("freeze", -40.0, 5.0, 15.0)
    assert (turning.at(15)["gain"], turning.at(15)["freeze"]) == (6.0, -40.0), "a word has no way"
    turning.turn("freeze", -60.0, 1.0, 15.0)
    assert turning.at(15.5)["freeze"] == -50
    turning.turn("freeze", None, 1.0, 15.5)
    assert turning.at(15.6)["freeze"] is None
