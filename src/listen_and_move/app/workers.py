"""Processes for work that may take long or crash: files from strangers are decoded here, never in the server.

A worker is asked and answers in lines of JSON; its side is `work`.
"""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable
from typing import Any

from listen_and_move.app import limits
from listen_and_move.errors import UserError

Watch = Callable[[dict[str, Any]], None]
LONGEST_LINE = 16_000_000
OUT_OF_TIME = -getattr(signal, "SIGXCPU", 0)
"""Exit code of a process that has used up its processor time; 0 where the system has no such limit."""


class Worker:
    """A process that does one task after another; after a crash the next task begins in a new process."""

    def __init__(self) -> None:
        self.process: asyncio.subprocess.Process | None = None
        self.turn = asyncio.Lock()
        self.retired = False

    async def do(
        self, task: str, arguments: dict[str, Any], watch: Watch = lambda news: None
    ) -> dict[str, Any]:
        """Does a task and returns its result; tasks are served in the order in which they come.

        Where the caller is cancelled, the process ends.

        Args:
            task: name of a task of `work`.
            arguments: of the task.
            watch: called with the progress that the task tells.

        Raises:
            UserError: the task ends with an error, took too long, or crashed.
        """
        async with self.turn:
            try:
                seconds = limits.TASK_SECONDS[task]
                return await self._asked({"task": task, "arguments": arguments, "seconds": seconds}, watch)
            except BaseException as error:
                if not isinstance(error, UserError):
                    await self.close()
                raise

    async def _asked(self, request: dict[str, Any], watch: Watch) -> dict[str, Any]:
        process = await self.started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            while line := await process.stdout.readline():
                answer = json.loads(line)
                if answer.pop("spent", False):
                    await self.close()
                if "error" in answer:
                    raise UserError(answer["error"])
                if "result" in answer:
                    return answer["result"]
                watch(answer)
        except (ConnectionError, ValueError):
            pass
        code = await process.wait() if process.stdout.at_eof() else None
        await self.close()
        if code and code == OUT_OF_TIME:
            minutes = request["seconds"] / 60
            raise UserError(
                f"This took more than {minutes:g} minutes of processor time, which is the most that the page "
                "gives to it: try a shorter or smaller file."
            )
        raise UserError(
            f"The work on this ended unexpectedly (exit code {code}); the page goes on: try another file."
        )

    async def started(self) -> asyncio.subprocess.Process:
        """Returns the process, which is started where none is running.

        Raises:
            UserError: the worker has been retired.
        """
        if self.retired:
            raise UserError("The page is being closed.")
        if self.process is None or self.process.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            restrictions = map(str, (limits.WORKER_BYTES, limits.WORKER_FILES))
            line = [sys.executable, "-m", "listen_and_move.app.work", *restrictions]
            self.process = await asyncio.create_subprocess_exec(
                *line, stdin=pipe, stdout=pipe, limit=LONGEST_LINE
            )
        return self.process

    async def close(self) -> None:
        """Ends the process at once; the next task begins in a new one."""
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def retire(self) -> None:
        """Ends the process at once, and refuses all further tasks."""
        self.retired = True
        await self.close()
