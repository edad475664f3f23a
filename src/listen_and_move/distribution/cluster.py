"""Many tasks over the workers of a cluster, with Dask: one training each, or some sounds.

Dask schedules, and gives the tasks of a worker that is lost to another one; what a task is, and that it goes
on where it was, is up to its function. Each runs in a process of its own (`distribution.task_process`). Dask
is imported where a cluster is asked for, and nowhere else.
"""

import logging
import os
import pickle
import queue
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from listen_and_move.distribution.task_process import TaskOutcome, TaskProcessEnded, in_process_of_its_own
from listen_and_move.errors import UserError, shown

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"
LOOPBACK = "127.0.0.1"
RETRIES = 2
"""How often a task begins again whose own process was killed; of a worker's death Dask keeps count itself."""
PORTIONS = 32
"""Portions that there are before any holds more than one thing."""
WORKING = ("running", "paused")
"""States of a worker that does not end."""
NO_INTERRUPT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""For workers of this machine: Ctrl-C of a terminal reaches them too, and their client tells them to stop."""

Task = TypeVar("Task")
Result = TypeVar("Result")
Function = Callable[[Task, Callable[[Any], None]], Result]
"""Of a module, so that another process finds it: given a task and whom to tell its progress."""

_stopped: set[str] = set()
"""Studies whose tasks are to stop, in a worker."""


def mapped(
    function: Function[Task, Result],
    tasks: Sequence[Task],
    cluster: str | None = None,
    told: Callable[[int, Any], None] = lambda number, progress: None,
) -> Iterator[tuple[int, Result]]:
    """Yields the number and the result of each task, as they come.

    An error of a task is raised, and so is an interrupt of this process; both stop the tasks under way, and
    wait until those have saved. A second interrupt does not wait.

    Args:
        function: that does a task. It may be called again for a task that was cut off, so it goes on there.
        tasks: that can be pickled.
        cluster: local, local:N, or the address of a scheduler; None: one task after the other, here.
        told: given the number of a task and its progress, as its function tells it; on a cluster now and
            then.

    Raises:
        UserError: of a task; or there is no such cluster, it is gone, or a task was killed several times.
        KeyboardInterrupt: a task, or this process, was asked to stop.
    """
    if cluster is None:
        for number, task in enumerate(tasks):
            yield number, function(task, partial(told, number))
        return
    if not tasks:
        return
    calls = [pickle.dumps((function, task)) for task in tasks]
    with _client(cluster, len(tasks)) as client:
        yield from _results(client, calls, told)


def portions(things: Sequence[Task], most: int) -> list[Sequence[Task]]:
    """Returns things in portions for tasks that begin with what each portion has in common.

    Args:
        things: in their order.
        most: of a portion; it has more than one where there are many, so that workers end at nearly the same
            time.
    """
    size = max(1, min(most, len(things) // PORTIONS))
    return [things[first : first + size] for first in range(0, len(things), size)]


def _results(
    client: "Client", calls: Sequence[bytes], told: Callable[[int, Any], None]
) -> Iterator[tuple[int, Any]]:
    """Yields numbers and results of pickled calls; when it is left early, the calls under way are stopped."""
    study, inbox = f"listen-and-move-{uuid.uuid4().hex}", queue.Queue[Any]()
    client.subscribe_topic(study, lambda event: inbox.put(pickle.loads(event[1])))
    submitted = [
        client.submit(_work, call, study, number, key=f"{study}-{number}", retries=RETRIES, pure=False)
        for number, call in enumerate(calls)
    ]
    left = dict(zip(submitted, range(len(calls)), strict=True))
    for future in submitted:
        future.add_done_callback(inbox.put)
    del submitted
    try:
        while left:
            message = inbox.get()
            if message in left:
                yield left.pop(message), _result(message)
            elif isinstance(message, tuple):
                told(*message)
    finally:
        if left:
            _stop(client, study)
        while left and client.status == "running":
            left.pop(inbox.get(), None)


def _result(future: Any) -> Any:
    """Returns the result of a task that has ended.

    Raises:
        UserError: it was killed several times, or its cluster is gone.
        KeyboardInterrupt: it was asked to stop.
    """
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    again = "the same command goes on from the last save"
    try:
        outcome: TaskOutcome = future.result()
    except KilledWorker as error:
        deaths = f"{error.allowed_failures + 1} of its workers were killed"
        raise UserError(
            f"cluster: expected workers that last until their task is done; {deaths}", again
        ) from None
    except TaskProcessEnded as error:
        how = f"was killed by signal {-error.code}" if error.code < 0 else f"ended with code {error.code}"
        what = f"cluster: expected a task until its end; its process {how}, {RETRIES + 1} times"
        raise UserError(
            what, "the worker's own output says more; perhaps there is too little memory"
        ) from None
    except (CancelledError, OSError):
        raise UserError(
            "cluster: expected the scheduler until the last task; it cannot be reached", again
        ) from None
    if outcome.error is not None:
        raise outcome.error
    if outcome.stopped:
        raise KeyboardInterrupt
    return outcome.result


def _stop(client: "Client", study: str) -> None:
    """Tells all workers to stop the tasks of a study."""
    if client.status == "running":
        client.run(_note_stop, study, on_error="ignore")


def _note_stop(study: str) -> None:
    """Remembers, in a worker, that the tasks of a study are to stop."""
    _stopped.add(study)


def _work(call: bytes, study: str, number: int) -> TaskOutcome:
    """Does a task, in a worker.

    Raises:
        Reschedule: it was stopped, and its study was not: another worker is to go on.
    """
    from distributed import Reschedule, get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def unwanted() -> bool:
        """Whether the study is stopped, or its client gone.

        Where this worker is about to end, another one gets the task at once: it is cut off then, and not
        asked to save, for which the other one would not wait.
        """
        if worker.status.name not in WORKING:
            raise Reschedule
        task = worker.state.tasks.get(key)
        return study in _stopped or task is None or task.state != "executing"

    def tell(progress: Any) -> None:
        worker.log_event(study, pickle.dumps((number, progress)))

    if study in _stopped:
        return TaskOutcome(stopped=True)
    outcome = in_process_of_its_own(call, tell, unwanted)
    if outcome.stopped and study not in _stopped:
        raise Reschedule
    return outcome


@contextmanager
def _client(cluster: str, tasks: int) -> Iterator["Client"]:
    """Yields a client of a cluster, which is begun and ended here where it is a local one.

    Args:
        cluster: see `mapped`.
        tasks: how many there are to do.

    Raises:
        UserError: there is no such cluster.
    """
    workers = _local_workers(cluster)
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ModuleNotFoundError as error:
        raise UserError(
            f"cluster: expected the extra cluster; {error.name} is not installed: pip install "
            "'listen-and-move[cluster]'"
        ) from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # an error is told in one line
    with ExitStack() as opened:
        if workers is not None:
            made = opened.enter_context(_local(min(workers, tasks)))
            yield opened.enter_context(Client(made, set_as_default=False))
            return
        try:
            get_address_host_port(cluster)  # a client of what is no address takes a minute to end
            client = Client(cluster, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"cluster: expected a scheduler at {shown(cluster)}; got {error}",
                "start one with `dask scheduler`, or choose local",
            ) from None
        yield opened.enter_context(client)


def _local_workers(cluster: str) -> int | None:
    """Returns how many workers of this machine are asked for; None: those of an address."""
    name, _, count = cluster.partition(":")
    if name != LOCAL:
        return None
    if cluster == LOCAL:
        return processors()
    if not count.isdecimal() or int(count) < 1:
        raise UserError(
            f"cluster: expected {LOCAL}, {LOCAL}:N with N from 1 on, or the address of a scheduler, such as "
            f"tcp://10.0.0.1:8786; got {shown(cluster)}"
        )
    return int(count)


def _local(workers: int) -> Any:
    """Returns a cluster of this machine, which listens on loopback alone, and to this user alone.

    Its parts prove themselves to each other with a certificate that is made for it: without one, whoever has
    an account here could send them what they run.
    """
    import dask.config
    from distributed import LocalCluster

    with dask.config.set({"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=None,
            host=LOOPBACK,
            protocol="tls://",
            security=True,
            dashboard_address=f"{LOOPBACK}:0",
            worker_dashboard_address=None,
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
            preload=[NO_INTERRUPT],
            env={"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, processors() // workers)))},
        )


def processors() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
