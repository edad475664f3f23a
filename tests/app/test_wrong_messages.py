"""Messages that make no sense, to the addresses and over the WebSocket: one sentence, no traceback
anywhere."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from listen_and_move.app import limits
from listen_and_move.app.messages import written
from tests.app.serving import Visitor, host_and_port, serving
from tests.app.test_live_page import WISH, playing

DEEP = "[" * 100_000
WRONG_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 400, "9" * 5000)


@pytest.fixture(autouse=True)
def silent(address: str, errors: Path) -> Iterator[None]:
    """Nothing here may leave a traceback on the server's terminal."""
    before = len(errors.read_text())
    yield
    said = errors.read_text()[before:]
    assert "Traceback" not in said
    assert "Exception" not in said


def opened(address: str, **options: Any) -> ClientConnection:
    """A socket of a visitor who has said nothing yet."""
    return connect(f"{address.replace('http', 'ws')}/api/live", origin=address, open_timeout=60, **options)  # type: ignore[arg-type]


def sentence(live: ClientConnection) -> str:
    """Why the server ends a play; nothing may come after it."""
    while isinstance(message := live.recv(timeout=60), bytes) or "error" not in json.loads(message):
        pass
    with pytest.raises(ConnectionClosed):
        live.recv(timeout=60)
    error = json.loads(message)["error"]
    assert error
    assert "\n" not in error
    assert len(error) < 400
    return error


def wish(**changes: str) -> str:
    """A first message, some of its values given as JSON."""
    values = {name: json.dumps(value) for name, value in WISH.items()} | changes
    return "{" + ", ".join(f'"{name}": {text}' for name, text in values.items()) + "}"


FIRST: list[str | bytes] = [
    "",
    "hello",
    "{",
    "[]",
    "5",
    "null",
    '"text"',
    DEEP,
    '{"model":' * 100_000,
    "[" * 900 + "]" * 900,
    b"",
    b"{}",
    bytes(4000),
    wish(model=DEEP),
    *(
        wish(model=value)
        for value in ("null", "5", '["tiny"]', '{"a": 1}', '"\\ud800"', '"' + "a" * 10_000 + '"')
    ),
    *(wish(rate=value) for value in (*WRONG_NUMBERS, "1.5", "true", "null", '"1"', "-1", "0", "[1]")),
    *(wish(seed=value) for value in (*WRONG_NUMBERS, "1.5", "true", "null", '"1"', "-1", "[1]")),
    *(
        wish(look_ahead=value)
        for value in (*WRONG_NUMBERS, "1.5", "true", '"1"', "-1", "5", "[1]")  # the model draws: 4 at most
    ),
    *(wish(gain=value) for value in (*WRONG_NUMBERS, "true", "null", '"match"', "[1]", '{"a": 1}', "61")),
    *(wish(controls=value) for value in ("null", "[1]", "5", '"amount"', '{"\\ud800": 1}', '{"speed": 1}')),
    *(
        wish(controls=f'{{"amount": {value}}}')
        for value in (*WRONG_NUMBERS, "true", "null", '"1"', "[1]", "-1")
    ),
]


@pytest.mark.parametrize("number", range(len(FIRST)))
def test_a_first_message_that_makes_no_sense(address: str, number: int) -> None:
    with opened(address) as live:
        live.send(FIRST[number])
        assert sentence(live)


LATER: list[str | bytes] = [
    "",
    "no",
    "[]",
    DEEP,
    "[" * 900 + "]" * 900,
    b"abc",
    np.array([np.nan], "<f4").tobytes(),
    np.array([np.inf], "<f4").tobytes(),
    np.array([3e38], "<f4").tobytes(),
    *(f'{{"gain": {value}}}' for value in (*WRONG_NUMBERS, "true", "null", '"match"', "[1]")),
    *(f'{{"controls": {value}}}' for value in ("null", "[1]", "5", '{"\\ud800": 1}', DEEP)),
    *(f'{{"controls": {{"freeze": {value}}}}}' for value in (*WRONG_NUMBERS, "true", '"1"', "[1]", "1")),
]


@pytest.mark.parametrize("number", range(len(LATER)))
def test_a_later_message_that_makes_no_sense(address: str, number: int) -> None:
    with playing(address) as live:
        assert "fps" in json.loads(live.recv(timeout=60))
        live.send(np.zeros(4000, "<f4").tobytes())
        live.send(LATER[number])
        assert sentence(live)


def test_two_mistakes_at_once_are_one_sentence(address: str) -> None:
    for _ in range(3):
        with playing(address) as live:
            live.send(np.full(48_000, np.nan, "<f4").tobytes())
            live.send("no")
            live.recv(timeout=60)
            assert sentence(live)


def test_text_that_is_none_and_messages_that_are_too_long_end_the_play(address: str) -> None:
    for frame in (b"\x81\x82\0\0\0\0\xff\xfe", b"\x82\xff\0\0\0\0\x10\0\0\0\0\0\0\0"):
        with opened(address) as live:
            live.socket.sendall(frame)
            with pytest.raises(ConnectionClosed):
                live.recv(timeout=60)


def test_who_says_nothing_is_told_so_and_let_go(trained: Path, tmp_path: Path) -> None:
    said = tmp_path / "errors.txt"
    short = serving(trained.parent, errors=said, before="limits.FIRST_MESSAGE_SECONDS = 0.2")
    with short as (address, _), ExitStack() as stack:
        for live in [stack.enter_context(opened(address)) for _ in range(limits.LIVE + 1)]:
            assert "within 0.2 seconds; nothing came" in sentence(live)
    assert said.read_text() == ""


def test_who_says_nothing_or_nonsense_holds_no_place(address: str) -> None:
    with ExitStack() as stack:
        for _ in range(limits.LIVE + 1):
            stack.enter_context(opened(address))
            live = stack.enter_context(playing(address, model="none"))
            assert "There is no run" in json.loads(live.recv(timeout=60))["error"]
        for _ in range(limits.LIVE):
            assert "fps" in json.loads(stack.enter_context(playing(address)).recv(timeout=60))


MALFORMED = ("[", "]", "[::1", "[::1]]", "[evil]", "a[b]c", "[::1]:[", "127.0.0.1[")


@pytest.mark.parametrize("text", MALFORMED)
def test_addresses_that_are_none_are_refused(visitor: Visitor, text: str) -> None:
    for headers in ({"host": text}, {"origin": f"http://{text}"}, {"host": text, "origin": f"http://{text}"}):
        for method in ("GET", "POST", "DELETE"):
            answer = visitor.client.request(method, "/api/runs/tiny", headers=headers)
            refused = answer.status_code in (400, 403) and answer.json()["error"]
            assert refused or (method == "GET" and "host" not in headers and answer.status_code == 200), (
                answer.text
            )


def test_an_origin_that_is_no_address_is_said_to_be_none(visitor: Visitor) -> None:
    for headers in ({"origin": "http://["}, {"host": "["}):
        for method in ("GET", "POST"):
            answer = visitor.client.request(method, "/api/jobs", headers=headers)
            assert answer.status_code == 400
            assert answer.json()["error"].startswith("Expected addresses as Host and Origin")


@pytest.mark.parametrize("text", MALFORMED)
def test_a_socket_of_an_address_that_is_none_is_refused(address: str, text: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{address.replace('http', 'ws')}/api/live", origin=f"http://{text}")  # type: ignore[arg-type]
    assert refused.value.response.status_code in (400, 403)
    head = [
        "GET /api/live HTTP/1.1",
        f"host: {text}",
        f"origin: http://{text}",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    with socket.create_connection(host_and_port(address), timeout=60) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode())
        assert line.recv(100).split()[1] in (b"400", b"403")


@pytest.mark.parametrize("path", ["/api/jobs", "/api/runs", "/api/runs/tiny/resume"])
def test_a_body_that_makes_no_sense(visitor: Visitor, path: str) -> None:
    deep = "[" * 60_000
    whole = "[" * 900 + "]" * 900
    for body in ("", "{", "[]", "5", "null", deep, '{"a":' * 12_000, whole, '{"steps": ' + deep, "\0"):
        answer = visitor.client.post(path, content=body.encode())
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("expected JSON")
    for body in (b"\xff\xfe\x00\xd8", b'{"a": "\xff"}'):
        assert "error" in visitor.client.post(path, content=body).json()


@pytest.mark.parametrize(
    "steps", [*WRONG_NUMBERS, "true", "1" + "0" * 30, "1.5", "0", "-1", '"9"', "null", "[9]", "10000001"]
)
def test_steps_that_are_none(visitor: Visitor, performance: Path, steps: str) -> None:
    for path, body in {
        "/api/runs/tiny/resume": f'{{"steps": {steps}}}',
        "/api/runs": '{"name": "new", "upload": "UPLOAD", "preset": "quick", '
        f'"settings": {{"training.steps": {steps}}}}}',
    }.items():
        answer = visitor.client.post(path, content=body.replace("UPLOAD", video(visitor, performance)))
        assert answer.status_code == 400, answer.text
        assert "expected" in answer.json()["error"], answer.text
    assert visitor.get("/api/runs")["preparing"] == []


def video(visitor: Visitor, performance: Path) -> str:
    """The id of a video that this visitor has brought."""
    brought = visitor.get("/api/uploads") or [visitor.upload(performance, "video")]
    return brought[0]["id"]


@pytest.mark.parametrize("name", ["start", "end"])
def test_times_that_are_none(visitor: Visitor, performance: Path, name: str) -> None:
    upload = video(visitor, performance)
    for value in (*WRONG_NUMBERS, "1e300", "-1", "true", '"1"', "[1]", '{"a": 1}'):
        for path, body in {
            "/api/jobs": f'{{"kind": "inspect", "upload": "{upload}", "clip": {{"{name}": {value}}}}}',
            "/api/runs": f'{{"name": "new", "upload": "{upload}", "preset": "quick", '
            f'"settings": {{"clip.{name}": {value}}}}}',
        }.items():
            answer = visitor.client.post(path, content=body)
            assert answer.status_code == 400, (value, answer.text)
            assert "expected" in answer.json()["error"], (value, answer.text)
    assert visitor.get("/api/jobs") == []
    assert visitor.get("/api/runs")["preparing"] == []


WRONG_CHOICES = {
    "seed": (*WRONG_NUMBERS, "true", "1.5", "-1", "null", '"1"', "[1]"),
    "gain": (
        *WRONG_NUMBERS,
        "true",
        "null",
        "[1]",
        '"nan"',
        '"1e400"',
        '"inf"',
        '"' + "9" * 5000 + '"',
        "61",
    ),
    "controls": (
        '{"amount": NaN}',
        '{"amount": 1e400}',
        '{"freeze": -Infinity}',
        '{"\\ud800": 1}',
        "null",
        "[1]",
    ),
    "model": ("null", "5", '["tiny"]', '"\\ud800"', '"\\u0000"', '"' + "a" * 50_000 + '"'),
    "upload": ("null", "5", "[1]", "{}", '"\\ud800"'),
}


def test_choices_that_are_none_begin_no_job(visitor: Visitor, sound: Path) -> None:
    upload = visitor.upload(sound)["id"]
    good = {
        "kind": '"animate"',
        "model": '"tiny"',
        "upload": f'"{upload}"',
        "seed": "0",
        "gain": "0",
        "controls": "{}",
    }
    for name, values in WRONG_CHOICES.items():
        for value in values:
            body = "{" + ", ".join(f'"{each}": {text}' for each, text in {**good, name: value}.items()) + "}"
            answer = visitor.client.post("/api/jobs", content=body)
            assert answer.status_code == 400, (name, value, answer.text)
            assert answer.json()["error"]
            assert len(answer.json()["error"]) < 400
    assert visitor.get("/api/jobs") == []


def test_what_json_does_not_know_is_written_as_null() -> None:
    values = {"a": [float("nan"), (float("inf"), 1.5)], "b\ud800": "ü", "c": 10**30, "d": None}
    assert written(values) == '{"a":[null,[null,1.5]],"b\\ud800":"\\u00fc","c":1' + "0" * 30 + ',"d":null}'


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/static/%00",
        "/static/" + "a" * 5000,
        "/api/runs/%00",
        "/api/runs/%FF",
        "/api/runs/" + "a" * 5000,
        "/api/runs/tiny/samples/" + "9" * 5000,
        "/api/jobs/%00/result",
        "/api/uploads/%00/file",
        "/api/uploads/" + "a" * 5000 + "/still",
    ],
)
def test_paths_that_lead_nowhere(visitor: Visitor, path: str) -> None:
    assert visitor.client.get(path).status_code in (400, 404)
