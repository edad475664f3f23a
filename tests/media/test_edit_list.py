"""Lists for editors say of each frame what it shows."""

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from listen_and_move.errors import UserError
from listen_and_move.media.edit_list import HEADER, ClipMoment, events, write_edit_list

FPS = Fraction(25)


def at(frame: int, share: float = 1.0, morph: bool = False) -> ClipMoment:
    return ClipMoment(frame / FPS, share, morph)


def shown() -> list[tuple[ClipMoment, ...]]:
    """Ten frames from 100 on, a dissolve of two to 200, three frames of it, a cut to 50, and a rest there."""
    first = [(at(100 + each),) for each in range(10)]
    mixed = [(at(110 + each), at(200 + each, 0.3 + 0.4 * each)) for each in range(2)]
    return [*first, *mixed, *((at(202 + each),) for each in range(3)), (at(50),), (at(51),), *[(at(51),)] * 4]


def test_events_are_what_goes_on() -> None:
    found = list(events(shown(), FPS))
    assert [(each.first, each.last, each.seconds * FPS, each.transition) for each in found] == [
        (0, 10, 100, 0),
        (10, 15, 200, 2),
        (15, 17, 50, 0),
        (17, 21, 51, 0),
    ]
    assert found[1].before == Fraction(110) / FPS
    assert [each.moving for each in found] == [True] * 3 + [False]


def test_a_table_has_a_row_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "path.csv"
    write_edit_list(path, shown(), FPS, "clip.mp4")
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == HEADER
    assert len(rows) == len(shown())
    assert rows[0] == ["0", "0.000000", "4.000000", "", "1.000", ""]
    assert rows[10] == ["10", "0.400000", "8.000000", "dissolve", "0.300", "4.400000"]


def test_decisions_are_a_list_of_cmx_3600(tmp_path: Path) -> None:
    path = tmp_path / "path.EDL"
    write_edit_list(path, shown(), FPS, "clip\n.mp4")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["TITLE: clip .mp4", "FCM: NON-DROP FRAME"]
    assert "001  AX       V     C        00:00:04:00 00:00:04:10 00:00:00:00 00:00:00:10" in lines
    assert "002  AX       V     C        00:00:04:10 00:00:04:10 00:00:00:10 00:00:00:10" in lines
    assert "002  AX       V     D    002 00:00:08:00 00:00:08:05 00:00:00:10 00:00:00:15" in lines
    assert lines[-2].startswith("M2   AX       000.0")
    assert lines[-1] == "* FROM CLIP NAME: clip .mp4"


def test_names_and_files_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ending in \.csv or \.edl; got \.txt"):
        write_edit_list(tmp_path / "path.txt", shown(), FPS, "clip")
    path = tmp_path / "path.csv"
    path.write_text("mine")
    with pytest.raises(UserError, match=r"path\.csv: exists already"):
        write_edit_list(path, shown(), FPS, "clip")
    assert path.read_text() == "mine"


def test_another_take_is_another_event_even_where_the_time_goes_on(tmp_path: Path) -> None:
    frames = [(ClipMoment(frame / FPS, 1.0, False, f"{1 + frame // 5}.mp4"),) for frame in range(10)]
    assert [(event.first, event.last, event.take) for event in events(frames, FPS)] == [
        (0, 5, "1.mp4"),
        (5, 10, "2.mp4"),
    ]
    write_edit_list(tmp_path / "list.csv", frames, FPS, "run")
    rows = (tmp_path / "list.csv").read_text().splitlines()
    assert rows[0].endswith(",take,from take")
    assert rows[6].endswith(",2.mp4,")
    write_edit_list(tmp_path / "list.edl", frames, FPS, "run")
    assert (tmp_path / "list.edl").read_text().count("* FROM CLIP NAME: 2.mp4") == 1
