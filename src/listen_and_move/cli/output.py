"""The output of a command: lines for a person, or one JSON object for a program."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any

from rich.console import Console

from listen_and_move.errors import printable


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Prints lines as they are, neither cut nor coloured.

    Lines hold names and texts of files, so characters that a terminal would take for a command are escaped.
    """
    for line in lines:
        console.print(printable(line), soft_wrap=True, markup=False, highlight=False)


def print_json(result: Any) -> None:
    """Prints one JSON object, in one line, on standard output."""
    print(json.dumps(plain(result), allow_nan=False))


def plain(value: Any) -> Any:
    """Returns a value in types of JSON.

    Dataclasses and named tuples become objects, paths text, fractions numbers, arrays lists, and what is no
    finite number null.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if (tolist := getattr(value, "tolist", None)) is not None:  # NumPy or torch, without their import
        return plain(tolist())
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
