"""The display of progress: bars on stderr, so that results on stdout stay clean."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn

from listen_and_move import interrupts
from listen_and_move.cli.output import print_lines
from listen_and_move.errors import printable

if TYPE_CHECKING:
    from listen_and_move.inference.perform import Status
    from listen_and_move.training.trainer import TrainingProgress as TrainProgress

LINE_SECONDS = 10.0
"""Seconds between two plain lines where there is no terminal."""
LEVEL_RANGE_DB = 60.0
"""dB below full scale at which the bar of the level begins."""


class Bars(Progress):
    """Progress bars on a terminal; elsewhere, as in a log, a plain line every ten seconds.

    Either form ends the work that it shows if Ctrl-C came and its exception was lost.
    """

    def __init__(self, *columns: ProgressColumn) -> None:
        console = Console(stderr=True)
        super().__init__(*columns, console=console, disable=not console.is_terminal)
        self.over = threading.Event()
        self.lines = (
            threading.Thread(target=self._say_until_over, name="progress", daemon=True)
            if self.disable
            else None
        )

    def add_task(self, description: str, *arguments: Any, **values: Any) -> TaskID:
        """Adds a bar, as `rich` describes it; any name of a file may be its description."""
        return super().add_task(printable(description), *arguments, **values)

    def start(self) -> None:
        """Starts the display; a second call does nothing."""
        super().start()
        if self.lines is not None and self.lines.ident is None:
            self.lines.start()

    def stop(self) -> None:
        """Shows the final progress of all bars and ends the display."""
        super().stop()
        if self.lines is not None and self.lines.ident is not None and not self.over.is_set():
            self.over.set()
            self.lines.join()

    def update(self, *arguments: Any, **values: Any) -> None:
        """Moves a bar, as `rich` describes it.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM came earlier.
        """
        interrupts.check()
        super().update(*arguments, **values)

    def _say_until_over(self) -> None:
        ended: set[TaskID] = set()
        over = False
        while not over:
            over = self.over.wait(LINE_SECONDS)
            for task in self.tasks:
                finished = task.finished  # read before the line is made, so that the last line shows the end
                if task.visible and task.id not in ended:
                    print(self._line(task), file=sys.stderr, flush=True)
                ended |= {task.id} if finished else set()

    def _line(self, task: Task) -> str:
        seconds = (
            task.time_remaining
            if any(isinstance(each, TimeRemainingColumn) for each in self.columns)
            else None
        )
        left = f"{timedelta(seconds=round(seconds))} left" if seconds else ""
        return "  ".join(
            text for text in (" ".join(task.description.split()), task.fields["note"], left) if text
        )


@contextmanager
def progress_bars() -> Iterator[tuple[Progress, Console]]:
    """Yields progress bars on stderr and a console for results on stdout."""
    with Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeRemainingColumn(),
    ) as bars:
        yield bars, Console()


@contextmanager
def training_watch(bars: Progress) -> Iterator[Callable[["TrainProgress"], None]]:
    """Yields a watcher that shows decoding, then training with losses and speed."""
    tasks: dict[str, Any] = {}
    shown: Mapping[str, float] = {}

    def watch(progress: "TrainProgress") -> None:
        nonlocal shown
        if progress.note:
            print_lines(bars.console, [f"note: {progress.note}"])
            return
        name = "looking" if progress.looked else "decoding" if progress.decoded else "training"
        done, total = progress.looked or progress.decoded or (progress.step, progress.steps)
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=total, note="")
        shown = {**shown, **progress.values}
        bars.update(
            tasks[name],
            completed=done,
            total=total,
            note=_note(progress, shown) if name == "training" else f"{done} frames",
        )

    yield watch


def stage_watch(bars: Progress) -> Callable[[str, int, int], None]:
    """Returns a watcher that shows one stage after the other."""
    tasks: dict[str, Any] = {}

    def watch(doing: str, done: int, total: int) -> None:
        if doing not in tasks:
            for earlier in tasks.values():
                bars.update(earlier, visible=False)
            tasks[doing] = bars.add_task(doing, total=total, note="")
        bars.update(tasks[doing], completed=done, total=total, note=f"{done}/{total}")

    return watch


def study_watch(bars: Progress, title: str) -> Callable[[str, int, int, str], None]:
    """Returns a watcher that shows the steps of all trainings of a study, and the run that is under way."""
    task = bars.add_task(title, total=None, note="")

    def watch(doing: str, done: int, total: int, note: str) -> None:
        bars.update(
            task, description=doing, completed=done, total=total, note=f"{done}/{total} steps  {note}"
        )

    return watch


@contextmanager
def live_watch() -> Iterator[tuple[Callable[["Status"], None], Console]]:
    """Yields a watcher that shows live play, and the console to print on beside it.

    From the first sound on it shows level, pictures a second and latency.
    """
    bars = Bars(BarColumn(20), TextColumn("{task.fields[note]}", markup=False))
    task = bars.add_task("live", total=LEVEL_RANGE_DB, note="")
    seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=200)

    def watch(status: "Status") -> None:
        seen.append((time.monotonic(), status.frames))
        bars.update(task, completed=max(0.0, LEVEL_RANGE_DB + status.level), note=_live_note(status, seen))
        bars.start()

    try:
        yield watch, bars.console
    finally:
        bars.stop()


def _live_note(status: "Status", seen: deque[tuple[float, int]]) -> str:
    (begin, first), (end, last) = seen[0], seen[-1]
    speed = (last - first) / max(end - begin, 1e-3)
    latency = f"latency {1000 * status.latency:.0f} ms ({1000 * status.ahead:.0f} by hearing)"
    repeated = f"  {status.repeated} late" if status.repeated else ""
    return f"{status.level:5.1f} dB  {speed:4.1f} frames/s  {latency}{repeated}"


def _note(progress: "TrainProgress", shown: Mapping[str, float]) -> str:
    names = {"l1": "generator/l1", "critic": "video_critic/fake", "held-out dcor": "held_out/dcor"}
    losses = [f"{label} {shown[name]:.3f}" for label, name in names.items() if name in shown]
    return "  ".join(
        [f"{progress.step}/{progress.steps}", *losses, f"{progress.steps_per_second:.1f} steps/s"]
    )
