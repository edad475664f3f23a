"""Measures block by block are those of the whole; identical videos have the ideal values; a late video is
late in ms."""

import json
from fractions import Fraction
from itertools import pairwise
from math import inf, nan

import numpy as np
import pytest
from tests.evaluation.making import Held, noise, swinging

from listen_and_move.evaluation.baselines import BLOCK, Still, temporal_spread
from listen_and_move.evaluation.course import Course
from listen_and_move.evaluation.dataset import Frames
from listen_and_move.evaluation.frame_measures import FrameMeasures, Series, sound_and_motion
from listen_and_move.evaluation.json_records import as_json, write_json
from listen_and_move.evaluation.measures import MEASURES, Values
from listen_and_move.metrics import coherence
from listen_and_move.metrics.frame import (
    MOVING_SHARE,
    moving_region,
    mse,
    psnr,
    sharpness_ratio,
    similarity_maps,
    ssim,
)
from listen_and_move.metrics.sync import correlation, difference_correlation, motion_energy, motion_ratio

FPS = Fraction(20)
LENGTHS = [8, 31, 32, 33, 34, 63, 65, 66]


def measures_of(real: Frames, fps: Fraction = FPS) -> FrameMeasures:
    random = np.random.default_rng(7)
    sound_course = Course(random.uniform(-90, 0, len(real)), random.exponential(1, len(real)))
    return FrameMeasures(
        real, moving_region(temporal_spread(real, [range(len(real))]), MOVING_SHARE), sound_course, fps
    )


def values_of(ours: Frames, real: Frames) -> Values:
    measures = measures_of(real)
    return measures.values(measures.series(ours), measures.series(real))


@pytest.mark.parametrize("count", LENGTHS)
def test_series_have_a_value_per_frame_or_pair(count: int) -> None:
    ours, real = swinging(0, count), swinging(1, count)
    found = measures_of(Held(real)).series(Held(ours))
    shapes = [value.shape for value in found]
    assert shapes == [(count, 2)] * 3 + [(count - 1,), (count - 1, 3), (count - 1,), (count - 2,)]
    assert np.allclose(found.motion, motion_energy(ours))
    assert np.allclose(found.flicker, coherence.flicker(ours))
    assert np.allclose(found.changes, coherence.visible_change(ours))
    changes = [
        (b - a, d - c) for (a, b), (c, d) in zip(pairwise(ours / 255), pairwise(real / 255), strict=True)
    ]
    assert np.allclose(
        found.products, [[(x * y).sum(), (x * x).sum(), (y * y).sum()] for x, y in changes], rtol=1e-4
    )


@pytest.mark.parametrize("count", LENGTHS)
def test_figures_are_those_of_the_whole_video(count: int) -> None:
    ours, real = swinging(2, count), swinging(3, count)
    found = values_of(Held(ours), Held(real))
    moving = moving_region((real / 255).std(0).mean(-1), MOVING_SHARE)
    error = float(np.square(ours / 255 - real / 255)[:, moving].mean())
    expected: Values = {
        "mse": mse(ours, real),
        "psnr": psnr(ours, real),
        "ssim": ssim(ours, real, zero_border=True),
        "sharpness": sharpness_ratio(ours, real),
        "mse_moving": error,
        "psnr_moving": -10 * float(np.log10(error)),
        "ssim_moving": float(similarity_maps(ours, real, zero_border=True)[:, moving].mean()),
        "sharpness_moving": sharpness_ratio(ours, real, MOVING_SHARE),
        "motion_ratio": motion_ratio(ours, real),
        "frozen_share": coherence.frozen_share(coherence.visible_change(ours)),
        "flicker": float(coherence.flicker(ours).mean()),
        "dcor": difference_correlation(ours, real),
        "motion_correlation": correlation(motion_energy(ours), motion_energy(real)),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert set(found) < set(MEASURES), "every figure has a title and a meaning"


def test_identical_videos_have_the_ideal_values() -> None:
    real = swinging(4, 70)
    found = values_of(Held(real.copy()), Held(real))
    ideal = {"ssim": 1, "mse": 0, "psnr": inf, "sharpness": 1, "motion_ratio": 1, "dcor": 1}
    ideal |= {f"{name}_moving": ideal[name] for name in ("ssim", "mse", "psnr", "sharpness")}
    ideal |= {"motion_correlation": 1, "motion_at_best_lag": 1, "motion_lag_ms": 0}
    assert {name: found[name] for name in ideal} == pytest.approx(ideal, abs=1e-6)


def test_motion_that_repeats_is_not_late() -> None:
    real = np.tile(swinging(5, 4), (20, 1, 1, 1))  # every fourth frame the same: lags of 4 and 8 fit as well
    assert values_of(Held(real.copy()), Held(real))["motion_lag_ms"] == 0


def test_a_still_has_no_lag_and_nothing_goes_with_it() -> None:
    real = swinging(6, 50)
    found = values_of(Still(real[0], 50), Held(real))
    expected = {
        "motion_ratio": 0,
        "dcor": 0,
        "motion_correlation": 0,
        "frozen_share": 1,
        "flicker": 0,
        "motion_lag_ms": None,
    }
    expected |= {
        "motion_at_best_lag": 0,
        "loudness_lag_ms": None,
        "onset_correlation": 0,
        "motion_in_silence": None,
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("fps", [FPS, Fraction(30000, 1001)])
@pytest.mark.parametrize("late", [-5, -1, 0, 3, 8])
def test_a_late_video_is_late_by_its_frames_in_milliseconds(late: int, fps: Fraction) -> None:
    """Noise at a strength that changes at random, so that the amount of motion tells frames apart."""
    long = (noise(8, 110) * np.random.default_rng(9).random((110, 1, 1, 1))).astype(np.uint8)
    real, ours = Held(long[10:100]), Held(long[10 - late : 100 - late])
    measures = measures_of(real, fps)
    found = measures.values(measures.series(ours), measures.series(real))
    assert found["motion_lag_ms"] == pytest.approx(float(1000 * late / fps))
    assert found["motion_at_best_lag"] == pytest.approx(1)


def test_motion_after_the_sound_has_a_positive_lag() -> None:
    random = np.random.default_rng(10)
    strokes = np.zeros(120)
    strokes[random.permutation(np.arange(10, 110, 5))[:12]] = random.uniform(0.5, 1, 12)
    sound_course = Course(np.where(strokes > 0, -10.0, -80.0), strokes)
    found = sound_and_motion(np.roll(strokes, 2)[:-1], sound_course, FPS)
    assert found["onset_lag_ms"] == 100
    assert found["loudness_lag_ms"] == 100
    assert found["onset_correlation"] == pytest.approx(1)
    early = sound_and_motion(np.roll(strokes, -3)[:-1], sound_course, FPS)
    assert early["onset_lag_ms"] == -150
    together = sound_and_motion(strokes[:-1], sound_course, FPS)
    assert together["av_align"] == 1
    assert together["motion_in_silence"] == 0
    assert (together["av_align_chance"] or 0) < 0.7


def test_json_has_no_numbers_that_json_does_not_know(tmp_path) -> None:
    real = swinging(11, 40)
    rows = [values_of(frames, Held(real)) for frames in (Held(real.copy()), Still(real[0], 40))]
    rows += [values_of(Held(real), Still(real[0], 40))]
    assert any(value is not None and not np.isfinite(value) for row in rows for value in row.values())
    results = {"format": 1, "rows": rows, "more": nan}
    write_json(tmp_path / "results.json", results)
    text = (tmp_path / "results.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert json.loads(text) == as_json(results)


def test_memory_does_not_grow_with_length() -> None:
    ours, real = Held(noise(12, 150)), Held(noise(13, 150))
    found = measures_of(real).series(ours)
    assert isinstance(found, Series)
    assert max(ours.largest, real.largest) == BLOCK + 2
