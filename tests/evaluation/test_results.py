"""Results as a file: what is written is read, without numbers that JSON does not know, or refused in one
line."""

import json
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from listen_and_move.errors import UserError
from listen_and_move.evaluation.results import FORMAT, MEASURES, formatted, read_results, write_results


def test_round_trip_without_infinities(tmp_path: Path) -> None:
    results = {
        "format": FORMAT,
        "rows": [{"psnr": inf, "dcor": 0.25, "lag": None}, (nan, -inf, np.float64(1.5), 3, True, "ü")],
        "deep": {"a": {"b": [[np.float64(nan)]]}},
    }
    write_results(tmp_path / "results.json", results)
    expected = {
        "format": FORMAT,
        "rows": [{"psnr": None, "dcor": 0.25, "lag": None}, [None, None, 1.5, 3, True, "ü"]],
        "deep": {"a": {"b": [[None]]}},
    }
    assert read_results(tmp_path / "results.json") == expected

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((tmp_path / "results.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert [item.name for item in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"7", b"null", b'{"rows": []}', b"\xff\xfe\x00"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UserError, match="the file is damaged: evaluate again"):
        read_results(tmp_path / "results.json")


def test_a_missing_file_and_another_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are none: run listen-and-move evaluate first"):
        read_results(tmp_path / "results.json")
    write_results(tmp_path / "results.json", {"format": FORMAT + 1})
    with pytest.raises(UserError, match=f"format {FORMAT}; got {FORMAT + 1}: evaluate again"):
        read_results(tmp_path / "results.json")


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
