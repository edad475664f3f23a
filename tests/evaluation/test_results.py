"""Results as a file: what is written is read, without numbers that JSON does not know, or refused in one
line."""

import json
from dataclasses import dataclass, field, replace
from math import inf, isnan, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tests.evaluation.reporting import made_up, read

from listen_and_move.errors import UserError
from listen_and_move.evaluation.baselines import MODEL
from listen_and_move.evaluation.json_records import INLINED, as_json, from_json, under, write_json
from listen_and_move.evaluation.measures import MEASURES, formatted
from listen_and_move.evaluation.results import FORMAT, EvaluationResults, read_results


def refuse(constant: str) -> None:
    raise AssertionError(constant)


def test_what_is_written_has_no_infinities(tmp_path: Path) -> None:
    results = {
        "format": FORMAT,
        "rows": [{"psnr": inf, "dcor": 0.25, "lag": None}, (nan, -inf, np.float64(1.5), 3, True, "ü")],
        "deep": {"a": {"b": [[np.float64(nan)]]}},
    }
    write_json(tmp_path / "results.json", results)
    expected = {
        "format": FORMAT,
        "rows": [{"psnr": None, "dcor": 0.25, "lag": None}, [None, None, 1.5, 3, True, "ü"]],
        "deep": {"a": {"b": [[None]]}},
    }
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse) == expected
    assert [item.name for item in tmp_path.iterdir()] == ["results.json"]


def test_round_trip_of_an_evaluation(tmp_path: Path) -> None:
    """The file keeps its names, in their order, and its figures."""
    file, values = tmp_path / "results.json", made_up()
    values["sounds"].append(
        {"name": "a.wav", "seconds": 2.0, "verdict": "used", "notes": ["a note"], "novelty": [0.25]}
        | {"values": {"gain_db": 1.5}, "altered": {"silent": values["sensitivity"]["altered"]["silent"]}}
    )
    values["distribution"].append(
        {"measure": "KID", "row": MODEL, "real_samples": 60, "generated_samples": 61, "value": 0.5}
        | {"floor": None, "standard_error": 0.01, "note": ""}
    )
    results = read(values)
    write_json(file, results)
    text = file.read_text(encoding="utf-8")
    assert text == json.dumps(values, indent=1)
    assert read_results(file) == results
    assert results.pool[MODEL].dcor == pytest.approx(0.3)
    endless = replace(results, pool={MODEL: results.pool[MODEL]._replace(product=inf)})
    write_json(file, endless)
    assert (
        json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)["pool"][MODEL]["product"] is None
    )
    assert isnan(read_results(file).pool[MODEL].product)


def test_files_of_other_versions_are_read(tmp_path: Path) -> None:
    """They may lack what was added since, and have what is not known here."""
    values = {**made_up(), "from the future": {"a": 1}}
    for name in ("sampled", "null", "pool", "sounds", "left_out", "series", "took_s"):
        del values[name]
    del values["run"]["parameters"], values["environment"]["threads"]
    for altered in values["sensitivity"]["altered"].values():
        altered.pop("values", None)
    write_json(tmp_path / "results.json", values)
    found = read_results(tmp_path / "results.json")
    assert found.by_row() == {row["name"]: row["values"] for row in values["rows"]}
    assert found.pool == {}
    assert found.series is None
    assert found.sensitivity.altered["silent"].values == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"7", b"null", b'{"rows": []}', b"\xff\xfe\x00"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UserError, match="the file is damaged: evaluate again"):
        read_results(tmp_path / "results.json")


@pytest.mark.parametrize(
    ("section", "wrong"),
    [("run", None), ("run", {"name": "a"}), ("rows", {}), ("part", 3), ("protocol", "other"), ("pool", [1])],
)
def test_a_file_with_something_else_in_a_place_is_refused(
    section: str, wrong: object, tmp_path: Path
) -> None:
    write_json(tmp_path / "results.json", made_up() | {section: wrong})
    with pytest.raises(UserError, match="the file is damaged: evaluate again"):
        read_results(tmp_path / "results.json")


def test_a_missing_file_and_another_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are none: run listen-and-move evaluate first"):
        read_results(tmp_path / "results.json")
    write_json(tmp_path / "results.json", {"format": FORMAT + 1})
    with pytest.raises(UserError, match=f"format {FORMAT}; got {FORMAT + 1}: evaluate again"):
        read_results(tmp_path / "results.json")


class Pair(NamedTuple):
    first: float
    second: int = 2


@dataclass(frozen=True)
class Inner:
    pairs: tuple[Pair, ...] = ()
    more: float | None = None


@dataclass(frozen=True)
class Outer:
    label: str = field(metadata=under("class"))
    inner: Inner = field(metadata=INLINED)


def test_records_may_be_inlined_and_renamed() -> None:
    record = Outer("a", Inner((Pair(0.5), Pair(1.0, 3))))
    plain = {"class": "a", "pairs": [{"first": 0.5, "second": 2}, {"first": 1.0, "second": 3}], "more": None}
    assert as_json(record) == plain
    assert from_json(Outer, plain) == record
    assert from_json(Outer, {"class": "a", "pairs": [{"first": 0.5}]}) == Outer("a", Inner((Pair(0.5),)))
    with pytest.raises(ValueError, match="expected first; it is missing"):
        from_json(Pair, {"second": 3})


def test_the_fields_of_results_are_those_of_the_file() -> None:
    assert list(as_json(read(made_up()))) == list(made_up())
    others = {"span": "part"}  # fields with another name in the file
    assert [others.get(name, name) for name in EvaluationResults.__dataclass_fields__] == list(made_up())


def test_figures_are_printed_with_their_digits() -> None:
    assert formatted("dcor", 0.12345) == "0.123"
    assert formatted("motion_lag_ms", -150.0) == "-150"
    assert [formatted("psnr", value) for value in (None, nan, inf)] == ["-"] * 3


def test_every_measure_says_what_it_means() -> None:
    assert all(
        measure.title and measure.meaning and 0 <= measure.digits <= 5 for measure in MEASURES.values()
    )
    titles = [(measure.group, measure.title) for measure in MEASURES.values()]
    by_title = {title for title in titles if titles.count(title) > 1}
    assert by_title <= {("Sound and picture", "its lag, ms")}, "a title stands for one figure"
