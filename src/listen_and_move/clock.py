"""Exact conversions between seconds, samples and frames, which happen in this module alone.

Rates are integers or fractions, and each conversion rounds once, at its end. Frame ``t`` of a picture at
``fps`` frames per second belongs to the instant ``t / fps``.
"""

import re
from fractions import Fraction
from math import ceil, floor, isfinite

from listen_and_move.errors import SettingError, shown

Seconds = Fraction | float | int
"""A moment or a duration; a float is taken at its decimal value, so that 0.1 means one tenth."""
LONGEST_NUMBER = 50
"""Most characters of a number in a text."""
_LARGE_EXPONENT = re.compile(r"e[+-]?0*[1-9][\d_]{3}", re.IGNORECASE)


def exact(seconds: Seconds) -> Fraction:
    """Returns seconds (or frames per second) as the fraction that a person means: 0.1 becomes 1/10.

    Raises:
        SettingError: infinity or no number at all.
    """
    if isinstance(seconds, float) and not isfinite(seconds):
        raise SettingError(f"expected a time as a finite number of seconds; got {seconds}")
    return Fraction(str(seconds)) if isinstance(seconds, float) else Fraction(seconds)


def parse_number(text: str) -> Fraction | None:
    """Returns the exact number in a short text.

    Examples are ``"25"``, ``"29.97"``, ``"1e-3"`` and ``"30000/1001"``.

    None where the text is no number, or one of so many digits that computing with it would take for ever.
    """
    if len(text) > LONGEST_NUMBER or _LARGE_EXPONENT.search(text):
        return None
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def parse_rate(text: str) -> Fraction:
    """Returns the frames per second in a text such as ``"25"``, ``"29.97"`` or ``"30000/1001"``.

    Raises:
        SettingError: the text is no number from 1 to 240.
    """
    rate = parse_number(text)
    if rate is None or not 1 <= rate <= 240:
        raise SettingError(
            f"fps: expected a number or a fraction from 1 to 240, such as 25 or 30000/1001; got {shown(text)}"
        )
    return rate


def frame_time(index: int, fps: Fraction) -> Fraction:
    """Returns the instant of frame ``index``, in seconds."""
    return index / fps


def frame_sample(index: int, fps: Fraction, sample_rate: int) -> int:
    """Returns the sample nearest to the instant of frame ``index`` (a tie goes to the later one).

    The error is at most half a sample however long the sound; it does not add up.
    """
    return floor(index * sample_rate / fps + Fraction(1, 2))


def frame_count(samples: int, sample_rate: int, fps: Fraction) -> int:
    """Returns how many frames cover a whole sound: ceil(duration x fps)."""
    return ceil(samples * fps / sample_rate)


def sample_at(seconds: Seconds, sample_rate: int) -> int:
    """Returns the sample nearest to an instant."""
    return floor(exact(seconds) * sample_rate + Fraction(1, 2))
