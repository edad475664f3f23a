"""Work done ahead: the same items, the same errors, and no thread left behind."""

import threading
from collections.abc import Iterator

import pytest
from tests.waiting import WAIT

from listen_and_move.inference.ahead import ahead


def threads() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


def test_the_same_items_in_the_same_order_through_two_stages() -> None:
    assert list(ahead((2 * item for item in ahead(range(1000), 3)), 2)) == list(range(0, 2000, 2))
    assert list(ahead([], 1)) == []
    assert threads() == 0


def test_it_works_ahead_but_not_further_than_it_may() -> None:
    asked, made, early = [0], threading.Semaphore(0), list[int]()

    def items() -> Iterator[int]:
        for item in range(100):
            early.append(item - asked[0])
            made.release()
            yield item

    found = ahead(items(), 3)
    for item in range(100):
        asked[0] += 1
        assert next(found) == item
        for _ in range(5 if item == 0 else item < 96):  # one taken, three waiting, one in hand
            assert made.acquire(timeout=WAIT)
    assert list(found) == []
    assert max(early) == 3


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
