"""Connections that keep the server waiting, and too many of them: each ends, and nobody else notices."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from listen_and_move.app.connections import MOST_SECONDS, Connection, Debt, address_of
from listen_and_move.app.limits import REQUEST_SECONDS, STALL_BYTES, STALL_SECONDS
from tests.app.serving import WAIT, Visitor, serving, until
from tests.app.test_live_page import WISH, playing
from tests.app.test_wrong_messages import sentence

SHORT = (
    "limits.REQUEST_SECONDS = limits.STALL_SECONDS = limits.SILENCE_SECONDS = 3.0; limits.IDLE_SECONDS = 60; "
    "limits.ANSWER_SECONDS = 3.0; limits.PING_SECONDS = 2.0"
)
"""Of a page that waits for nobody for long."""
PATIENT = "limits.REQUEST_SECONDS = limits.STALL_SECONDS = limits.ANSWER_SECONDS = 1e6"
"""Of a page that waits for everybody, however slow this machine is."""
FEW = f"limits.CONNECTIONS_EACH = 8; {PATIENT}"


@pytest.fixture(scope="module")
def hasty(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A page that waits for nobody, and its process; its terminal stays without tracebacks."""
    said = tmp_path_factory.mktemp("hasty") / "errors.txt"
    with serving(runs, errors=said, before=SHORT) as (address, process):
        yield address, process.pid
        assert "Traceback" not in said.read_text()


def connected(address: str, text: str = "", **options: Any) -> socket.socket:
    """A connection on which so much has been said."""
    place = urlsplit(address)
    line = socket.socket()
    line.settimeout(WAIT)
    for name, value in options.items():
        line.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    line.connect((place.hostname, place.port))
    line.sendall(text.replace("HERE", place.netloc).replace("\n", "\r\n").encode())
    return line


def ending(line: socket.socket) -> bytes:
    """What comes before the server ends a connection."""
    found = b""
    with line, suppress(ConnectionError):
        while piece := line.recv(65536):
            found += piece
    return found


POST = "POST /api/jobs HTTP/1.1\nhost: HERE\norigin: http://HERE\ncontent-length: 100\n"
UNFINISHED = {
    "nothing": "",
    "half a line": "GET /api/ru",
    "half a head": "GET /api/runs HTTP/1.1\nhost: HERE\nx-more",
    "a head without a body": f"{POST}\n",
    "half a body": f'{POST}\n{{"kind": ',
    "half a chunk": POST.replace("content-length: 100", "transfer-encoding: chunked") + "\n20\n{",
    "half of an upload": POST.replace("jobs", "uploads/sound") + "\nRIFF",
    "half of a second head": "GET /static/icon.svg HTTP/1.1\nhost: HERE\n\nGET / HT",
    "a body after its answer": POST.replace("jobs", "nothing") + "\n{",
    "half a password": POST.replace("api/jobs", "login") + "\npass",
}


def test_what_never_comes_is_not_waited_for(hasty: tuple[str, int]) -> None:
    lines = [connected(hasty[0], text) for text in UNFINISHED.values()]
    for line in lines:
        ending(line)  # returns


def test_a_head_that_trickles_is_not_waited_for(hasty: tuple[str, int]) -> None:
    def trickle(line: socket.socket) -> None:
        while True:  # bytes come all the time, and never an end of the head
            line.sendall(b"a: b\r\n")
            threading.Event().wait(0.05)

    with connected(hasty[0], "GET / HTTP/1.1\nhost: HERE\n") as line, pytest.raises(ConnectionError):
        trickle(line)


@pytest.mark.skipif(
    not Path("/proc").exists(), reason="this system has no /proc, where open files are counted"
)
def test_an_answer_that_is_not_taken_ends(hasty: tuple[str, int], runs: Path) -> None:
    large = runs / "tiny" / "samples" / "step-000098.mp4"
    with large.open("wb") as file:
        file.truncate(64_000_000)

    def is_open() -> bool:
        found = False
        for entry in Path(f"/proc/{hasty[1]}/fd").iterdir():
            with suppress(OSError):
                found |= entry.readlink() == large
        return found

    try:
        text = "GET /api/runs/tiny/samples/98 HTTP/1.1\nhost: HERE\n\n"
        with connected(hasty[0], text, SO_RCVBUF=4096) as line:
            while b"\0" not in line.recv(100):  # by then the file is open
                pass
            until(is_open, lambda still: not still)
    finally:
        large.unlink()


def test_who_plays_live_and_says_nothing_any_more_is_told(hasty: tuple[str, int]) -> None:
    with playing(hasty[0]) as live:
        assert "fps" in live.recv(timeout=WAIT)  # type: ignore[operator]
        assert "within 3 seconds; nothing came" in sentence(live)


def test_a_socket_that_answers_no_ping_ends(hasty: tuple[str, int]) -> None:
    head = [
        "GET /api/live HTTP/1.1\nhost: HERE\norigin: http://HERE\nconnection: upgrade\nupgrade: websocket",
        "sec-websocket-version: 13\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\n\n",
    ]
    with connected(hasty[0], "\n".join(head)) as line:
        wish, answer = json.dumps(WISH).encode(), b""
        while b"\r\n\r\n" not in answer:  # what comes before that is no message yet
            answer += line.recv(65536)
        line.sendall(bytes([0x81, 0x80 | len(wish)]) + bytes(4) + wish)
        with suppress(ConnectionError):
            while True:  # sound comes all the time
                line.sendall(b"\x82\x90" + bytes(4) + bytes(16))
                threading.Event().wait(0.02)
        said = ending(line)
        assert b"keepalive ping timeout" in said, said


def test_an_address_has_so_many_connections_and_others_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "runs", before=FEW) as (address, _), ExitStack() as stack:
        lines = [stack.enter_context(connected(address)) for _ in range(8)]
        for _ in range(3):
            refused = ending(connected(address, "GET /api/runs HTTP/1.1\nhost: HERE\n\n"))
            assert refused.startswith(b"HTTP/1.1 503")
            assert b"Too many connections" in refused
        lines[0].close()
        until(lambda: _status(address), lambda status: status == 200)
        for line in lines[1:]:
            line.close()
        visitor = until(lambda: _status(address) == 200 and Visitor(address))
        assert visitor.get("/api/jobs") == []
        visitor.close()


def _status(address: str) -> int:
    try:
        return httpx.get(f"{address}/api/runs", timeout=WAIT).status_code
    except httpx.HTTPError:  # it was refused before it could ask
        return 0


@dataclass
class Owing:
    """A side that owes what it is told to."""

    owed: Debt | None = None

    def debt(self) -> Debt | None:
        return self.owed


def test_what_goes_on_may_take_its_time() -> None:
    """Hours of an upload over a slow line, of which as much comes as has to."""
    other = Owing()
    connection = Connection(other, "")  # type: ignore[arg-type]
    body, answer = object(), object()
    now = 0.0
    for piece in range(1000):
        other.owed = Debt("body", body, piece * STALL_BYTES)
        assert not connection.is_overdue(now := now + STALL_SECONDS)
    other.owed = None  # the server looks into the file
    assert not connection.is_overdue(now := now + 100 * STALL_SECONDS)
    for piece in range(1000):
        other.owed = Debt("answer", answer, piece * STALL_BYTES - 10**9)
        assert not connection.is_overdue(now := now + STALL_SECONDS)
    for requests in range(100):
        other.owed = Debt("request", requests)
        assert not connection.is_overdue(now := now + REQUEST_SECONDS)


@pytest.mark.parametrize("what", ["request", "body", "answer"])
def test_what_hardly_goes_on_is_overdue(what: Any) -> None:
    other = Owing(Debt(what, 1))
    connection = Connection(other, "")  # type: ignore[arg-type]
    most = MOST_SECONDS[what]
    seen = []
    for second in range(int(most) + 2):
        other.owed = Debt(what, 1, second * 100 if what == "body" else 0)
        seen.append(connection.is_overdue(second))
    assert seen == [False] * (int(most) + 1) + [True]


def test_who_counts_as_one_address() -> None:
    assert address_of("192.0.2.1") == address_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert address_of("2001:db8::1") == address_of("2001:db8::ffff:0:1") != address_of("2001:db8:0:1::1")
    assert address_of("fe80::1%eth0") == address_of("fe80::2%eth0")
    assert address_of(None) == ""
