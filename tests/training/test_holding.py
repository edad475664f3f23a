"""One training at a time in a run folder; a killed one leaves nothing that keeps the next from going on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.running import refused
from tests.conftest import TINY
from tests.waiting import WAIT, until

from listen_and_move.errors import UserError
from listen_and_move.runs import RunFolder
from listen_and_move.training.holding import held
from listen_and_move.training.loop import train
from listen_and_move.training.trainer import TrainingProgress


@contextmanager
def training(video: Path, folder: RunFolder, before: str = "pass") -> Iterator[subprocess.Popen[str]]:
    """A process that trains, at its steps."""
    options = {"clip.size": "", "training.steps": "", "training.save_every": "--training.save-every=100000"}
    flags = [options.get(name, f"--{name.replace('_', '-')}={value}") for name, value in TINY.items()]
    code = f"import signal; {before}; from listen_and_move.cli.main import main; main()"
    line = [
        sys.executable,
        "-c",
        code,
        "train",
        str(video),
        "--run",
        str(folder.path),
        "--steps=100000",
        "--size=32",
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*line, *filter(None, flags), "--device=cpu"], stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            until(lambda: process.poll() is not None or folder.metrics_file.exists())
            assert process.poll() is None
            yield process
        finally:
            process.kill()


def test_a_second_training_is_refused_until_the_first_is_dead(performance: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with training(performance, folder) as process:
        refused(
            "train", performance, "--run", folder.path, "--steps=4", saying="another training is under way"
        )
        with pytest.raises(UserError, match="another training is under way"):
            train(performance, folder.path, device="cpu")
        process.kill()
        process.wait()
    left = [
        folder.state_file.with_name(".state.partial-77-0.safetensors"),
        folder.path / ".model.partial-77-1.safetensors",
        folder.path / ".config.partial-77-2.json",
        folder.path / ".metrics.partial-77-3.jsonl",
        folder.sample_file(4).with_name(".step-000004.partial-77-4.mp4"),
    ]
    others = [
        folder.path / ".page.partial-77-0.html",
        folder.evaluation_folder / ".results.partial-77-0.json",
    ]
    for path in (*left, *others):
        path.write_bytes(b"half")
    assert train(performance, folder.path, settings={"training.steps": 4}, device="cpu").finished
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)
    logged = [line["step"] for line in folder.metrics()]
    assert logged == sorted(set(logged))
    assert logged[-1] == 4


def test_a_training_holds_its_folder_and_no_other(performance: Path, tmp_path: Path) -> None:
    folder, said = RunFolder(tmp_path / "run"), []

    def watch(progress: TrainingProgress) -> None:
        if progress.step == 1:
            with (
                held(RunFolder(tmp_path / "other")),
                pytest.raises(UserError, match="another training") as caught,
            ):
                train(performance, folder.path, device="cpu")
            said.append(str(caught.value))

    assert train(performance, folder.path, settings=TINY, device="cpu", watch=watch).finished
    assert len(said) == 1
    with held(folder):  # free again
        assert folder.lock_file.stat().st_size == 0


def test_where_there_are_no_locks_training_goes_on_without(performance: Path, tmp_path: Path) -> None:
    folder = RunFolder(train(performance, tmp_path / "run", settings=TINY, device="cpu").run)
    folder.lock_file.unlink()
    folder.lock_file.mkdir()  # as good as a file system that knows none
    half = folder.path / ".model.partial-77-0.safetensors"
    half.touch()
    assert train(performance, folder.path, settings={"training.steps": 6}, device="cpu").step == 6
    assert half.exists(), "it may be another training's"


def test_what_cannot_be_learnt_leaves_no_folder_and_no_lock(performance: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 200 frames"):
        train(performance, tmp_path / "run", settings={**TINY, "training.window": 200}, device="cpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_a_training_under_nohup_outlives_its_terminal(performance: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with training(performance, folder, "signal.signal(signal.SIGHUP, signal.SIG_IGN)") as process:
        process.send_signal(signal.SIGHUP)
        logged = folder.metrics_file.stat().st_size
        until(lambda: process.poll() is not None or folder.metrics_file.stat().st_size > logged)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert "saved" in out
    assert "Traceback" not in err
