"""Ghosts: blends of two poses are told from real frames, by the clip's own frames."""

import numpy as np
import pytest
from jaxtyping import UInt8

from listen_and_move.metrics.ghosts import LEAST_KNOWN, GhostDetector


def arm(angles: UInt8[np.ndarray, " T"] | np.ndarray, side: int = 64) -> UInt8[np.ndarray, "T H W 3"]:
    """A bright bar that turns about the middle of a textured picture."""
    rows, columns = (np.indices((side, side)) - side / 2) * 2 / side
    ground = np.random.default_rng(0).integers(40, 90, (side, side)).astype(np.float64)
    frames = []
    for angle in angles:
        along, across = (
            columns * np.cos(angle) + rows * np.sin(angle),
            rows * np.cos(angle) - columns * np.sin(angle),
        )
        covered = np.clip((0.12 - np.abs(across)) * side / 2, 0, 1) * ((along > 0) & (along < 0.9))
        frames.append(ground * (1 - covered) + 220 * covered)
    return np.repeat(np.array(frames).round().astype(np.uint8)[..., None], 3, -1)


def angles(first: int, count: int) -> np.ndarray:
    """A movement to and fro, at no two times the same."""
    return 1.3 * np.sin(0.37 * np.arange(first, first + count))


@pytest.fixture(scope="module")
def detector() -> GhostDetector:
    found = GhostDetector.of(arm(angles(0, 80)), near=4)
    assert found is not None
    return found


def test_real_frames_pass_and_blends_are_caught(detector: GhostDetector) -> None:
    unseen = arm(angles(200, 30))
    assert detector.check.reliable
    assert detector.ghosts(unseen).mean() <= 0.05
    still = np.float32(arm(np.array([-1.2, -1.1, -1.0]))) / 2
    blends = (still + np.float32(arm(np.array([0.8, 0.9, 1.1]))) / 2).round().astype(np.uint8)
    assert detector.ghosts(blends).all()


def test_instants_between_known_frames_are_no_ghosts(detector: GhostDetector) -> None:
    between = arm(1.3 * np.sin(0.37 * (np.arange(40) + 0.5)))
    assert detector.ghosts(between).mean() <= 0.05
    known = arm(angles(0, 80))
    assert not detector.ghosts(known).any()


def test_the_mean_of_all_frames_is_a_ghost(detector: GhostDetector) -> None:
    mean = arm(angles(0, 80)).mean(0, keepdims=True).round().astype(np.uint8)
    assert detector.ghosts(mean).all()


def test_pairs_differ_clearly_and_can_be_left_out(detector: GhostDetector) -> None:
    pairs = detector.clear_pairs(0, 20)
    assert pairs.shape == (20, 2)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert (detector.clear_pairs(0, 20) == pairs).all()
    apart = np.abs(np.diff(angles(0, 80)[pairs], axis=1))
    assert apart.min() > 0.2
    first, second = pairs[0].tolist()
    known = arm(angles(0, 80)).astype(np.float32)
    blend = ((known[first] + known[second]) / 2).round().astype(np.uint8)[None]
    assert detector.scores(blend, [first, second])[0] <= detector.scores(blend)[0]
    assert detector.scores(blend[:0]).shape == (0,)


def test_few_or_equal_frames(detector: GhostDetector) -> None:
    frames = arm(angles(0, LEAST_KNOWN))
    assert GhostDetector.of(frames[:-1], near=2) is None
    still = GhostDetector.of(np.repeat(frames[:1], LEAST_KNOWN, 0), near=2)
    assert still is not None
    assert not still.check.reliable
    assert not still.ghosts(frames[:1]).any()
