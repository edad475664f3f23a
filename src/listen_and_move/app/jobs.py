"""Jobs: work that visitors ask for, one after another; each visitor sees their own jobs alone."""

import asyncio
import json
import secrets
import shutil
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from listen_and_move.app.limits import JOBS, JOBS_EACH, MEGABYTE, RESULT_BYTES, RESULTS, RESULTS_EACH
from listen_and_move.app.messages import written
from listen_and_move.app.sentences import sentence
from listen_and_move.app.uploads import Upload, Uploads
from listen_and_move.app.workers import Worker
from listen_and_move.errors import UserError
from listen_and_move.media.replacing import half_written

SUFFIXES = {"share": ".zip", "prepare": ".safetensors"}
"""Endings of results; of all others .mp4."""
State = Literal["open", "done", "failed"]


@dataclass(eq=False)
class Job:
    """A piece of work that a visitor asked for."""

    id: str
    visitor: str
    kind: str
    """A task of `work`."""
    uploads: tuple[Upload, ...]
    """The uploaded files that the work is done on, the one first that it is about."""
    about: dict[str, Any]
    """What the visitor chose, to be shown beside the result."""
    file: Path
    """Where the file of the result goes, for the kinds of work that make one."""
    size: int = 0
    """Bytes of the result; 0 until the work is done, and where it makes no file."""
    state: State = "open"
    news: dict[str, Any] = field(default_factory=dict)
    """The latest progress: frames done, frames in total, and notes."""
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    task: asyncio.Task[None] | None = None

    @property
    def making(self) -> Path:
        """The folder for files that the work makes on the way."""
        return self.file.with_suffix("")

    def clear(self) -> None:
        """Deletes the result and all files made on the way, also those of a process that was killed."""
        for file in (self.file, *half_written(self.file)):
            file.unlink(missing_ok=True)
        shutil.rmtree(self.making, ignore_errors=True)

    def shown(self, before: int) -> dict[str, Any]:
        """Returns the job as the page shows it.

        Args:
            before: number of jobs that come first.
        """
        about = {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "upload": self.uploads[0].id if self.uploads else None,
            "about": self.about,
        }
        found = self.news | self.result
        notes = {"notes": [self.named(note) for note in found["notes"]]} if "notes" in found else {}
        return {**about, **found, **notes, "error": self.error, "before": before}

    def named(self, text: str) -> str:
        """Returns a text with the names of the visitor's files in place of their paths here."""
        for upload in self.uploads:
            text = upload.named(text)
        return text


class Jobs:
    """The jobs of all visitors."""

    def __init__(self, folder: Path, uploads: Uploads, workers: dict[str, Worker]) -> None:
        self.folder, self.uploads, self.workers = folder, uploads, workers
        self.all: dict[str, Job] = {}

    def add(
        self,
        kind: str,
        visitor: str,
        uploads: tuple[Upload, ...],
        about: dict[str, Any],
        arguments: Callable[[Path], Any],
        then: Callable[[Path, dict[str, Any]], None] = lambda file, result: None,
    ) -> Job:
        """Begins a job, which waits for its turn.

        Args:
            kind: a task of `work`.
            visitor: the visitor who asks.
            uploads: the files that the work is done on, the one first that it is about.
            about: what the visitor chose, to be shown beside the result.
            arguments: gives the arguments of the task, from the file for its result.
            then: called with the file and the values of the result when the task is done.

        Raises:
            UserError: too much is waiting already.
        """
        unfinished = [job for job in self.all.values() if job.state == "open"]
        if sum(job.visitor == visitor for job in unfinished) >= JOBS_EACH:
            raise UserError(f"{JOBS_EACH} of yours are under way already: wait for one of them, or stop it.")
        if len(unfinished) >= JOBS:
            raise UserError(
                f"{JOBS} are waiting already, which is the most that this page takes on: try again in a "
                "minute."
            )
        shown = json.loads(written(about))  # raises before there is a job, and not where it is shown
        identity = secrets.token_hex(12)
        file = self.folder / f"{identity}{SUFFIXES.get(kind, '.mp4')}"
        job = Job(identity, visitor, kind, uploads, shown, file)
        self.all[identity] = job
        self._forget_old(visitor)
        held = ExitStack()
        for upload in uploads:  # at once: before the task begins, another file may ask for room
            held.enter_context(self.uploads.needed(upload))
        work = self.workers[kind].do(kind, arguments(job.file), job.news.update)
        job.task = asyncio.create_task(self._run(job, held, work, then))
        return job

    def get(self, visitor: str, identity: str) -> Job:
        """Returns a visitor's own job.

        Raises:
            UserError: the visitor has no such job.
        """
        job = self.all.get(identity)
        if job is None or job.visitor != visitor:
            raise UserError("This is no longer here: start it again.")
        return job

    def of(self, visitor: str) -> list[dict[str, Any]]:
        """Returns a visitor's jobs as they stand, the newest first."""
        mine = [job for job in self.all.values() if job.visitor == visitor]
        return [job.shown(self._before(job)) for job in reversed(mine)]

    async def remove(self, job: Job) -> None:
        """Stops a job, and deletes its result."""
        self.all.pop(job.id, None)
        if job.task is not None and not job.task.done():
            job.task.cancel()
            await asyncio.wait([job.task])
        job.clear()

    async def _run(
        self,
        job: Job,
        held: ExitStack,
        work: Awaitable[dict[str, Any]],
        then: Callable[[Path, dict[str, Any]], None],
    ) -> None:
        with held:
            try:
                job.result = await work
                then(job.file, job.result)
                self._make_room(job)
                job.state = "done"
            except UserError as error:
                job.state, job.error = "failed", sentence(UserError(job.named(error.message)))
            except Exception as error:
                job.state, job.error = "failed", sentence(error)
            finally:
                if job.state != "done":
                    job.clear()

    def _before(self, job: Job) -> int:
        same = [other for other in self.all.values() if other.kind == job.kind and other.state == "open"]
        return same.index(job) if job in same else 0

    def _forget_old(self, visitor: str) -> None:
        finished = [job for job in self.all.values() if job.state != "open"]
        mine = [job for job in finished if job.visitor == visitor]
        surplus = {*finished[: max(0, len(finished) - RESULTS)], *mine[: max(0, len(mine) - RESULTS_EACH)]}
        for job in surplus:
            self._forget(job)

    def _make_room(self, job: Job) -> None:
        """Deletes the jobs with the oldest results until the result of a new job fits beside them.

        Raises:
            UserError: the result is larger than all that may be kept.
        """
        size = job.file.stat().st_size if job.file.exists() else 0
        if size > RESULT_BYTES:
            most = RESULT_BYTES // MEGABYTE
            raise UserError(
                f"expected a result of at most {most} MB; got {size // MEGABYTE}: make it by the command line"
            )
        others = sorted(
            (other for other in self.all.values() if other.size),
            key=lambda other: other.visitor != job.visitor,  # those of the same visitor first
        )
        total = size + sum(other.size for other in others)
        for other in others:
            if total <= RESULT_BYTES:
                break
            total -= other.size
            self._forget(other)
        job.size = size

    def _forget(self, job: Job) -> None:
        job.clear()  # where a file cannot be deleted, its job stays, and is counted
        self.all.pop(job.id)
