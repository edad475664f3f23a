"""Writing videos: every frame at its instant, in its colour; a folder of pictures likewise."""

import wave
from fractions import Fraction

import av
import numpy as np
import pytest
from tests.media.making import FPS, VIDEOS, Tags, names, number_in, write

from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter


@pytest.mark.parametrize("ending", VIDEOS)
@pytest.mark.parametrize("fps", [Fraction(20), Fraction(30000, 1001), Fraction(43, 2)])
def test_every_frame_comes_back_at_its_instant(tmp_path, ending, fps):
    path = write(tmp_path / f"v.{ending}", 70, fps=fps)
    assert [number_in(picture) for picture in read_frames(path, fps, width=64, height=32)] == list(range(70))
    assert abs(probe(path).duration - 70 / fps) < Fraction(1, 500)
    assert names(tmp_path) == {path.name}


@pytest.mark.parametrize("ending", VIDEOS)
def test_titles_and_comments_survive(tmp_path, ending):
    tags = {"title": "Möwe & Meer", "artist": "A", "comment": "seed 7", "description": "two words"}
    path = write(tmp_path / f"v.{ending}", 3, label=Tags(tags))
    with av.open(str(path)) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    assert {key: found.get(key) for key in tags} == tags


@pytest.mark.parametrize("ending", VIDEOS)
def test_colours_come_back_and_are_marked(tmp_path, ending):
    colours = [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (230, 77, 38),
        (128, 128, 128),
        (255, 255, 255),
        (0, 0, 0),
    ]
    with VideoWriter(tmp_path / f"c.{ending}", width=32, height=32, fps=FPS) as writer:
        for colour in colours:
            writer.write(np.full((32, 32, 3), colour, np.uint8))
    shown = list(read_frames(tmp_path / f"c.{ending}", FPS, width=32, height=32))
    assert np.abs(np.array([picture[16, 16] for picture in shown]).astype(int) - colours).max() <= 8
    with av.open(str(tmp_path / f"c.{ending}")) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)  # BT.709, limited


def test_a_folder_holds_exact_pictures_and_the_sound(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 33, 31, 3), np.uint8)  # odd sizes are fine here
    sound = np.random.default_rng(1).uniform(-1, 1, (44100, 2))
    with VideoWriter(
        tmp_path / "frames", width=31, height=33, fps=FPS, sound=Waveform(sound, 44100)
    ) as writer:
        for picture in noise:
            writer.write(picture)
    assert names(tmp_path) == {"frames"}
    assert names(tmp_path / "frames") == {
        "frame-000000.png",
        "frame-000001.png",
        "frame-000002.png",
        "sound.wav",
    }
    for index, picture in enumerate(noise):
        with av.open(str(tmp_path / "frames" / f"frame-{index:06d}.png")) as container:
            assert np.array_equal(next(container.decode(video=0)).to_ndarray(format="rgb24"), picture)
    with wave.open(str(tmp_path / "frames" / "sound.wav")) as file:
        assert (file.getnframes(), file.getnchannels()) == (44100 * 3 // 25, 2)
        samples = np.frombuffer(file.readframes(10**6), "<i2").reshape(-1, 2)
    assert np.abs(samples / 32767 - sound[: len(samples)]).max() < 1e-4


def test_what_cannot_be_written_is_told_before_the_work(tmp_path):
    write(tmp_path / "there.mp4", 1)
    before = (tmp_path / "there.mp4").read_bytes()
    for path, words in [
        (tmp_path / "there.mp4", "--overwrite"),
        (tmp_path / "v.avi", r"\.mp4, \.mov, \.mkv, \.webm"),
        (tmp_path / "no" / "v.mp4", "make it first"),
    ]:
        with pytest.raises(UserError, match=words), VideoWriter(path, width=64, height=32, fps=FPS):
            pytest.fail("the block was entered")
    with pytest.raises(UserError, match="at least one frame"):
        write(tmp_path / "v.mp4", 0)
    assert names(tmp_path) == {"there.mp4"}
    assert (tmp_path / "there.mp4").read_bytes() == before


def test_mistakes_of_the_program_are_no_user_errors(tmp_path):
    with pytest.raises(ValueError, match="63x32"):
        VideoWriter(tmp_path / "v.mp4", width=63, height=32, fps=FPS)
    for bad in (np.zeros((32, 64, 3)), np.zeros((64, 32, 3), np.uint8)):
        with (
            pytest.raises(ValueError, match="expected uint8"),
            VideoWriter(tmp_path / "v.mp4", width=64, height=32, fps=FPS) as writer,
        ):
            writer.write(bad)
    assert not names(tmp_path)
