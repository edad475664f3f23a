"""Which windows are taken: in order with carried states, or anywhere."""

from itertools import pairwise

import pytest
import torch

from listen_and_move.config import TrainingConfig
from listen_and_move.data.windows import beginning, lanes, next_windows
from listen_and_move.errors import UserError


def walk(
    config: TrainingConfig, train: list[range], steps: int
) -> list[tuple[tuple[int, ...], tuple[int | None, ...]]]:
    positions, random, taken = beginning(config), torch.Generator().manual_seed(0), []
    for _ in range(steps):
        windows, positions = next_windows(config, train, positions, random)
        taken.append(tuple(windows))
    return taken


def test_in_order_from_the_beginning_then_again_with_an_offset() -> None:
    config = TrainingConfig(window=8)
    taken = walk(config, [range(0, 40)], 12)
    assert [starts[0] for starts, _ in taken[:5]] == [0, 8, 16, 24, 32]
    assert [primed[0] for _, primed in taken[:5]] == [0, None, None, None, None]
    again, primed = taken[5]
    assert 0 <= again[0] < 8
    assert primed == again
    assert all(starts[0] + 8 <= 40 for starts, _ in taken)


def test_lanes_stay_in_their_part() -> None:
    config = TrainingConfig(window=4, lanes=3)
    for starts, _ in walk(config, [range(0, 60)], 50):
        for lane, start in enumerate(starts):
            assert 20 * lane <= start
            assert start + 4 <= 20 * (lane + 1)


@pytest.mark.parametrize("sampler", ["sequential", "random"])
def test_the_held_out_part_is_never_touched(sampler: str) -> None:
    config = TrainingConfig(window=6, lanes=2, sampler=sampler, priming=16)  # type: ignore[arg-type]
    train = [range(0, 40), range(60, 100)]
    seen = set()
    for starts, primed in walk(config, train, 300):
        for start, first in zip(starts, primed, strict=True):
            begin = start if first is None else first
            assert any(begin in span and start + 6 <= span.stop for span in train)
            seen |= set(range(start, start + 6))
    assert {0, 39, 60, 99} <= seen
    assert not seen & set(range(40, 60))


def test_a_carried_state_continues_the_window_before() -> None:
    config = TrainingConfig(window=4, lanes=2)
    taken = walk(config, [range(0, 13), range(20, 41)], 40)
    for (before, _), (starts, primed) in pairwise(taken):
        for last, start, first in zip(before, starts, primed, strict=True):
            assert (first is None) == (start == last + 4)


def test_anywhere_primes_on_the_frames_before() -> None:
    config = TrainingConfig(window=8, sampler="random", lanes=2, priming=16)
    taken = walk(config, [range(0, 64)], 200)
    assert len({start for starts, _ in taken for start in starts}) > 40
    for starts, primed in taken:
        assert primed == tuple(max(0, start - 16) for start in starts)


def test_lanes_that_are_too_short_are_refused() -> None:
    with pytest.raises(UserError, match=r"training\.lanes"):
        lanes([range(0, 40)], 4, 16)
