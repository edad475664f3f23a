"""Time: the only place where seconds, samples and frames are converted.

All conversions are exact: rates are integers or fractions, and a rounding happens once, at the end, never along the
way. Frame ``t`` of a picture at ``fps`` frames per second belongs to the instant ``t / fps``.
"""

from fractions import Fraction
from math import ceil, floor

from listen_and_move.errors import SettingError

Seconds = Fraction | float | int
"""A moment or a duration; a float is taken at its decimal value, so that 0.1 means one tenth."""


def exact(seconds: Seconds) -> Fraction:
    """A number of seconds (or frames per second) as the fraction a person means: 0.1 becomes 1/10."""
    return Fraction(str(seconds)) if isinstance(seconds, float) else Fraction(seconds)


def parse_rate(text: str) -> Fraction:
    """Frames per second from ``"25"``, ``"29.97"`` or ``"30000/1001"``.

    Raises:
        SettingError: the text is no positive number.
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 240:
        raise SettingError(f"fps: expected a number or a fraction from 1 to 240, such as 25 or 30000/1001; got {text!r}")
    return rate


def frame_time(index: int, fps: Fraction) -> Fraction:
    """The instant of frame ``index``, in seconds."""
    return index / fps


def frame_sample(index: int, fps: Fraction, sample_rate: int) -> int:
    """The sample nearest to the instant of frame ``index`` (a tie goes to the later one).

    The error is at most half a sample however long the sound; it does not add up.
    """
    return floor(index * sample_rate / fps + Fraction(1, 2))


def frame_count(samples: int, sample_rate: int, fps: Fraction) -> int:
    """How many frames cover a sound: ceil(duration x fps), so that nothing of it is cut."""
    return ceil(samples * fps / sample_rate)


def sample_at(seconds: Seconds, sample_rate: int) -> int:
    """The sample nearest to an instant."""
    return floor(exact(seconds) * sample_rate + Fraction(1, 2))
