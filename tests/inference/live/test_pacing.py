"""The rule of live play under a simulated clock: drift, jitter, stalls of the sound and of the machine."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from listen_and_move.inference.live.pacing import PATIENCE, Pacer

FPS, RATE, LATENCY = Fraction(30_000, 1001), 44_100, Fraction(83, 1000)


def lags(
    hours: float,
    ppm: float,
    *,
    block: int,
    drawing: float,
    fps: Fraction = FPS,
    stalls: tuple[tuple[float, float], ...] = (),
) -> np.ndarray:
    """Seconds from the instant of a frame in the world to its picture on the display, per frame that is shown
    anew.

    The sound's clock is wrong by so many millionths. Drawing a frame takes ``drawing`` seconds; a stall
    (when, how long) stops the drawing, not the sound.
    """
    pacer, true_rate = Pacer(fps, RATE, LATENCY), RATE * (1 + ppm * 1e-6)
    jitter, waiting_stalls = np.random.default_rng(0), list(stalls)
    now, arrived, frame, completed, shown = 0.0, 0, 0, 0, []
    while now < hours * 3600:
        moment = (arrived + block) / true_rate + jitter.uniform(0, 0.2) * block / RATE
        if moment <= now or frame >= completed:  # the next block comes, now or later
            now, arrived = max(now, moment), arrived + block
            pacer.receive(block, moment)
            completed = max(0, floor((Fraction(arrived, RATE) - LATENCY) * fps) + 1)
            continue
        if waiting_stalls and now >= waiting_stalls[0][0]:
            now += waiting_stalls.pop(0)[1]
            continue
        frame += min(pacer.late(frame, now), completed - 1 - frame)
        now = max(now + drawing, now + pacer.wait(frame, now))
        shown.append((frame, now - float(frame / fps) / (true_rate / RATE)))
        frame += 1
    return np.array(shown)


@pytest.mark.parametrize("ppm", [-200, 200])
def test_after_three_hours_the_lag_is_as_after_a_minute(ppm: float) -> None:
    block, fps = 8820, Fraction(5000, 1001)
    shown = lags(3.0, ppm, block=block, drawing=0.01, fps=fps)
    minute, last = (shown[window, 1] for window in (slice(240, 360), slice(-120, None)))
    assert np.median(last) == pytest.approx(np.median(minute), abs=0.01)
    assert np.percentile(last, 95) == pytest.approx(np.percentile(minute, 95), abs=0.01)
    assert shown[-1, 0] == pytest.approx(3 * 3600 * float(fps) * (1 + ppm * 1e-6), abs=5), (
        "2.2 s of drift are in the count"
    )
    assert shown[:, 1].max() <= float(LATENCY) + 2.3 * block / RATE, (
        "a block that has come, one that goes on, its jitter"
    )
    assert (np.diff(shown[:, 0]) == 1).all(), "nothing is left out where the machine keeps up"


def test_a_stall_is_made_up_for_at_once() -> None:
    stalls = ((30.0, 2.0), (60.0, 0.2), (90.0, 10.0))
    shown = lags(2 / 60, 150, block=441, drawing=0.02, stalls=stalls)
    instants = shown[:, 0] / float(FPS)
    calm = np.median(shown[(instants > 10) & (instants < 29), 1])
    for moment, long in stalls:
        after = shown[(instants > moment + long) & (instants < moment + long + 3)]
        assert np.abs(after[3:, 1] - calm).max() < 1 / float(FPS), "one picture later all is as before"
    missing = np.diff(shown[:, 0]) - 1
    assert missing.sum() == pytest.approx(
        sum(long for _, long in stalls) * float(FPS), abs=3 * (PATIENCE + 2)
    )


def test_a_machine_that_is_too_slow_leaves_pictures_out_and_keeps_the_lag() -> None:
    shown = lags(5 / 60, 0, block=441, drawing=0.05)  # 20 pictures a second where 30 are asked for
    assert shown[:, 1].max() < float(LATENCY) + 0.05 + (PATIENCE + 2) / float(FPS)
    assert len(shown) == pytest.approx(5 * 60 / 0.05, rel=0.02)
    assert (np.diff(shown[:, 0]) > 1).any()


def test_without_sound_nothing_is_due() -> None:
    pacer = Pacer(Fraction(20), 48_000, Fraction(1, 8))
    assert pacer.due(0.0) == 0
    assert pacer.late(0, 5.0) == 0
    assert pacer.wait(0, 0.0) == 0.125
    pacer.receive(48_000, 10.0)
    assert [pacer.due(10.0), pacer.due(10.125), pacer.due(10.625)] == [0, 1, 11]
    assert pacer.due(11.0) == pacer.due(3600.0) == 18, "a frame for every twentieth of a second, then none"
    assert pacer.wait(18, 3600.0) == pytest.approx(0.025)
    pacer.receive(48_000, 4000.0)
    assert pacer.late(18, 4000.0) == 0
    assert pacer.late(0, 4000.0) == 17


def test_counting_is_exact() -> None:
    pacer, seconds = Pacer(FPS, RATE, Fraction(0)), 10 * 86_400
    pacer.receive(seconds * RATE, 0.0)
    pacer.receive(0, 1.0)
    assert pacer.position(1.0) == seconds
    assert pacer.due(1.0) == floor(seconds * FPS) + 1
