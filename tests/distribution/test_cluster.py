"""A real scheduler and three real workers on loopback, one of which is killed; and a local cluster that is
stopped as a terminal stops it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.cli.running import refused
from tests.conftest import TINY
from tests.distribution.tasks import Training, count, die, learn, leave, refuse
from tests.waiting import WAIT, until

from listen_and_move.distribution.cluster import mapped
from listen_and_move.errors import UserError
from listen_and_move.inference.generate import Progress, generate
from listen_and_move.inference.generate_on_cluster import generate_on_cluster
from listen_and_move.media.wav import write_wav
from listen_and_move.models.checkpoint import load_model
from listen_and_move.runs import RunFolder
from listen_and_move.training.loop import train

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler with three workers, each a process of one thread."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    common = ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    begun = [_dask("scheduler", *common, "--port", "0", "--scheduler-file", file)]
    try:
        address = json.loads(until(lambda: file.read_text() if file.exists() else ""))["address"]
        for number in range(3):
            place = ["--local-directory", folder / str(number)]
            begun.append(_dask("worker", address, *common, "--no-nanny", "--nthreads", "1", *place))
        yield address
    finally:
        for process in begun:
            process.kill()
            process.wait()


def _dask(name: str, *words: object) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", f"distributed.cli.dask_{name}", *map(str, words)]
    return subprocess.Popen(line, cwd=ROOT, stderr=subprocess.DEVNULL)


def test_a_task_of_a_killed_worker_goes_on_elsewhere_from_its_save(
    scheduler: str, performance: Path, tmp_path: Path
) -> None:
    runs, heard = [tmp_path / "killed", tmp_path / "other"], dict[int, int]()
    tasks = [Training(performance, run, run.name == "killed") for run in runs]
    found = dict(mapped(learn, tasks, scheduler, heard.__setitem__))
    assert found == heard == {0: 8, 1: 8}
    assert _steps(runs[0].with_suffix(".first")) == [1, 2, 3, 4, 5]
    assert _steps(runs[0].with_suffix(".second")) == [5, 6, 7, 8]
    assert _steps(runs[1].with_suffix(".first")) == list(range(1, 9))
    assert not runs[1].with_suffix(".second").exists()
    for run in runs:
        assert [each["step"] for each in RunFolder(run).metrics()] == [1, 8]
    cut, uncut = (RunFolder(run).model_file.read_bytes() for run in runs)
    assert cut == uncut


def test_a_task_of_a_worker_that_is_asked_to_end_goes_on_elsewhere(scheduler: str, tmp_path: Path) -> None:
    assert list(mapped(leave, [tmp_path / "lives"], scheduler)) == [(0, 2)]


def test_sounds_are_played_as_without_a_cluster(scheduler: str, trained: Path, tmp_path: Path) -> None:
    sounds = [tmp_path / "low.wav", tmp_path / "high.wav"]
    for sound, pitch in zip(sounds, (220, 880), strict=True):
        write_wav(sound, 0.3 * np.sin(np.arange(48_000) * pitch * 2 * np.pi / 48_000), 48_000)
    told: list[Progress] = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
    here = generate(trained, sounds, tmp_path / "here")
    there = generate_on_cluster(scheduler, trained, sounds, tmp_path / "there", watch=told.append)
    assert [path.name for path in there] == [path.name for path in here]
    assert [path.read_bytes() for path in there] == [path.read_bytes() for path in here]
    ended = {each.sound: each.out for each in told if each.done == each.frames == 20}
    assert ended == dict(zip(sounds, there, strict=True))
    with pytest.raises(UserError, match="expected a new file; it exists"):
        generate_on_cluster(scheduler, trained, sounds, tmp_path / "there")


def test_an_error_of_a_task_is_its_one_line(scheduler: str) -> None:
    with pytest.raises(UserError, match=r"^clip: expected something else: choose --another$"):
        list(mapped(refuse, ["clip"], scheduler))


def test_a_task_whose_process_is_killed_is_tried_again_and_then_named(scheduler: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"its process was killed by signal 9, 3 times"):
        list(mapped(die, [tmp_path / "lives"], scheduler))
    assert (tmp_path / "lives").read_text() == "died\n" * 3


def test_without_a_cluster_tasks_are_done_here_one_after_the_other() -> None:
    told: list[tuple[int, int]] = []
    found = mapped(count, [3, 4], None, lambda *progress: told.append(progress))
    assert next(found) == (0, os.getpid() + 3)
    assert told == [(0, 3)]
    assert list(found) == [(1, os.getpid() + 4)]


@pytest.mark.parametrize(
    ("name", "saying"),
    [
        *((name, "local:N with N from 1 on, or the address") for name in ("local:0", "local:many", "local:")),
        ("8786", "a scheduler at '8786'; got missing port number"),
        ("gopher://localhost:70", "got unknown address scheme"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(name: str, saying: str) -> None:
    with pytest.raises(UserError, match=saying):
        next(mapped(count, [3], name))


def test_a_command_ends_where_its_cluster_is_no_address(performance: Path, tmp_path: Path) -> None:
    line = ["ablation", performance, "--out", tmp_path / "study", "--cluster", "here"]
    refused(*line, saying="expected a scheduler at 'here'")
    assert not (tmp_path / "study").exists()


def test_ctrl_c_saves_all_runs_of_a_local_cluster_which_listens_on_loopback_alone(
    performance: Path, tmp_path: Path
) -> None:
    settings = {**TINY, "losses.perceptual": 0.0, "training.save_every": 10**6, "training.steps": 10**6}
    words = [f"--{name.replace('_', '-').removeprefix('clip.')}={value}" for name, value in settings.items()]
    line = ["ablation", performance, "--out", "study", "--rows", "baseline", "--seeds", 2, *words]
    runs = [RunFolder(tmp_path / "study" / f"baseline-seed{seed}") for seed in (0, 1)]
    process = subprocess.Popen(
        [sys.executable, "-m", "listen_and_move", *map(str, line), "--cluster", "local:2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: process.poll() is not None or all(run.metrics_file.exists() for run in runs))
        assert process.poll() is None, process.communicate()[0]
        assert not any(run.state_file.exists() for run in runs)
        parts = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        sockets = [socket for part in parts for socket in part.net_connections()]
        listening = [socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN]
        assert len(listening) >= 3
        assert set(listening) == {"127.0.0.1"}
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of them
        told = process.communicate(timeout=WAIT)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 130, told
    assert "stopped. The same command goes on from what is saved." in told
    assert "Traceback" not in told
    until(lambda: not any(_alive(part) for part in parts))
    saved = [load_model(run.model_file).step for run in runs]
    assert all(saved)
    assert train(performance, runs[0].path, settings={"training.steps": saved[0] + 1}).finished


def _steps(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()]


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
