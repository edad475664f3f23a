"""The real commands on real files: what they make, and one line for everything that is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.cli.running import command, one_line, process, refused, tone
from tests.conftest import TINY
from tests.waiting import until

from listen_and_move import __version__
from listen_and_move.media.picture import read_frames
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav


def video(path: Path, seconds: float = 2.0, sound: np.ndarray | None = None) -> Path:
    """A clip of moving noise with the given sound, none if None."""
    random, fps = np.random.default_rng(0), Fraction(20)
    wave = None if sound is None else Waveform(sound.astype(np.float32), 48_000)
    with VideoWriter(path, width=64, height=48, fps=fps, sound=wave) as writer:
        for _ in range(int(seconds * 20)):
            writer.write(random.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    return path


def test_version_and_help() -> None:
    assert process("--version").stdout.strip() == f"listen-and-move {__version__}"
    assert all(
        name in command("--help").stdout
        for name in ("demo", "inspect", "train", "generate", "evaluate", "compare", "robustness", "weights")
    )
    for name, option in {
        "demo": "--seed",
        "inspect": "--picture",
        "train": "--losses.l1",
        "generate": "--mode",
        "evaluate": "--protocol",
        "robustness": "--classes",
    }.items():
        result = command(name, "--help")
        assert result.returncode == 0
        assert option in result.stdout
        assert "default" in result.stdout


def test_help_does_not_import_torch() -> None:
    load = "import sys; from listen_and_move.cli.main import run_command"
    code = f"{load}; run_command(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0


def test_train_then_generate(performance: Path, tmp_path: Path) -> None:
    options = [
        f"--{name}={value}" for name, value in TINY.items() if name not in ("clip.size", "training.steps")
    ]
    first = command(
        "train", performance, "--run", "run", "--size", "32", "--steps", "2", *options, folder=tmp_path
    )
    assert first.returncode == 0, first.stderr
    assert "2 steps done" in first.stdout, first.stderr
    again = process(
        "train", performance, "--run", "run", "--size", "32", "--steps", "4", *options, folder=tmp_path
    )
    assert again.returncode == 0, again.stderr
    assert "4 steps done" in again.stdout, again.stderr
    shorter = command("train", performance, "--run=run", "--steps=4", folder=tmp_path)
    assert shorter.returncode == 0, shorter.stderr
    made = command("generate", "run", performance, "--end", "1", "--seed", "3", folder=tmp_path)
    assert made.returncode == 0, made.stdout
    assert "the seed has no effect" in made.stderr, made.stdout
    out = tmp_path / "performance-run.mp4"
    assert out.name in made.stdout
    assert len(list(read_frames(out, Fraction(20), width=32, height=32))) == 20


def test_a_setting_of_the_default_run_is_refused_wherever_the_video_stands(
    performance: Path, tmp_path: Path
) -> None:
    options = [f"--{name}={value}" for name, value in TINY.items() if name != "clip.size"]
    begun = command("train", performance, "--size=32", "--losses.l1=5", *options, folder=tmp_path)
    assert begun.returncode == 0, begun.stderr
    refused("train", "--losses.l1", "10.0", performance, saying="losses.l1 = 5.0; got 10.0", folder=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        (["play"], "presets, weights, import, completion; got 'play'"),
        (["train"], "train: expected a video to learn"),
        (["train", "clip.mp4", "--colour", "blue"], "--colour"),
        (["train", "clip.mp4", "--losses.adversarial", "gan"], "--losses.adversarial"),
        (["train", "clip.mp4", "--steps", "many"], "--steps"),
        (["train", "clip.mp4", "--steps"], "--steps"),
        (
            ["train", "clip.mp4", "--preset", "best"],
            "preset: expected one of baseline, paper, quick, studio; got 'best'",
        ),
        (["train", "clip.mp4", "--size", "100"], "size: width and height must be 4, 5, 6 or 7 times"),
        (["train", "clip.mp4", "--fps", "zero"], "fps: expected a number or a fraction"),
        (["train", "clip.mp4", "--crop", "1,2"], "crop: expected left,top,right,bottom"),
        (["train", "clip.mp4", "--training.window", "5"], "training.window: expected an even number"),
        (["train", "clip.mp4"], "clip.mp4"),
        (["inspect", "clip.mp4"], "clip.mp4"),
        (["generate", "run", "sound.wav"], "expected a run folder or a model.safetensors; there is none"),
        (["generate", "run"], "generate: "),
    ],
)
def test_wrong_commands(arguments: list[str], saying: str, tmp_path: Path) -> None:
    refused(*arguments, saying=saying, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_refusal_ends_a_process_with_code_2_and_one_line(tmp_path: Path) -> None:
    one_line(process("train", "clip.mp4", folder=tmp_path), "clip.mp4")
    one_line(process("generate", "run", "sound.wav", folder=tmp_path), "expected a run folder")
    assert not list(tmp_path.iterdir())


def test_wrong_videos(tmp_path: Path, performance: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "half.mp4").write_bytes(performance.read_bytes()[: performance.stat().st_size // 2])
    write_wav(tmp_path / "sound.wav", tone(2), 48_000)
    video(tmp_path / "mute.mp4")
    video(tmp_path / "silent.mp4", sound=np.zeros(96_000))
    video(tmp_path / "short.mp4", 0.2, tone(0.2))
    video(tmp_path / "fine.mp4", sound=tone(2))
    kept = sorted(tmp_path.iterdir())
    for name, saying in {
        "missing.mp4": "missing.mp4",
        ".": "folder",
        "empty.mp4": "empty.mp4",
        "text.mp4": "text.mp4",
        "half.mp4": "half.mp4",
        "sound.wav": "without a picture",
        "mute.mp4": "without a sound stream",
        "silent.mp4": "silent",
        "short.mp4": "frames in a row to train on",
    }.items():
        refused("train", name, "--run", "run", saying=saying, folder=tmp_path)
    refused("train", "fine.mp4", "--run", "run", "--crop", "0,0,65,48", saying="64x48", folder=tmp_path)
    refused("train", "fine.mp4", "--run", "run", "--start", "9", saying="start", folder=tmp_path)
    refused("train", "fine.mp4", "--run", "run", "--device", "cuda:99", saying="device", folder=tmp_path)
    assert sorted(tmp_path.iterdir()) == kept


def test_wrong_sounds_and_outputs(tmp_path: Path, trained: Path) -> None:
    bad = tone(1)
    bad[24_000] = np.nan
    _float_wav(tmp_path / "nan.wav", bad)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound" * 100)
    video(tmp_path / "mute.mp4", 1)
    write_wav(tmp_path / "fine.wav", tone(1), 48_000)
    (tmp_path / "there.mp4").write_bytes(b"precious")
    kept = sorted(tmp_path.iterdir())
    for name, saying in {
        "missing.wav": "missing.wav",
        "empty.wav": "empty",
        "text.wav": "text.wav",
        "mute.mp4": "sound",
        "nan.wav": "0.5",
    }.items():
        refused("generate", trained, name, "--out", "out.mp4", saying=saying, folder=tmp_path)
    fine = ["generate", trained, "fine.wav"]
    refused(*fine, "--out", "there.mp4", saying="--overwrite", folder=tmp_path)
    refused(*fine, "--out", "no/such/out.mp4", saying="does not exist", folder=tmp_path)
    refused(*fine, "--out", "out.avi", saying=".mp4", folder=tmp_path)
    refused(*fine, "--track", "3", saying="track", folder=tmp_path)
    refused(*fine, "--start", "5", saying="start", folder=tmp_path)
    refused(*fine, "--start", "0.5", "--end", "0.2", saying="end", folder=tmp_path)
    assert sorted(tmp_path.iterdir()) == kept
    assert (tmp_path / "there.mp4").read_bytes() == b"precious"


def _float_wav(path: Path, samples: np.ndarray) -> None:
    """A WAV of 32-bit floats, which can hold what is no number."""
    data = samples.astype("<f4").tobytes()
    head = b"fmt " + (16).to_bytes(4, "little") + (3).to_bytes(2, "little") + (1).to_bytes(2, "little")
    head += (
        (48_000).to_bytes(4, "little")
        + (192_000).to_bytes(4, "little")
        + (4).to_bytes(2, "little")
        + (32).to_bytes(2, "little")
    )
    body = b"WAVE" + head + b"data" + len(data).to_bytes(4, "little") + data
    path.write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_an_interrupted_generation_leaves_nothing_behind(
    tmp_path: Path, trained: Path, number: signal.Signals
) -> None:
    write_wav(tmp_path / "long.wav", np.tile(tone(10), 9), 48_000)
    # Where tests run in the background, SIGINT is ignored from birth; a person's terminal does not do that.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heeding}; from listen_and_move.cli.main import main; main()"
    line = [sys.executable, "-c", code, "generate", str(trained), "long.wav", "--out", "out.mp4"]
    process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # The whole sound is heard before the file is begun.
        until(lambda: process.poll() is not None or list(tmp_path.glob(".out*")))
        assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "nothing half written" in errors
    assert "Traceback" not in errors
    assert [item.name for item in tmp_path.iterdir()] == ["long.wav"]


@pytest.mark.parametrize("lost", ["in a garbage generator", "in a wait"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_an_interrupt_that_python_loses_is_raised_again(tmp_path: Path, trained: Path, lost: str) -> None:
    write_wav(tmp_path / "fine.wav", tone(3), 48_000)
    code = """
import os, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from listen_and_move.cli.main import main
from listen_and_move.media import video

def garbage():
    try:
        yield
    finally:
        os.kill(os.getpid(), signal.SIGINT)

def at_the_third(write, output, frame, index):
    if index == 2 and sys.argv[1] == "in a wait":
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            threading.Lock().release()
    if index == 2:
        dropped = garbage()
        next(dropped)
        del dropped
    write(output, frame, index)

write = video._Video.write
video._Video.write = lambda output, frame, index: at_the_third(write, output, frame, index)
main(["generate", *sys.argv[2:]])
"""
    line = [sys.executable, "-c", code, lost, str(trained), "fine.wav", "--out", "out.mp4"]
    result = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=240)
    assert ("Exception ignored" in result.stderr) == (lost == "in a garbage generator"), result.stderr
    assert result.returncode == 130, result.stderr
    assert "nothing half written" in result.stderr.splitlines()[-1], result.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["fine.wav"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, trained: Path) -> None:
    pytest.importorskip("resource")
    write_wav(tmp_path / "fine.wav", tone(1), 48_000)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000));"
        "from listen_and_move.cli.main import run_command; sys.exit(run_command(sys.argv[1:]))"
    )
    arguments = ["generate", str(trained), "fine.wav", "--out", "out.mkv"]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert result.returncode == 2, result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["fine.wav"]


@pytest.mark.skipif(os.name == "nt", reason="folders are not locked by their mode there")
def test_a_folder_that_cannot_be_written(tmp_path: Path, trained: Path) -> None:
    write_wav(tmp_path / "fine.wav", tone(1), 48_000)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    arguments = ["generate", str(trained), str(tmp_path / "fine.wav"), "--out", str(locked / "out.mp4")]
    line = [*_without_privileges(), sys.executable, "-m", "listen_and_move", *arguments]
    result = subprocess.run(line, capture_output=True, text=True, timeout=240)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith(f"error: {locked / 'out.mp4'}")
    assert not list(locked.iterdir())


def _without_privileges() -> list[str]:
    """Root may write everywhere: a prefix that takes this right from a command."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv to forbid it")
    return ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]


def test_presets_are_printed() -> None:
    listed = command("presets").stdout
    assert "baseline: paper, but\n  motion.layers = 1\n" in listed
    assert "quick: studio, but\n  clip.size = 64\n" in listed
    values = json.loads(command("presets", "paper", "--size", "512").stdout)
    assert values["generator"]["prediction_kernel"] == 5
    refused("presets", "papper", saying="expected one of baseline, paper, quick, studio; got 'papper'")
