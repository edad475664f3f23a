"""JSON that anybody may have written is bounded before anything is made of it."""

import os
from pathlib import Path

import pytest

from listen_and_move.errors import SettingError
from listen_and_move.json_text import DEEPEST, LONGEST, MOST_DIGITS, bounded, parsed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected JSON; got something else at line 1"),
        ("{\n3}", "at line 2"),
        ("[" * 100_000, "expected JSON"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), f"at most {DEEPEST} levels"),
        ('{"a":' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1), f"at most {DEEPEST} levels"),
        ("9" * (MOST_DIGITS + 1), f"at most {MOST_DIGITS} digits; got one of {MOST_DIGITS + 1}"),
        ("-" + "9" * 5000, "digits"),
        (b"\xff\xfe\x00\xd8", "expected JSON"),
        (" " * (LONGEST + 1), f"at most {LONGEST} characters"),
    ],
)
def test_what_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        parsed(text)


def test_what_is_read() -> None:
    assert parsed("[" * DEEPEST + "]" * DEEPEST) is not None
    assert parsed("9" * MOST_DIGITS) == 10**MOST_DIGITS - 1
    assert parsed('{"a": [1, 2.5, "\\ud800", null, true]}') == {"a": [1, 2.5, "\ud800", None, True]}
    assert parsed("1e999") == float("inf")


@pytest.mark.parametrize("text", ["NaN", "[1, -Infinity]", '{"a": 1e999}'])
def test_infinity_is_refused_where_it_is_asked_for(text: str) -> None:
    with pytest.raises(SettingError, match="finite numbers; got"):
        parsed(text, finite=True)
    assert parsed("[1e300, 3]", finite=True) == [1e300, 3]


def test_a_file_is_read_as_far_as_it_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert bounded(path, 5) == b"12345"
    with pytest.raises(ValueError, match="at most 4 bytes"):
        bounded(path, 4)
    with pytest.raises(ValueError, match="expected a file"):
        bounded(tmp_path)
    with pytest.raises(FileNotFoundError):
        bounded(tmp_path / "missing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="expected a file"):
        bounded(tmp_path / "pipe")
