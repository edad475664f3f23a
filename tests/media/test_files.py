"""Opening: one time line, what a file holds, and in one line why it cannot be read."""

from fractions import Fraction
from functools import partial

import av
import numpy as np
import pytest
from tests.media.making import (
    FPS,
    clicks,
    make_sound,
    make_video,
    make_wav,
    numbers,
    peaks,
    picture_of,
    whole,
)

from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound, sound_samples


def test_sound_and_picture_share_a_time_line_when_one_starts_late(tmp_path):
    late_picture = make_video(
        tmp_path / "picture.mp4", range(20, 45), tick=Fraction(1, 25), sound=(0, clicks(80000, 8000), 16000)
    )
    assert numbers(late_picture, 25) == [0] * 20 + list(range(25))
    assert picture_of(late_picture).start == Fraction(20, 25)
    for ending in ("mp4", "mkv"):
        path = make_video(
            tmp_path / f"s.{ending}",
            range(75),
            tick=Fraction(1, 25),
            sound=(8000, clicks(32000, 8000), 16000),
        )
        assert numbers(path, 25) == list(range(75))
        sound = whole(read_sound(path, 16000, start=0))
        assert peaks(sound) == [16000, 24000, 32000]
        assert not sound[:7500].any()
        begin = round(probe(path).sounds[0].start * 16000)  # what the muxers make of the priming differs
        assert abs(begin - 8000) <= 1024
        assert peaks(whole(read_sound(path, 16000))) == [16000 - begin, 24000 - begin, 32000 - begin]


@pytest.mark.parametrize(
    "use",
    [
        probe,
        lambda path: next(read_frames(path, Fraction(25), width=8, height=8)),
        lambda path: next(read_sound(path, 8000)),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path, use):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video at all\n" * 100)
    for name, words in [
        ("none.mp4", "does not exist"),
        ("", "folder"),
        ("empty.mp4", "empty"),
        ("text.mp4", "cannot be read"),
    ]:
        with pytest.raises(UserError, match=words) as told:
            use(tmp_path / name)
        assert "\n" not in str(told.value)


def test_missing_streams_and_impossible_parts_are_told(tmp_path, steady):
    sound = make_wav(tmp_path / "s.wav", np.ones((8000, 1)), 8000)
    frames = partial(read_frames, width=64, height=32)
    for use, words in [
        (lambda: read_sound(steady, 8000), "holds none"),
        (lambda: frames(sound, Fraction(25)), "no picture"),
        (lambda: frames(steady, Fraction(25), start=9), "4.00 s"),
        (lambda: frames(steady, Fraction(25), start=12), "4.00 s"),
        (lambda: frames(steady, Fraction(25), start=3, end=2), "end after the start"),
        (lambda: frames(steady, Fraction(25), start=-1), "0 seconds or later"),
        (lambda: read_sound(sound, 8000, start=1), "before the end"),
        (lambda: read_sound(sound, 8000, start=1, end=0.5), "end after the start"),
        (lambda: read_sound(sound, 8000, track=1), "tracks 0; got 1"),
    ]:
        with pytest.raises(UserError, match=words):
            next(use())


def test_a_file_name_is_a_name_whatever_it_looks_like(tmp_path):
    path = make_wav(tmp_path / "concat%03d ü.wav", np.ones((100, 1)), 8000)
    assert sound_samples(path) == (100, 8000)


@pytest.mark.parametrize("name", ["made up", "nature_whale_12s.mp4"])
def test_edit_list_hides_coded_frames(request, tmp_path, name):
    if name == "made up":
        path, count, seconds = tmp_path / "hidden.mp4", 50, 2
        sound, options = (0, clicks(2 * 44100, 8000), 44100), {"preset": "veryfast", "bf": "3"}
        make_video(path, range(-5, 50), tick=1 / FPS, size=(64, 36), sound=sound, options=options)
    else:
        path, count, seconds = request.getfixturevalue("shared") / "data" / "videos" / name, 251, 10.003
    video = picture_of(path)
    assert video.edit_list
    assert video.frame_rate == 25
    assert video.duration == Fraction(count, 25)
    assert sum(1 for _ in read_frames(path, Fraction(25), width=16, height=16)) == count
    with av.open(str(path)) as container:
        shown = next(frame for frame in container.decode(video=0) if frame.pts >= 0)
        expected = shown.reformat(16, 9, "rgb24", interpolation="AREA").to_ndarray()
    first = next(read_frames(path, Fraction(25), width=16, height=9))
    assert np.abs(first.astype(int) - expected).mean() < 6
    assert abs(sound_samples(path)[0] / 44100 - seconds) < 0.025


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("music_bach_organ.mp3", (442368, 44100)),
        ("music_piano_liszt.mp3", (1280000, 32000)),
        ("music_vibe_ace_jazz.ogg", (1355168, 22050)),
    ],
)
def test_real_sounds_are_counted_and_cover_art_is_no_picture(shared, name, count):
    """Only a real file can show what other encoders than FFmpeg's write before and after the sound."""
    path = shared / "data" / "sounds" / name
    assert sound_samples(path) == count
    assert probe(path).video is None
    with pytest.raises(UserError, match="no picture"):
        next(read_frames(path, Fraction(25), width=8, height=8))


@pytest.mark.parametrize(
    ("ending", "codec", "rate"),
    [
        ("mp3", "libmp3lame", 44100),
        ("flac", "flac", 44100),
        ("wav", "pcm_s16le", 44100),
        ("opus", "libopus", 48000),
        ("ogg", "flac", 22050),
    ],
)
@pytest.mark.parametrize("count", [30319, 59505])
def test_made_up_sounds_are_counted_and_are_no_picture(tmp_path, ending, codec, rate, count):
    path = make_sound(tmp_path / f"s.{ending}", 0.3 * np.sin(np.arange(count) / 20), rate, codec)
    assert sound_samples(path) == (count, rate)
    assert probe(path).video is None
    with pytest.raises(UserError, match="no picture"):
        next(read_frames(path, Fraction(25), width=8, height=8))
