"""Altered files: each plays or is refused in one line; what is too large is refused before it is made."""

import struct
import subprocess
import sys
import warnings
import zlib
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import av
import numpy as np
import pytest
from benchmarks.fuzz.media import play
from benchmarks.fuzz.media_files import altered, make_originals
from hypothesis import given
from hypothesis import strategies as st
from tests.made_up import SAME_EVERYWHERE
from tests.media.making import picture_of
from tests.refusals import refusal_of

from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.limits import LARGEST_PICTURE, MOST_CHANNELS, MOST_TRACKS
from listen_and_move.media.picture import read_frames
from listen_and_move.media.sound import read_sound

SIDE = 16_000
"""Of a picture that is too large."""


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_originals(tmp_path_factory.mktemp("originals"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("altered") / "file"


def test_originals_play(originals: list[Path]) -> None:
    assert len(originals) >= 12
    for file in originals:
        play(file)


@SAME_EVERYWHERE
@given(number=st.integers(0, 14), random=st.randoms(use_true_random=False))
def test_an_altered_file_plays_or_is_refused_in_one_line(
    originals: list[Path], place: Path, number: int, random: Random
) -> None:
    place.write_bytes(altered(originals[number % len(originals)].read_bytes(), random))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = refusal_of(lambda: play(place))
    assert error is None or str(error).startswith(str(place))
    assert "\n" not in str(error)


def refusal(file: Path) -> str:
    """What is said of a file that cannot be looked at."""
    with pytest.raises(UserError) as refused:
        play(file)
    assert "\n" not in str(refused.value)
    return str(refused.value)


PROBED = """
import sys
from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
try:
    probe(sys.argv[1])
except UserError:
    pass
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def probed_in_little_memory(file: Path) -> bool:
    """Whether a process that describes a file takes less than 120 MB: half of them are Python and its
    libraries. True where nobody can tell."""
    if sys.platform != "linux":
        return True
    line = [sys.executable, "-c", PROBED, str(file)]
    peak = 1000 * int(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
    assert peak > 30_000_000
    return peak < 120_000_000


def still(side: int) -> bytes:
    """A black PNG of that many pixels in width and height, small as a file."""
    rows, packer = bytes(side * 3 + 1), zlib.compressobj(1)
    data = b"".join(packer.compress(rows) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.fixture(scope="module")
def huge() -> bytes:
    """A PNG of 768 MB when decoded."""
    return still(SIDE)


def film_of(stills: list[bytes], file: Path) -> Path:
    """A film whose frames are PNGs as they are."""
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"  # which is what the file claims
        for number, data in enumerate(stills):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base = Fraction(1, 10)
            container.mux(packet)
    return file


@pytest.mark.parametrize("suffix", ["avi", "mov"])
def test_a_picture_that_is_larger_than_claimed_is_not_decoded(
    huge: bytes, suffix: str, tmp_path: Path
) -> None:
    file = film_of([huge] * 3, tmp_path / f"film.{suffix}")
    assert f"larger than {LARGEST_PICTURE[0]}x{LARGEST_PICTURE[1]} pixels" in refusal(file)
    assert probed_in_little_memory(file)


def test_one_huge_frame_among_others_is_left_out(huge: bytes, tmp_path: Path) -> None:
    file = film_of([still(64), huge, *[still(64)] * 8], tmp_path / "film.mov")
    with pytest.warns(UserWarning, match=r"damaged at 0\.\d s"):
        frames = list(read_frames(file, Fraction(10), width=64, height=64))
    assert len(frames) == 10


def test_a_cover_is_not_decoded_however_large(huge: bytes, originals: list[Path], tmp_path: Path) -> None:
    sound = next(file for file in originals if file.suffix == ".mp3")
    picture = b"\0image/png\0\x03\0" + huge
    size = bytes(len(picture) >> shift & 127 for shift in (21, 14, 7, 0))
    body = b"APIC" + size + b"\0\0" + picture
    tag = b"ID3\x04\0\0" + bytes(len(body) >> shift & 127 for shift in (21, 14, 7, 0)) + body
    file = tmp_path / "sound.mp3"
    file.write_bytes(tag + sound.read_bytes())
    assert probe(file).sounds
    assert probe(file).video is None
    assert probed_in_little_memory(file)


@pytest.mark.parametrize(("codec", "suffix"), [("flv", "flv"), ("mpeg2video", "mpg"), ("mpeg2video", "ts")])
def test_what_a_file_holds_is_told_without_decoding_what_is_too_large(
    codec: str, suffix: str, tmp_path: Path
) -> None:
    side = 8208  # a little too large; FFmpeg decodes a frame of such files before it knows of any limit
    file = tmp_path / f"film.{suffix}"
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        frame: Any = av.VideoFrame(side, side, "yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert f"{LARGEST_PICTURE[0]}x{LARGEST_PICTURE[1]} pixels" in refusal(file)
    assert probed_in_little_memory(file)


def test_a_claimed_size_that_is_too_large_is_told(originals: list[Path], tmp_path: Path) -> None:
    data = bytearray(next(file for file in originals if file.name == "film.avi").read_bytes())
    form = data.index(b"strf") + 8
    struct.pack_into("<ii", data, form + 4, SIDE, SIDE)
    file = tmp_path / "film.avi"
    file.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        play(file)  # MPEG-4 says itself how large it is
    assert probe(file).video is not None


def film_of_8k(file: Path, aspect: int) -> Path:
    """A film of one grey picture, whose pixels are so much wider than high."""
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuvj420p"
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        frame: Any = av.VideoFrame.from_ndarray(
            np.full((4320 * 3 // 2, 7680), 128, np.uint8), format="yuvj420p"
        )
        frame.pts, frame.time_base = 0, Fraction(1, 5)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return file


def test_8k_is_a_video(tmp_path: Path) -> None:
    file = film_of_8k(tmp_path / "film.mkv", 1)
    info = picture_of(file)
    assert (info.width, info.height) == (7680, 4320)
    assert next(read_frames(file, Fraction(5), width=64, height=36)).shape == (36, 64, 3)


def test_shapes_of_pixels_make_no_picture_larger_than_any_is(tmp_path: Path) -> None:
    file = film_of_8k(tmp_path / "film.mkv", 8)
    info = picture_of(file)
    assert (info.width, info.height) == (7680, 4320)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{film}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile film.mp4\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "1\n00:00:00,000 --> 00:00:02,000\nHello\n\n",
    ],
    ids=["hls", "concat", "sdp", "subtitles"],
)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.txt", "list"])
def test_no_other_file_is_opened(originals: list[Path], tmp_path: Path, text: str, name: str) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(originals[0].read_bytes())
    file = tmp_path / name
    file.write_text(text.format(film=film))
    assert "expected a video or sound" in refusal(file) or "cannot be read" in refusal(file)


def test_a_name_with_a_pattern_is_one_file(tmp_path: Path) -> None:
    for name in ("still-001.png", "still-%03d.png"):
        (tmp_path / name).write_bytes(still(64))
    assert "of another kind" in refusal(tmp_path / "still-%03d.png")
    assert probe(tmp_path / "still-001.png").video is not None


def wav(channels: int, rate: int) -> bytes:
    """A WAV of noise."""
    data = Random(0).randbytes(channels * 2 * 100)
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff" + data


@pytest.mark.parametrize(
    ("channels", "rate", "saying"),
    [
        (255, 48_000, f"1 to {MOST_CHANNELS} channels; got 255"),
        (1, 1, "samples per second; got 1"),
        (1, 2_000_000, "samples per second; got 2000000"),
    ],
)
def test_channels_and_rates_that_no_sound_has(channels: int, rate: int, saying: str, tmp_path: Path) -> None:
    file = tmp_path / "sound.wav"
    file.write_bytes(wav(channels, rate))
    with pytest.raises(UserError, match=saying):
        list(read_sound(file, 16_000))


def test_many_channels_are_played(tmp_path: Path) -> None:
    file = tmp_path / "sound.wav"
    file.write_bytes(wav(MOST_CHANNELS, 768_000))
    assert sum(len(block) for block in read_sound(file, 768_000)) == 100


def test_a_file_of_very_many_tracks_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sound.mkv"
    with av.open(str(file), "w") as container:
        streams: list[Any] = [
            container.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(MOST_TRACKS + 1)
        ]
        frame: Any = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        for stream in streams:
            container.mux(stream.encode(frame))
    assert f"at most {MOST_TRACKS} tracks; got {MOST_TRACKS + 1}" in refusal(file)
