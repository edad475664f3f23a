"""Decoding: a file is read whole, or it is told what is wrong with it."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from tests.media.making import make_sound, make_video

from listen_and_move.errors import DamageWarning, UserError
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import sound_samples


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Six seconds of noise at 25 fps, of which no frame is like another one."""
    pictures = np.random.default_rng(0).integers(0, 256, (150, 32, 64, 3), np.uint8)
    sound = (0, np.random.default_rng(0).normal(size=96000) / 4, 16000)
    path = tmp_path_factory.mktemp("noise") / "good.mkv"
    return make_video(path, range(0, 6000, 40), pictures=pictures, sound=sound)


def pictures_of(path):
    return list(read_frames(path, Fraction(25), width=64, height=32))


def holed(path, out, begin, end):
    """The file without what is from one share of it to another: zeros instead."""
    data = path.read_bytes()
    first, last = round(begin * len(data)), round(end * len(data))
    out.write_bytes(data[:first] + bytes(last - first) + data[last:])
    return out


def test_what_is_damaged_in_the_middle_is_skipped_with_a_note(noise, tmp_path):
    good = pictures_of(noise)
    path = holed(noise, tmp_path / "hole.mkv", 0.5, 0.53)
    with pytest.warns(DamageWarning, match=r"hole.mkv: is damaged at [23]\.\d s: what cannot be") as told:
        found = pictures_of(path)
    assert len(told) == 1
    assert "\n" not in str(told[0].message)
    same = [np.array_equal(one, other) for one, other in zip(found, good, strict=True)]
    assert all(same[:50])
    assert all(same[-25:])
    assert same.count(True) > 90
    assert np.array_equal(next(read_frames(path, Fraction(25), width=64, height=32)), good[0])


def test_a_part_of_a_damaged_video_is_noted_where_it_holds_the_damage(noise, tmp_path, recwarn):
    path = holed(noise, tmp_path / "hole.mkv", 0.5, 0.53)
    warnings.simplefilter("always")
    assert len(list(read_frames(path, Fraction(25), width=8, height=8, end=1))) == 25
    assert not recwarn
    assert len(list(read_frames(path, Fraction(25), width=8, height=8, end=5))) == 125
    assert [warning.category for warning in recwarn] == [DamageWarning]


def test_cut_off_and_mostly_damaged_videos_are_refused(noise, tmp_path):
    data = noise.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="cut off"):
        pictures_of(tmp_path / "cut.mkv")
    video = make_video(tmp_path / "all.mp4", range(100), tick=Fraction(1, 25), options={"bf": "0"})
    whole = video.read_bytes()
    media = whole.index(b"mdat")
    size = int.from_bytes(whole[media - 4 : media], "big")
    spoilt = bytearray(whole)
    spoilt[media + size // 5 : media + size - 8] = bytes(size - 8 - size // 5)
    (tmp_path / "spoilt.mp4").write_bytes(spoilt)
    with pytest.raises(UserError, match=r"is damaged: \d+ of \d+ packets cannot be decoded"):
        pictures_of(tmp_path / "spoilt.mp4")


def test_a_faststart_video_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "good.mp4"
    samples = np.random.default_rng(0).normal(size=160000) / 4
    path = make_sound(path, samples, 16000, "aac", {"movflags": "+faststart"})
    data = path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut off|damaged"):
        sound_samples(tmp_path / "cut.mp4")
    assert sound_samples(tmp_path / "cut.mp4", end=2) == (32000, 16000)
