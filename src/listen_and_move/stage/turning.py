"""Values of dials that come from outside, and fades from one value to another.

All that is known of a dial stands in `inference.controls`; the dials that can be turned here follow from it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from listen_and_move.errors import UserError, shown
from listen_and_move.inference.controls import GAIN, Controls, Dial, dials

Value = float | str | None
"""Value of a dial: a number; running, for the gain; None for a dial without effect until it has a value."""
DIALS: Mapping[str, Dial] = {each.name: each for each in (*dials(Controls), GAIN)}
"""All dials that can be turned during a play, by name."""
RUNNING, OFF = "running", "off"
LONGEST_FADE = 3600.0
"""Seconds that a fade may take."""


def dial_named(name: str) -> Dial:
    """Returns the dial of a name, in which - counts as _.

    Raises:
        UserError: there is no dial of this name.
    """
    found = DIALS.get(name.replace("-", "_"))
    if found is None:
        raise UserError(f"dial: expected one of {', '.join(DIALS)}; got {shown(name)}")
    return found


def checked_value(dial: Dial, value: object) -> Value:
    """Returns a value as one that the dial can have: a number as a float, off as None.

    Raises:
        UserError: the dial cannot have this value.
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
    """Returns the length of a fade in seconds, checked.

    Raises:
        UserError: the length is not 0 to `LONGEST_FADE`.
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
    """Second at which the dial begins to move."""
    seconds: float
    """Seconds that the way takes, above 0."""

    def at(self, now: float) -> float:
        """Returns the value at a second."""
        done = min(max((now - self.begin) / self.seconds, 0.0), 1.0)
        value = (1 - done) * self.before + done * self.after
        low, high = sorted((self.before, self.after))
        return min(max(value, low), high)  # rounding may lead beyond them


class Turning:
    """The values of all dials, some of them on their way to another value. Seconds are those of the play.

    Args:
        values: the initial value of each dial.
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = {name: float(each) if isinstance(each, int) else each for name, each in values.items()}
        self.ramps: dict[str, Ramp] = {}

    def turn(self, name: str, value: Value, seconds: float, now: float) -> None:
        """Sends a dial to a value.

        Args:
            name: of the dial.
            value: the new value; words and None are taken at once.
            seconds: that the way takes; 0: none.
            now: the current second of the play.
        """
        before = self.at(now)[name]
        self.ramps.pop(name, None)
        self.values[name] = value
        if seconds > 0 and isinstance(before, float) and isinstance(value, float):
            self.ramps[name] = Ramp(before, value, now, seconds)

    def at(self, now: float) -> dict[str, Value]:
        """Returns the values of all dials at a second."""
        return self.values | {name: ramp.at(now) for name, ramp in self.ramps.items()}

    def settle(self, now: float) -> None:
        """Drops the ramps of dials that have arrived."""
        self.ramps = {name: ramp for name, ramp in self.ramps.items() if now < ramp.begin + ramp.seconds}
