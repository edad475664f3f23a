"""Cues: named sets of dials, kept in a file.

{"storm": {"fade": 3.0, "model": "drums", "dials": {"amount": 2.5, "smoothing": 0.0}}}
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from listen_and_move.errors import UserError, printable, shown
from listen_and_move.json_text import bounded, parsed
from listen_and_move.media.replacing import replacing
from listen_and_move.stage.commands import checked_name
from listen_and_move.stage.turning import Value, checked_seconds, checked_value, dial_named

LARGEST_FILE = 1_000_000
"""Bytes of a file of cues or of a map."""
MOST_CUES = 1000
PARTS = ("fade", "model", "dials")


class Cue(NamedTuple):
    """Values of some dials, and what is seen with them."""

    dials: Mapping[str, Value]
    fade: float
    """Seconds in which the dials move to their values."""
    model: str | None = None
    """Name of the model that is to be seen; None: the model does not change."""


Cues = Mapping[str, Cue]


def read_cues(path: Path, fade: float) -> dict[str, Cue]:
    """Returns the cues of a file by name; none where there is no file yet.

    Args:
        path: of the file.
        fade: seconds of cues that do not state theirs.

    Raises:
        UserError: the file holds something else, or cannot be read.
    """
    return {name: _cue(path, name, values, fade) for name, values in read_entries(path, MOST_CUES).items()}


def write_cues(path: Path, cues: Cues) -> None:
    """Writes a file of cues, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    write_entries(
        path,
        {
            name: {"fade": cue.fade, **({} if cue.model is None else {"model": cue.model})}
            | {"dials": dict(cue.dials)}
            for name, cue in cues.items()
        },
    )


def read_entries(path: Path, most: int) -> dict[str, Any]:
    """Returns the JSON object in a file; an empty one where there is no file yet.

    Args:
        path: of the file, which anybody may have written.
        most: the largest number of names in the object.

    Raises:
        UserError: the file holds something else, or cannot be read.
    """
    if not path.exists():
        return {}
    try:
        values = parsed(bounded(path, LARGEST_FILE), str(path), finite=True, distinct=True)
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: expected a file of JSON; it cannot be read: {error}") from None
    if not isinstance(values, dict) or len(values) > most:
        raise UserError(f"{path}: expected a JSON object of at most {most} names; got {shown(values)}")
    return values


def write_entries(path: Path, entries: Mapping[str, Any]) -> None:
    """Writes a JSON object as `read_entries` reads it, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _cue(path: Path, name: str, values: Any, fade: float) -> Cue:
    try:
        checked_name(name)
        if not isinstance(values, dict) or not set(values) <= set(PARTS):
            raise UserError(f"expected an object with {', '.join(PARTS)}; got {shown(values)}")
        turned, model = values.get("dials", {}), values.get("model")
        if not isinstance(turned, dict) or not (model is None or isinstance(model, str)):
            raise UserError(f"expected dials as an object and a model as a name; got {shown(values)}")
        if model is not None and model != printable(model):
            raise UserError(f"expected a model whose name can be printed; got {shown(model)}")
        found = {dial_named(dial).name: checked_value(dial_named(dial), turned[dial]) for dial in turned}
        if len(found) < len(turned):
            raise UserError(f"expected each dial once, with - or _ in its name; got {', '.join(turned)}")
        return Cue(found, checked_seconds(values.get("fade", fade)), model)
    except UserError as error:
        raise UserError(f"{path}: cue {shown(name)}: {error.message}", error.hint) from None
