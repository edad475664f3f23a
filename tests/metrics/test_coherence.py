"""Measures of coherence, checked against scipy and by known motion, fades, grain and alternation."""

from fractions import Fraction
from itertools import pairwise
from math import isnan

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, median_filter

from listen_and_move.data.synthetic.performances import PERFORMANCES
from listen_and_move.media.picture import read_frames
from listen_and_move.metrics.coherence import (
    flicker,
    flow_difference,
    frozen_share,
    visible,
    visible_change,
    warping_error,
)


def noise(seed, shape=(9, 20, 24, 3)):
    return np.random.default_rng(seed).random(shape)


def flows(seed, count=8, height=20, width=24, strength=2.0):
    return strength * np.random.default_rng(seed).standard_normal((count, 2, height, width))


def uniform(x, y, count=1, height=20, width=24):
    return np.broadcast_to(np.array([x, y], float)[None, :, None, None], (count, 2, height, width))


def blocks(length, shared):
    """Uneven parts of a series of frames that share some."""
    return [slice(start, end + shared) for start, end in ((0, 1), (1, 4), (4, length - shared))]


def test_flow_difference_is_in_pixels():
    a, b = flows(0), flows(1)
    assert (flow_difference(a, a) == 0).all()
    assert np.allclose(flow_difference(a, b), flow_difference(b, a))
    assert np.allclose(flow_difference(uniform(3, 4), uniform(0, 0)), 5)
    assert np.allclose(flow_difference(uniform(3, 4, 6) + a[:6], a[:6]), 5)
    lengths = np.sqrt((a[:, 0] - b[:, 0]) ** 2 + (a[:, 1] - b[:, 1]) ** 2)
    assert np.allclose(flow_difference(a, b), lengths.mean((1, 2)))
    assert flow_difference(a[:0], b[:0]).shape == (0,)
    with pytest.raises(ValueError, match=r"one shape .* got \(8, 2, 20, 24\) and \(7, 2, 20, 24\)"):
        flow_difference(a, b[1:])


@pytest.mark.parametrize("moved", [(2, 0), (-1, 3), (0.5, -0.25)])
def test_a_picture_that_only_moves_has_no_warping_error(moved):
    x, y = moved
    rows, columns = np.mgrid[:20, :24]
    world = gaussian_filter(noise(2, (60, 60)), 3)
    video = np.stack([map_coordinates(world, [rows + 20 - t * y, columns + 20 - t * x]) for t in range(4)])
    video = np.repeat(video[..., None], 3, -1)
    moving = warping_error(video, uniform(x, y, 3))
    assert moving.shape == (3,)
    assert moving.max() < 1e-5
    assert (moving < 0.05 * warping_error(video, uniform(0, 0, 3))).all()
    assert (moving < 0.05 * warping_error(video, uniform(-x, -y, 3))).all()


def test_warping_error_is_as_published():
    video, flow = noise(3, (2, 20, 24, 3)), flows(4, 1)
    rows, columns = np.mgrid[:20, :24]
    places = [rows + flow[0, 1], columns + flow[0, 0]]
    inside = (places[0] >= 0) & (places[0] <= 19) & (places[1] >= 0) & (places[1] <= 23)
    warped = np.stack([map_coordinates(video[1, ..., c], places, order=1) for c in range(3)], -1)
    expected = ((warped - video[0]) ** 2)[inside].mean()
    assert np.allclose(warping_error(video, flow), expected)
    assert np.array_equal(visible(flow)[0], inside)


def test_warping_error_without_motion_is_the_squared_difference():
    video = noise(5)
    found = warping_error(video, uniform(0, 0, 8))
    assert np.allclose(found, [np.mean((after - before) ** 2) for before, after in pairwise(video)])
    assert np.allclose(
        warping_error((255 * video).round().astype(np.uint8), uniform(0, 0, 8)), found, atol=0.003
    )
    assert (warping_error(np.zeros_like(video) + video[0], uniform(0, 0, 8)) == 0).all()


def test_what_is_covered_does_not_count():
    columns = np.arange(24)
    ground, thing = noise(6, (20, 24, 3)), noise(7, (20, 24, 3))

    def frame(x):
        return np.where(((columns >= x) & (columns < x + 8))[:, None], np.roll(thing, x, 1), ground)

    video = np.stack([frame(4), frame(8)])  # a strip of eight columns moves by four
    forward, backward = np.zeros((2, 1, 2, 20, 24))
    forward[0, 0, :, 4:12] = 4
    backward[0, 0, :, 8:16] = -4
    seen = visible(forward, backward)[0]
    assert not seen[:, 12:16].any(), "the ground there goes under the strip"
    assert np.delete(seen, range(12, 16), 1).all()
    assert warping_error(video, forward, backward)[0] == 0
    assert warping_error(video, forward)[0] > 0.01


def test_forward_and_backward_may_differ_a_little():
    assert visible(uniform(0.7, 0), uniform(0, 0)).all(axis=(1, 2), where=np.arange(24) < 23)
    assert not visible(uniform(0.8, 0), uniform(0, 0)).any()
    assert visible(uniform(8, 0), uniform(-9, 0))[..., :16].all(), "1 <= 0.01 (64 + 81) + 0.5"
    assert not visible(uniform(8, 0), uniform(-10, 0)).any()


def test_without_a_visible_pixel_there_is_no_warping_error():
    found = warping_error(noise(8, (2, 20, 24, 3)), uniform(100, 0))
    assert isnan(found[0])


def test_flows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(T - 1, 2, H, W\) for a video of shape \(9, 20, 24, 3\)"):
        warping_error(noise(9), flows(9, 9))
    with pytest.raises(ValueError, match="one shape"):
        warping_error(noise(9), flows(9), flows(9, 7))


def test_visible_change_of_a_step_and_of_a_small_thing():
    video = np.full((4, 64, 64, 3), 100, np.uint8)
    video[2:] = 103
    assert np.allclose(visible_change(video), [0, 3, 0], atol=1e-4)
    video[1, 8:12, 8:12] = 180  # one block of 256
    assert np.allclose(visible_change(video), [80, 77, 0], atol=1e-4)
    assert np.allclose(visible_change(video / 255), visible_change(video), atol=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (120, 68), (50, 90), (10, 11)])
def test_visible_change_does_not_depend_on_the_size(size):
    height, width = size
    video = np.zeros((2, height, width, 3))
    video[1, : height // 2] = 0.25
    assert visible_change(video)[0] == pytest.approx(63.75)


def test_grain_is_no_visible_change_and_a_moving_edge_is():
    grain = np.random.default_rng(10).normal(
        0, 0.6 / 255, (20, 128, 128, 3)
    )  # as much as the codec leaves in real clips
    assert frozen_share(visible_change(0.5 + grain)) == 1
    edge = np.zeros((20, 128, 128, 3))
    for t in range(20):
        edge[t, 60:68, : 40 + t] = 0.4
    assert frozen_share(visible_change(edge)) == 0


def test_frozen_share_counts_repeated_frames():
    video = noise(11, (10, 20, 24, 3))
    assert frozen_share(visible_change(video)) == 0
    assert frozen_share(visible_change(np.repeat(video, 2, axis=0))) == pytest.approx(10 / 19)
    assert frozen_share(visible_change(video[:1].repeat(5, 0))) == 1
    assert frozen_share(np.array([0.5, 1.5, 2.5]), 2) == pytest.approx(2 / 3)
    assert isnan(frozen_share(visible_change(video[:1])))


@pytest.mark.parametrize("origin", ["made up", "filmed"])
def test_frames_and_their_repetitions(request, origin):
    """Only a filmed clip can show that the bound of what is seen to move suits one."""
    if origin == "filmed":
        path = request.getfixturevalue("shared") / "data/videos/percussion_drums_overhead_10s.mp4"
        video = np.stack(list(read_frames(path, Fraction(20), width=64, height=64, start=1, end=2)))
    else:
        performance = PERFORMANCES["marimba"]
        score = performance.score(0, 2.0)
        video = np.stack(list(performance.frames(score, 2.0, Fraction(20), 64, 64)))[12:32]
    assert frozen_share(visible_change(video)) == 0
    assert frozen_share(visible_change(video[np.arange(40) // 2])) == pytest.approx(20 / 39)
    shaking = np.clip(video + np.where(np.arange(20) % 2, 4, 0)[:, None, None, None], 0, 255).astype(np.uint8)
    assert flicker(shaking).mean() > 2 * flicker(video).mean()


def test_flicker_laws():
    picture, other = noise(12, (20, 24, 3)), noise(13, (20, 24, 3))
    fade = np.stack([(1 - a) * picture + a * other for a in np.linspace(0, 1, 9) ** 3])
    assert flicker(picture[None].repeat(9, 0)).max() == 0
    assert flicker(fade).max() < 1e-15
    assert flicker(np.stack([picture] * 4 + [other] * 5)).max() == 0, "a cut is not undone"
    alternating = np.stack([picture, other] * 4)
    assert np.allclose(flicker(alternating), np.abs(picture - other).mean())
    assert np.allclose(flicker(0.5 * alternating), 0.5 * flicker(alternating))
    assert np.allclose(flicker(1 - alternating[::-1]), flicker(alternating))
    once = np.stack([picture] * 3 + [other] + [picture] * 3)
    assert np.allclose(flicker(once), np.abs(picture - other).mean() * np.array([0, 0, 1, 0, 0]))


def test_flicker_is_what_a_temporal_median_takes_away():
    video = noise(14)
    taken = np.abs(video - median_filter(video, (3, 1, 1, 1)))[1:-1].mean((1, 2, 3))
    assert np.allclose(flicker(video), taken)
    as_bytes = (255 * video).round().astype(np.uint8)
    assert np.allclose(flicker(as_bytes), taken, atol=0.002)


def test_too_few_frames_give_empty_series():
    assert flicker(noise(15)[:2]).shape == flicker(noise(15)[:0]).shape == (0,)
    assert visible_change(noise(15)[:1]).shape == (0,)
    assert warping_error(noise(15)[:1], flows(15, 0)).shape == (0,)
    assert visible(flows(15, 0), flows(15, 0)).shape == (0, 20, 24)


def test_blocks_that_share_frames_give_the_series_of_the_whole():
    video, flow, backward = noise(16), flows(17), -flows(17) + flows(18, strength=0.3)
    parts = blocks(len(video), 1)
    assert np.array_equal(
        np.concatenate([visible_change(video[span]) for span in parts]), visible_change(video)
    )
    pairs = [slice(span.start, span.stop - 1) for span in parts]
    errors = [
        warping_error(video[span], flow[pair], backward[pair])
        for span, pair in zip(parts, pairs, strict=True)
    ]
    assert np.array_equal(np.concatenate(errors), warping_error(video, flow, backward))
    differences = [flow_difference(flow[pair], backward[pair]) for pair in pairs]
    assert np.array_equal(np.concatenate(differences), flow_difference(flow, backward))
    assert np.array_equal(
        np.concatenate([flicker(video[span]) for span in blocks(len(video), 2)]), flicker(video)
    )
