"""JSON that anybody may have written: bounded in length, depth and digits before anything is made of it."""

import json
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any

from listen_and_move.errors import SettingError, shown

DEEPEST = 32
"""Levels of JSON that is read; what this project writes has far fewer."""
LONGEST = 4_000_000
"""Characters of JSON that is read, and bytes of a file of it; where more is usual, the reader says so."""
LARGEST_EXACT = 2**53
"""Up to this every reader of JSON knows whole numbers exactly."""
MOST_DIGITS = 500
"""Of a whole number: what this project writes has nineteen at most."""


def parsed(
    text: str | bytes,
    what: str = "settings",
    number: Callable[[str], Any] | None = None,
    *,
    finite: bool = False,
    distinct: bool = False,
    longest: int = LONGEST,
) -> Any:
    """What a JSON text says that anybody may have written; nothing later has to fear its depth or digits.

    Args:
        text: JSON; infinity and NaN are read as Python writes them.
        what: the text is, at the beginning of the message.
        number: makes a number of its digits, and may raise UserError; None: as Python reads it.
        finite: infinity and NaN are refused.
        distinct: an object that has a name twice is refused; else the last one counts.
        longest: characters that are read.

    Raises:
        SettingError: no JSON, or longer, deeper or of more digits than is read.
    """
    if len(text) > longest:
        raise SettingError(f"{what}: expected JSON of at most {longest} characters; got {len(text)}")
    ways: dict[str, Any] = {"parse_int": _whole}
    if number is not None:
        ways = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), number)
    elif finite:
        ways |= {"parse_float": _finite, "parse_constant": _finite}
    if distinct:
        ways["object_pairs_hook"] = _distinct
    try:
        values = json.loads(text, **ways)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise SettingError(f"{what}: expected JSON; got something else at {place} ({error.msg})") from None
    except _OddError as error:
        raise SettingError(f"{what}: expected {error}") from None
    except (RecursionError, UnicodeDecodeError):
        raise SettingError(f"{what}: expected JSON; got something else") from None
    _check_depth(values, what)
    return values


def bounded(path: Path, longest: int = LONGEST) -> bytes:
    """What is in a file that anybody may have written.

    Args:
        path: of the file.
        longest: bytes that it may have.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is longer, or something else than a file, such as a pipe, whose reading would not end.
    """
    if path.exists() and not path.is_file():
        raise ValueError("expected a file; got something else")
    with path.open("rb") as file:
        data = file.read(longest + 1)
    if len(data) > longest:
        raise ValueError(f"expected at most {longest} bytes; got more")
    return data


class _OddError(Exception):
    """A number or an object in JSON that is not read."""


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _OddError(f"whole numbers of at most {MOST_DIGITS} digits; got one of {len(digits)}")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise _OddError(f"finite numbers; got {shown(digits)}")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise _OddError(f"each name once in an object; got {shown(name)} twice")
        values[name] = value
    return values


def _check_depth(values: Any, what: str) -> None:
    level, depth = [values], 0
    while groups := [each for each in level if isinstance(each, (dict, list))]:
        level = [each for group in groups for each in (group.values() if isinstance(group, dict) else group)]
        depth += 1
        if depth > DEEPEST:
            raise SettingError(f"{what}: expected JSON of at most {DEEPEST} levels; got more")
