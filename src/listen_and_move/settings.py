"""Settings as JSON and as changes by name, with every value checked."""

import ast
import inspect
import json
from dataclasses import fields, is_dataclass, replace
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any, TypeVar, get_args, get_type_hints

from listen_and_move.config import Config, require
from listen_and_move.errors import LONGEST_SHOWN, shown
from listen_and_move.json_text import parsed
from listen_and_move.presets import BY_SIZE, preset

Settings = TypeVar("Settings")


@cache
def descriptions(kind: type) -> dict[str, str]:
    """Returns the help of every setting of a group, which is the docstring below it, in one line."""
    definition = ast.parse(dedent(inspect.getsource(kind))).body[0]
    assert isinstance(definition, ast.ClassDef)
    found = {item.name: "" for item in fields(kind)}
    for setting, below in pairwise(definition.body):
        if isinstance(setting, ast.AnnAssign) and isinstance(below, ast.Expr):
            assert isinstance(setting.target, ast.Name)
            assert isinstance(below.value, ast.Constant)
            found[setting.target.id] = " ".join(str(below.value.value).split())
    return found


def described(name: str) -> dict[str, Any]:
    """Returns a setting as plain JSON: name, default, help, and the data of its entry.

    Args:
        name: the setting as section.setting.
    """
    section, setting = name.split(".")
    kind = get_type_hints(Config)[section]
    entry = next(item for item in fields(kind) if item.name == setting)
    known = {"name": name, "default": entry.default, "help": descriptions(kind)[setting]}
    return {**known, **entry.metadata}


def to_json(config: Any) -> str:
    """Returns settings as indented JSON, in the order of their declaration."""
    return json.dumps(to_values(config), indent=2)


def to_values(config: Any) -> dict[str, Any]:
    """Returns settings as nested dictionaries, without later ones at their defaults; see `config.LATER`."""
    return {
        item.name: to_values(value) if is_dataclass(value) else value
        for item, value in ((item, getattr(config, item.name)) for item in fields(config))
        if not (item.metadata.get("later") and value == item.default)
    }


def from_json(kind: type[Settings], text: str) -> Settings:
    """Returns the settings that `to_json` wrote; every value is checked.

    A setting that an older version lacks takes its default, which stands for what that version did.

    Raises:
        SettingError: no JSON, a group missing, or a setting unknown or wrong; the message names it.
    """
    return from_values(kind, parsed(text))


def from_values(kind: type[Settings], values: Any, path: str = "") -> Settings:
    """Returns settings from nested dictionaries; see `from_json`."""
    assert is_dataclass(kind)
    require(
        isinstance(values, dict),
        f"{path or 'settings'}: expected a group of settings; got {type(values).__name__}",
    )
    hints = get_type_hints(kind)
    names = [item.name for item in fields(kind)]
    unknown = sorted(set(values) - set(names))
    missing = sorted(name for name in set(names) - set(values) if is_dataclass(hints[name]))
    require(
        not unknown,
        f"settings: {path}{unknown[0][:LONGEST_SHOWN] if unknown else ''} is not known; it may come from a "
        "newer version",
    )
    require(not missing, f"settings: {path}{missing[0] if missing else ''} is missing")
    return kind(
        **{name: _checked(hints[name], values[name], f"{path}{name}") for name in names if name in values}
    )


def _checked(hint: Any, value: Any, name: str) -> Any:
    if is_dataclass(hint):
        return from_values(hint, value, f"{name}.")  # type: ignore[arg-type]
    choices = get_args(hint)
    if hint is float or float in choices:
        allowed, expected = (
            (isinstance(value, (int, float)) and not isinstance(value, bool))
            or (value is None and type(None) in choices),
            "a number",
        )
    elif int in choices:
        allowed, expected = type(value) is int or value is None, "a whole number"
    elif choices:
        allowed, expected = value in choices, " or ".join(str(choice) for choice in choices)
    else:
        allowed, expected = type(value) is hint, hint.__name__
    require(allowed, f"{name}: expected {expected}; got {shown(value)}")
    return value


def from_preset(name: str, changes: dict[str, Any]) -> Config:
    """Returns a preset with changes as of `with_values`.

    Settings that the preset ties to the size follow it, unless they are changed too.

    Raises:
        SettingError: an unknown name, or a value that makes no sense.
    """
    config = preset(name)
    clip = (
        with_values(config, {"clip.size": changes["clip.size"]}).clip
        if "clip.size" in changes
        else config.clip
    )
    side = min(clip.width, clip.height)
    tied = [values for pixels, values in sorted(BY_SIZE.get(name, {}).items()) if pixels <= side]
    return with_values(config, {key: value for values in [*tied, changes] for key, value in values.items()})


def with_values(config: Config, changes: dict[str, Any]) -> Config:
    """Returns a copy with some settings changed, given as ``{"section.setting": value}``.

    Raises:
        SettingError: an unknown name, or a value that makes no sense.
    """
    groups: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        section, _, setting = name.partition(".")
        group = getattr(config, section, None)
        known = is_dataclass(group) and setting in {item.name for item in fields(group)}
        require(known, f"settings: {name} is not known", "see listen-and-move train --help")
        hint = get_type_hints(type(group))[setting]
        groups.setdefault(section, {})[setting] = _checked(hint, value, name)
    # All changes are made at once, since rules between settings hold for the result alone.
    return replace(
        config, **{section: replace(getattr(config, section), **values) for section, values in groups.items()}
    )


def differences(base: Any, other: Any) -> dict[str, Any]:
    """Returns the values of ``other`` that differ from ``base``, as section.setting."""
    names = [item.name for item in fields(base) if is_dataclass(getattr(base, item.name))]
    groups = [(name, getattr(base, name), getattr(other, name)) for name in names]
    return {
        f"{name}.{item.name}": getattr(theirs, item.name)
        for name, ours, theirs in groups
        for item in fields(ours)
        if getattr(theirs, item.name) != getattr(ours, item.name)
    }
