"""Work done ahead: the same items, the same errors, and no thread left behind."""

import threading
import time
from collections.abc import Iterator

import pytest

from listen_and_move.inference.ahead import ahead


def threads() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


def test_the_same_items_in_the_same_order_through_two_stages() -> None:
    assert list(ahead((2 * item for item in ahead(range(1000), 3)), 2)) == list(range(0, 2000, 2))
    assert list(ahead([], 1)) == []
    assert threads() == 0


def test_it_works_ahead_but_not_further_than_it_may() -> None:
    made: list[int] = []
    items = ahead((made.append(item) or item for item in range(100)), 3)
    assert next(items) == 0
    time.sleep(0.3)
    assert 4 <= len(made) <= 5  # one taken, three waiting, one in hand
    assert list(items) == list(range(1, 100))


def test_an_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    items = ahead(failing(), 5)
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more"):
        next(items)
    assert threads() == 0


def test_who_stops_early_stops_the_thread_and_closes_what_it_reads() -> None:
    closed: list[bool] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    items = ahead(ahead(endless(), 2), 2)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert threads() == 0
    assert closed == [True]
