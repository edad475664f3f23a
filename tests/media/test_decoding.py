"""Decoding: a file is read whole, or it is told what is wrong with it."""

from fractions import Fraction

import numpy as np
import pytest
from tests.media.making import make_sound, make_video

from listen_and_move.errors import UserError
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import sound_samples


def test_damaged_and_cut_off_videos_are_refused(tmp_path):
    path = tmp_path / "good.mkv"
    noise = np.random.default_rng(0).integers(0, 256, (150, 32, 64, 3), np.uint8)
    make_video(
        path,
        range(0, 6000, 40),
        pictures=noise,
        sound=(0, np.random.default_rng(0).normal(size=96000) / 4, 16000),
    )
    data = path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    middle = len(data) // 2
    (tmp_path / "hole.mkv").write_bytes(data[:middle] + bytes(20000) + data[middle + 20000 :])
    assert sum(1 for _ in read_frames(path, Fraction(25), width=8, height=8)) == 150
    for name, words in [("cut.mkv", "cut off|damaged"), ("hole.mkv", "damaged at")]:
        with pytest.raises(UserError, match=words):
            list(read_frames(tmp_path / name, Fraction(25), width=8, height=8))


def test_a_faststart_video_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "good.mp4"
    samples = np.random.default_rng(0).normal(size=160000) / 4
    path = make_sound(path, samples, 16000, "aac", {"movflags": "+faststart"})
    data = path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut off|damaged"):
        sound_samples(tmp_path / "cut.mp4")
    assert sound_samples(tmp_path / "cut.mp4", end=2) == (32000, 16000)
