"""What strangers may send to a page, as strategies of Hypothesis, and what has to hold of each answer."""

import json
import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.app.serving import WAIT, Visitor, host_and_port

GUARDED = "limits.MOST_TRAINING_STEPS = 0; limits.REQUEST_SECONDS = limits.STALL_SECONDS = 5.0"
"""Of a page that is asked at random: no training begins, and half a request is not waited for long."""
UNEXPECTED = b"nobody expected"
TEXTS = (
    *("tiny", "quick", "animate", "inspect", "match", "running", "auto", "path", "source", "none", "6"),
    *("64", "1280x720", "0,0,32,32", "", "..", "../x", "/etc/passwd", "\0", "\ud800", "é", "NaN", "-1e400"),
    *("a" * 300, "9" * 5000),
)
NUMBERS = (0, 1, -1, 48_000, 2**31, 2**53, -(2**53) - 1, 10**30, 10**400, 1e300, float("nan"), float("inf"))
NAMES = (
    "start",
    "end",
    "crop",
    "size",
    "amount",
    "freeze",
    "clip.size",
    "training.steps",
    "clip.end",
    "__proto__",
)
WISHES: dict[str, dict[str, Any]] = {
    "/api/jobs": {
        "kind": "animate",
        "model": "tiny",
        "upload": "SOUND",
        "seed": 0,
        "gain": 0,
        "controls": {},
        "paste": False,
        "picture": "auto",
        "clip": {"start": 0.0},
    },
    "/api/runs": {"name": "new", "upload": "VIDEO", "preset": "quick", "settings": {"training.steps": 1}},
    "/api/runs/tiny/resume": {"steps": 9},
    "/api/runs/tiny/stop": {"steps": 9},
}
LIVE = {"model": "tiny", "rate": 8000, "seed": 0, "gain": 0, "controls": {}, "channels": 1, "look_ahead": 0}
LIVE_PARTS = {**LIVE, "picture": "auto", "size": "model", "over": True}
WHOLE = b"HTTP/1.1\r\nhost: HERE\r\norigin: http://HERE\r\ncontent-length: 2\r\n\r\n{}"
UPGRADE = (
    b"GET /api/live HTTP/1.1\r\nhost: HERE\r\norigin: http://HERE\r\nconnection: upgrade\r\n"
    b"upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    b"\x81\x82\0\0\0\0{}"
)

scalars = (
    st.none()
    | st.booleans()
    | st.sampled_from(NUMBERS)
    | st.floats()
    | st.sampled_from(TEXTS)
    | st.text(max_size=6)
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
nonsense = st.binary(max_size=40) | st.sampled_from(
    (
        b"",
        b"[]",
        b"null",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"[" * 900 + b"]" * 900,
        b" " * 70_000,
        b"9" * 5000,
    )
)


def changed(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """A message of which some parts are others, or none."""
    parts = st.dictionaries(st.sampled_from(sorted(good)), values, min_size=1, max_size=3)
    return parts.map(lambda changes: json.dumps(good | changes).encode())


def spoilt(good: bytes) -> st.SearchStrategy[bytes]:
    """Bytes of which a piece is another."""
    places = st.integers(0, len(good))
    piece = st.sampled_from((b"", b"\0", b"\xff", b"\r\n", b"\r\n\r\n", b"{", b":", b"-1")) | st.binary(
        max_size=9
    )
    return st.builds(
        lambda place, length, other, times: good[:place] + other * times + good[place + length :],
        places,
        st.sampled_from((0, 1, 3, 20)),
        piece,
        st.sampled_from((1, 1, 40)),
    )


requests = st.sampled_from(sorted(WISHES)).flatmap(
    lambda path: st.tuples(st.just(path), changed(WISHES[path]) | nonsense)
)
"""Paths and bodies of what is posted."""
addresses = st.builds(
    lambda form, name: form.format(quote(name.encode(errors="surrogatepass"))),
    st.sampled_from(
        (
            *("/{}", "/static/{}", "/api/runs/{}", "/api/runs/{}/model", "/api/runs/{}/picture", "/api/{}"),
            *("/api/runs/tiny/samples/{}", "/api/uploads/{}/still", "/api/uploads/{}/file", "/runs/{}"),
            *("/api/jobs/{}/result", "/login?{}", "/api/runs/tiny/{}"),
        )
    ),
    st.sampled_from(TEXTS) | st.text(max_size=20),
)
plays = st.lists(changed(LIVE_PARTS) | nonsense | st.just(bytes(4000)), max_size=3)
"""What follows a good first message over a WebSocket; those that begin with a brace go as text."""
first_messages = changed(LIVE_PARTS) | nonsense
raw = st.sampled_from(
    (b"GET / " + WHOLE, b"POST /api/jobs " + WHOLE, b"POST /login " + WHOLE, UPGRADE)
).flatmap(spoilt)


class Hostile:
    """Somebody who sends all that, and looks at what comes back."""

    def __init__(self, address: str, sound: Path, video: Path, secrets: tuple[str, ...]) -> None:
        self.address, self.visitor = address, Visitor(address)
        self.secrets = [secret.encode() for secret in secrets]
        self.ids = {
            b"SOUND": self.visitor.upload(sound)["id"].encode(),
            b"VIDEO": self.visitor.upload(video, "video")["id"].encode(),
        }

    def post(self, path: str, body: bytes) -> str:
        """The status, and the beginning of what is said."""
        for name, identity in self.ids.items():
            body = body.replace(name, identity)
        return self._looked_at(self.visitor.client.post(path, content=body))

    def upload(self, body: bytes) -> str:
        """The status, and the beginning of what is said."""
        return self._looked_at(self.visitor.client.post("/api/uploads/sound", content=body))

    def request(self, method: str, path: str) -> str:
        """The status, and the beginning of what is said."""
        url = httpx.URL(self.address).copy_with(raw_path=path.encode())
        return self._looked_at(self.visitor.client.request(method, url))

    def send(self, data: bytes) -> str:
        """The status of the first answer to some bytes, after which the connection is half closed."""
        place, found = urlsplit(self.address), b""
        line = socket.create_connection(host_and_port(self.address), timeout=WAIT)
        with line, suppress(ConnectionError):
            line.sendall(data.replace(b"HERE", place.netloc.encode()))
            line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65536):
                found += piece
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", found)]
        assert all(status < 500 for status in statuses), found[:1000]
        self._check(found)
        return f"{statuses[0] if statuses else 'closed'}"

    def play(self, messages: list[bytes]) -> str:
        """How a live play ends."""
        said = "closed"
        address = f"{self.address.replace('http', 'ws')}/api/live"
        with suppress(ConnectionClosed, InvalidStatus), connect(address, origin=self.address) as live:  # type: ignore[arg-type]
            for message in messages:
                live.send(message.decode("utf-8", "replace") if message[:1] in (b"{", b"[") else message)
            live.send('{"over": true}')
            while True:
                if isinstance(message := live.recv(timeout=WAIT), str):
                    said = (
                        ("error" if "error" in json.loads(message) else "over")
                        if "width" not in message
                        else said
                    )
                    self._check(message.encode())
        return said

    def _looked_at(self, answer: httpx.Response) -> str:
        assert answer.status_code < 500, answer.text
        self._check(str(answer.headers).encode())
        kind = answer.headers.get("content-type", "")
        if kind == "application/json" and answer.content:  # HEAD has none
            self._check(answer.content)
            json.loads(answer.content, parse_constant=_refuse)
        return f"{answer.status_code}"

    def _check(self, said: bytes) -> None:
        assert UNEXPECTED not in said, said[:1000]
        assert b"Traceback" not in said, said[:1000]
        assert not any(secret in said for secret in self.secrets), said[:1000]

    def unharmed(self, errors: Path) -> None:
        """The page answers as before, and said nothing of a fault on its terminal."""
        assert [run["name"] for run in self.visitor.get("/api/runs")["runs"]] == ["tiny"]
        self.visitor.get("/api/jobs")
        assert self.play([json.dumps(LIVE).encode(), bytes(4000)]) == "over"
        said = errors.read_text()
        self.visitor.close()
        assert "Traceback" not in said, said
        assert "Exception" not in said, said


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
