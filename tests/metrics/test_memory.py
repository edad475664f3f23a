"""Distances to the training frames against brute force, and thumbnails against scikit-image."""

from math import isclose

import numpy as np
import pytest
from skimage.transform import downscale_local_mean

from listen_and_move.metrics import memory
from listen_and_move.metrics.memory import nearest_distances, thumbnails


def clip(seed, length=20, height=8, width=10):
    return np.random.default_rng(seed).integers(0, 256, (length, height, width, 3), np.uint8)


def disturbed(video, seed, size):
    noise = np.random.default_rng(seed).integers(-size, size + 1, video.shape)
    return (video.astype(int) + noise).clip(0, 255).astype(np.uint8)


def brute(frames, reference):
    difference = (frames[:, None].astype(float) - reference[None]) / 255
    distances = np.sqrt(np.square(difference).mean((2, 3, 4)))
    return distances.min(1), distances.argmin(1)


@pytest.mark.parametrize("block_frames", [1, 7, 1000])
def test_distances_are_those_of_brute_force(monkeypatch, block_frames):
    monkeypatch.setattr(memory, "BLOCK_BYTES", block_frames * 8 * 240)
    reference = clip(0, 33)
    frames = np.concatenate([disturbed(reference[5:19], 1, 3), clip(2, 9), reference[-1:]])
    distances, nearest = nearest_distances(frames, reference)
    expected, places = brute(frames, reference)
    assert np.allclose(distances, expected, rtol=1e-12, atol=0)
    assert (nearest == places).all()
    assert (distances[-1], nearest[-1]) == (0, 32)


def test_distances_in_shares_of_the_full_range():
    black, white = np.zeros((2, 4, 4, 3), np.uint8), np.full((1, 4, 4, 3), 255, np.uint8)
    assert nearest_distances(white, black)[0] == 1
    assert nearest_distances(white, black)[1] == 0, "the first of equals"
    assert isclose(nearest_distances(white // 5, black)[0][0], 0.2)
    assert nearest_distances(black[:0], black)[0].shape == (0,)


def test_more_reference_frames_are_never_farther_and_order_changes_nothing():
    frames, reference = clip(0), clip(1, 40)
    few, many = nearest_distances(frames, reference[:20])[0], nearest_distances(frames, reference)[0]
    assert (many <= few).all()
    assert (many < few).any()
    order = np.random.default_rng(2).permutation(40)
    distances, nearest = nearest_distances(frames, reference[order])
    assert np.array_equal(distances, many)
    assert np.array_equal(order[nearest], nearest_distances(frames, reference)[1])


def moving_spot(places):
    """A bright spot in front of a patterned wall, at places along the width."""
    video = np.tile(clip(9, 1, 24, 48) // 4, (len(places), 1, 1, 1))
    for frame, place in zip(video, places, strict=True):
        frame[8:16] = np.maximum(
            frame[8:16], (255 * np.exp(-(((np.arange(48) - place) / 3) ** 2)))[None, :, None]
        ).astype(np.uint8)
    return disturbed(video, int(places[0]), 1)


def test_replay_is_nearer_than_what_is_new():
    training, held_out = moving_spot(np.arange(4, 44, 4)), moving_spot(np.arange(6, 44, 4))
    replay, new = disturbed(training, 3, 1)[::-1], moving_spot(np.arange(5.9, 42, 4))
    of_replay, of_new, of_real = (
        np.median(nearest_distances(video, training)[0]) for video in (replay, new, held_out)
    )
    assert of_replay < 0.15 * of_real
    assert 0.9 < of_new / of_real < 1.1


def test_thumbnails_of_whole_areas_are_those_of_scikit_image():
    video = clip(3, 4, 24, 36)
    expected = downscale_local_mean(video, (1, 3, 3, 1))
    found = thumbnails(video, 12)
    assert found.shape == (4, 8, 12, 3)
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 0.51


@pytest.mark.parametrize(
    ("height", "width", "side", "size"),
    [(25, 38, 12, (8, 12)), (90, 40, 33, (33, 15)), (2, 400, 64, (1, 64))],
)
def test_thumbnails_of_parts_of_pixels_keep_brightness(height, width, side, size):
    video = clip(4, 3, height, width)
    found = thumbnails(video, side)
    assert found.shape[1:3] == size
    assert np.allclose(found.mean((1, 2)), video.mean((1, 2)), atol=0.3)
    assert (thumbnails(np.full_like(video, 255), side) == 255).all()
    mirrored = thumbnails(video[:, ::-1], side)[:, ::-1]
    assert np.abs(mirrored.astype(int) - found).max() <= 1, "but for halves that are rounded"


def test_small_frames_stay():
    video = clip(5)
    assert thumbnails(video, 10) is video
    assert thumbnails(video[:0], 4).shape == (0, 3, 4, 3)


def test_what_are_no_frames_is_refused():
    with pytest.raises(ValueError, match="uint8 of shape"):
        nearest_distances(clip(0) / 255, clip(0))  # pyright: ignore[reportArgumentType] # what is refused
    with pytest.raises(ValueError, match="same size"):
        nearest_distances(clip(0), clip(0, 20, 8, 9))
    with pytest.raises(ValueError, match="at least one reference frame"):
        nearest_distances(clip(0), clip(0)[:0])
    with pytest.raises(ValueError, match="at least 1 pixel; got 0"):
        thumbnails(clip(0), 0)
