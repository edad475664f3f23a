"""Time stamps that are set back, jump or are missing."""

from itertools import pairwise

import pytest

from listen_and_move.media.timeline import FrameClock, Timeline

STEPS = (0.04, 0.032)
"""Seconds that a packet of each of the two streams lasts."""


def mended(packets, jumps=True):
    """Packets (stream, time) as they are moved."""
    timeline = Timeline(jumps)
    return [
        (stream, round(time + timeline.moved(stream, time, STEPS[stream]), 6)) for stream, time in packets
    ]


def part(begin: float, seconds: float = 5.0):
    """Packets of two streams of which the second begins 20 ms before the first."""
    starts = (begin + 0.02, begin)
    packets = [
        (stream, starts[stream] + count * step)
        for stream, step in enumerate(STEPS)
        for count in range(round(seconds / step))
    ]
    return sorted(packets, key=lambda packet: packet[1])


@pytest.mark.parametrize("begin", [0.0, 1.4, 4.0, 106.4, 90000.0])
@pytest.mark.parametrize("late", [False, True])
def test_parts_that_are_joined_follow_each_other(begin, late):
    first, second = part(1.4), part(begin)
    if late:  # the last packet of a stream comes where the next part has begun
        last = max(place for place, packet in enumerate(first) if packet[0] == 0)
        second.insert(1, first.pop(last))
    for stream, step in enumerate(STEPS):
        times = [time for number, time in mended(first + second) if number == stream]
        steps = [after - before for before, after in pairwise(times)]
        assert steps == pytest.approx([step] * (len(times) - 1), abs=0.021), "together they stay"
        assert len(times) == 2 * round(5 / step)


def test_streams_are_moved_alike():
    moved = mended(part(1.4) + part(106.4))
    half = len(moved) // 2
    shifts = {round(time - before[1], 3) for before, (_, time) in zip(part(106.4), moved[half:], strict=True)}
    assert shifts == {-99.98} or shifts == {-100.008}, shifts


def test_a_gap_is_kept():
    still = [(0, 0.0), (0, 30.0), (0, 30.04)]
    assert mended(still, jumps=False) == still, "as in a recording of a screen"
    sound = [(1, count * 0.032) for count in range(1000)]
    together = sorted([*still, *sound], key=lambda packet: packet[1])
    assert mended(together) == [(stream, round(time, 6)) for stream, time in together], "the sound says so"
    assert mended(still) == [(0, 0.0), (0, 0.04), (0, 0.08)]


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([(0, 0), (2, 1), (4, 2)], [0, 2, 4]),
        ([(2, 4), (8, 6), (6, 8), (10, 10), (4, 12)], [2, 8, 8, 10, 12]),
        ([(None, 4), (None, 6), (None, None), (None, None)], [4, 6, 9, 12]),
        ([(None, None), (None, None), (None, None)], [0, 3, 6]),
        ([(5, None), (None, None), (11, None)], [5, 8, 11]),
    ],
)
def test_best_effort(stamps, expected):
    clock = FrameClock(usual=3)
    assert [clock.stamp(*each) for each in stamps] == expected


def test_a_length_that_is_made_up_is_not_believed():
    assert [FrameClock(usual=3).length(ticks) for ticks in (0, 1, 2, 7)] == [3, 3, 2, 7]
