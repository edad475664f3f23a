"""Is the sound used: pictures that ignore it, follow it, or change without following are told apart in plain
words."""

from fractions import Fraction
from math import inf

import numpy as np
import pytest
from tests.evaluation.making import Held, noise, swinging

from listen_and_move.evaluation.baselines import BLOCK, Still
from listen_and_move.evaluation.course import Course
from listen_and_move.evaluation.dataset import Frames
from listen_and_move.evaluation.frame_measures import OF_SOUND
from listen_and_move.evaluation.results import Altered
from listen_and_move.evaluation.sensitivity import Truth, altered, verdict
from listen_and_move.evaluation.shifts import products
from listen_and_move.metrics.alignment import effect_size
from listen_and_move.metrics.sync import (
    correlation,
    difference_correlation,
    difference_products,
    motion_energy,
    motion_ratio,
)

FPS = Fraction(20)
KINDS = ("shifted", "shuffled", "silent")


def compared(right: Frames, other: Frames, real: np.ndarray) -> Altered:
    ours, theirs = (difference_products(frames.read(0, len(frames)), real) for frames in (right, other))
    truth = Truth((ours, theirs), motion_energy(real))
    return altered(right, other, silence(len(right)), spread_of(real), FPS, truth)


def silence(count: int) -> Course:
    return Course(np.full(count, -100.0), np.zeros(count))


def spread_of(real: np.ndarray) -> float:
    return float(np.sqrt(np.square((real / 255).std(0).mean(-1)).mean()))


def said(right: np.ndarray, others: list[np.ndarray], real: np.ndarray) -> str:
    sums = products(Held(right), Held(real))
    results = {
        kind: compared(Held(right), Held(other), real) for kind, other in zip(KINDS, others, strict=True)
    }
    return verdict(results, motion_ratio(right, real), sums.dcor, sums.excess, len(sums.shifted))


@pytest.mark.parametrize("count", [31, 32, 33, 65])
def test_figures_are_those_of_the_whole_video(count: int) -> None:
    right, other, real = (swinging(seed, count) for seed in range(3))
    found = compared(Held(right), Held(other), real)
    change = np.sqrt(np.square(right / 255 - other / 255).mean())
    assert found.response == pytest.approx(change / spread_of(real), rel=1e-4)
    assert found.motion_ratio == pytest.approx(motion_ratio(other, right), rel=1e-6)
    assert found.dcor == pytest.approx(difference_correlation(other, real), abs=1e-6)
    assert found.effect is not None
    assert found.effect.pairs == round((count - 1) / FPS)
    assert found.values["motion_correlation"] == pytest.approx(
        correlation(motion_energy(other), motion_energy(real))
    )


def test_altered_pictures_are_held_against_the_right_sound() -> None:
    right, other = swinging(40, 81), swinging(41, 81)
    beats = motion_energy(other)
    sound_course = Course(np.append(20 * np.log10(beats), -100.0), np.append(beats, 0.0))
    found = altered(Held(right), Held(other), sound_course, 0.2, FPS)
    assert found.values["onset_correlation"] == pytest.approx(1)
    assert found.values["onset_lag_ms"] == 0
    assert "motion_correlation" not in found.values, "there is no real video to this sound"


def test_response_of_unrelated_pictures_is_the_root_of_two() -> None:
    found = compared(Held(noise(0, 150)), Held(noise(1, 150)), noise(2, 150))
    assert found.response == pytest.approx(np.sqrt(2), abs=0.02)
    assert found.motion_ratio == pytest.approx(1, abs=0.01)
    assert abs(found.dcor or 0) < 0.02


def test_the_effect_is_that_of_segments_of_a_second() -> None:
    real = swinging(3, 121)
    right = ((real.astype(int) + swinging(4, 121)) // 2).astype(np.uint8)
    other = swinging(5, 121)
    scores = []
    for frames in (right, other):
        rows = difference_products(frames, real)
        norm = np.sqrt(rows[:, 1].mean() * rows[:, 2].mean())
        scores.append([rows[at : at + 20, 0].mean() / norm for at in range(0, 120, 20)])
    expected = effect_size(np.array(scores[0]), np.array(scores[1]))
    found = compared(Held(right), Held(other), real).effect
    assert found is not None
    assert found.pairs == 6
    assert found.size == pytest.approx(expected.size)
    assert found.p == expected.p
    assert (found.size or 0) > 1


def test_a_picture_that_ignores_the_sound() -> None:
    real, right = swinging(6, 80), swinging(7, 80)
    assert said(right, [right, right, right], real).startswith(
        "The sound is not used: altering it changes the picture by 0%"
    )
    nearly = right.copy()
    nearly[:, 0, 0] += 1
    assert said(right, [nearly] * 3, real).startswith("The sound is not used")


def test_a_dead_picture_does_not_use_the_sound() -> None:
    real, still = swinging(8, 80), Still(noise(0, 1, 24, 30)[0], 80)
    dead = compared(still, still, real)
    assert dead.response == 0
    assert dead.motion_ratio == 1
    assert dead.dcor == 0
    sentence = verdict({"silent": dead}, 0.0)
    assert sentence.startswith("The sound is not used")
    assert "hardly moves: 0%" in sentence
    woken = compared(still, Held(real), real)
    assert woken.response > 0.9
    assert woken.motion_ratio == inf


def test_a_picture_that_follows() -> None:
    real = swinging(9, 80)
    sentence = said(
        real.copy(), [np.roll(real, 30, axis=0), swinging(10, 80), np.repeat(real[:1], 80, 0)], real
    )
    assert sentence.startswith("The sound is used")
    assert "and the picture follows it" in sentence


def test_a_picture_that_changes_but_does_not_follow() -> None:
    real, right = swinging(11, 80), swinging(12, 80)
    assert "not shown to follow" in said(right, [swinging(13, 80), swinging(14, 80), swinging(15, 80)], real)


def test_periodic_motion_that_fits_at_many_times_is_not_following() -> None:
    loop = np.tile(swinging(30, 8), (11, 1, 1, 1))[:81]  # 80 differences, period 8
    sentence = said(loop.copy(), [swinging(31, 81), swinging(32, 81), swinging(33, 81)], loop)
    assert "not shown to follow" in sentence
    assert "dcor 1.000 at the right time, 1.000 or less" in sentence


def test_as_close_with_the_wrong_sound_is_not_following() -> None:
    """The right time is the best of all, yet another sound gives as good a picture."""
    real = swinging(16, 80)
    right = ((3 * real.astype(int) + swinging(17, 80)) // 4).astype(np.uint8)
    assert "not shown to follow" in said(right, [swinging(18, 80), real, swinging(19, 80)], real)


def test_a_short_part_and_one_without_a_truth_say_so() -> None:
    real = swinging(20, 25)
    assert "cannot be told: the part is too short" in said(
        real.copy(), [swinging(seed, 25) for seed in (21, 22, 23)], real
    )
    foreign = altered(Held(real), Held(swinging(24, 25)), silence(25), spread_of(real), FPS)
    assert foreign.dcor is None
    assert foreign.effect is None
    assert "cannot be told without a real video to this sound" in verdict({"silent": foreign}, 1.0)


def test_of_a_silent_sound_nothing_is_told() -> None:
    real, right = swinging(6, 80), swinging(7, 80)
    results = {kind: compared(Held(right), Held(right), real) for kind in KINDS}
    assert (
        verdict(results, 1.0, 0.5, silent=True)
        == "The sound is silent here: whether it is used cannot be told."
    )
    values = results["shifted"].values
    assert all(values[name] is None for name in OF_SOUND)
    assert values["motion_correlation"] is not None


def test_memory_does_not_grow_with_length() -> None:
    right, other = Held(noise(3, 150)), Held(noise(4, 150))
    altered(right, other, silence(150), 0.3, FPS)
    assert max(right.largest, other.largest) <= BLOCK + 2
