"""Sound from a pipe: any media with a container, or raw samples. Nothing waits for more than there is.

Shapes: sound is float32 (n, channels), full scale 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import av
import numpy as np
from av.error import FFmpegError

from listen_and_move.errors import NoMemoryError, UserError
from listen_and_move.media.decoding import reason
from listen_and_move.media.limits import CONTAINERS, LATE, MOST_CHANNELS, container_options, sound_decoders
from listen_and_move.media.resampling import HIGHEST_RATE, LOWEST_RATE
from listen_and_move.media.sound import Sound
from listen_and_move.media.soundtrack import Source
from listen_and_move.media.tracks import sound_stream

NAME = "standard input"
READ = 1 << 12
"""Bytes that are asked for at a time; fewer are taken where there are fewer."""
MOST_AHEAD = 1 << 16
"""Bytes at the begin of an MP4 within which its index or its media begin."""
BEFORE_INDEX = (b"ftyp", b"wide", b"free", b"skip", b"uuid", b"pdin", b"styp")
"""Boxes of an MP4 that may come before them."""
_QUICKLY = {"probesize": "65536", "analyzeduration": "500000"}
"""Bytes, and microseconds of media, that are enough to find the sound; the default would wait for seconds of
it."""


@dataclass(frozen=True)
class Raw:
    """Samples without a container."""

    rate: int
    """Samples per second."""
    channels: int = 1
    """They take turns."""
    format: Literal["s16le", "f32le"] = "s16le"
    """16-bit integers or 32-bit floats, little endian."""

    def samples(self, data: bytes) -> np.ndarray:
        """Float32 (n, channels) from whole samples of all channels."""
        if self.format == "f32le":
            return np.frombuffer(data, "<f4").reshape(-1, self.channels)
        return (np.frombuffer(data, "<i2").astype(np.float32) / 32768).reshape(-1, self.channels)

    @property
    def size(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * (4 if self.format == "f32le" else 2)


def checked_raw(rate: int, channels: int, format: Literal["s16le", "f32le"]) -> Raw:
    """What raw samples are.

    Raises:
        UserError: a rate or a number of channels that no sound has.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UserError(f"rate: expected {LOWEST_RATE} to {HIGHEST_RATE} samples per second; got {rate}")
    if not 1 <= channels <= MOST_CHANNELS:
        raise UserError(f"channels: expected 1 to {MOST_CHANNELS}; got {channels}")
    return Raw(rate, channels, format)


def piped_sound(file: Any, raw: Raw | None = None, track: int | None = None) -> Source:
    """The sound that comes through a pipe, block by block as it comes.

    Nothing has to be closed, nor may be: somebody may be waiting for the next block.

    Args:
        file: unbuffered: its ``read(n)`` gives what there is, at most n bytes, and b"" at the end.
        raw: what the samples are where there is no container.
        track: number of the sound in the container; None: its default one.

    Raises:
        UserError: no media that can be read without going back in it, no sound, no samples, damage.
    """
    if raw is not None:
        blocks = _raw_blocks(file, raw)
        first = next(blocks, None)
        if first is None:
            raise UserError(
                f"{NAME}: expected samples; it ended before the first one: see what writes to the pipe"
            )
        return Source(chain([first], blocks), raw.rate, raw.channels)
    reader = _PipeReader(file)
    _check_index(reader)
    try:
        container = av.open(
            reader, options={**container_options(f"{CONTAINERS},{LATE}", sound_decoders()), **_QUICKLY}
        )
    except MemoryError:
        raise NoMemoryError(NAME) from None
    except (FFmpegError, OSError) as error:
        raise UserError(
            f"{NAME}: cannot be read as media through a pipe ({reason(error)})",
            "give WAV, Matroska, MP3, Ogg or FLAC, or raw samples with --rate",
        ) from None
    sound = Sound(NAME, container, sound_stream(NAME, container, track))
    return Source(sound.section(None, None), sound.rate, sound.channels, sound.layout)


class _PipeReader:
    """A file that can only be read on, which keeps FFmpeg from trying anything else."""

    def __init__(self, file: Any) -> None:
        self.file, self.ahead = file, b""

    def read(self, size: int) -> bytes:
        """What there is."""
        if self.ahead:
            data, self.ahead = self.ahead[:size], self.ahead[size:]
            return data
        return self.file.read(min(size, READ))

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay to be read; fewer at the end of the file."""
        while len(self.ahead) < size and (data := self.file.read(min(size - len(self.ahead), READ))):
            self.ahead += data
        return self.ahead[:size]


def _check_index(reader: _PipeReader) -> None:
    """Refuses an MP4 whose index comes after its media, before all of it went through the pipe."""
    place, size, kind = 0, 8, BEFORE_INDEX[0]
    while kind in BEFORE_INDEX and size >= 8 and place < MOST_AHEAD:
        head = reader.peek(place + 8)[place:]
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        place += size
    if kind == b"mdat":
        raise UserError(
            f"{NAME}: expected an MP4 whose index (moov) comes before its media; it comes after them, and a "
            "pipe cannot go back",
            "write it with -movflags +faststart, or give the name of the file as --input",
        )


def _raw_blocks(file: Any, raw: Raw) -> Iterator[np.ndarray]:
    """A part of a sample at the end is left away."""
    rest = b""
    while data := file.read(READ):
        data = rest + data
        whole = len(data) // raw.size * raw.size
        rest = data[whole:]
        if whole:
            yield raw.samples(data[:whole])
