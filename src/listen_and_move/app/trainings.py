"""Trainings that are started from the page.

Each is a process of its own, which outlives the page and is found again. What the page keeps of a run stands
in a hidden folder beside the runs, since a run folder belongs to its training: RUNS/.page/NAME/ holds the
video, the process's number and its output.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from listen_and_move.app.library import Library, changed, is_text
from listen_and_move.app.limits import MOST_TRAINING_STEPS, TRAINING_FILES, TRAINING_SHARE, TRAININGS
from listen_and_move.app.restrictions import restrict_other, takes_any_memory
from listen_and_move.app.sentences import brief, without_paths
from listen_and_move.errors import SettingError, UserError
from listen_and_move.json_text import parsed
from listen_and_move.media.replacing import replacing
from listen_and_move.runs import write_text
from listen_and_move.settings import from_preset

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""Pattern of the names of runs that are begun on the page."""
DEMONSTRATION = "marimba"
"""Name of the run that learns a film which a program draws."""
ELSEWHERE_SECONDS = 20
"""A run that the page never trained, and that changed within so many seconds, counts as learning in a
terminal."""
LARGEST_PID = 2**31 - 1
"""Largest number of a process; numbers below 1 mean groups of processes to the system."""
STOP_SECONDS = 120
"""Seconds that a stopped training has to finish its step and save; after them it may be stopped again."""


class Trainings:
    """Starts, stops and finds trainings."""

    def __init__(self, library: Library) -> None:
        self.library, self.folder = library, library.folder / ".page"
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.turn = threading.Lock()

    def start(self, name: str, video: Path, preset: str, settings: dict[str, Any]) -> None:
        """Starts to train a run on a video, which moves to where the run keeps it.

        Args:
            name: of the run.
            video: an uploaded file.
            preset: what to start from.
            settings: changes to it, as section.setting.

        Raises:
            UserError: the name is taken or impossible, a setting makes no sense, or a training is under way.
        """
        if not NAME.fullmatch(name):
            raise UserError(f"name: expected up to 40 small letters, digits and dashes; got {name[:60]!r}")
        self._check_new(name)
        _check_steps(from_preset(preset, settings).training.steps)  # raises where a setting is wrong
        place = self.folder / name
        with self.turn:
            self._check_free()
            place.mkdir(parents=True, exist_ok=True)
            with replacing(place / "video") as temporary:
                shutil.copyfile(video, temporary)
            self._launch(name, [place / "video"], _flags(preset, settings))

    def demonstrate(self) -> str:
        """Begins to learn a film that the process of the training draws first.

        Returns:
            The name of the run.

        Raises:
            UserError: there is such a run already, or a training is under way.
        """
        from listen_and_move.demonstration import DRAWN, LEARNT_SECONDS, PRESET, STEPS

        self._check_new(DEMONSTRATION)
        film = self.folder / DEMONSTRATION / "film.mp4"
        drawing = ["listen_and_move.app.drawn_training", str(film), str(LEARNT_SECONDS)]
        with self.turn:
            self._check_free()
            flags = _flags(PRESET, {**DRAWN, "training.steps": STEPS})
            self._launch(DEMONSTRATION, [film], flags, drawing)
        return DEMONSTRATION

    def resume(self, name: str, steps: int) -> None:
        """Resumes a run, up to ``steps`` in total.

        Raises:
            UserError: its video is gone, or a training is under way.
        """
        run = self.library.run(name)
        _check_steps(steps)
        if name not in self.kept() and time.time() - changed(run.path) < ELSEWHERE_SECONDS:
            raise UserError(
                f"{name}: expected a run that rests; it seems to be learning, started outside this page"
            )
        with self.turn:
            self._check_free()
            self._launch(name, run.films.videos(), [f"--steps={steps}"])

    def stop(self, name: str) -> None:
        """Asks a training to finish its step, save and end.

        Raises:
            UserError: no training of that run is under way.
        """
        process = self._process(name)
        if process is None or not self.alive(name):
            raise UserError(f"{name}: no training is under way")
        write_text(self.folder / name / "process.json", json.dumps({**process, "asked_to_stop": time.time()}))
        with suppress(ProcessLookupError):
            os.kill(process["pid"], signal.SIGTERM)

    def forget(self, name: str) -> None:
        """Deletes what is kept of a training that never began its run."""
        if name not in self.failed() or (self.library.folder / name).exists():
            raise UserError(f"{name[:60]!r}: expected a training that did not begin")
        shutil.rmtree(self.folder / name)

    def alive(self, name: str) -> bool:
        """Returns whether the process of a training exists, also one from before a restart of the page."""
        process = self._process(name)
        if process is None:
            return False
        child = self.children.get(name)
        if child is not None and child.pid == process["pid"]:
            return child.poll() is None
        return str(self.library.folder / name) in command_of(process["pid"])

    def state(self, name: str) -> dict[str, Any]:
        """Returns whether a run is learning, stopping or resting, and the error of a training that failed."""
        if self.alive(name):
            asked = (self._process(name) or {}).get("asked_to_stop", 0)
            return {
                "training": "stopping" if time.time() - asked < STOP_SECONDS else "learning",
                "message": "",
            }
        if name in self.kept() and self._process(name) is None:
            where = f".page/{name}/process.json"
            what = f"{where}: expected the number of a process; the file is damaged: remove it, or go on"
            return {"training": "resting", "message": what, "error": what}
        return {"training": "resting", "message": self._message(name)}

    def under_way(self) -> list[str]:
        """Returns the names of runs that are being trained."""
        return [name for name in self.kept() if self.alive(name)]

    def failed(self) -> list[str]:
        """Returns the names of trainings that left no run."""
        return [
            name for name in self.kept() if not self.alive(name) and not (self.library.folder / name).exists()
        ]

    def kept(self) -> list[str]:
        """Returns the names of runs that were trained from the page."""
        names = {path.parent.name for path in self.folder.glob("*/process.json")}
        return sorted(name for name in names if is_text(name))

    def _check_new(self, name: str) -> None:
        if (self.library.folder / name).exists():
            raise UserError(f"name: expected a new one; there is a run {name} already: choose another")

    def _check_free(self) -> None:
        busy = self.under_way()
        if len(busy) >= TRAININGS:
            raise UserError(
                f"{busy[0]} is learning, and one at a time is what this page runs: stop it or wait for its "
                "end."
            )

    def _launch(
        self,
        name: str,
        videos: Sequence[Path],
        flags: list[str],
        program: Sequence[str] = ("listen_and_move",),
    ) -> None:
        """Begins the process of a training.

        Args:
            name: of the run.
            videos: that it learns.
            flags: of the command.
            program: a module that is the command, and what comes before the command's arguments.
        """
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        line = [
            sys.executable,
            "-m",
            *program,
            "train",
            *map(str, videos),
            "--run",
            str(self.library.folder / name),
            "--json",
            *flags,
        ]
        with (place / "train.log").open("wb") as log:
            child = subprocess.Popen(
                line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        restrict_other(child.pid, None if takes_any_memory() else TRAINING_SHARE, TRAINING_FILES)
        self.children[name] = child
        write_text(place / "process.json", json.dumps({"pid": child.pid, "asked_to_stop": 0}))

    def _process(self, name: str) -> dict[str, Any] | None:
        """Returns the pid of a training's process and when it was asked to stop; None where none is known."""
        if name not in self.kept():
            return None
        try:
            values = parsed(self._read(name, "process.json"))
        except (OSError, SettingError):
            return None
        match values:
            case {"pid": int(pid)} if type(pid) is int and 1 <= pid <= LARGEST_PID:
                asked = values.get("asked_to_stop")
                past = isinstance(asked, (int, float)) and 0 <= asked <= time.time()
                return {"pid": pid, "asked_to_stop": asked if past else 0}
        return None

    def _message(self, name: str) -> str:
        """Returns the error line of a training that failed."""
        if name not in self.kept():
            return ""
        try:
            lines = self._read(name, "train.log").splitlines()
        except OSError:
            return ""
        for line in reversed(lines):
            with suppress(SettingError):  # most lines are progress
                if isinstance(said := parsed(line), dict) and "error" in said:
                    message = str(said["error"]).replace(str(self.folder / name / "video"), "the video")
                    return brief(without_paths(message))
        return ""

    def _read(self, name: str, file: str) -> str:
        """Returns the text of a file of a training.

        Raises:
            OSError: there is none, or it is something else.
        """
        path = self.folder / name / file
        if not path.is_file():  # a pipe would block
            raise FileNotFoundError(path)
        return path.read_text(encoding="utf-8", errors="replace")


def _flags(preset: str, settings: Mapping[str, Any]) -> list[str]:
    """Returns the flags of the command for a preset and changes to it as section.setting."""
    named = {key.removeprefix("clip.").replace("_", "-"): value for key, value in settings.items()}
    return ["--preset", preset, *(f"--{key}={value}" for key, value in named.items())]


def _check_steps(steps: int) -> None:
    if not 1 <= steps <= MOST_TRAINING_STEPS:
        raise UserError(f"steps: expected 1 to {MOST_TRAINING_STEPS}; got {steps}")


def command_of(pid: int) -> str:
    """Returns the command line of a process; empty where there is none, or where it cannot be told."""
    entry = Path(f"/proc/{pid}/cmdline")
    with suppress(OSError, subprocess.SubprocessError):
        if entry.parent.parent.joinpath("self").exists():
            return entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        asked = ["ps", "-o", "command=", "-p", str(pid)]
        return subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout
    return ""
