"""Cuts are found however small the difference; what moves, flashes or drifts is no cut; a moving camera is
told."""

from fractions import Fraction

import numpy as np
import pytest

from listen_and_move.data.synthetic.marimba import melody, render_frames
from listen_and_move.metrics.scenes import camera_speed, scene_changes, temporal_spread


def performance(seed, seconds=5.0):
    return np.stack(list(render_frames(melody(seed, seconds), seconds, Fraction(20), 96, 64)))


def kinds(frames):
    return [(change.kind, change.frame) for change in scene_changes(frames)]


@pytest.mark.parametrize("seed", range(3))
def test_motion_is_no_cut(seed):
    assert kinds(performance(seed, 8.0)) == []


def test_a_cut_is_found_at_its_frame():
    frames = np.concatenate([performance(0), performance(1)[:, ::-1, ::-1]])
    changes = scene_changes(frames)
    assert [change.kind for change in changes] == ["cut"]
    assert abs(changes[0].frame - 100) <= 1
    assert changes[0].first <= 100 <= changes[0].last


def test_a_match_cut_of_a_tenth_of_the_picture_is_found():
    frames = performance(2, 8.0)
    frames[90:, 5:38, 5:25] = 255 - frames[90:, 5:38, 5:25]
    changes = scene_changes(frames)
    assert [change.kind for change in changes] == ["cut"]
    assert abs(changes[0].frame - 90) <= 1
    assert 0.05 < changes[0].share < 0.15


def test_a_dissolve_of_a_quarter_of_a_second_is_found():
    before, after = performance(0), performance(1)[:, :, ::-1]
    weights = np.linspace(0, 1, 5)[:, None, None, None]
    dissolve = ((1 - weights) * before[-5:] + weights * after[:5]).astype(np.uint8)
    changes = kinds(np.concatenate([before[:-5], dissolve, after[5:]]))
    assert len(changes) == 1
    assert changes[0][0] == "cut"
    assert abs(changes[0][1] - 97) <= 2


def test_a_slow_transition_is_found_with_its_extent():
    before = performance(0)
    weights = np.linspace(0, 1, 30)[:, None, None, None]
    fading = (before[-1] * (1 - weights)).astype(np.uint8)
    changes = scene_changes(np.concatenate([before, fading, np.zeros_like(before)]))
    assert [change.kind for change in changes] == ["transition"]
    assert 95 <= changes[0].first <= 106
    assert 122 <= changes[0].last <= 133


def test_a_caption_is_an_overlay():
    frames = performance(0, 8.0)
    frames[60:, 54:62, 10:35] = 255
    assert [(kind, abs(frame - 60) <= 1) for kind, frame in kinds(frames)] == [("overlay", True)]


def test_a_flash_is_no_cut():
    frames = performance(0, 8.0)
    frames[80:83] = 255
    assert kinds(frames) == []


def test_a_pan_is_no_cut_and_moves_the_camera():
    wide = np.random.default_rng(0).random((20, 60, 3)).repeat(5, 0).repeat(5, 1)
    wide = np.mean([np.roll(wide, (x, y), (0, 1)) for x in range(4) for y in range(4)], axis=0)  # soft edges
    steady = np.stack([(255 * wide[:64, :96]).astype(np.uint8)] * 80)
    pan = np.stack([(255 * wide[:64, t // 2 : t // 2 + 96]).astype(np.uint8) for t in range(80)])
    assert kinds(pan) == []
    assert np.median(camera_speed(steady, 20.0)) < 0.01
    assert np.median(camera_speed(pan, 20.0)) == pytest.approx(100 * 10 / 96, rel=0.3)  # 10 pixels per second


def test_a_player_is_no_camera():
    assert np.median(camera_speed(performance(0, 8.0), 20.0)) < 0.3


@pytest.mark.parametrize("count", [1, 2, 10, 27, 28, 29])
def test_short_films(count):
    assert kinds(performance(0, 2.0)[:count]) == []
    assert len(camera_speed(performance(0, 2.0)[:count], 20.0)) == max(0, count // 5 - 1)


def test_temporal_spread():
    frames = np.zeros((4, 5, 6, 3), np.uint8)
    frames[::2, 1, 2] = 255
    spread = temporal_spread(frames)
    assert spread.shape == (5, 6)
    assert spread[1, 2] == pytest.approx(0.5)
    assert spread.sum() == pytest.approx(0.5)
