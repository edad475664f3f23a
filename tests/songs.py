"""A made-up Sub-URMP folder: each picture has a shade and each sound a seed of its own."""

import wave
from pathlib import Path

import av
import numpy as np

SMALL = {
    "clip.size": "16",
    "clip.fps": "10",
    "generator.channels_base": 16,
    "critics.channels_base": 16,
    "training.window": 4,
}


def picture(path: Path, shade: int, size: tuple[int, int] = (32, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_jpeg(path, np.full((*size[::-1], 3), shade, np.uint8))


def write_jpeg(path: Path, picture: np.ndarray) -> None:
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("mjpeg", rate=10)
        (stream.width, stream.height), stream.pix_fmt = picture.shape[1::-1], "yuvj444p"
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        file.mux([*stream.encode(frame), *stream.encode(None)])


def add_exif(path: Path, orientation: int) -> None:
    """Adds EXIF to a JPEG picture that says how it is turned: 1, upright, to 8."""
    jpeg, entry = path.read_bytes(), b"\x12\1\3\0\1\0\0\0" + bytes([orientation])
    path.write_bytes(jpeg[:2] + b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\1\0" + entry + bytes(7) + jpeg[2:])


def sound(path: Path, seed: int, seconds: float = 0.5, rate: int = 32_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 3000, round(seconds * rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def folder(root: Path, songs: dict[str, range]) -> Path:
    """A folder of the data set's layout, given the milliseconds of each song, such as train/cello01."""
    for number, (name, times) in enumerate(songs.items()):
        split, song = name.split("/")
        for place, ms in enumerate(times):
            picture(root / "img" / split / song[:-2] / f"{song}_{ms}.jpg", (100 * number + 5 * place) % 256)
            sound(root / "chunk" / split / song[:-2] / f"{song}_{ms}.wav", 100 * number + place)
    return root
