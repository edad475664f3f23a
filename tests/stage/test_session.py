"""A real play that is controlled over loopback: sound through a pipe, OSC by UDP, pictures in a folder.

Whoever directs waits until the sound that was sent has been played, and each command has been obeyed, so that
nothing depends on the speed of the machine.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from pythonosc.osc_packet import OscPacket
from tests.inference.live.test_session import wave
from tests.stage.test_osc import packet

from listen_and_move.inference.controls import AS_TRAINED
from listen_and_move.inference.perform import perform
from listen_and_move.media.piped import Raw
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.stage.opening import StageWishes, address_of, opened_stage

RATE, SECONDS = 48_000, 4
SOUND = np.rint(wave(SECONDS, RATE, seed=3) * 32767).astype("<i2")
WAITED = 0.4
"""Seconds of sound by which pictures come later at most."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of another shape and rate, red and brighter from frame to frame."""
    path = tmp_path_factory.mktemp("clips") / "wide.mp4"
    sound = Waveform(wave(3, RATE, seed=1), RATE)
    with VideoWriter(path, width=96, height=48, fps=Fraction(25), sound=sound) as writer:
        for number in range(75):
            frame = np.zeros((48, 96, 3), np.uint8)
            frame[..., 0] = 100 + 2 * number
            writer.write(frame)
    return path


class Operator:
    """Sends sound and messages, each when what came before has been done."""

    def __init__(self, pipe: int, address: tuple[str, int]) -> None:
        self.pipe, self.address, self.sent = pipe, address, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(60)

    def play(self, seconds: float) -> None:
        """Sound up to that second, until its pictures are there."""
        end = round(seconds * RATE)
        while self.sent < end:
            self.sent += os.write(self.pipe, SOUND[self.sent : min(end, self.sent + 4800)].tobytes()) // 2
        while self.ask("/status")["/frame"][0] < (seconds - WAITED) * 20:
            pass

    def send(self, *messages: tuple[Any, ...]) -> None:
        """Messages, until they are obeyed."""
        for message in messages:
            self.socket.sendto(packet(*message), self.address)
        self.ask("/status")

    def ask(self, address: str, parts: int = 1) -> dict[str, list[Any]]:
        """What is told when it is asked for."""
        self.socket.sendto(packet(address), self.address)
        return {key: value for _ in range(parts) for key, value in self.receive()}

    def receive(self) -> list[tuple[str, list[Any]]]:
        data = self.socket.recv(65_536)
        return [(each.message.address, each.message.params) for each in OscPacket(data).messages]


class Played(NamedTuple):
    """What came of a play."""

    pictures: np.ndarray
    lines: list[str]


@pytest.fixture
def directed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Played]:
    """Plays models while somebody directs."""
    number = iter(range(10))

    def play(models: list[Path], direct: Callable[[Operator], None], **wishes: Any) -> Played:
        out, lines = tmp_path / f"frames {next(number)}", []
        there, here = os.pipe()
        failures: list[BaseException] = []
        with (
            opened_stage(
                StageWishes(osc=0, **wishes),
                AS_TRAINED,
                6.0,
                ask=input,
                tell=lambda line: lines.append(str(line)),
            ) as director,
            os.fdopen(there, "rb") as pipe,
        ):
            monkeypatch.setattr(sys, "stdin", pipe)
            operator = Operator(here, address_of(lines.pop(0).removeprefix("OSC: listens to ")))

            def run() -> None:
                try:
                    direct(operator)
                    operator.play(SECONDS)
                except BaseException as failure:
                    failures.append(failure)
                finally:
                    os.close(here)
                    operator.socket.close()

            thread = threading.Thread(target=run)
            thread.start()
            try:
                perform(
                    models[0],
                    "-",
                    str(out),
                    raw=Raw(RATE, 1, "s16le"),
                    gain=6.0,
                    size="64x64",
                    picture="path" if len(models) > 1 else "auto",
                    others=models[1:],
                    direction=director,
                    device="cpu",
                )
            finally:
                thread.join()
        if failures:
            raise failures[0]
        return Played(pictures_in(out), lines)

    return play


def pictures_in(folder: Path) -> np.ndarray:
    import av

    found = []
    for path in sorted(folder.glob("*.png")):
        with av.open(str(path)) as container:
            found += [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(found).astype(int)


def red(pictures: np.ndarray) -> np.ndarray:
    """How red the middle of each picture is."""
    return pictures[:, 24:40, :, 0].mean((1, 2)) - pictures[:, 24:40, :, 2].mean((1, 2))


def test_models_fade_into_each_other(filmed: Path, wide: Path, directed: Callable[..., Played]) -> None:
    def direct(operator: Operator) -> None:
        operator.play(1.5)
        operator.send(("/model", "wide", 1.0))
        operator.play(3.0)
        operator.send(("/model", "1", 0.0))

    nothing = directed([filmed, wide], lambda operator: None)
    found = directed([filmed, wide], direct)
    assert len(found.pictures) == len(nothing.pictures) == 80
    assert found.lines == nothing.lines == []
    changed = np.abs(found.pictures - nothing.pictures).max((1, 2, 3)) > 0
    begin, end = int(changed.argmax()), 80 - int(changed[::-1].argmax())
    assert 22 <= begin <= 32
    assert 50 <= end <= 64
    assert not changed[:begin].any()
    bars = found.pictures[:, [2, -3]].mean((1, 2, 3))
    alone = range(begin + 20, end)
    assert bars[alone].max() < 6 < bars[:begin].min(), "whole in the frame, black around it"
    assert red(found.pictures)[alone].min() > 80 > 40 > red(found.pictures)[:begin].max()
    steps = np.diff(bars[begin - 1 : begin + 20])
    assert steps.max() < 2
    assert -steps.min() < 0.15 * bars[begin - 1], "steadily, over a second"
    assert np.array_equal(found.pictures[end:], nothing.pictures[end:]), "it has heard all in between"


def test_nothing_that_is_sent_stops_the_show(filmed: Path, directed: Callable[..., Played]) -> None:
    def direct(operator: Operator) -> None:
        operator.play(1.0)
        for wrong in (b"", b"noise", bytes(9000), b"#bundle\x00" + bytes(8) + b"\xff\xff\xff\xfc/hold"):
            operator.socket.sendto(wrong, operator.address)
        operator.send(
            ("/dial/amount", float("nan")),
            ("/dial/amount", 9.0),
            ("/dial/amount", "loud"),
            ("/nothing", 1),
            ("/model", 3),
            ("/cue", "nothing"),
        )
        operator.play(1.5)
        for number in range(3000):
            operator.socket.sendto(packet("/dial/amount", float("inf")), operator.address)
            if number % 100 == 0:
                operator.ask("/status")

    quiet, found = directed([filmed], lambda operator: None), directed([filmed], direct)
    assert np.array_equal(found.pictures, quiet.pictures)
    assert len(found.pictures) == 80
    said = sorted(line.split(";")[0] for line in found.lines)
    assert said == [
        "OSC: expected /dial/NAME, /hold, /model, /cue, /cue/store, /status, /follow, /unfollow or /list",
        "OSC: expected a bundle that is whole",
        "OSC: expected a message or a bundle",
        "OSC: expected packets of at most 8192 bytes",
        "amount: expected 0 (deaf) to 4",
        "cue: expected one that is stored, and none is",
        "model: expected one of filmed, or its number from 1",
    ]


def test_dials_and_holding_change_the_picture(trained: Path, directed: Callable[..., Played]) -> None:
    def direct(operator: Operator) -> None:
        operator.play(1.5)
        operator.send(("/dial/amount", 0.0), ("/dial/gain", -60.0))
        operator.play(2.5)
        operator.send(("/hold", 1), ("/dial/amount", 4.0), ("/dial/gain", 20.0))
        operator.play(3.2)
        operator.send(("/hold", 0))

    usual, found = directed([trained], lambda operator: None), directed([trained], direct)
    assert np.array_equal(found.pictures[:22], usual.pictures[:22])
    assert len(found.pictures) == len(usual.pictures) == 80
    moved, usually = (np.count_nonzero(np.diff(each.pictures, axis=0), (1, 2, 3)) for each in (found, usual))
    assert moved[28:40].max() < 0.2 * usually[28:40].min(), "deaf, it comes to rest"
    held = slice(46, 55)
    assert not moved[held].any()
    assert usually[held].all()
    assert np.median(moved[62:]) > 2 * np.median(usually), "and goes on, louder"


def test_cues_are_stored_and_recalled_over_seconds(
    filmed: Path, wide: Path, tmp_path: Path, directed: Callable[..., Played]
) -> None:
    file, heard = tmp_path / "cues.json", {}

    def dials(operator: Operator) -> dict[str, list[Any]]:
        return operator.ask("/list")

    def direct(operator: Operator) -> None:
        operator.play(0.5)
        operator.send(("/dial/delay", 2.0), ("/dial/freeze", -40.0), ("/cue/store", "storm", 1.0))
        operator.send(("/dial/delay", 0.0), ("/dial/freeze", "off"), ("/model/wide", 1.0))
        operator.send(("/cue/store", "calm"))
        heard["calm"] = dials(operator)
        operator.play(1.0)
        operator.send(("/cue", "storm"))
        operator.play(1.5)
        heard["between"] = dials(operator)
        operator.play(2.5)
        heard["storm"] = dials(operator)
        operator.send(("/cue", "calm", 0))
        heard["again"] = dials(operator)

    found = directed([filmed, wide], direct, cues=file, fade=0.5)
    assert found.lines == []
    told = {name: (each["/dial/delay"][0], each["/dial/freeze"][0]) for name, each in heard.items()}
    assert told["calm"] == told["again"] == (0.0, "off")
    assert told["storm"] == (2.0, -40.0)
    assert 0.2 < told["between"][0] < 1.8
    assert told["between"][1] == -40.0, "from none to a value at once"
    assert heard["calm"]["/dial/delay"] == [0.0, 0.0, 10.0, pytest.approx(0.05), "s", "Delay of the picture"]
    assert "/dial/amount" not in heard["calm"], "neither has a network that draws"
    kept = json.loads(file.read_text())
    assert [(name, cue["fade"], cue["model"]) for name, cue in kept.items()] == [
        ("storm", 1.0, "filmed"),
        ("calm", 0.5, "wide"),
    ]
    assert kept["storm"]["dials"]["delay"] == 2.0
    assert kept["calm"]["dials"]["freeze"] is None

    def recall(operator: Operator) -> None:
        operator.play(0.5)
        operator.send(("/cue", "calm"))

    again = directed([filmed], recall, cues=file)
    assert [line.split(":")[0] for line in again.lines] == ["cues", "model"], "it is told before, too"
    assert "calm" in again.lines[0]
    assert "storm" not in again.lines[0]


def test_whoever_asks_is_told_with_each_picture(trained: Path, directed: Callable[..., Played]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.setblocking(False)
        place = f"127.0.0.1:{other.getsockname()[1]}"

        def direct(operator: Operator) -> None:
            for tenth in range(10, 21):
                operator.play(tenth / 10)
            operator.send(("/unfollow", other.getsockname()[1]))

        directed([trained], direct, replies=place)
        told = []
        while True:
            try:
                packed = OscPacket(other.recv(65_536)).messages
            except BlockingIOError:
                break
            told.append({each.message.address: each.message.params[0] for each in packed})
    frames = [each["/frame"] for each in told]
    assert frames == sorted(set(frames))
    assert len(frames) > 5
    assert 30 <= frames[-1] <= 40
    assert all([*each] == ["/level", "/novelty", "/frame", "/latency", "/model"] for each in told)
    assert all(-120 <= each["/level"] < 0 and 0 < each["/latency"] < 1 for each in told)
    assert {each["/model"] for each in told} == {"tiny"}
    assert max(each["/novelty"] for each in told) > 0
