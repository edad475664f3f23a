"""Work done ahead of those who wait for it: one thread per stage, a few items between them."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """The same items, made in a thread of their own, at most ``depth`` before they are asked for.

    What making them raises is raised here. A consumer that stops early stops the thread.
    """
    waiting: queue.Queue[object] = queue.Queue(depth)
    stopped, problems = threading.Event(), list[BaseException]()

    def make() -> None:
        try:
            for item in items:
                if not _put(waiting, item, stopped):
                    return
        except BaseException as problem:  # told to the consumer, whatever it is
            problems.append(problem)
        finally:
            if isinstance(items, Generator):
                items.close()  # here, where it ran: files that it reads are closed now
            _put(waiting, _END, stopped)

    maker = threading.Thread(target=make, name="ahead", daemon=True)
    maker.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        maker.join()
    if problems:
        raise problems[0]


def _put(waiting: "queue.Queue[object]", item: object, stopped: threading.Event) -> bool:
    """Whether the item was taken in, and not given up."""
    while not stopped.is_set():
        try:
            waiting.put(item, timeout=0.1)
            return True
        except queue.Full:
            continue
    return False
