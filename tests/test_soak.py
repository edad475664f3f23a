"""`benchmarks.soak`, for seconds instead of hours."""

from pathlib import Path

import pytest
from benchmarks.soak import Look, by_simulated_clock, grown, in_turn, on_the_page


def test_by_a_simulated_clock_no_picture_is_lost_and_none_lags(filmed: Path, performance: Path) -> None:
    found = by_simulated_clock(filmed, performance, 0.01)
    assert found["frames"] == pytest.approx(found["frames_expected"], abs=20)
    assert found["frames_drawn"] < found["frames"], "what was due in a stall is heard, not drawn"
    first, last = found["lag_frames_first_and_last"]
    assert abs(last - first) < 1, "the clock's error does not add up"
    assert found["process"]["open_files"][0] == found["process"]["open_files"][1]


def test_what_grows_is_told_from_what_is_there_at_first() -> None:
    looks = [Look(100.0, 5, 1), *[Look(300.0, 9, 2)] * 15, Look(340.0, 12, 2), Look(310.0, 9, 2)]
    found = grown(looks)
    assert found["memory_mb"] == [300.0, 310.0]
    assert found["memory_mb_most"] == 340.0
    assert found["open_files"] == [9, 9]
    assert found["open_files_most"] == 12


def test_jobs_in_turn_and_visitors_who_stay_and_go(filmed: Path, performance: Path) -> None:
    jobs = in_turn(filmed, performance, 2)
    assert jobs["jobs"] == 2
    assert jobs["server"]["processes"][1] >= 2
    live = on_the_page(filmed, performance, 3.0, stay=1.0)
    assert live["guest"]["visits"] >= 1
    for visitor in (live["fast"], live["slow"]):
        assert 0 < visitor["frames"] <= visitor["frames_expected"]
