"""Conversion of records (dataclasses and named tuples) to JSON and back.

The metadata of a dataclass field can say that it stands in JSON under another name (`under`), or that the
fields of its record stand in its place (`INLINED`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from math import isfinite, nan
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from listen_and_move.errors import shown
from listen_and_move.runs import write_text

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | float | bool | None"
Record = TypeVar("Record")
_NAME, _INLINED = "name in JSON", "inlined in JSON"
INLINED = {_INLINED: True}
"""Metadata of a dataclass field whose record has no name in JSON: the record's fields stand in its place."""


def under(name: str) -> Mapping[str, str]:
    """Returns metadata of a dataclass field with another name in JSON, such as one that Python reserves."""
    return {_NAME: name}


def write_json(path: Path, record: object) -> None:
    """Writes a record as JSON, whole or not at all.

    Args:
        path: of the file.
        record: as `as_json` takes it.

    Raises:
        UserError: the place cannot be written.
    """
    write_text(path, json.dumps(as_json(record), indent=1, allow_nan=False))


def as_json(value: Any) -> Any:
    """Returns a record as plain values: objects, lists, texts and numbers.

    A number that is not finite becomes null.
    """
    if is_dataclass(value) and not isinstance(value, type):
        found: dict[str, Any] = {}
        for each in fields(value):
            plain = as_json(getattr(value, each.name))
            found |= plain if _INLINED in each.metadata else {each.metadata.get(_NAME, each.name): plain}
        return found
    if isinstance(value, tuple) and (names := getattr(value, "_fields", ())):
        return as_json(dict(zip(names, value, strict=True)))
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def from_json(kind: type[Record], values: Json) -> Record:
    """Returns the record of a kind that plain values stand for.

    What a file lacks has the default of its field, and names that the kind does not know are passed over, so
    that files of other versions can be read. Null in the place of a number is nan.

    Args:
        kind: a dataclass or a named tuple.
        values: as `as_json` gives them.

    Raises:
        ValueError: a field without a default is missing, or a value is of another type.
    """
    return _converted(kind, values)


def _converted(kind: Any, value: Any) -> Any:
    """The value as its kind: records, lists and mappings of them, and plain values."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (other,) = (each for each in arguments if each is not NoneType)
        return None if value is None else _converted(other, value)
    if origin is Literal:
        return _checked(value, value in arguments, kind)
    if origin in (Mapping, dict):
        items = _checked(value, isinstance(value, Mapping), kind).items()
        return {key: _converted(arguments[1], item) for key, item in items}
    if origin in (Sequence, list, tuple):
        items = [
            _converted(arguments[0], each) for each in _checked(value, isinstance(value, (list, tuple)), kind)
        ]
        return tuple(items) if origin is tuple else items
    if kind is float:
        return nan if value is None else _number(_checked(value, isinstance(value, (int, float)), kind))
    if kind is object:
        return value
    if _is_record(kind):
        return kind(**_fields(kind, _checked(value, isinstance(value, Mapping), kind)))
    return _checked(value, isinstance(value, kind), kind)


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"expected a number; got {shown(value)}") from None


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind) or hasattr(kind, "_fields")


def _fields(kind: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a record's constructor."""
    hints, found = get_type_hints(kind), {}
    if is_dataclass(kind):
        metadata = {each.name: each.metadata for each in fields(kind)}
        optional = {
            each.name for each in fields(kind) if (each.default, each.default_factory) != (MISSING, MISSING)
        }
    else:
        metadata: dict[str, Mapping[str, Any]] = {name: {} for name in kind._fields}
        optional = set(kind._field_defaults)
    for name, about in metadata.items():
        key = about.get(_NAME, name)
        if _INLINED in about:
            found[name] = _converted(hints[name], values)
        elif key in values:
            found[name] = _converted(hints[name], values[key])
        elif name not in optional:
            raise ValueError(f"{kind}: expected {key}; it is missing")
    return found


def _checked(value: Any, fits: bool, kind: Any) -> Any:
    if not fits:
        raise ValueError(f"expected {getattr(kind, '__name__', kind)}; got {shown(value)}")
    return value
