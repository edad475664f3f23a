"""The GPU session, with the same commands on the processor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from listen_and_move.runs import RunFolder

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "gpu_session.sh"

pytestmark = pytest.mark.skipif(
    shutil.which("timeout") is None, reason="this machine has no timeout of GNU's coreutils"
)


def session(
    video: Path, out: Path, python: str = sys.executable, **surroundings: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DRY_RUN": "1", "OMP_NUM_THREADS": "1", "PYTHON": python, **surroundings}
    command = ["bash", str(SCRIPT), str(video), str(out)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_each_part_writes_its_figures(performance: Path, tmp_path: Path) -> None:
    ended = session(performance, tmp_path)
    told = "".join(file.read_text() for file in sorted(tmp_path.glob("*.txt")))
    assert ended.returncode == 0, told
    parts = [line.partition(":")[0] for line in ended.stdout.splitlines()]
    assert parts == ["tests", "graphs", "speed", "live", "train"]
    for name in ("graphs", "speed", "live"):
        found = json.loads((tmp_path / f"{name}.json").read_text())
        assert found["rows"][0]["preset"] == "quick"
    assert RunFolder(tmp_path / "run").model_file.exists()


def test_a_part_that_fails_is_told_and_none_begins_after_the_time(performance: Path, tmp_path: Path) -> None:
    late = session(performance, tmp_path, MINUTES="0")
    assert late.returncode == 0
    assert late.stdout.count("the time was up") == 5
    failed = session(performance, tmp_path, python=str(stub(tmp_path)))
    assert failed.returncode == 1
    assert "tests: exit code 3" in failed.stdout


def stub(folder: Path) -> Path:
    """Returns a program that fails."""
    program = folder / "python"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    return program
