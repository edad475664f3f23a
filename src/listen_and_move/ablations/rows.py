"""Rows of an ablation: the paper's six, and any others given in words."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from listen_and_move.config import Config
from listen_and_move.errors import UserError
from listen_and_move.settings import with_values


class Row(NamedTuple):
    """One line of the table."""

    title: str
    settings: Mapping[str, Any]
    """What it changes, as ``{"section.setting": value}``."""
    within: Callable[[], AbstractContextManager[None]] = nullcontext
    """Makes the context in which it is trained and measured, for a change that no setting names."""


def _paper(layers: int, content: bool, norm: bool, prediction: str) -> dict[str, Any]:
    """Settings of a row of the paper's table."""
    without = ({} if norm else {"generator.norm_bottleneck": 0}) | (
        {} if prediction != "none" else {"generator.prediction_layers": ""}
    )
    return {
        "motion.layers": layers,
        "generator.sound_content": content,
        "generator.sound_norm": norm,
        "generator.prediction": prediction,
        **without,  # what would belong to a part that is not there
    }


PAPER: dict[str, Row] = {
    "baseline": Row("baseline (MfS)", _paper(1, False, False, "none")),
    "rnn": Row("+ residual dilated RNN", _paper(3, False, False, "none")),
    "sac": Row("+ SaC", _paper(1, True, False, "none")),
    "acin": Row("+ acIN", _paper(1, False, True, "none")),
    "convgru": Row("all + ConvGRU", _paper(3, True, True, "plain")),
    "dirconvgru": Row("all + DirConvGRU", _paper(3, True, True, "directional")),
}
"""The paper's table: baseline plus one, then all three plus a predictor."""

_CLIPS = ("cello", "quintet", "drums", "talking-head")
_TABLE = """
baseline    .82 .16 2219   .69 .24 6480   .68 .16 2387   .43 .62 1082
rnn         .87 .09 1184   .89 .05 1706   .75 .12 2230   .81 .07  520
sac         .87 .09 1354   .89 .05 1775   .75 .12 2127   .77 .07  366
acin        .87 .08 1426   .88 .05 1903   .76 .11 2122   .69 .11  486
convgru     .87 .08 1101   .90 .05 1502   .75 .11 1700   .77 .06  327
dirconvgru  .87 .08 1085   .88 .06 1455   .75 .11 1614   .80 .05  280
"""
_FIGURES = {
    name: [float(figure) for figure in figures]
    for name, *figures in map(str.split, _TABLE.strip().splitlines())
}
PUBLISHED: dict[str, dict[str, list[float]]] = {
    clip: {name: figures[3 * place : 3 * place + 3] for name, figures in _FIGURES.items()}
    for place, clip in enumerate(_CLIPS)
}
"""SSIM, LPIPS (AlexNet) and FVD by clip and row, at 128 pixels after 50 000 steps (Redondo 2023)."""


def parse_rows(words: Sequence[str], base: Config) -> dict[str, Row]:
    """Returns rows by name: of `PAPER` by its name alone, others as NAME:section.setting=value,...

    Args:
        words: one per row; all of `PAPER` without words.
        base: settings that the rows change.

    Raises:
        UserError: an unknown row, a name twice, or a setting that makes no sense; the message says which.
    """
    rows: dict[str, Row] = {}
    for word in words or PAPER:
        name, colon, settings = word.partition(":")
        if name in rows or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            raise UserError(f"rows: expected different names of small letters, numbers and -; got {word!r}")
        if not colon and name not in PAPER:
            raise UserError(
                f"rows: expected {', '.join(PAPER)}, or NAME:section.setting=value such as "
                f"skip:generator.connections=skip; got {word!r}"
            )
        rows[name] = Row(name, _settings(settings, base)) if colon else PAPER[name]
        with_values(base, dict(rows[name].settings))
    return rows


def _settings(text: str, base: Config) -> dict[str, Any]:
    """Values by section.setting from words such as section.setting=value,section.setting=value."""
    found: dict[str, Any] = {}
    for assignment in filter(None, re.split(r",(?=[^,=]+=)", text)):  # a value may hold commas, such as 3,5
        key, equals, value = assignment.partition("=")
        if not equals:
            raise UserError(f"rows: expected section.setting=value; got {assignment!r}")
        name = key.strip().replace("-", "_")
        section, _, setting = name.partition(".")
        is_text = isinstance(getattr(getattr(base, section, None), setting, None), str)
        found[name] = value if is_text else _parsed(value)
    return found


def _parsed(value: str) -> Any:
    """A number, truth value or list in words; the words where they are none."""
    try:
        return json.loads(value.lower())
    except json.JSONDecodeError:
        return value  # refused by name where it is put in
