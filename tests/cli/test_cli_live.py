"""live as a user types it: pipes on both sides, read back with FFmpeg's libraries, and with ffmpeg where it
is."""

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from tests.cli.running import tone
from tests.waiting import WAIT

from listen_and_move.cli.main import run_command
from listen_and_move.errors import Remark
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.generate import generate
from listen_and_move.inference.live.pacing import Pacer
from listen_and_move.inference.live.sinks import FileOutlet
from listen_and_move.inference.perform import Status, perform
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.piped import Raw
from listen_and_move.media.sound import read_sound
from listen_and_move.media.wav import write_wav

RATE = 48_000


def live(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "listen_and_move", "live", *map(str, arguments), "--device=cpu"]


def beats(seconds: float) -> np.ndarray:
    """16-bit samples of a tone that comes and goes."""
    wave = tone(seconds) * (np.arange(int(seconds * RATE)) / RATE % 0.5 < 0.2)
    return np.rint(wave * 32767).astype("<i2")


@pytest.fixture(scope="module")
def wave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sounds") / "beats.wav"
    write_wav(path, beats(2.03) / 32767, RATE)
    return path


def test_a_file_gives_what_generate_gives(trained: Path, wave: Path, tmp_path: Path) -> None:
    generate(trained, wave, tmp_path / "whole.mp4", gain=6.0, adapt=0.0, seed=3, device="cpu")
    seen: list[Status] = []
    out = tmp_path / "live.mp4"
    perform(trained, str(wave), str(out), gain=6.0, adapt=0.0, seed=3, device="cpu", watch=seen.append)
    whole, found = (
        list(read_frames(path, Fraction(20), width=32, height=32)) for path in (tmp_path / "whole.mp4", out)
    )
    assert len(found) == len(whole) == 41
    assert np.abs(np.stack(found).astype(int) - np.stack(whole)).mean() < 0.3, (
        "an encoder may make more of one step of 8 bits"
    )
    assert np.abs(np.diff(np.stack(whole).astype(int), axis=0)).mean() > 0.5, (
        "a still picture would prove nothing"
    )
    one, other = (np.concatenate(list(read_sound(path, RATE))) for path in (tmp_path / "whole.mp4", out))
    assert len(one) == len(other)
    assert np.abs(one - other).max() < 1e-3
    with av.open(str(out)) as container:
        assert container.metadata["comment"].startswith("Generated picture, no recording")
    assert seen[-1].frames >= 30
    assert seen[-1].repeated == 0
    assert max(status.level for status in seen) > -20


def test_a_path_is_played_live_into_a_file_as_it_was_filmed(filmed: Path, wave: Path, tmp_path: Path) -> None:
    out = tmp_path / "live.mkv"
    last = perform(filmed, str(wave), str(out), realtime=True, device="cpu")
    info = probe(out).video
    assert info is not None
    assert (info.width, info.height, info.frame_rate) == (64, 64, 20)
    assert len(list(read_frames(out, Fraction(20), width=32, height=32))) == 41
    assert last.frames + 1 <= 41
    with av.open(str(out)) as container:
        assert container.metadata["COMMENT"].startswith("Replayed pictures of a recording")


@pytest.mark.parametrize(("frames", "waited"), [(None, 4), (4, 4), (1, 1), (0, 0), (6, 6)])
def test_less_or_more_is_waited_for_and_what_less_costs_is_said(
    filmed: Path, wave: Path, tmp_path: Path, frames: int | None, waited: int
) -> None:
    told: list[Remark] = []
    last = perform(
        filmed,
        str(wave),
        str(tmp_path / "out.mkv"),
        picture="path",
        look_ahead=frames,
        device="cpu",
        tell=told.append,
    )
    assert last.ahead == pytest.approx(0.083 + (waited / 20), abs=0.005)
    assert len(list(read_frames(tmp_path / "out.mkv", Fraction(20), width=32, height=32))) == 41
    said = [str(note) for note in told]
    assert len(said) == (waited < 4)
    sooner = f"look-ahead of {waited} instead of 4 frames: pictures come {200 - 50 * waited} ms sooner; "
    assert all(line.startswith(sooner) and "% of the motion" in line for line in said)


def test_a_video_plays_live_and_says_what_a_model_would_do(
    performance: Path, wave: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    done = subprocess.run(
        live(performance, "--input", wave, "--output", out), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0
    assert len(list(read_frames(out, Fraction(20), width=64, height=64))) >= 40
    assert done.stderr.count("note: ") == 1
    assert "a trained model follows better" in done.stderr


def test_raw_samples_in_matroska_out_through_pipes(trained: Path) -> None:
    samples = np.stack([beats(2.03), beats(2.03)[::-1]], 1)
    line = live(
        trained, "--input=-", "--rate", RATE, "--channels=2", "--output=-", "--gain=0", "--size=model"
    )
    made = subprocess.run(line, input=samples.tobytes(), capture_output=True, timeout=120)
    assert made.returncode == 0, made.stderr.decode()
    assert b"frames/s" in made.stderr
    assert b"dB" in made.stderr
    assert b"latency" in made.stderr
    with av.open(io.BytesIO(made.stdout)) as container:
        pictures = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    with av.open(io.BytesIO(made.stdout)) as container:
        assert container.streams.audio[0].rate == RATE
        sound = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in container.decode(audio=0)])
    assert [time for time, _ in pictures] == pytest.approx([index / 20 for index in range(41)])
    assert np.array_equal(sound, samples), "bit by bit"
    mono = samples.mean(axis=1) / 32768
    player = Animator.load(trained, "cpu").live(RATE)
    expected = player.push(mono) + player.finish()
    assert (
        max(
            np.abs(found.astype(int) - frame).mean()
            for (_, found), frame in zip(pictures, expected, strict=True)
        )
        < 12
    )


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_and_its_like_end_a_play_with_a_complete_file(
    number: str, trained: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sent = getattr(signal, number, None)
    if sent is None:
        pytest.skip(f"this system has no {number}")
    # Where tests run in the background some are ignored from birth; a person's terminal does not do that.
    before = signal.signal(sent, signal.SIG_DFL)
    request.addfinalizer(lambda: signal.signal(sent, before))
    write_wav(tmp_path / "long.wav", np.tile(beats(2.0), 30) / 32767, RATE)
    seen: list[Status] = []
    cores: set[int] = set()
    threads = torch.get_num_threads()

    def watch(status: Status) -> None:
        seen.append(status)
        cores.add(torch.get_num_threads())
        if status.frames >= 6 and seen[-2].frames < 6:
            signal.raise_signal(sent)

    usual, out = signal.getsignal(sent), tmp_path / "out.mkv"
    last = perform(trained, str(tmp_path / "long.wav"), str(out), realtime=True, device="cpu", watch=watch)
    assert signal.getsignal(sent) == usual
    assert 6 <= last.frames < 100
    assert cores == {max(1, min(threads, (os.cpu_count() or 1) - 1))}
    assert torch.get_num_threads() == threads
    with av.open(str(out)) as container:
        found = len(list(container.decode(video=0)))
    assert last.frames + 1 <= found <= last.frames + 7, (
        "those of the sound that was heard, and nothing of the rest"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.wav", "out.mkv"]


def test_the_second_ctrl_c_leaves_nothing(
    trained: Path, wave: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    finish = FileOutlet.finish

    def interrupted(self: FileOutlet) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        finish(self)

    monkeypatch.setattr(FileOutlet, "finish", interrupted)
    line = ["live", str(trained), "--input", str(wave), "--output", str(tmp_path / "out.mp4"), "--device=cpu"]
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored from birth where tests run in the background
    try:
        assert run_command(line) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert "nothing half written is left" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("realtime", [False, True])
@pytest.mark.parametrize("stream", ["y4m", "matroska"])
def test_a_reader_that_has_seen_enough_ends_it(
    stream: str, realtime: bool, trained: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    write_wav(tmp_path / "long.wav", np.tile(beats(2.0), 30) / 32767, RATE)
    there, here = os.pipe()
    line = [
        "live",
        str(trained),
        "--input",
        str(tmp_path / "long.wav"),
        "--output=-",
        "--stream",
        stream,
        "--device=cpu",
    ]

    def read() -> None:
        with os.fdopen(there, "rb") as pipe:
            begins.append(pipe.read(3000))

    begins: list[bytes] = []
    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(here, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run_command([*line, *(["--realtime"] if realtime else [])]) == 0
    reader.join()
    assert begins[0].startswith({"y4m": b"YUV4MPEG2 W64 H64 F20:1 ", "matroska": b"\x1a\x45\xdf\xa3"}[stream])
    assert "rror" not in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg here")
def test_between_two_ffmpegs(trained: Path, wave: Path, tmp_path: Path) -> None:
    begin = partial(subprocess.Popen, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    give = begin(["ffmpeg", "-v", "error", "-re", "-i", wave, "-c:a", "flac", "-f", "matroska", "-"])
    play = begin(live(trained, "--input=-", "--realtime", "--output=-"), stdin=give.stdout)
    take = subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            "-",
            "-c:v",
            "libx264",
            "-c:a",
            "aac",
            "-f",
            "flv",
            tmp_path / "stream.flv",
        ],
        stdin=play.stdout,
        capture_output=True,
        timeout=120,
    )
    for process in (give, play):
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert take.returncode == 0, take.stderr
    assert not take.stderr, take.stderr
    with av.open(str(tmp_path / "stream.flv")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 41, "repeated where it was late, never left out where the reader is quick"


def test_the_sound_never_waits(
    trained: Path, wave: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a machine that needs for its first picture as long as the whole sound lasts."""
    push, receive, whole = Pipeline.push, Pacer.receive, threading.Event()

    def receiving(self: Pacer, samples: int, now: float) -> None:
        receive(self, samples, now)
        if self.last.samples == int(2.03 * RATE):
            whole.set()

    def slow(self: Pipeline, samples, state, settings):
        assert whole.wait(WAIT)
        return push(self, samples, state, settings)

    monkeypatch.setattr(Pacer, "receive", receiving)
    monkeypatch.setattr(Pipeline, "push", slow)
    last = perform(trained, str(wave), str(tmp_path / "out.mkv"), realtime=True, device="cpu")
    assert last.repeated > 30
    assert len(list(read_frames(tmp_path / "out.mkv", Fraction(20), width=32, height=32))) == 41


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (["nothing", "--input=x.wav"], "expected a run folder or a model.safetensors; there is none"),
        (["MODEL", "--input=nothing.wav", "--output=out.mp4"], "nothing.wav: expected a video or sound file"),
        (["MODEL", "--input=WAVE", "--output=out.gif"], "expected a name ending in .mp4"),
        (["MODEL", "--input=WAVE", "--output=WAVE"], "expected an output that is no input"),
        (["MODEL", "--input=WAVE", "--output=there.mp4"], "there.mp4"),
        (
            ["MODEL", "--input=WAVE", "--output=out.mp4", "--rate=44100"],
            "rate: expected only for raw samples",
        ),
        (["MODEL", "--input=-", "--output=out.mp4", "--rate=10"], "rate: expected 1000 to 1000000"),
        (
            ["MODEL", "--input=-", "--output=out.mp4", "--rate=44100", "--channels=0"],
            "channels: expected 1 to 64",
        ),
        (
            ["MODEL", "--input=WAVE", "--output=out.mp4", "--gain=match"],
            "gain: expected running or a number of dB",
        ),
        (["MODEL", "--input=WAVE", "--output=out.mp4", "--gain=loud"], "gain: expected"),
        (["MODEL", "--input=WAVE", "--output=out.mp4", "--amount=9"], "amount: expected"),
        (["MODEL", "--input=WAVE", "--output=out.mp4", "--look-ahead=5"], "expected 0 to 4 frames"),
        (["MODEL", "--input=WAVE", "--output=out.mp4", "--look-ahead=-1"], "expected 0 to 4 frames"),
        (["FILE", "--input=WAVE", "--output=out.mp4", "--paste"], "--video"),
        (["MODEL", "--input=WAVE", "--output=out.mp4", "--stream=avi"], "--stream"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: list[str], saying: str, trained: Path, wave: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.mp4").write_bytes(b"mine")
    names = {"MODEL": str(trained), "FILE": str(trained / "model.safetensors"), "WAVE": str(wave)}
    for name, value in names.items():
        arguments = [argument.replace(name, value) for argument in arguments]
    assert run_command(["live", *arguments, "--device=cpu"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: "), lines
    assert saying in lines[-1], lines
    assert sum("error:" in line for line in lines) == 1, lines
    assert [path.name for path in tmp_path.iterdir()] == ["there.mp4"]
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"


def test_samples_that_are_none_leave_no_file(trained: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    there, here = os.pipe()
    os.write(here, np.array([0.1, np.nan, 0.1], "<f4").tobytes())
    os.close(here)
    with os.fdopen(there) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        line = [
            "live",
            str(trained),
            "--input=-",
            "--rate=44100",
            "--format=f32le",
            "--output",
            str(tmp_path / "out.mp4"),
        ]
        assert run_command([*line, "--device=cpu"]) == 2
    assert "NaN or infinity" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert Raw(44_100).size == 2
