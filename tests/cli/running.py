"""Commands as a user types them, in a process of their own or in this one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from listen_and_move.cli.main import run_command

Ended = subprocess.CompletedProcess[str]


def process(*arguments: object, folder: Path | None = None, **environment: str) -> Ended:
    """A command in a process of its own, with these environment variables too."""
    line = [sys.executable, "-m", "listen_and_move", *map(str, arguments)]
    surroundings = {**os.environ, "COLUMNS": "100", **environment}
    return subprocess.run(line, capture_output=True, text=True, timeout=240, cwd=folder, env=surroundings)


def command(*arguments: object, folder: Path | None = None, **environment: str) -> Ended:
    """The same command in this process, which has torch already: for all but what a process itself does."""
    line = list(map(str, arguments))
    with pytest.MonkeyPatch.context() as patch, _written("stdout") as told, _written("stderr") as errors:
        for name, value in {"COLUMNS": "100", **environment}.items():
            patch.setenv(name, value)
        if folder is not None:
            patch.chdir(folder)
        code = _code(line)
    return Ended(line, code, "".join(told), "".join(errors))


def _code(line: list[str]) -> int:
    try:
        return run_command(line)
    except SystemExit as stop:  # after help
        code = stop.code
    assert not code
    return 0


@contextmanager
def _written(name: str) -> Iterator[list[str]]:
    """What is written to a standard stream, by Python and by the libraries below it; complete at the end."""
    written: list[str] = []
    stream = getattr(sys, f"__{name}__")
    stream.flush()
    number = {"stdout": 1, "stderr": 2}[name]
    usual = os.dup(number)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, name, file)
        os.dup2(file.fileno(), number)
        try:
            yield written
        finally:
            os.dup2(usual, number)
            os.close(usual)
            file.seek(0)
            written.append(file.read())


def refused(*arguments: object, saying: str, folder: Path | None = None) -> str:
    """The command ends with code 2 and one line; returns it."""
    return one_line(command(*arguments, folder=folder), saying)


def one_line(ended: Ended, saying: str) -> str:
    """The one line of a command that ended with code 2."""
    lines = ended.stderr.strip().splitlines()
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert lines[-1].startswith("error: ")
    assert sum(line.startswith("error:") for line in lines) == 1
    assert saying in lines[-1], lines[-1]
    return lines[-1]


def tone(seconds: float, level: float = 0.3) -> np.ndarray:
    """A steady tone at 48 kHz."""
    return level * np.sin(np.arange(int(seconds * 48_000)) * 0.06)
