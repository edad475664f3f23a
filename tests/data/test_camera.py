"""A camera in somebody's hands: how it moved is found by what stands still, and by nothing else."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from listen_and_move.config import ClipConfig
from listen_and_move.data.backdrop import backdrop_of, chosen, reach_of
from listen_and_move.data.camera import camera_motion, motion_of
from listen_and_move.data.clip import load_clip
from listen_and_move.data.frame_store import Shelf
from listen_and_move.data.poses import (
    STANDING,
    composed,
    coverage,
    displacement,
    in_crop,
    inverse,
    matrix,
    warped,
)
from listen_and_move.inference.compositing import still_of
from listen_and_move.keeping import keep_frames
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.settings import from_preset, with_values

WIDTH, HEIGHT, COUNT = 160, 96, 24
SIZE = (WIDTH, HEIGHT)


def texture(seed, width=WIDTH, height=HEIGHT):
    """A picture in which corners are found: RGB."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return (128 + 50 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)


SCENE = texture(0, 2 * WIDTH, 2 * HEIGHT)
BODY = texture(1, WIDTH, HEIGHT)


def wandering(amount):
    """Poses of a camera in a hand."""
    time = np.linspace(0, 7, COUNT)
    return amount * np.stack(
        [np.sin(time), np.cos(1.3 * time), 0.5 * np.sin(0.7 * time), 0.4 * np.cos(time)], axis=-1
    )


def filmed(poses, body=0.0):
    """Frames of the scene, in which a body of some height walks about that fills as much of the width."""
    frames = []
    for number, pose in enumerate(inverse(poses)):
        move = matrix(composed(pose, STANDING), SIZE)
        middle = np.array([[1, 0, -WIDTH / 2], [0, 1, -HEIGHT / 2], [0, 0, 1]])
        frame = cv2.warpAffine(SCENE, move @ middle, SIZE, flags=cv2.INTER_CUBIC)
        width, height = round(body * WIDTH), round(body * HEIGHT)
        left = round((WIDTH - width) * (0.5 + 0.5 * np.sin(0.9 * number)))
        top = round((HEIGHT - height) * (0.5 + 0.5 * np.cos(0.6 * number)))
        frame[top : top + height, left : left + width] = BODY[:height, :width]
        frames.append(frame)
    return np.stack(frames)


def found(frames):
    with Shelf() as shelf:
        store = shelf.store(frames.shape[2], frames.shape[1])
        store.append(frames)
        return motion_of(store, Fraction(20))


@pytest.mark.parametrize("body", [0.0, 0.5])
def test_the_camera_is_found_by_what_stands_still(body):
    poses = wandering(0.03)
    motion = found(filmed(poses, body))
    assert motion.poses is not None
    off = composed(motion.poses, inverse(poses))  # one and the same movement for all frames
    assert displacement(composed(off, inverse(off[:1])), HEIGHT / WIDTH).max() * WIDTH < 0.3, "pixels"
    assert motion.wander == pytest.approx(0.03, rel=0.5)


def test_nothing_is_aligned_where_the_camera_stands_or_nothing_stands_still():
    still = found(filmed(np.zeros((COUNT, 4)), body=0.5))
    assert still.poses is None
    assert still.stands
    noise = np.stack([texture(seed) for seed in range(COUNT)])
    assert found(noise).poses is None
    assert not found(noise).stands
    flat = np.full((COUNT, HEIGHT, WIDTH, 3), 90, np.uint8)
    assert found(flat).poses is None
    assert found(flat).stands


def test_poses_of_a_crop_are_those_of_the_picture():
    pose, box = np.array([0.02, -0.01, 0.05, 0.1]), (40, 16, 120, 80)
    inner = matrix(in_crop(pose, box, SIZE), (80, 64))
    shift = np.array([40, 16])
    place = np.array([10.0, 50.0])
    ours, whole = (moves @ [*at, 1] for moves, at in ((inner, place), (matrix(pose, SIZE), place + shift)))
    np.testing.assert_allclose(ours, whole - shift, atol=1e-9)
    back = composed(inverse(pose), pose)
    np.testing.assert_allclose(back, STANDING, atol=1e-12)


def test_no_border_is_seen():
    poses = wandering(0.05)
    frames = filmed(poses)
    numbers = chosen(COUNT)
    backdrop = backdrop_of(frames[numbers], poses[numbers], reach_of(poses, SIZE))
    still = warped(SCENE[HEIGHT // 2 :][:HEIGHT, WIDTH // 2 :][:, :WIDTH], STANDING)
    for frame, pose in zip(frames, poses, strict=True):
        assert coverage(pose, SIZE) is not None
        shown = warped(frame, pose, backdrop.seen())
        assert np.abs(shown.astype(int) - still).mean() < 4
        assert np.abs(shown.astype(int) - still).max() < 100, "neither black nor smeared"
    # A camera that moves sees the same scene, farther than the frame that it shows.
    pose = inverse(poses[0])
    assert np.abs(backdrop.seen(pose).astype(int) - frames[0]).mean() < 5


REAL = {
    "animal_dog_bark_10s": True,
    "animal_beagle_bark_6s": True,
    "percussion_drums_overhead_10s": False,
}


@pytest.mark.parametrize("name", REAL)
def test_real_cameras(shared, name):
    """Only a real clip can show a real hand and a real tripod."""
    motion = camera_motion(shared / "data" / "videos" / f"{name}.mp4", ClipConfig(end=2.0))
    assert (motion.poses is not None) == REAL[name]
    assert motion.stands != REAL[name]


def test_frames_of_a_hand_are_learnt_as_a_still_camera_sees_them(tmp_path, monkeypatch):
    poses = wandering(0.04)
    path, sound = tmp_path / "hand.mp4", np.random.default_rng(0).normal(0, 0.1, 2 * 48_000)
    with VideoWriter(
        path, width=WIDTH, height=HEIGHT, fps=Fraction(12), sound=Waveform(sound, 48_000)
    ) as out:
        for frame in filmed(poses, body=0.2):
            out.write(frame)
    monkeypatch.setenv("LISTEN_AND_MOVE_CACHE", str(tmp_path / "cache"))
    settings = {"clip.size": "64", "clip.fps": "12", "clip.crop": "40,16,120,80"}
    config = from_preset("quick", settings)
    filmed_config = with_values(config, {"clip.camera": "as-filmed"})
    still, again, as_filmed = (load_clip(path, each) for each in (config, config, filmed_config))
    assert still.poses is not None
    assert as_filmed.poses is None
    assert again.poses is not None
    assert still.poses.shape == (COUNT, 4)
    assert torch.equal(still.frames, again.frames)
    assert np.array_equal(still.poses, again.poses), "from the cache too"
    spreads = [np.median(clip.frames.float().std(0)) for clip in (still, as_filmed)]
    assert spreads[0] < 0.6 * spreads[1]
    around = [
        still_of(path, each.clip).astype(int)[:HEIGHT]
        - SCENE[HEIGHT // 2 :][:HEIGHT, WIDTH // 2 :][:, :WIDTH]
        for each in (config, filmed_config)
    ]
    assert np.abs(around[0]).mean() < 0.7 * np.abs(around[1]).mean(), "what a picture is put back into"
    kept = keep_frames(path, "", still, config.clip, config.features)
    assert kept.poses is not None
    assert len(kept.poses) == len(kept.positions)


def test_following_a_camera_is_never_silent():
    frames, told = filmed(wandering(0.03)), []
    with Shelf() as shelf:
        store = shelf.store(WIDTH, HEIGHT)
        store.append(frames)
        motion_of(store, Fraction(20), lambda done, total: told.append((done, total)))
    followed = told[-(COUNT + 1) :]  # before, some frames were glanced at; the middle one counts twice
    assert followed == [(done, COUNT + 1) for done in range(1, COUNT + 2)]
