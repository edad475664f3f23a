"""Small films and sounds in many containers, and what an unkind hand makes of them.

An alteration knows of the pieces of a container (boxes of MP4, elements of Matroska, chunks of RIFF), so that
what it leaves behind is still opened; or it knows of nothing.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import av
import numpy as np

WIDTH, HEIGHT, FPS, FRAMES = 64, 48, 12, 12
RATE = 48_000
FILMS = {
    "film.mp4": ("libx264", "yuv420p", "aac", {}),
    "parts.mp4": ("libx264", "yuv420p", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    "film.mov": ("mjpeg", "yuvj420p", "pcm_s16le", {}),
    "film.mkv": ("libx264", "yuv420p", "flac", {}),
    "film.webm": ("libvpx-vp9", "yuv420p", "libopus", {}),
    "film.avi": ("mpeg4", "yuv420p", "libmp3lame", {}),
    "film.ts": ("libx264", "yuv420p", "aac", {}),
    "film.flv": ("flv", "yuv420p", "aac", {}),
    "film.mpg": ("mpeg2video", "yuv420p", "mp2", {}),
    "film.gif": ("gif", "rgb8", "", {}),
}
"""Codings of picture (with its pixels) and sound, and options of the container, by name."""
SOUNDS = {
    "sound.wav": "pcm_s16le",
    "sound.flac": "flac",
    "sound.mp3": "libmp3lame",
    "sound.ogg": "libopus",
    "sound.m4a": "aac",
}
"""Codings of sounds, by name."""
BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"moof", b"traf", b"mvex", b"dinf")
"""Boxes of MP4 that hold boxes."""
MASTERS = (0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1F43B675, 0xA0, 0x1C53BB6B, 0x114D9B74)
"""Elements of Matroska that hold elements: segment, information, tracks, clusters, cues and the like."""
EXTREMES = (0, 1, 2, 3, 255, 16_000, 65_535, 10**9, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
"""Numbers that are written where others were: dimensions, counts, sizes, times."""
MOST_BYTES = 400_000
"""Of an altered file."""


class Piece(NamedTuple):
    """A piece of a container, by its places in the file."""

    start: int
    content: int
    """Where its header ends."""
    end: int


def make_originals(folder: Path) -> list[Path]:
    """Writes the films and sounds.

    Args:
        folder: where they go.

    Returns:
        Their paths; the coding of one that the libraries lack is left out.
    """
    files = []
    for name, (picture, pixels, sound, options) in FILMS.items():
        if {picture, sound or picture} <= av.codecs_available:
            files.append(folder / name)
            _write(files[-1], picture, pixels, sound, options)
    for name, sound in SOUNDS.items():
        if sound in av.codecs_available:
            files.append(folder / name)
            _write(files[-1], "", "", sound, {})
    return files


def _write(path: Path, picture: str, pixels: str, sound: str, options: dict[str, str]) -> None:
    with av.open(str(path), "w", options=options) as container:
        streams: list[tuple[Any, Iterator[Any]]] = []
        if picture:
            stream: Any = container.add_stream(picture, rate=25 if picture == "mpeg2video" else FPS)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
            stream.codec_context.thread_count = 1
            streams.append((stream, _frames(stream)))
        if sound:
            stream = container.add_stream(sound, rate=RATE if picture != "flv" else 44_100, layout="mono")
            streams.append((stream, _blocks(stream)))
        for stream, frames in streams:
            for frame in frames:
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def _frames(stream: Any) -> Iterator[Any]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(FRAMES):
        picture = np.stack([rows * 5 + number, columns * 4, rows * 0 + 20 * number], -1).astype(np.uint8)
        frame: Any = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stream.pix_fmt)
        frame.pts, frame.time_base = number, 1 / Fraction(stream.codec_context.framerate)
        yield frame


def _blocks(stream: Any) -> Iterator[Any]:
    rate = stream.codec_context.sample_rate
    samples = (8000 * np.sin(np.arange(rate) * 2 * np.pi * 440 / rate)).astype(np.int16)
    frame: Any = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    yield frame


def altered(data: bytes, random: Random) -> bytes:
    """Returns a file with one to four alterations.

    Args:
        data: the file.
        random: what chooses them.
    """
    for _ in range(random.randint(1, 4)):
        pieces, alteration = pieces_of(data), random.choice(ALTERATIONS)
        data = alteration(data, pieces, random)[:MOST_BYTES]
    return data


def pieces_of(data: bytes) -> list[Piece]:
    """Returns the pieces of a container, those inside others too; none of one without them.

    Args:
        data: the file.
    """
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide"):
        return list(_boxes(data, 0, len(data)))
    if data[:4] == b"\x1aE\xdf\xa3":
        return list(_elements(data, 0, len(data)))
    if data[:4] == b"RIFF":
        return list(_chunks(data, 0, len(data)))
    return []


def _boxes(data: bytes, start: int, end: int) -> Iterator[Piece]:
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        piece = Piece(start, start + 8, min(end, start + max(size, 8)))
        yield piece
        if data[start + 4 : start + 8] in BOXES:
            yield from _boxes(data, piece.content, piece.end)
        start = piece.end


def _chunks(data: bytes, start: int, end: int) -> Iterator[Piece]:
    while start + 8 <= end:
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        piece = Piece(start, start + 8, min(end, start + 8 + size + size % 2))
        yield piece
        if data[start : start + 4] in (b"RIFF", b"LIST"):
            yield from _chunks(data, piece.content + 4, piece.end)
        start = piece.end


def _elements(data: bytes, start: int, end: int) -> Iterator[Piece]:
    while start + 2 <= end:
        name_length = 9 - data[start].bit_length()
        place = start + name_length
        if name_length > 4 or place >= end:
            return
        length = 9 - data[place].bit_length()
        size = int.from_bytes(data[place : place + length], "big") & ((1 << 7 * min(length, 8)) - 1)
        piece = Piece(start, place + length, min(end, place + length + size))
        yield piece
        if int.from_bytes(data[start:place], "big") in MASTERS:
            yield from _elements(data, piece.content, piece.end)
        start = max(piece.end, start + 1)


def _place(data: bytes, pieces: list[Piece], random: Random) -> int:
    """A place in a header more often than elsewhere."""
    if pieces and random.random() < 0.7:
        piece = random.choice(pieces)
        return min(random.randrange(piece.start, piece.content + 48), max(0, len(data) - 1))
    near = min(len(data), 600 if random.random() < 0.6 else len(data))
    return random.randrange(max(1, near))


def _write_number(data: bytes, pieces: list[Piece], random: Random) -> bytes:
    place, length = _place(data, pieces, random), random.choice((1, 2, 4, 8))
    number = random.choice((*EXTREMES, random.getrandbits(64))) % (1 << 8 * length)
    return data[:place] + number.to_bytes(length, random.choice(("big", "little"))) + data[place + length :]


def _rename(data: bytes, pieces: list[Piece], random: Random) -> bytes:
    if not pieces:
        return _write_number(data, pieces, random)
    first, second = random.choice(pieces), random.choice(pieces)
    offset = 4 if data[4:8] == b"ftyp" else 0
    name = data[second.start + offset : second.start + offset + 4]
    return data[: first.start + offset] + name + data[first.start + offset + len(name) :]


def _insert(data: bytes, pieces: list[Piece], random: Random) -> bytes:
    """A piece once more, or many times, somewhere else."""
    piece = random.choice(pieces) if pieces else Piece(place := _place(data, [], random), place, place + 64)
    where = random.choice(pieces).start if pieces else _place(data, pieces, random)
    times = random.choice((1, 1, 2, 200))
    return data[:where] + data[piece.start : piece.end] * times + data[where:]


def _remove(data: bytes, pieces: list[Piece], random: Random) -> bytes:
    piece = random.choice(pieces[1:] or [Piece(place := _place(data, [], random), place, place + 64)])
    return data[: piece.start] + data[piece.end :]


def _cut(data: bytes, pieces: list[Piece], random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _flip(data: bytes, pieces: list[Piece], random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(1, 16) if data else 0):
        changed[_place(data, pieces, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, pieces: list[Piece], random: Random) -> bytes:
    place, length = _place(data, pieces, random), random.randint(1, 256)
    return data[:place] + random.randbytes(length) + data[place + length :]


ALTERATIONS = (
    *(_write_number, _write_number, _write_number),
    *(_rename, _insert, _remove, _cut, _flip, _flip, _overwrite),
)
"""Three in ten write a number."""
