"""Files of several pictures and sounds: which ones are taken, and how others are chosen."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tests.conftest import TINY
from tests.media.judge import ffmpeg, needs_ffmpeg
from tests.media.making import make_video, make_wav, numbers, picture_of, whole

from listen_and_move.config import ClipConfig, Config
from listen_and_move.data.clip import resolved_box
from listen_and_move.errors import SettingError, UserError
from listen_and_move.inference.generate import generate
from listen_and_move.inference.live.sources import opened_source
from listen_and_move.inspection.inspection import inspect
from listen_and_move.media.files import probe
from listen_and_move.media.piped import Raw
from listen_and_move.media.sound import read_sound, sound_samples
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.media.video import VideoWriter
from listen_and_move.runs import RunFolder
from listen_and_move.settings import from_values, to_values
from listen_and_move.training.loop import train

pytestmark = needs_ffmpeg
FPS = Fraction(25)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Folder with a picture that counts from 0, a smaller one that counts from 100, and sounds at 0.1 and
    0.2."""
    folder = tmp_path_factory.mktemp("parts")
    tick = Fraction(1, 25)
    make_video(folder / "large.mp4", range(50), size=(128, 64), tick=tick)
    small = [np.full((32, 64), 0, np.uint8)] * 50
    make_video(folder / "small.mp4", range(50), pictures=small, tick=tick)
    for name, level in (("soft", 0.1), ("loud", 0.2)):
        make_wav(folder / f"{name}.wav", np.full((16000, 1), level * 32768), 8000)
    ffmpeg("-f", "lavfi", "-i", "color=red:s=256x256", "-frames:v", 1, folder / "cover.jpg")
    return folder


def joined(parts, path, names, *words):
    """A file of several parts, their streams in order."""
    inputs = [word for name in names for word in ("-i", parts / name)]
    maps = [word for place in range(len(names)) for word in ("-map", place)]
    ffmpeg(*inputs, *maps, "-c", "copy", *words, path)
    return path


def level(blocks) -> float:
    return round(float(whole(blocks)[1000:8000].mean()), 3)


def test_of_pictures_the_default_one_is_taken_and_of_defaults_the_largest(parts, tmp_path):
    marked = joined(
        parts,
        tmp_path / "marked.mkv",
        ["large.mp4", "small.mp4"],
        "-disposition:v:0", "0", "-disposition:v:1", "default",
    )  # fmt: skip
    assert (picture_of(marked).width, picture_of(marked, 0).width) == (64, 128)
    assert numbers(marked, 25) == [0] * 50
    assert numbers(marked, 25, track=0) == list(range(50))
    both = joined(
        parts,
        tmp_path / "both.mov",
        ["small.mp4", "large.mp4"],
        "-disposition:v:0", "default", "-disposition:v:1", "default",
    )  # fmt: skip
    assert [picture.default for picture in probe(both).pictures] == [False, True]
    assert numbers(both, 25) == list(range(50))


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_cover_is_no_picture_wherever_it_stands(parts, tmp_path, ending):
    if ending == "mp4":
        names, words = ["cover.jpg", "large.mp4"], ["-disposition:v:0", "attached_pic"]
    else:
        names, words = ["large.mp4", "soft.wav"], ["-attach", parts / "cover.jpg"]
        words += ["-metadata:s:t", "mimetype=image/jpeg"]
    path = joined(parts, tmp_path / f"cover.{ending}", names, *words)
    assert len(probe(path).pictures) == 1
    assert numbers(path, 25) == list(range(50))
    with pytest.raises(UserError, match="picture tracks 0; got 1"):
        numbers(path, 25, track=1)


def test_a_sound_with_a_cover_has_no_picture(parts, tmp_path):
    words = ["-c:a", "aac", "-disposition:v:0", "attached_pic"]
    found = probe(joined(parts, tmp_path / "cover.m4a", ["cover.jpg", "soft.wav"], *words))
    assert found.video is None
    assert found.pictures == ()
    assert len(found.sounds) == 1


def test_a_still_that_is_not_marked_is_not_taken_where_something_moves(parts, tmp_path):
    words = ["-disposition:v:0", "default", "-disposition:v:1", "default"]
    path = joined(parts, tmp_path / "still.mkv", ["cover.jpg", "large.mp4"], *words)
    assert numbers(path, 25) == list(range(50))


def test_of_sounds_the_default_one_is_taken_and_no_commentary(parts, tmp_path):
    names = ["soft.wav", "loud.wav"]
    second = joined(
        parts, tmp_path / "second.mka", names, "-disposition:a:0", "0", "-disposition:a:1", "default"
    )
    assert level(read_sound(second, 8000)) == 0.2
    assert level(read_sound(second, 8000, track=0)) == 0.1
    commented = joined(
        parts, tmp_path / "c.mka", names, "-disposition:a:0", "comment", "-disposition:a:1", "0"
    )
    assert level(read_sound(commented, 8000)) == 0.2
    neither = joined(parts, tmp_path / "n.mka", names, "-disposition:a:0", "0", "-disposition:a:1", "0")
    assert level(read_sound(neither, 8000)) == 0.1


def test_a_sound_is_copied_from_the_track_that_is_heard(parts, tmp_path):
    source = joined(
        parts,
        tmp_path / "two.m4a",
        ["soft.wav", "loud.wav"],
        "-c:a", "aac", "-disposition:a:0", "0", "-disposition:a:1", "default",
    )  # fmt: skip
    out = tmp_path / "out.mp4"
    with VideoWriter(out, width=64, height=32, fps=FPS, sound=SoundTrack(source)) as writer:
        for _ in range(50):
            writer.write(np.zeros((32, 64, 3), np.uint8))
    assert level(read_sound(out, 8000)) == pytest.approx(0.2, abs=0.01)


@pytest.fixture(scope="module")
def several(parts):
    """Two pictures, the second one the default, and two sounds, the second one the default."""
    marks = [f"-disposition:{kind}:{place}" for kind in "va" for place in (0, 1)]
    words = [word for mark, value in zip(marks, ["0", "default"] * 2, strict=True) for word in (mark, value)]
    titles = ["-metadata:s:a:0", "title=Room\n1", "-metadata:s:a:0", "language=eng"]
    names = ["large.mp4", "small.mp4", "soft.wav", "loud.wav"]
    return joined(parts, parts / "several.mkv", names, *words, *titles)


def test_an_inspection_lists_all_and_says_which_are_taken(several):
    lines = inspect(several).lines()
    assert lines[0].startswith("picture: 64x32, ")
    assert "picture 0: h264, 128x64" in lines
    assert "picture 1: h264, 64x32, the one taken" in lines
    assert "sound 0: pcm_s16le, 8000 Hz, 1 channel, 2.00 s, Room 1, eng" in lines
    assert "sound 1: pcm_s16le, 8000 Hz, 1 channel, 2.00 s, the one taken" in lines
    chosen = inspect(several, ClipConfig(track=0, picture_track=0, size="64"))
    assert chosen.lines()[0].startswith("picture: 128x64, ")
    assert "picture 0: h264, 128x64, the one taken" in chosen.lines()
    assert chosen.figures.peak_db == pytest.approx(-20, abs=0.5)
    with pytest.raises(UserError, match="picture tracks 0, 1; got 2"):
        inspect(several, ClipConfig(picture_track=2))


def test_a_run_goes_on_with_the_tracks_it_was_begun_with(several, tmp_path):
    settings = {**TINY, "training.steps": 1, "clip.track": 0, "clip.picture_track": 0, "clip.fps": "25"}
    folder = train(several, tmp_path / "run", preset_name="quick", settings=settings, device="cpu").run
    clip = RunFolder(folder).config().clip
    assert (clip.track, clip.picture_track, clip.crop) == (0, 0, "32,0,96,64")
    train(several, folder, settings={"training.steps": 2}, device="cpu")
    with pytest.raises(UserError, match=r"clip.track = 0; got 1"):
        train(several, folder, settings={"clip.track": 1}, device="cpu")


def test_settings_without_tracks_are_those_of_older_runs():
    values = {
        name: value for name, value in vars(ClipConfig()).items() if "track" not in name and name != "camera"
    }
    assert from_values(ClipConfig, values) == ClipConfig()
    assert to_values(ClipConfig()) == values
    chosen = ClipConfig(track=0, picture_track=2)
    assert from_values(ClipConfig, to_values(chosen)) == chosen
    for name in ("track", "picture_track"):
        with pytest.raises(SettingError, match="from 0 on; got -1"):
            replace(Config().clip, **{name: -1})


def test_what_is_no_track_is_told_with_those_there_are(several):
    with pytest.raises(UserError, match="sound tracks 0, 1; got 2"):
        sound_samples(several, track=2)
    with pytest.raises(UserError, match="picture tracks 0, 1; got 5"):
        resolved_box(several, ClipConfig(picture_track=5))


def test_a_video_is_played_by_the_picture_that_is_chosen(several, parts, trained, tmp_path):
    for track, width in ((None, 64), (0, 128)):
        out = tmp_path / f"{width}.mp4"
        generate(several, parts / "loud.wav", out, picture_track=track, preview=0.4, device="cpu")
        assert picture_of(out).width == width
    with pytest.raises(UserError, match="only where a video is played; got 0"):
        generate(trained, parts / "loud.wav", tmp_path / "no.mp4", picture_track=0, device="cpu")


def test_a_sound_of_a_file_with_several_is_played_live(several, tmp_path):
    for track, expected in ((None, 0.2), (0, 0.1)):
        with opened_source(str(several), None, False, track) as source:
            assert level(block.mean(1) for block in source.blocks) == expected
    with (
        pytest.raises(UserError, match="track: expected only for media"),
        opened_source("-", Raw(8000), False, 1),
    ):
        pass
