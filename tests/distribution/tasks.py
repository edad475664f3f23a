"""Tasks of a cluster; in a module that other processes find."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from listen_and_move.errors import UserError

DEADLY = 5
"""Step of a training that kills its worker; the last save is that of the step before."""


class Training(NamedTuple):
    """A run to train."""

    video: Path
    run: Path
    deadly: bool


def learn(task: Training, told: Callable[[int], None]) -> int:
    """Trains a run, and notes each step of each of its lives; a deadly one kills its worker in the first."""
    from tests.conftest import TINY

    from listen_and_move.training.loop import train  # torch, which takes seconds, is for this task alone

    video, run, deadly = task
    first = not (run / "resume").exists()
    life = run.with_suffix(".first" if first else ".second")

    def watch(progress: Any) -> None:
        if progress.step:
            with life.open("a") as file:
                file.write(f"{progress.step}\n")
        told(progress.step)
        if deadly and first and progress.step == DEADLY:
            os.kill(os.getppid(), signal.SIGKILL)
            signal.pause()  # until this process is ended with its worker

    seldom = {"training.validate_every": 100, "training.sample_every": 100}
    settings = {**TINY, **seldom, "training.steps": 8, "losses.perceptual": 0.0}
    return train(video, run, preset_name="baseline", settings=settings, device="cpu", watch=watch).step


def refuse(task: str, told: Callable[[Any], None]) -> None:
    raise UserError(f"{task}: expected something else", "choose --another")


def die(task: Path, told: Callable[[Any], None]) -> None:
    with task.open("a") as file:
        file.write("died\n")
    os.kill(os.getpid(), signal.SIGKILL)


def count(task: int, told: Callable[[Any], None]) -> int:
    told(task)
    return os.getpid() + task


def leave(task: Path, told: Callable[[Any], None]) -> int:
    """Asks its worker to end, in its first life, and waits for its own end; returns the number of lives."""
    with task.open("a") as file:
        file.write("begun\n")
    lives = len(task.read_text().splitlines())
    if lives == 1:
        os.kill(os.getppid(), signal.SIGTERM)
        signal.pause()
    return lives
