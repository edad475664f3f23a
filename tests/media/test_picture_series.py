"""Pictures in files of their own as one film: each as it was, with its sound."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.songs import picture

from listen_and_move.errors import UserError
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.picture_series import write_series
from listen_and_move.media.sound import read_sound
from listen_and_move.media.soundtrack import Waveform

FPS, RATE = Fraction(10), 64_000


def pictures(folder: Path) -> list[Path]:
    paths = [folder / f"{shade}.jpg" for shade in (10, 200, 90)]
    for path in paths:
        picture(path, int(path.stem))
    return paths


def test_pictures_and_sound_are_as_they_were(tmp_path: Path) -> None:
    paths, film = pictures(tmp_path), tmp_path / "film"
    samples = np.random.default_rng(0).normal(0, 0.1, 3 * RATE // 10).astype(np.float32)
    write_series(film, paths, FPS, Waveform(samples, RATE))
    size = {"width": 16, "height": 12, "box": (4, 0, 28, 18)}
    alone = [next(read_frames(path, FPS, **size)) for path in paths]
    assert np.array_equal(np.stack([*read_frames(film, FPS, **size)]), np.stack(alone))
    assert np.array_equal(np.concatenate([*read_sound(film, RATE)]), samples)
    write_series(film, paths[1:], FPS)
    assert np.array_equal(np.stack([*read_frames(film, FPS, **size)]), np.stack(alone[1:]))


def test_a_picture_without_a_jfif_header_is_read(tmp_path: Path) -> None:
    """FFmpeg writes such ones where the shape of pixels is unknown, and tells small ones alone by content."""
    path, noise = tmp_path / "1.jpg", np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("mjpeg", rate=10)
        (stream.width, stream.height), stream.pix_fmt = (128, 96), "yuvj444p"
        frame = av.VideoFrame.from_ndarray(noise, format="rgb24")
        file.mux([*stream.encode(frame), *stream.encode(None)])
    content = path.read_bytes()
    assert b"JFIF" not in content
    assert len(content) > 4096
    info = probe(path).video
    assert info is not None
    assert (info.width, info.height) == (128, 96)
    write_series(tmp_path / "film", [path, path], FPS)
    assert len([*read_frames(tmp_path / "film", FPS, width=16, height=12)]) == 2
    path.write_bytes(b"\xff\xd8\xff and then something else" * 100)
    with pytest.raises(UserError, match=r"1\.jpg"):
        probe(path)


@pytest.mark.parametrize(
    ("content", "saying"),
    [
        (b"no picture", "1.jpg: expected a video or sound"),
        (b"", "1.jpg: expected a video or sound file; it is empty"),
        (
            b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\x80>\0\0\x02\0\x10\0data\0\0\0\0",
            "got no picture",
        ),
    ],
)
def test_what_is_no_picture_is_named(content: bytes, saying: str, tmp_path: Path) -> None:
    paths = pictures(tmp_path)
    paths[1] = tmp_path / "1.jpg"
    paths[1].write_bytes(content)
    with pytest.raises(UserError, match=saying):
        write_series(tmp_path / "film", paths, FPS)


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    paths = pictures(tmp_path)
    picture(paths[2], 90, (48, 24))
    with pytest.raises(UserError, match=r"90.jpg: expected .* mjpeg of 32x24 pixels; got mjpeg of 48x24"):
        write_series(tmp_path / "film", paths, FPS)
