"""Several processes that train one run, started by torchrun, over gloo on loopback."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from benchmarks.processes import (
    ADVERSARIES,
    ALLOWED,
    PRIMED_AND_STILL,
    ShortTraining,
    difference,
    model_difference,
    steps,
    steps_within,
    together,
)
from tests.conftest import TINY

from listen_and_move.distribution.processes import ALONE, Processes, local_device
from listen_and_move.errors import UserError
from listen_and_move.models.checkpoint import load_model
from listen_and_move.runs import RunFolder
from listen_and_move.training.loop import train

CASES = (
    ShortTraining("paper", 4, 2, "float64"),  # batch norms, penalties, states that are carried over
    ShortTraining("quick", 4, 10, "float32"),  # priming, room tone, memory, augmented sound
)
MORE = (
    ShortTraining("studio", 4, 3, "float64", ADVERSARIES),  # augmented windows, other losses
    ShortTraining("paper", 4, 2, "float64", PRIMED_AND_STILL),  # with batch norms
    ShortTraining("baseline", 4, 2, "float64"),  # batch norms in each block
    ShortTraining("paper", 3, 2, "float64"),  # lanes that are not shared out evenly
    ShortTraining("paper", 4, 3, "float32"),  # from the sixth step on rounding decides, in one process too
)


def torchrun(count: int, video: Path, run: Path, *more: str) -> list[str]:
    settings = [word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    settings[settings.index("--clip.size")] = "--size"
    named = ["train", str(video), "--run-dir", str(run), "--preset", "quick", "--training.lanes", "4"]
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count)]
    return [*start, "-m", "listen_and_move", *named, *settings, *more]


def trained(count: int, video: Path, run: Path, steps: int) -> subprocess.CompletedProcess[str]:
    command = torchrun(count, video, run, "--training.steps", str(steps))
    return subprocess.run(command, capture_output=True, text=True)


def test_several_processes_give_the_losses_of_one(performance: Path) -> None:
    alone = [steps(performance, case, ALONE) for case in (*CASES, *MORE)]
    for count, cases in ((2, (*CASES, *MORE)), (4, CASES)):
        for case, one, found in zip(cases, alone, together(performance, cases, count), strict=False):
            most = ALLOWED[case.dtype]
            assert difference(one, found) < most, (count, case)
            assert steps_within(one, found, most) == case.steps
            assert steps_within(one, found, -1.0) == 0
            assert case.dtype == "float32" or model_difference(one, found) < most, (count, case)


@pytest.mark.parametrize(
    ("lanes", "count", "expected"), [(4, 2, [2, 2]), (3, 2, [1, 2]), (5, 4, [1, 1, 1, 2])]
)
def test_each_lane_is_of_one_process(lanes: int, count: int, expected: Sequence[int]) -> None:
    rows = [Processes(rank, count).with_lanes(lanes).rows for rank in range(count)]
    assert [each.stop - each.start for each in rows] == expected
    assert [lane for each in rows for lane in range(lanes)[each]] == list(range(lanes))


def test_more_processes_than_lanes_are_refused() -> None:
    with pytest.raises(UserError, match="a lane for each of 3 processes; got 2"):
        Processes(0, 3).with_lanes(2)
    assert ALONE.with_lanes(1).rows == slice(0, 1)


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_device(torch.device("mps")) == torch.device("mps")
    for name, value in {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert local_device(torch.device("cuda:1")) == torch.device("cuda:1")
    assert local_device(torch.device("cpu")) == torch.device("cpu")
    if torch.cuda.device_count() > 1:
        assert local_device(torch.device("cuda")) == torch.device("cuda:1")
    else:
        with pytest.raises(UserError, match=r"a GPU for each process of this machine; got \d GPUs for 4"):
            local_device(torch.device("cuda"))
    with pytest.raises(UserError, match="expected cpu or cuda for several processes; got mps"):
        local_device(torch.device("mps"))


def test_a_run_goes_on_to_the_bit_and_with_another_number_of_processes(
    performance: Path, tmp_path: Path
) -> None:
    straight, parted, alone = tmp_path / "straight", tmp_path / "parted", tmp_path / "alone"
    for run, last in ((straight, 6), (parted, 4)):
        ended = trained(2, performance, run, last)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("steps done") == 1
    shutil.copytree(parted, alone)
    assert trained(2, performance, parted, 6).returncode == 0
    assert RunFolder(parted).state_file.read_bytes() == RunFolder(straight).state_file.read_bytes()
    train(performance, alone, settings={"training.steps": 6}, device="cpu")
    expected, found = (list(RunFolder(run).metrics()) for run in (straight, alone))
    assert [each["step"] for each in found] == [1, 2, 4, 6]
    for name, value in expected[-1].items():
        if name.startswith("generator/"):
            assert found[-1][name] == pytest.approx(value, abs=1e-4), name


def test_the_end_of_a_process_ends_all_and_an_interrupt_saves(performance: Path, tmp_path: Path) -> None:
    run, endless = tmp_path / "run", ("--training.steps", "100000")
    with begun(torchrun(2, performance, run, *endless), tmp_path / "killed") as process:
        while not RunFolder(run).model_file.exists() and process.poll() is None:
            time.sleep(0.05)
        os.kill(children(process.pid)[-1], signal.SIGKILL)
        assert process.wait(300) != 0
    told = (tmp_path / "killed").read_text()
    assert len(re.findall("^error: ", told, re.MULTILINE)) == 1, told
    assert "expected 2 processes until its end; one of them has ended" in told
    assert "interrupted" not in told
    saved = load_model(RunFolder(run).model_file).step
    assert saved >= 2
    with begun(torchrun(2, performance, run, *endless), tmp_path / "stopped") as process:
        while load_model(RunFolder(run).model_file).step == saved and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.wait(300)
    told = (tmp_path / "stopped").read_text()
    stopped = re.findall(r"stopped at step (\d+), saved", told)
    assert len(stopped) == 1, told
    assert load_model(RunFolder(run).model_file).step == int(stopped[0]) > saved
    assert max(each["step"] for each in RunFolder(run).metrics()) <= int(stopped[0])


def test_processes_that_are_not_to_train_are_refused_once() -> None:
    several = {**os.environ, "WORLD_SIZE": "2"}
    for rank, told in (("0", "error: expected train"), ("1", "")):
        ended = subprocess.run(
            [sys.executable, "-m", "listen_and_move", "presets"],
            env={**several, "RANK": rank},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 2
        assert ended.stderr.startswith(told)
        assert bool(ended.stderr) == bool(told)


@contextmanager
def begun(command: Sequence[str], told: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a command, whose output goes to a file, and leaves none of its processes behind."""
    with told.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def children(pid: int) -> list[int]:
    """Returns the processes that a process has started, in their order."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
