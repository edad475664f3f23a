"""Values of dials as they come from outside, and how they fade from one to another.

All that is known of a dial stands in `inference.controls`; what can be turned here follows from it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from listen_and_move.errors import UserError, shown
from listen_and_move.inference.controls import GAIN, Controls, Dial, dials

Value = float | str | None
"""Of a dial; running, of the gain; None where a dial changes nothing until a value is given."""
DIALS: Mapping[str, Dial] = {each.name: each for each in (*dials(Controls), GAIN)}
"""Every dial that can be turned while it plays, by its name."""
RUNNING, OFF = "running", "off"
LONGEST_FADE = 3600.0
"""Seconds."""


def dial_named(name: str) -> Dial:
    """A dial by its name, in which - counts as _.

    Raises:
        UserError: there is none of this name.
    """
    found = DIALS.get(name.replace("-", "_"))
    if found is None:
        raise UserError(f"dial: expected one of {', '.join(DIALS)}; got {shown(name)}")
    return found


def checked_value(dial: Dial, value: object) -> Value:
    """A value that a dial can have.

    Raises:
        UserError: it is none.
    """
    if dial is GAIN and value == RUNNING:
        return RUNNING
    if dial.default is None and (value is None or value == OFF):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not dial.allows(value):
        word = f", or {RUNNING}" if dial is GAIN else f", or {OFF}" if dial.default is None else ""
        raise UserError(f"{dial.flag}: expected {dial.range}{word}; got {shown(value)}")
    return float(value)


def checked_seconds(value: object) -> float:
    """How long a fade may take, in seconds.

    Raises:
        UserError: not so long.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= LONGEST_FADE:  # type: ignore[operator]
        raise UserError(f"seconds: expected 0 to {LONGEST_FADE:g}; got {shown(value)}")
    return float(value)  # type: ignore[arg-type]


class Ramp(NamedTuple):
    """A dial on its way from one value to another."""

    before: float
    after: float
    begin: float
    """Second at which it leaves."""
    seconds: float
    """That it takes."""

    def at(self, now: float) -> float:
        """The value at a second."""
        done = min(max((now - self.begin) / self.seconds, 0.0), 1.0)
        value = (1 - done) * self.before + done * self.after
        low, high = sorted((self.before, self.after))
        return min(max(value, low), high)  # rounding may lead beyond them


class Turning:
    """Where all dials are, some of them on their way. Seconds are those of what plays.

    Args:
        values: where each of them begins.
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = {name: float(each) if isinstance(each, int) else each for name, each in values.items()}
        self.ramps: dict[str, Ramp] = {}

    def turn(self, name: str, value: Value, seconds: float, now: float) -> None:
        """Sends a dial to a value; words and none are there at once."""
        before = self.at(now)[name]
        self.ramps.pop(name, None)
        self.values[name] = value
        if seconds > 0 and isinstance(before, float) and isinstance(value, float):
            self.ramps[name] = Ramp(before, value, now, seconds)

    def at(self, now: float) -> dict[str, Value]:
        """Where all dials are at a second."""
        return self.values | {name: ramp.at(now) for name, ramp in self.ramps.items()}

    def settle(self, now: float) -> None:
        """Forgets the ways of dials that have arrived."""
        self.ramps = {name: ramp for name, ramp in self.ramps.items() if now < ramp.begin + ramp.seconds}
