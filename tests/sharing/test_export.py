"""Writing a page: what is said before, what is refused, and that nothing is half written."""

import json
import resource
import tempfile
from fractions import Fraction
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from listen_and_move.errors import UserError
from listen_and_move.inference.playable import playable
from listen_and_move.media.browser_frames import BrowserEncoder, film_size
from listen_and_move.provenance.provenance import creator_tool
from listen_and_move.sharing import page as sharing_page
from listen_and_move.sharing.page import LIVE_BY_SOUND, LONGEST_CREDIT, Publication, export_page
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
    assert "http:" not in script
    assert "https:" not in script


def test_it_says_what_it_publishes_before_it_writes(filmed: Path, tmp_path: Path) -> None:
    folder, told = tmp_path / "page", []

    def tell(publication: Publication) -> None:
        assert not folder.exists()
        told.append(publication)

    found = export_page(filmed, folder, "Mine", tell=tell)
    assert told == [found]
    assert found.bytes == sum(file.stat().st_size for file in folder.iterdir())
    assert 3 < found.seconds <= 4
    assert found.size == (64, 64)
    assert "everybody who is seen in it must agree" in found.described()


def test_what_fails_leaves_nothing(filmed: Path, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    seen = set[str]()

    def tell(publication: Publication) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # as a full disk, for each file
        seen.add(publication.folder.name)

    (tmp_path / "empty").mkdir()
    for name in ("page", "empty"):
        try:
            with pytest.raises(UserError, match="cannot be written"):
                export_page(filmed, tmp_path / name, "Mine", tell=tell)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert seen == {"page", "empty"}, "the films were written"
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
    for credit in ("", " \n ", "x" * (LONGEST_CREDIT + 1)):
        with pytest.raises(UserError, match="credit: expected a line"):
            export_page(filmed, tmp_path / "page", credit)
    assert [file.name for file in tmp_path.iterdir()] == ["full"]


def test_a_place_is_refused_before_anything_is_made(
    filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    def export(folder: Path) -> None:
        export_page(filmed, folder, "Mine", tell=told.append, progress=lambda *done: told.append(done))

    with pytest.raises(UserError, match="does not exist"):
        export(tmp_path / "no" / "page")
    (tmp_path / "full").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in (".", "full/.."):
        with pytest.raises(UserError, match="expected a new or an empty folder"):
            export(Path(name))
    monkeypatch.setattr(sharing_page, "MOST_FRAMES", 10)
    with pytest.raises(UserError, match="expected at most 10 frames"):
        export(tmp_path / "page")
    assert not told


def test_the_folder_one_is_in(filmed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page").mkdir()
    monkeypatch.chdir(tmp_path / "page")
    export_page(filmed, Path(), "Mine")
    assert (tmp_path / "page" / "index.html").is_file()
    assert [file.name for file in tmp_path.iterdir()] == ["page"]


def test_the_page_says_by_machine_what_it_is(filmed: Path, exported: Path) -> None:
    found: dict[str, str] = {}

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            said = dict(attrs)
            if tag == "meta":
                found[said.get("property") or said.get("name") or ""] = said.get("content") or ""

    Reader().feed((exported / "index.html").read_text())
    provenance = playable(filmed, LIVE_BY_SOUND).provenance
    assert found["Iptc4xmpExt:DigitalSourceType"] == provenance.source_uri
    assert found["description"] == provenance.description
    assert found["generator"] == creator_tool()


def test_a_film_larger_than_full_hd_is_made_smaller() -> None:
    assert film_size((3840, 2160)) == (1920, 1080)
    assert film_size((1080, 1920)) == (1080, 1920)
    size, video = (2400, 1350), BytesIO()
    encoder = BrowserEncoder(video, BytesIO(), size, Fraction(25))
    encoder.write(np.full((size[1], size[0], 3), 128, np.uint8))
    frames = encoder.finish()
    decoder = av.CodecContext.create("vp9", "r")
    packet = av.Packet(video.getvalue()[: frames.video[0]])
    decoded = [*decoder.decode(packet), *decoder.decode(None)]  # type: ignore[attr-defined]
    assert [(frame.width, frame.height) for frame in decoded] == [film_size(size)] == [(1920, 1080)]
    said = Publication(Path("page"), 1.0, film_size(size), size, 1, 1).described()
    assert "1920x1080 pixels (made smaller from 2400x1350" in said


def test_the_command(filmed: Path, tmp_path: Path) -> None:
    result = command("export", filmed, "--web", "page", "--credit", "Mine", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "publishes 3." in result.stderr or "publishes 4.0" in result.stderr
    assert "must agree" in result.stderr
    assert Path(result.stdout.strip()) == Path("page/index.html")
    again = command("export", filmed, "--web", "page", "--credit", "Mine", folder=tmp_path)
    assert again.returncode == 2
    assert again.stderr.strip().count("\n") == 0
    assert "choose another --web" in again.stderr


def test_a_full_disk_for_temporary_files_is_named(filmed: Path, tmp_path: Path) -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, most[1]))  # as a full disk, for each file
    try:
        with pytest.raises(UserError) as told:
            export_page(filmed, tmp_path / "page", "Film: me")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert told.value.message.startswith(f"{tempfile.gettempdir()}: cannot be written")
    assert not list(tmp_path.iterdir())
