"""Work on strangers' files ends where a limit is, in one sentence; the next file finds a page as before."""

import asyncio
import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from listen_and_move.app import limits
from listen_and_move.app.trainings import command_of
from listen_and_move.app.workers import Worker
from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.memory import machine_bytes
from listen_and_move.runs import RunFolder
from tests.app.serving import Visitor, ended, serving, until

resource = pytest.importorskip("resource", reason="this system has no limits of processes")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 7680x4320, which fits into the limits of a worker."""
    path = tmp_path_factory.mktemp("large") / "large.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 5)
        picture = np.full((4320 * 3 // 2, 7680), 128, np.uint8)
        for number in range(5):
            frame: Any = av.VideoFrame.from_ndarray(picture, format="yuvj420p")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def looked(*files: Path) -> list[dict[str, Any] | str]:
    """What one worker says of each film, a refusal as its sentence."""
    arguments = [{"path": str(file), "kind": "video", "still": f"{file}.jpg"} for file in files]
    return done(*(("look", each) for each in arguments))


def done(*tasks: tuple[str, dict[str, Any]]) -> list[dict[str, Any] | str]:
    """What one worker says of each task, a refusal as its sentence."""

    async def all_of_them() -> list[dict[str, Any] | str]:
        worker, said = Worker(), []
        try:
            for task in tasks:
                try:
                    said.append(await worker.do(*task))
                except UserError as error:
                    said.append(error.message)
        finally:
            await worker.close()
        return said

    return asyncio.run(all_of_them())


def test_8k_can_be_looked_at(large: Path) -> None:
    (found,) = looked(large)
    assert isinstance(found, dict)
    assert (found["width"], found["height"]) == (7680, 4320)


@LINUX
@pytest.mark.parametrize("megabytes", [140, 190], ids=["for no frame", "for one frame of five"])
def test_what_takes_too_much_memory_is_refused_and_the_next_is_not(
    large: Path, performance: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int
) -> None:
    monkeypatch.setattr(limits, "WORKER_BYTES", megabytes * 1_000_000)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})  # so that no stacks of many threads come on top
    try:
        refused, found = looked(large, performance)
    finally:
        os.sched_setaffinity(0, cores)
    assert isinstance(refused, str)
    assert "not enough memory" in refused
    assert "\n" not in refused
    assert isinstance(found, dict)
    assert found["width"] == 64


@LINUX
def test_a_file_that_is_mapped_comes_on_top() -> None:
    code = (
        "import mmap, resource, tempfile\n"
        "from listen_and_move.app.restrictions import allow_memory, allow_more_memory\n"
        "file = tempfile.TemporaryFile()\n"
        "file.truncate(2_000_000_000)\n"
        "allow_memory(1_000_000_000)\n"
        "for more in (0, 2_000_000_000):\n"
        "    allow_more_memory(more)\n"
        "    try: mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE); print('mapped')\n"
        "    except OSError as error: print(error.strerror)\n"
    )
    line = [sys.executable, "-c", code]
    result = subprocess.run(line, capture_output=True, text=True, check=True, preexec_fn=_on_one_core)
    assert result.stdout.split("\n") == ["Cannot allocate memory", "mapped", ""]


def _on_one_core() -> None:
    """Stacks of a few threads alone come on top of a limit."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def test_what_takes_too_long_is_ended_and_the_next_is_not(
    performance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To load what inspection needs takes more than the second that the system counts in.
    monkeypatch.setitem(limits.TASK_SECONDS, "inspect", 0)
    look = {"path": str(performance), "kind": "video", "still": f"{performance}.jpg"}
    refused, found = done(("inspect", {"path": str(performance), "clip": {}}), ("look", look))
    assert isinstance(refused, str)
    assert "0 minutes of processor time" in refused
    assert isinstance(found, dict)
    assert found["width"] == 64


def test_each_task_has_time_of_its_own() -> None:
    code = (
        "import resource, time\n"
        "from listen_and_move.app.restrictions import allow_seconds\n"
        "for task in range(3):\n"
        "    allow_seconds(60)\n"
        "    most, _ = resource.getrlimit(resource.RLIMIT_CPU)\n"
        "    print(most - time.process_time())\n"
        "    end = time.process_time() + 1.1\n"
        "    while time.process_time() < end: pass"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    left = [float(line) for line in result.stdout.split()]
    assert len(left) == 3
    assert all(59.5 < seconds <= 61 for seconds in left)


def test_too_many_open_files_are_refused(performance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WORKER_FILES", 5)
    (refused,) = looked(performance)
    assert isinstance(refused, str)
    assert "open files" in refused.lower()


def test_a_worker_that_is_out_of_time_leaves_the_page_running(
    runs: Path, sound: Path, tmp_path: Path
) -> None:
    out_of_time = "limits.TASK_SECONDS = {**limits.TASK_SECONDS, 'animate': 0}"
    with serving(runs, before=out_of_time, errors=tmp_path / "errors.txt") as (address, _):
        visitor = Visitor(address)
        upload = visitor.upload(sound)
        job = visitor.finished(visitor.animate("tiny", upload["id"]))
        assert job["state"] == "failed"
        assert "processor time" in job["error"]
        assert visitor.upload(sound)["seconds"] == pytest.approx(1.5)
        visitor.close()


def test_a_film_that_lasts_longer_than_it_claims_is_refused(performance: Path, tmp_path: Path) -> None:
    data = bytearray(performance.read_bytes())
    place = data.index(b"stts") + 12  # count and ticks of frames that last equally long
    count, ticks = struct.unpack_from(">II", data, place)
    assert count * 15 > limits.LONGEST_SECONDS["video"]
    assert ticks
    struct.pack_into(">I", data, place + 4, ticks * 20 * 15)  # from 20 a second to one in 15 s
    file = tmp_path / "film.mp4"
    file.write_bytes(data)
    info = probe(file)
    assert info.video is not None
    assert info.duration < 10
    (refused,) = looked(file)
    assert isinstance(refused, str)
    assert "expected at most 15 minutes; got" in refused


@LINUX
def test_a_training_is_limited(runs: Path, performance: Path, visitor: Visitor) -> None:
    upload = visitor.upload(performance, "video")
    settings = {"clip.size": "32", "training.steps": 100_000, "training.keep": "none"}
    wish = {"name": "limited", "upload": upload["id"], "preset": "quick", "settings": settings}
    with ended(runs):
        visitor.post("/api/runs", wish)
        pid = until(lambda: _pid(runs / "limited"))
        (memory, _), (files, _) = (
            resource.prlimit(pid, kind) for kind in (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE)
        )
        until(RunFolder(runs / "limited").exists)  # what ends before has failed, and other tests would see it
    machine = machine_bytes()
    assert machine is not None
    assert memory == int(limits.TRAINING_SHARE * machine)
    assert files == limits.TRAINING_FILES


def _pid(run: Path) -> int | None:
    """Of the process that trains a run."""
    numbers = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return next((pid for pid in numbers if f"train {run.parent}/.page" in command_of(pid)), None)


@LINUX
def test_a_command_without_memory_says_so_in_one_line(performance: Path, tmp_path: Path) -> None:
    code = (
        "import resource, torch\n"
        "from listen_and_move.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (700_000_000, 700_000_000))\n"
        "main()"
    )
    line = [sys.executable, "-c", code, "train", str(performance), "--run", str(tmp_path / "run")]
    settings = ["--preset", "quick", "--size", "1024", "--training.steps", "1"]
    result = subprocess.run(
        [*line, *settings], capture_output=True, text=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    )
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    assert "error: expected enough memory" in result.stderr


def test_a_process_at_rest_has_loaded_no_network() -> None:
    code = "import sys, listen_and_move.app.work; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
