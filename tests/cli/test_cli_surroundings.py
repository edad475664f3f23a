"""Commands where something is missing around them: a terminal, a home, a place to write to, an encoding."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.cli.running import command, process, refused, tone
from tests.conftest import TINY
from tests.media.making import make_video

from listen_and_move.cli import progress
from listen_and_move.cli.main import run_command
from listen_and_move.media.wav import write_wav

OPTIONS = [f"--{name}={value}" for name, value in TINY.items() if name not in ("clip.size", "training.steps")]


def test_without_a_terminal_commands_say_now_and_then_how_far_they_are(
    performance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.01)
    run, sounds = tmp_path / "run", tmp_path / "sounds"
    sounds.mkdir()
    write_wav(sounds / "a.wav", tone(1), 48_000)
    small = ["--size=16", "--preset=quick", *OPTIONS]
    for name, rest, doing in [
        ("train", [performance, "--run", run, "--steps=3", *small], "training"),
        ("generate", [run, sounds / "a.wav", "--out", tmp_path / "out.mp4"], "a.wav"),
        ("evaluate", [run], "playing"),
        ("robustness", [run, sounds], "playing"),
        (
            "ablation",
            [performance, "--out", tmp_path / "rows", "--rows", "full:", "--seeds=1", "--steps=3", *small],
            "full",
        ),
    ]:
        assert run_command([name, *map(str, rest)]) == 0
        said = capfd.readouterr().err.splitlines()
        lines = [line for line in said if line.startswith(doing) and re.search(r"  \d+/\d+", line)]
        assert len(lines) >= 2, (name, said)
        assert all("\r" not in line and "\x1b" not in line for line in said), (name, said)
        done, total = map(int, re.findall(r"(\d+)/(\d+)", lines[-1])[0])
        assert done == total > 0, (name, lines)


def test_on_a_terminal_there_are_bars_and_no_lines(trained: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals on this system")
    write_wav(tmp_path / "a.wav", tone(1), 48_000)
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "listen_and_move", "generate", str(trained), "a.wav"]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 4096):
                said += piece
        except OSError:  # Linux says so when the other side is closed
            pass
        assert process.wait() == 0
    os.close(ours)
    assert "━".encode() in said
    assert b"20/20 frames" in said


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["presets"], ["weights", "list"]])
def test_a_terminal_of_another_encoding(arguments: list[str]) -> None:
    result = process(*arguments, PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert result.returncode == 0
    assert "Traceback" not in result.stderr


def test_what_a_terminal_cannot_show_is_a_question_mark(
    trained: Path, performance: Path, tmp_path: Path
) -> None:
    write_wav(tmp_path / "日本.wav", tone(0.3), 48_000)
    result = process(
        "generate", trained, "日本.wav", folder=tmp_path, PYTHONIOENCODING="cp1252", PYTHONUTF8="0"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == f"??-{trained.name}.mp4", result.stderr
    shutil.copy(performance, tmp_path / "日本.mp4")
    result = process("inspect", "日本.mp4", folder=tmp_path, PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "日本-inspection.png").exists(), result.stderr
    refused("inspect", "無い.mp4", saying="does not exist", folder=tmp_path)


def homeless(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command of a user who has no home and no name."""
    tool = shutil.which("unshare")
    line = [tool or "", "--user", "--map-user=12345", "--map-group=12345"]
    if not tool or subprocess.run([*line, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody be a user without a name")
    bare = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HOME", "XDG_CACHE_HOME", "LISTEN_AND_MOVE_CACHE")
    }
    line += [sys.executable, "-m", "listen_and_move", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=240, cwd=folder, env=bare)


def test_without_a_home(performance: Path, tmp_path: Path) -> None:
    trained = homeless(
        "train",
        performance,
        "--run=run",
        "--size=16",
        "--steps=1",
        "--preset=quick",
        *OPTIONS,
        folder=tmp_path,
    )
    assert trained.returncode == 0, trained.stderr
    assert "1 steps done" in trained.stdout, trained.stderr
    assert homeless("inspect", performance, folder=tmp_path).returncode == 0
    listed = homeless("weights", "list", folder=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "not here" in listed.stdout, listed.stderr
    fetched = homeless("weights", "fetch", "vgg16", folder=tmp_path)
    assert fetched.returncode == 2, fetched.stderr
    assert "expected a home folder" in fetched.stderr, fetched.stderr


def test_a_cache_that_cannot_be_written_is_none(performance: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    line = ["train", performance, "--run=run", "--size=16", "--steps=1", "--preset=quick", *OPTIONS]
    for place in (blocked / "cache", Path("~nobody-of-this-name") / "cache"):
        result = command(*line, folder=tmp_path, LISTEN_AND_MOVE_CACHE=str(place))
        assert result.returncode == 0, result.stderr
        shutil.rmtree(tmp_path / "run")


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="there is no folder here in which nobody can write"
)
def test_inspect_prints_its_findings_where_it_can_write_nothing(performance: Path) -> None:
    result = command("inspect", performance, folder=Path("/proc"))
    assert result.returncode == 0
    assert "sound" in result.stdout
    assert "inspection.png" not in result.stdout
    assert "note: the picture is not written: performance-inspection.png: cannot be written" in result.stderr
    wished = command("inspect", performance, "--picture", "/proc/found.png")
    assert wished.returncode == 2
    assert "sound" in wished.stdout
    assert "error: the picture is not written: /proc/found.png" in wished.stderr


def test_no_place_for_temporary_files_costs_no_findings(performance: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = str(tmp_path / "file" / "folder")  # which nobody can make; Matplotlib then refuses to load
    code = (
        "import sys, tempfile\n"
        "from listen_and_move.cli.main import run_command\n"
        f"tempfile.tempdir = {below!r}\n"
        f"sys.exit(run_command(['inspect', {str(performance)!r}]))"
    )
    nowhere = {**os.environ, "MPLCONFIGDIR": below, "PATH": os.environ["PATH"]}
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=240,
        env=nowhere,
        cwd=performance.parent,
    )
    assert result.returncode == 0, result.stderr
    assert "sound" in result.stdout, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    assert "note: the picture is not written" in result.stderr
    assert "light: not looked at" in result.stdout
    assert "camera and light were not looked at" in result.stdout


def test_damage_in_a_video_is_a_note_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 32, 64, 3), np.uint8)
    path = make_video(tmp_path / "hole.mkv", range(0, 4000, 40), pictures=noise)
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(300) + data[middle + 300 :])
    assert run_command(["inspect", str(path), "--picture", str(tmp_path / "found.png")]) == 0
    notes = [line for line in capfd.readouterr().err.splitlines() if "damaged" in line]
    assert len(notes) == 1
    assert re.match(r"note: .*hole\.mkv: is damaged at \d\.\d s: ", notes[0])


@pytest.mark.parametrize("arguments", [("completion", "fish"), ("--help",)])
def test_a_reader_who_leaves_is_no_error(arguments: tuple[str, ...]) -> None:
    line = [sys.executable, "-m", "listen_and_move", *arguments]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(writing)
    assert ended.stderr == ""
    assert ended.returncode == 141
