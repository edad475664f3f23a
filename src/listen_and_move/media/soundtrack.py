"""The sound of a written video: its source, and its stream in the file."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from listen_and_move.clock import Seconds, frame_sample, frame_time
from listen_and_move.media.decoding import MOV, AnyPath
from listen_and_move.media.layouts import usual_layout, written_layout
from listen_and_move.media.mixing import MonoMix
from listen_and_move.media.opening import opened
from listen_and_move.media.resampling import audio_frame
from listen_and_move.media.sound import Sound, opened_sound
from listen_and_move.media.tracks import sound_stream
from listen_and_move.media.wav import two_axes

RATES = {
    "aac": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
    "libopus": (48000,),
    "pcm_s16le": (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000),
}
BLOCK = 1 << 14
"""Samples of a waveform that are processed at a time."""


@dataclass(frozen=True)
class SoundTrack:
    """A sound from a file.

    It is one of the file's tracks (None: the default one), from ``start`` to ``end`` seconds (see
    `read_sound`), with all channels. Where the track has no sound, as after its end, the written video is
    silent.
    """

    path: AnyPath
    track: int | None = None
    start: Seconds | None = None
    end: Seconds | None = None


@dataclass(frozen=True)
class Waveform:
    """Sound in memory: float samples, (n,) or (n, channels), full scale 1."""

    samples: np.ndarray
    sample_rate: int


@dataclass
class Source:
    """A sound to be written: float32 (n, channels) blocks, read as they are needed."""

    blocks: Iterator[np.ndarray]
    rate: int
    channels: int
    layout: str = ""
    """Layout of the channels; empty where the file does not say it, see `usual_layout`."""
    packets: Any = None
    """Coded packets instead of blocks, where a copy of them is heard without a change."""


@contextmanager
def opened_source(sound: SoundTrack | Waveform | Source, copying: bool) -> Iterator[Source]:
    """Yields a source for a sound, whose file stays open; ``copying`` allows to copy its packets."""
    if isinstance(sound, Source):
        yield sound
        return
    if isinstance(sound, Waveform):
        samples = two_axes(sound.samples)
        pieces = (samples[at : at + BLOCK].astype(np.float32) for at in range(0, len(samples), BLOCK))
        yield Source(pieces, sound.sample_rate, samples.shape[1])
        return
    with opened_sound(sound.path, sound.track) as source:
        if copying and sound.start is None and sound.end is None and _copyable(source):
            with opened(sound.path) as container:
                packets = sound_stream(sound.path, container, sound.track)
                yield Source(iter(()), source.rate, source.channels, source.layout, packets)
            return
        blocks = source.section(sound.start, sound.end)
        first = [*islice(blocks, 1)]  # errors of the file are raised before anything is written
        yield Source(chain(first, blocks), source.rate, source.channels, source.layout)


def _copyable(sound: Sound) -> bool:
    """Returns whether a copy of the packets is heard at the same samples.

    That is so for AAC from a container that marks its priming exactly.
    """
    codec, container = sound.stream.codec_context, sound.container
    from_mov = (
        container.format.name == MOV
        and codec.name == "aac"
        and codec.profile == "LC"
        and codec.sample_rate == sound.rate
    )
    plain = from_mov and sound.begin == 0 and sound.origin == 0
    return plain and _goes_on(sound.path, sound.stream.index)


def _goes_on(path: AnyPath, index: int) -> bool:
    """Returns whether a copy of a stream's packets is a whole sound.

    Their times have to rise, none may be discarded but for priming, and all have to be decodable.

    An edit list of several edits repeats and leaves out packets, which a copy cannot, and damage has to
    become silence.
    """
    last = None
    with opened(path) as container:
        try:
            for packet in container.demux(container.streams[index]):
                if packet.pts is None:
                    continue
                if (packet.is_discard and packet.pts >= 0) or (last is not None and packet.pts <= last):
                    return False
                last = packet.pts
                packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            return False
    return True


class Taken:
    """Takes a sound from its source up to given samples, never more.

    Where the sound is too short, silence follows.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.taken, self.over = source, 0, False
        self.rest = np.zeros((0, source.channels), np.float32)

    def until(self, sample: int) -> Iterator[np.ndarray]:
        """Yields blocks (n, channels) up to ``sample``, or to the end of the sound."""
        while self.taken < sample and not self.over:
            if not len(self.rest):
                block = next(self.source.blocks, None)
                self.over = block is None
                self.rest = self.rest if block is None else block
                continue
            piece, self.rest = self.rest[: sample - self.taken], self.rest[sample - self.taken :]
            self.taken += len(piece)
            yield piece

    def all_until(self, sample: int, frame: int) -> Iterator[np.ndarray]:
        """Yields the same, with silence up to ``sample`` if ``frame`` samples or more are missing."""
        yield from self.until(sample)
        while self.taken < sample and (missing := sample - self.taken) >= frame:
            frame, size = 1, min(missing, BLOCK)
            self.taken += size
            yield np.zeros((size, self.source.channels), np.float32)


class CopiedSound:
    """The sound stream of a video, copied packet by packet."""

    def __init__(self, container: Any, source: Source, codec: str, fps: Fraction) -> None:
        self.container, self.fps = container, fps
        self.stream: Any = container.add_stream_from_template(source.packets)
        self.packets = (
            packet for packet in source.packets.container.demux(source.packets) if packet.pts is not None
        )
        self.next = next(self.packets, None)

    def write(self, frames: int) -> None:
        """Writes the packets that begin before the end of the first ``frames`` frames."""
        while self.next is not None and self.next.pts * self.next.time_base < frame_time(frames, self.fps):
            self.next.stream = self.stream
            self.container.mux(self.next)
            self.next = next(self.packets, None)

    finish = write


class EncodedSound:
    """The sound stream of a video, encoded."""

    def __init__(self, container: Any, source: Source, codec: str, fps: Fraction) -> None:
        self.container, self.source, self.fps, self.taken, self.given = (
            container,
            source,
            fps,
            Taken(source),
            0,
        )
        rate = min((rate for rate in RATES[codec] if rate >= source.rate), default=RATES[codec][-1])
        self.layout = source.layout or usual_layout(source.channels)
        self.mix = None if self.layout else MonoMix(source.rate)  # no layout has so many channels
        layout = written_layout(codec, self.layout or "mono")
        channels = av.AudioLayout(layout).nb_channels
        # FFmpeg's own order of 5.0 and 6.1 is wrong in Opus, that of libopus (family 1) is right.
        options = {"mapping_family": "1"} if codec == "libopus" and channels > 2 else {}
        self.stream: Any = container.add_stream(codec, rate=rate, layout=layout, options=options)
        self.stream.bit_rate = max(min(192_000, 6 * rate), min(96_000, 3 * rate) * channels)
        encoder = self.stream.codec_context
        encoder.time_base = Fraction(1, rate)
        encoder.open(strict=False)
        self.resampler = av.AudioResampler(
            format=encoder.format, layout=layout, rate=rate, frame_size=encoder.frame_size
        )

    def write(self, frames: int) -> None:
        """Writes the sound of the first ``frames`` frames."""
        self._write(self.taken.until(frame_sample(frames, self.fps, self.source.rate)))

    def finish(self, frames: int) -> None:
        """Writes the rest of the sound up to the end of the picture."""
        rate = self.source.rate
        self._write(
            self.taken.all_until(frame_sample(frames, self.fps, rate), frame_sample(1, self.fps, rate))
        )
        self._encode(self.resampler.resample(None))
        self.container.mux(self.stream.encode(None))

    def _write(self, blocks: Iterable[np.ndarray]) -> None:
        for block in blocks:
            block = self.mix.push(block)[:, None] if self.mix else block
            frame = audio_frame(block.clip(-1, 1), self.source.rate, self.layout or "mono")
            self._encode(self.resampler.resample(frame))

    def _encode(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            frame.pts, frame.time_base = self.given, Fraction(1, frame.sample_rate)
            self.given += frame.samples
            self.container.mux(self.stream.encode(frame))
