"""Writing videos: how hard the encoder tries, its quality, ProRes, and frames that are not converted."""

import re
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
from tests.media.making import FPS, blobs, clicks, make_sound, make_video, names, number_in, peaks, write

from listen_and_move.errors import UserError
from listen_and_move.media.conversion import rgb
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames, source_frames
from listen_and_move.media.soundtrack import SoundTrack, Waveform
from listen_and_move.media.video import Codec, VideoWriter


def written(path: Path, width: int, height: int, count: int = 2, **settings) -> Path:
    with VideoWriter(path, width=width, height=height, fps=FPS, **settings) as writer:
        for seed in range(count):
            writer.write(blobs(width, height, seed))
    return path


@pytest.mark.parametrize(
    ("width", "height", "preset"),
    [
        (64, 32, "medium"),
        (512, 512, "medium"),
        (480, 640, "medium"),
        (854, 480, "faster"),
        (960, 540, "faster"),
        (1280, 720, "veryfast"),
        (720, 1280, "veryfast"),
        (1920, 1080, "veryfast"),
    ],
)
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_the_larger_the_picture_the_faster_the_encoder(
    tmp_path: Path, width: int, height: int, preset: str, ending: str
) -> None:
    data = written(tmp_path / f"v.{ending}", width, height, 1).read_bytes()
    searches = {"medium": b"subme=7", "faster": b"subme=4", "veryfast": b"subme=2"}  # x264 writes what it did
    assert re.findall(rb"subme=\d+", data) == [searches[preset]]
    assert b"crf=17.0" in data


@pytest.mark.parametrize(
    ("width", "height", "preset"), [(640, 480, b"subme=7"), (720, 720, b"subme=1"), (1920, 1080, b"subme=0")]
)
def test_a_large_picture_in_real_time_is_coded_in_less_of_it(
    tmp_path: Path, width: int, height: int, preset: bytes
) -> None:
    data = written(tmp_path / "v.mkv", width, height, 1, live=True).read_bytes()
    assert re.findall(rb"subme=\d+", data) == [preset]


@pytest.mark.parametrize(("ending", "best", "worst"), [("mp4", 0, 51), ("mkv", 0, 51), ("webm", 0, 63)])
def test_quality_changes_the_size(tmp_path: Path, ending: str, best: int, worst: int) -> None:
    sizes = []
    for quality in (best, 10, None, 40, worst):
        path = written(tmp_path / f"{quality}.{ending}", 64, 64, 4, quality=quality)
        sizes.append(path.stat().st_size)
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 5


def test_the_quality_of_h264_is_its_crf_and_17_if_nothing_is_said(tmp_path: Path) -> None:
    assert b"crf=23.0" in written(tmp_path / "a.mp4", 64, 64, quality=23).read_bytes()
    plain = written(tmp_path / "b.mp4", 64, 64).read_bytes()
    assert written(tmp_path / "c.mp4", 64, 64, quality=17, codec="h264").read_bytes() == plain


@pytest.mark.parametrize(
    ("name", "quality", "codec", "words"),
    [
        ("v.mp4", 52, "auto", r"expected a quality from 0 \(best\) to 51; got 52"),
        ("v.mp4", -1, "h264", r"expected a quality from 0 \(best\) to 51; got -1"),
        ("v.webm", 64, "auto", r"expected a quality from 0 \(best\) to 63; got 64"),
        ("frames", 17, "auto", r"expected no quality for a folder of PNG pictures.*; got 17"),
        ("v.mov", 17, "prores", r"expected no quality for ProRes.*; got 17"),
        ("v.mp4", None, "prores", r"expected a name ending in \.mov for prores; got \.mp4"),
        ("frames", None, "prores", r"expected a name ending in \.mov for prores; got a folder"),
        ("v.webm", None, "h264", r"expected a name ending in \.mp4, \.mov, \.mkv for h264; got \.webm"),
    ],
)
def test_codings_that_do_not_go_together(
    tmp_path: Path, name: str, quality: int | None, codec: Literal["auto", "h264", "prores"], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        VideoWriter(tmp_path / name, width=64, height=32, fps=FPS, quality=quality, codec=codec)
    assert not names(tmp_path)


def test_prores_is_what_programs_for_editing_take(tmp_path: Path) -> None:
    sound = Waveform(clicks(48000 * 2, 24000, 2), 48000)
    path = written(tmp_path / "v.mov", 160, 90, 50, codec="prores", sound=sound)
    info = probe(path)
    assert info.video is not None
    assert (info.video.codec, info.video.pixel_format) == ("prores", "yuv422p10le")
    assert (info.video.width, info.video.height, info.video.frame_rate) == (160, 90, 25)
    assert [(track.codec, track.channels, track.sample_rate) for track in info.sounds] == [
        ("pcm_s16le", 2, 48000)
    ]
    assert (info.duration, info.sounds[0].duration) == (2, 2)
    for seed, picture in enumerate(read_frames(path, FPS, width=160, height=90)):
        assert np.abs(picture.astype(int) - blobs(160, 90, seed)).mean() < 1
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "apch"  # 422 HQ
        frame = next(container.decode(video=0))
        marks = ("colorspace", "color_range", "color_primaries", "color_trc")
        assert [getattr(frame, mark, 1) for mark in marks] == [1] * 4  # early versions of PyAV know two
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert samples.shape == (1, 2 * 96000)
    assert peaks(samples[0, ::2] / 32768) == [24000, 48000, 72000]


def test_coded_sound_goes_into_prores_uncompressed(tmp_path: Path) -> None:
    sound = SoundTrack(make_sound(tmp_path / "s.m4a", clicks(44100 * 2, 11025), 44100, "aac"))
    path = write(tmp_path / "v.mov", 50, codec="prores", sound=sound)
    info = probe(path).sounds[0]
    assert (info.codec, info.channels, info.sample_rate, info.duration) == ("pcm_s16le", 1, 44100, 2)


def intra(path: Path) -> Path:
    """20 frames 64x32, each of them a key frame that lasts 40 of a thousand ticks."""
    return make_video(path, range(0, 800, 40), options={"g": "1"})


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "mov"])
def test_frames_of_a_video_are_written_as_they_are(tmp_path: Path, ending: str) -> None:
    source, path = intra(tmp_path / "s.mkv"), tmp_path / f"v.{ending}"
    with VideoWriter(path, width=64, height=32, fps=Fraction(50), quality=0) as writer:
        for frame in source_frames(source, Fraction(50), box=(0, 0, 64, 32)):  # each of them twice
            before = (frame.pts, frame.time_base, frame.pict_type)
            writer.write(frame)
            assert (frame.pts, frame.time_base, frame.pict_type) == before
    frames = list(source_frames(path, Fraction(50), box=(0, 0, 64, 32)))
    assert [number_in(rgb(frame)) for frame in frames] == [number // 2 for number in range(40)]
    assert abs(probe(path).duration - Fraction(4, 5)) < Fraction(1, 500)
    with av.open(str(path)) as container:
        keys = [bool(packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    assert sum(keys) == 1  # not each of those that were one in their source


def test_frames_that_are_not_converted_lose_nothing(tmp_path: Path) -> None:
    source, path = intra(tmp_path / "s.mkv"), tmp_path / "v.mp4"
    with VideoWriter(path, width=64, height=32, fps=FPS, quality=0) as writer:
        for frame in source_frames(source, FPS, box=(0, 0, 64, 32)):
            writer.write(frame)
    with av.open(str(source)) as first, av.open(str(path)) as second:
        for before, after in zip(first.decode(video=0), second.decode(video=0), strict=True):
            assert np.array_equal(before.to_ndarray(), after.to_ndarray())


def test_frames_and_pictures_may_be_mixed_everywhere(tmp_path: Path, steady: Path) -> None:
    frames = list(islice(source_frames(steady, FPS, box=(0, 0, 64, 32)), 6))
    codecs: dict[str, Codec] = {"v.mp4": "auto", "v.webm": "auto", "v.mov": "prores", "frames": "auto"}
    for name, codec in codecs.items():
        with VideoWriter(tmp_path / name, width=64, height=32, fps=FPS, codec=codec) as writer:
            for number, frame in enumerate(frames):
                writer.write(frame if number % 2 else rgb(frame))
        if name == "frames":
            files = sorted((tmp_path / name).iterdir())
            shown = [next(read_frames(file, FPS, width=64, height=32)) for file in files]
        else:
            shown = list(read_frames(tmp_path / name, FPS, width=64, height=32))
        assert [number_in(picture) for picture in shown] == list(range(6))
        expected = np.array([rgb(frame) for frame in frames]).astype(int)
        assert np.abs(np.array(shown) - expected).mean() < 4


def test_frames_of_another_kind_are_refused(tmp_path: Path) -> None:
    full = av.VideoFrame(64, 32, "yuv420p")
    full.color_range = 2
    sd = av.VideoFrame(64, 32, "yuv420p")
    sd.colorspace = 5
    for bad in (av.VideoFrame(64, 32, "rgb24"), av.VideoFrame(32, 64, "yuv420p"), full, sd):
        with (
            pytest.raises(ValueError, match=r"expected yuv420p 64x32, BT\.709, limited range; got"),
            VideoWriter(tmp_path / "v.mp4", width=64, height=32, fps=FPS) as writer,
        ):
            writer.write(bad)
    assert not names(tmp_path)
