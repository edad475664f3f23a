"""Files on their way count: however many come at once, all together stay below the limit."""

import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.app.serving import Visitor, serving, until
from tests.app.test_connections import PATIENT, connected

LIMIT, PART = 2_800_000, 900_000
BUFFERED = 3 * 8192 + 1
"""Bytes of a file that are not yet written."""


def on_its_way(visitor: Visitor, announced: int | None) -> str:
    """The head of an upload."""
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items())
    length = "transfer-encoding: chunked" if announced is None else f"content-length: {announced}"
    return (
        f"POST /api/uploads/sound HTTP/1.1\nhost: HERE\norigin: http://HERE\ncookie: {cookies}\n{length}\n\n"
    )


def held(temporary: Path) -> int:
    """Bytes of all files that the page holds."""
    return sum(file.stat().st_size for file in temporary.glob("listen-and-move-page-*/*"))


def hear(line: socket.socket, saying: bytes) -> None:
    """Waits for an answer; nobody waits for the rest of what was on its way."""
    found = b""
    with line:
        while saying not in found:
            piece = line.recv(65536)
            assert piece, found
            found += piece


def test_uploads_at_the_same_time(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    said = tmp_path / "errors.txt"
    page = serving(tmp_path / "runs", errors=said, before=f"limits.ALL_BYTES = {LIMIT}; {PATIENT}")
    with page as (address, _), ExitStack() as stack:
        visitors = [Visitor(address) for _ in range(2)]
        visitors[0].upload(sound)
        for number in range(3):
            line = connected(address, on_its_way(visitors[number % 2], PART + 1 if number else None))
            stack.enter_context(line).sendall((b"" if number else b"ffff0\r\n") + bytes(PART))
            if number == 2:  # what nobody works on makes room
                until(lambda: visitors[0].get("/api/uploads"), lambda kept: kept == [])
            until(lambda count=number + 1: held(tmp_path) > count * PART - BUFFERED)
        for announced in (None, PART):
            line = connected(address, on_its_way(visitors[1], announced))
            with suppress(ConnectionError):
                line.sendall((b"" if announced else b"ffff0\r\n") + bytes(PART))
            hear(line, b"as many large files")
            assert held(tmp_path) <= LIMIT
        stack.close()
        until(lambda: held(tmp_path), lambda size: size == 0)
        assert visitors[1].upload(sound)["name"] == sound.name
        for visitor in visitors:
            visitor.close()
    assert said.read_text() == ""


def test_a_visitor_has_so_many_at_once(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    page = serving(tmp_path / "runs", before=f"limits.UPLOADS, limits.UPLOADS_EACH = 3, 2; {PATIENT}")
    with page as (address, _), ExitStack() as stack:
        visitor, other = Visitor(address), Visitor(address)
        for _ in range(2):
            stack.enter_context(connected(address, on_its_way(visitor, 1000))).sendall(b"RIFF")
        until(lambda: list(tmp_path.glob("listen-and-move-page-*/*")), lambda files: len(files) == 2)
        assert "2 of your files are on their way" in refusal(visitor, sound)
        for _ in range(2):  # of four in all, the oldest that nobody works on goes
            assert other.upload(sound)["name"] == sound.name
            assert len(other.get("/api/uploads")) == 1
        stack.close()
        until(lambda: not refusal(visitor, sound))
        visitor.close()
        other.close()


def refusal(visitor: Visitor, sound: Path) -> str:
    """Why a sound is not taken; empty: it is."""
    return visitor.client.post("/api/uploads/sound", content=sound.read_bytes()).json().get("error", "")
