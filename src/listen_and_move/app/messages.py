"""JSON from and to the browser.

What comes is checked first. What goes can always be read, and names no path of the server.
"""

import json
from math import isfinite
from typing import Any

from starlette.responses import JSONResponse

from listen_and_move.app.limits import JSON_BYTES
from listen_and_move.app.sentences import without_paths
from listen_and_move.errors import SettingError, UserError, shown
from listen_and_move.json_text import LARGEST_EXACT, parsed


def read_message(text: str | bytes, expected: str = "expected JSON") -> dict[str, Any]:
    """Returns the object that a visitor sent.

    Args:
        text: JSON.
        expected: beginning of the sentence where it is something else.

    Raises:
        UserError: it is no object, too long, too deep, or holds a number that is infinite, none or absurdly
            large.
    """
    if len(text) > JSON_BYTES:
        raise UserError(f"expected at most {JSON_BYTES} bytes; got more")
    try:
        values = parsed(text, number=_number)
    except SettingError:
        values = None
    if not isinstance(values, dict):
        raise UserError(f"{expected}; got something else")
    return values


def written(values: Any) -> str:
    """Returns values as JSON in ASCII.

    Infinity and NaN, which JSON lacks, become null, and a path on this machine becomes the name of its file.
    """
    return json.dumps(_sayable(values), allow_nan=False, separators=(",", ":"))


class Answer(JSONResponse):
    """A JSON answer that can be written whatever values it holds."""

    def render(self, content: Any) -> bytes:
        """Returns the body."""
        return written(content).encode()


def _number(text: str) -> int | float:
    value = float(text)
    if not abs(value) <= LARGEST_EXACT:
        raise UserError(f"expected numbers of at most 2^53; got {shown(text)}")
    return int(text) if text.lstrip("-").isdecimal() else value


def _sayable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sayable(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sayable(each) for each in value]
    if isinstance(value, str):
        return without_paths(value)
    return None if isinstance(value, float) and not isfinite(value) else value
