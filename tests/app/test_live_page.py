"""Live play over the WebSocket: frames and their instants, changes on the way, mistakes, several at once."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from listen_and_move.app import limits
from listen_and_move.app.live import HEAD, SampleQueue
from listen_and_move.app.pictures import jpeg
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.live.pacing import Pacer
from listen_and_move.media.sound import read_sound
from tests.app.serving import Visitor

RATE = 48_000
WISH = {"model": "tiny", "rate": RATE, "seed": 0, "gain": 0, "controls": {}}


@contextmanager
def playing(address: str, visitor: Visitor | None = None, **wish: Any) -> Iterator[ClientConnection]:
    """A visitor who has sent the first message; None: somebody who was never here."""
    cookies = {} if visitor is None else visitor.client.cookies
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    place = f"{address.replace('http', 'ws')}/api/live"
    with connect(place, origin=address, open_timeout=30, additional_headers=headers) as socket:  # type: ignore[arg-type]
        socket.send(json.dumps(WISH | wish))
        yield socket


def played(socket: ClientConnection, samples: np.ndarray, size: int) -> list[tuple[float, np.ndarray]]:
    """Instants and pictures of a whole sound, sent no faster than it is drawn."""
    hello = json.loads(socket.recv(timeout=60))
    ahead, found = sum(hello["delays"].values()), []
    for place in range(0, len(samples), size):
        socket.send(samples[place : place + size].astype("<f4").tobytes())
        while len(found) / hello["fps"] + ahead < (place + size) / RATE - 0.01:
            found.append(socket.recv(timeout=60))
    socket.send(json.dumps({"over": True}))
    while isinstance(message := socket.recv(timeout=60), bytes):
        found.append(message)
    assert json.loads(message) == {"over": True}
    return [(HEAD.unpack(each[: HEAD.size])[0], decoded(each[HEAD.size :])) for each in found]


def decoded(image: bytes) -> np.ndarray:
    """The picture of a JPEG."""
    codec = av.CodecContext.create("mjpeg", "r")
    (frame,) = codec.decode(av.Packet(image))  # type: ignore[attr-defined]
    return frame.to_ndarray(format="rgb24")


def spread(found: list[tuple[float, np.ndarray]]) -> float:
    """How much the pictures differ over time."""
    return float(np.stack([picture for _, picture in found]).std(axis=0).mean())


def test_a_jpeg_shows_the_frame() -> None:
    across = np.linspace(0, 255, 64, dtype=np.uint8)
    frame = np.stack(np.broadcast_arrays(across[None], across[:, None], np.uint8(90)), axis=-1)
    assert np.abs(decoded(jpeg(frame)).astype(int) - frame).max() <= 6


def test_live_frames_are_those_of_the_whole_sound(address: str, runs: Path, performance: Path) -> None:
    """Of the model's own sound, which is heard as it is."""
    samples = np.concatenate(list(read_sound(performance, RATE, end=1.5)))
    animator = Animator.load(runs / "tiny", "cpu")
    whole = list(animator.frames([np.concatenate(list(read_sound(performance, 64_000, end=1.5)))]))
    with playing(address, size="model") as socket:
        found = played(socket, samples, 500)
    assert [instant for instant, _ in found] == pytest.approx([number / 20 for number in range(30)])
    assert (
        max(np.abs(a.astype(int) - b).mean() for (_, a), b in zip(found, whole, strict=True)) < 2
    )  # as JPEG makes it
    assert np.ptp([picture.mean() for _, picture in found]) > 0


def test_stereo_with_one_side_upside_down_is_heard(address: str, sound: Path) -> None:
    samples = np.concatenate(list(read_sound(sound, RATE)))
    with playing(address) as one, playing(address, channels=2) as two:
        mono, antiphase = played(one, samples, 2000), played(two, np.stack([samples, -samples], 1), 2000)
    assert spread(antiphase) > spread(mono) / 2 > 0


def test_dials_may_change_on_the_way_and_sessions_do_not_mix(address: str, sound: Path) -> None:
    samples = np.concatenate(list(read_sound(sound, RATE)))
    with playing(address) as first, playing(address, controls={"amount": 0.0}) as still:
        moving, resting = played(first, samples, 2000), played(still, samples, 2000)
    assert 2 * spread(resting) < spread(moving)
    with playing(address) as socket:
        socket.send(json.dumps({"gain": "running", "controls": {"freeze": -50}}))
        assert len(played(socket, samples, 2000)) == 30


@pytest.mark.parametrize(
    ("wish", "saying"),
    [
        ({"model": "none"}, "There is no run"),
        ({"model": "../secret"}, "There is no run"),
        ({"rate": 1}, "rate: expected 1000 to 1000000"),
        ({"rate": "fast"}, "rate: expected a whole number"),
        ({"channels": 0}, "channels: expected 1 to 8; got 0"),
        ({"channels": "stereo"}, "channels: expected a whole number"),
        ({"gain": "loud"}, "gain: expected running or a number"),
        ({"gain": 999}, "gain: expected -60 to 60 dB"),
        ({"controls": {"amount": -1}}, "amount: expected 0"),
        ({"picture": "photo"}, "picture: expected one of auto, path, composed, drawn; got 'photo'"),
        ({"picture": ["path"]}, "picture: expected one of auto, path, composed, drawn"),
        ({"picture": "path"}, "tiny: expected a model that keeps frames of its clip"),
        ({"size": 5}, "size: expected model, source, or a size such as 1280x720; got 5"),
        ({"size": "63x64"}, "size: expected model, source, or even numbers"),
        ({"size": "9" * 10_000}, "size: expected model, source, or even numbers"),
        ({"size": "4096x4096"}, "size: expected at most 2073600 pixels in all; got 4096x4096"),
    ],
)
def test_wrong_wishes_get_one_sentence(address: str, wish: dict[str, Any], saying: str) -> None:
    with playing(address, **wish) as socket:
        assert saying in json.loads(socket.recv(timeout=60))["error"]


def test_wrong_samples_end_the_play_with_a_sentence(address: str) -> None:
    for message, saying in [
        (b"abc", "expected float32 samples"),
        (np.array([np.nan], "<f4").tobytes(), "expected finite"),
        ("no", "expected JSON"),
    ]:
        with playing(address) as socket:
            socket.recv(timeout=60)
            socket.send(message)
            assert saying in json.loads(socket.recv(timeout=60))["error"]


def test_only_so_many_play_at_once(address: str, visitor: Visitor) -> None:
    with ExitStack() as stack:
        for _ in range(limits.LIVE):
            assert "fps" in json.loads(stack.enter_context(playing(address)).recv(timeout=60))
        assert (
            "the most that this page takes on"
            in json.loads(stack.enter_context(playing(address)).recv(timeout=60))["error"]
        )
        assert visitor.get("/api/runs")["runs"]


def test_sound_that_waits_too_long_is_left_out() -> None:
    queue = SampleQueue(RATE, 1, Pacer(Fraction(20), RATE, Fraction(0)))
    second = np.ones(RATE, np.float32)
    for _ in range(2):
        queue.put(second)
    assert queue.lost == 0
    assert len(queue.blocks) == 2
    queue.put(second)
    assert queue.lost == 2 * RATE
    assert len(queue.blocks) == 1
    assert queue.pacer.position(queue.arrived + 5) == 1, "what is lost is not waited for"
