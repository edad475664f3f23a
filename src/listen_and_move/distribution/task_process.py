"""One task in a process of its own, which a worker of a cluster starts and watches.

A worker computes in a thread, which no signal reaches, and whose memory (a GPU's too) and number of threads
are those of whatever ran there before. So each task has a process: SIGTERM reaches its main thread, where a
training saves and ends; and it ends with its worker, whatever ended that, since its standard input ends then.
"""

import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from listen_and_move import interrupts
from listen_and_move.errors import UserError

LOOK_SECONDS = 0.25
"""How often a worker asks whether its task is still wanted, and at most passes its progress on."""


@dataclass(frozen=True)
class TaskOutcome:
    """The end of a task."""

    result: Any = None
    error: Exception | None = None
    stopped: bool = False
    """Whether it was asked to stop; there is no result then."""


class TaskProcessEnded(Exception):
    """The process of a task ended without an outcome."""

    def __init__(self, code: int) -> None:
        """Keeps how it ended.

        Args:
            code: exit code; of a signal its negative number.
        """
        super().__init__(code)
        self.code = code


def in_process_of_its_own(
    call: bytes, told: Callable[[Any], None], unwanted: Callable[[], bool]
) -> TaskOutcome:
    """Runs a task in another process until its end.

    Args:
        call: a pickled function and its task; the function is also given whom to tell its progress.
        told: called with the latest progress.
        unwanted: whether the task is to be stopped; the process is given all the time it needs to save. What
            it raises cuts the process off.

    Raises:
        TaskProcessEnded: it has no outcome: it was killed, or broke down.
    """
    line = [sys.executable, "-c", f"from {__name__} import main; main()"]
    # In a session of its own, Ctrl-C of a terminal does not reach it past its worker.
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = _Said(process.stdout)
        with suppress(BrokenPipeError):
            pickle.dump(call, process.stdin)
            process.stdin.flush()
        asked, shown = False, None
        try:
            while not said.ended.wait(LOOK_SECONDS):
                if said.latest is not shown:
                    told(shown := said.latest)
                if not asked and unwanted():
                    process.terminate()
                    asked = True
        except BaseException:
            process.kill()  # its worker would wait for it
            raise
        if said.latest is not shown:
            told(said.latest)
        if said.outcome is None:
            raise TaskProcessEnded(process.wait())
        return said.outcome


class _Said:
    """What the process of a task says: its latest progress, and its outcome."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.latest: Any = None
        self.outcome: TaskOutcome | None = None
        self.ended = threading.Event()
        threading.Thread(target=self._receive, args=(pipe,), daemon=True).start()

    def _receive(self, pipe: IO[bytes]) -> None:
        try:
            while not isinstance(message := pickle.load(pipe), TaskOutcome):
                self.latest = message
            self.outcome = message
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            pass  # it ended without an outcome
        finally:
            self.ended.set()


def main() -> None:
    """Runs the task that stands on standard input, and says its progress and outcome on standard output."""
    interrupts.install()
    with os.fdopen(os.dup(1), "wb") as said:
        os.dup2(2, 1)  # what a library prints is no message

        def tell(message: Any) -> None:
            pickle.dump(message, said)
            said.flush()

        try:
            call = pickle.load(sys.stdin.buffer)
            threading.Thread(target=_end_with_worker, daemon=True).start()
            function, task = pickle.loads(call)
            outcome = TaskOutcome(function(task, tell))
        except KeyboardInterrupt:
            outcome = TaskOutcome(stopped=True)
        except Exception as error:
            outcome = (
                TaskOutcome(stopped=True) if interrupts.interrupted() else TaskOutcome(error=_portable(error))
            )
        tell(outcome)


def _end_with_worker() -> None:
    """Ends this process, as a kill does, when its worker has ended: the task begins elsewhere now."""
    os.read(0, 1)
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """Returns an error that can be sent: itself, or one that shows it."""
    if not isinstance(error, (UserError, OSError)):
        traceback.print_exc()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
