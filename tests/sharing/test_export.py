"""Writing a page: what is said before, what is refused, and that nothing is half written."""

import json
from pathlib import Path

import pytest

from listen_and_move.errors import UserError
from listen_and_move.sharing.page import LONGEST_CREDIT, Publication, export_page
from tests.cli.running import command


def test_what_is_written(exported: Path) -> None:
    about = json.loads((exported / "about.json").read_text())
    names = {"index.html", "page.js", "page.css", "about.json", "keys.bin", "frames.vp9", "pictures.bin"}
    assert {file.name for file in exported.iterdir()} == names
    assert sum(about["video"]["sizes"]) == (exported / "frames.vp9").stat().st_size
    assert sum(about["pictures"]["sizes"]) == (exported / "pictures.bin").stat().st_size
    last = max(about["arrays"].values(), key=lambda entry: entry["offset"])
    assert last["offset"] + 4 * last["rows"] * last["columns"] == (exported / "keys.bin").stat().st_size
    script = (exported / "page.js").read_text()
    assert "http:" not in script and "https:" not in script


def test_it_says_what_it_publishes_before_it_writes(filmed: Path, tmp_path: Path) -> None:
    folder, told = tmp_path / "page", []

    def tell(publication: Publication) -> None:
        assert not folder.exists()
        told.append(publication)

    found = export_page(filmed, folder, "Mine", tell=tell)
    assert told == [found]
    assert found.bytes == sum(file.stat().st_size for file in folder.iterdir())
    assert 3 < found.seconds <= 4 and found.size == (64, 64)
    assert "everybody who is seen in it must agree" in found.described()


def test_what_fails_leaves_nothing(filmed: Path, tmp_path: Path) -> None:
    def tell(publication: Publication) -> None:
        raise KeyboardInterrupt

    (tmp_path / "empty").mkdir()
    for name in ("page", "empty"):
        with pytest.raises(KeyboardInterrupt):
            export_page(filmed, tmp_path / name, "Mine", tell=tell)
    assert [file.name for file in tmp_path.iterdir()] == ["empty"]
    assert not any((tmp_path / "empty").iterdir())


def test_refusals(filmed: Path, trained: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="expected a new or an empty folder"):
        export_page(filmed, full, "Mine")
    with pytest.raises(UserError, match="expected a new or an empty folder"):
        export_page(filmed, full / "mine.txt", "Mine")
    assert (full / "mine.txt").read_text() == "mine"
    with pytest.raises(UserError, match="keeps none"):
        export_page(trained, tmp_path / "page", "Mine")
    with pytest.raises(UserError, match="does not exist"):
        export_page(filmed, tmp_path / "no" / "page", "Mine")
    for credit in ("", " \n ", "x" * (LONGEST_CREDIT + 1)):
        with pytest.raises(UserError, match="credit: expected a line"):
            export_page(filmed, tmp_path / "page", credit)
    assert [file.name for file in tmp_path.iterdir()] == ["full"]


def test_the_command(filmed: Path, tmp_path: Path) -> None:
    result = command("export", filmed, "--web", "page", "--credit", "Mine", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "publishes 3." in result.stderr or "publishes 4.0" in result.stderr
    assert "must agree" in result.stderr
    assert Path(result.stdout.strip()) == Path("page/index.html")
    again = command("export", filmed, "--web", "page", "--credit", "Mine", folder=tmp_path)
    assert again.returncode == 2
    assert again.stderr.strip().count("\n") == 0 and "choose another --web" in again.stderr
