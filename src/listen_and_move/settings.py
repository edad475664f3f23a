"""Settings as JSON and as changes by name, every value checked."""

import json
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_type_hints

from listen_and_move.config import Config, require
from listen_and_move.errors import SettingError

Settings = TypeVar("Settings")


def to_json(config: Any) -> str:
    """Settings as indented JSON, in the order of their declaration."""
    return json.dumps(asdict(config), indent=2)


def from_json(kind: type[Settings], text: str) -> Settings:
    """Settings from what `to_json` wrote; every value is checked.

    Raises:
        SettingError: no JSON, or an unknown, missing or wrong setting; the message names it.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingError(f"settings: expected JSON; got something else at line {error.lineno}") from None
    return from_values(kind, values)


def from_values(kind: type[Settings], values: Any, path: str = "") -> Settings:
    """Settings from nested dictionaries; see `from_json`."""
    assert is_dataclass(kind)
    require(isinstance(values, dict), f"{path or 'settings'}: expected a group of settings; got {type(values).__name__}")
    hints = get_type_hints(kind)
    names = [item.name for item in fields(kind)]
    unknown, missing = sorted(set(values) - set(names)), sorted(set(names) - set(values))
    require(not unknown, f"settings: {path}{unknown[0] if unknown else ''} is not known; it may come from a newer version")
    require(not missing, f"settings: {path}{missing[0] if missing else ''} is missing")
    return kind(**{name: _checked(hints[name], values[name], f"{path}{name}") for name in names})


def _checked(hint: Any, value: Any, name: str) -> Any:
    if is_dataclass(hint):
        return from_values(hint, value, f"{name}.")  # type: ignore[arg-type]
    choices = get_args(hint)
    if hint is float or float in choices:
        allowed, expected = (
            (isinstance(value, (int, float)) and not isinstance(value, bool)) or (value is None and type(None) in choices),
            "a number",
        )
    elif choices:
        allowed, expected = value in choices, " or ".join(str(choice) for choice in choices)
    else:
        allowed, expected = type(value) is hint, hint.__name__
    require(allowed, f"{name}: expected {expected}; got {value!r}")
    return value


def with_values(config: Config, changes: dict[str, Any]) -> Config:
    """A copy with some settings changed, given as ``{"section.setting": value}``.

    Raises:
        SettingError: an unknown name, or a value that makes no sense.
    """
    for name, value in changes.items():
        section, _, setting = name.partition(".")
        group = getattr(config, section, None)
        known = is_dataclass(group) and setting in {item.name for item in fields(group)}
        require(known, f"settings: {name} is not known; see listen-and-move train --help")
        hint = get_type_hints(type(group))[setting]
        config = replace(config, **{section: replace(group, **{setting: _checked(hint, value, name)})})  # type: ignore[type-var]
    return config
