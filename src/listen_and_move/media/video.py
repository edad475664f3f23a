"""Writing videos with their sound, and folders of pictures."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.filter import Graph

from listen_and_move.clock import Seconds, frame_sample, frame_time
from listen_and_move.errors import UserError
from listen_and_move.media.decoding import MOV, AnyPath
from listen_and_move.media.files import opened
from listen_and_move.media.replacing import replacing, replacing_folder, telling
from listen_and_move.media.sound import Sound, audio_frame, opened_sound
from listen_and_move.media.wav import two_axes, write_blocks

X264 = ("libx264", {"crf": "17", "preset": "medium"})
VP9 = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"})
ENDINGS = {
    ".mp4": ("mp4", X264, "aac", {"movflags": "+faststart"}),
    ".mov": ("mov", X264, "aac", {"movflags": "+faststart+use_metadata_tags"}),
    ".mkv": ("matroska", X264, "aac", {}),
    ".webm": ("webm", VP9, "libopus", {}),
}
"""Ending to: container, picture codec and its options, sound codec, options of the container."""
RATES = {
    "aac": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
    "libopus": (48000,),
}
LAYOUTS = {
    "aac": ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1"),
    "libopus": ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"),
}
"""Names by number of channels."""
BLOCK = 1 << 14
"""Samples of a waveform that are handled at a time."""


@dataclass(frozen=True)
class SoundTrack:
    """Sound from a file: one of its tracks, from ``start`` to ``end`` seconds (see `read_sound`), with all channels."""

    path: AnyPath
    track: int = 0
    start: Seconds | None = None
    end: Seconds | None = None


@dataclass(frozen=True)
class Waveform:
    """Sound in memory: float samples, (n,) or (n, channels), full scale 1."""

    samples: np.ndarray
    sample_rate: int


class VideoWriter:
    """Writes frames, and a sound beside them, to a video or a folder; a context manager.

    The ending of the name chooses: .mp4, .mov and .mkv are H.264 with AAC, .webm is VP9 with Opus; a name without ending,
    with a slash at its end or of an existing folder is a folder of PNG pictures with sound.wav. Picture and sound begin
    together; the sound is cut where the picture ends, and silence is added where it ends a frame or more before.

    Raises:
        ValueError: odd width or height of a video, a frame of another shape or type.
        UserError: unknown ending, existing output, a place that cannot be written, a sound that cannot be read.
    """

    def __init__(
        self,
        path: AnyPath,
        *,
        width: int,
        height: int,
        fps: Fraction,
        sound: SoundTrack | Waveform | None = None,
        metadata: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path, self.size, self.fps, self.sound = Path(path), (width, height), Fraction(fps), sound
        self.metadata, self.overwrite, self.frames = dict(metadata or {}), overwrite, 0
        self.folder = self.path.is_dir() or not self.path.suffix or str(path).endswith(("/", os.sep))
        if not self.folder and self.path.suffix.lower() not in ENDINGS:
            raise UserError(f"{path}: expected a name ending in {', '.join(ENDINGS)}, or a folder; got {self.path.suffix}")
        if not self.folder and (width % 2 or height % 2):
            raise ValueError(f"width and height of a video: expected even numbers; got {width}x{height}")

    def __enter__(self) -> "VideoWriter":
        with ExitStack() as stack, telling(self.path):
            place = _replacing_folder if self.folder else _replacing_file
            temporary = stack.enter_context(place(self.path, self.overwrite))
            copying = not self.folder and ENDINGS[self.path.suffix.lower()][0] in ("mp4", "mov")
            sound = stack.enter_context(_opened_source(self.sound, copying)) if self.sound else None
            self.output = (_Folder if self.folder else _Video)(temporary, self, sound)
            stack.callback(self.output.abandon)
            self.stack = stack.pop_all()
        return self

    def write(self, frame: np.ndarray) -> None:
        """Appends a frame: uint8 (height, width, 3), RGB."""
        if frame.shape != (self.size[1], self.size[0], 3) or frame.dtype != np.uint8:
            raise ValueError(f"frame: expected uint8 {(self.size[1], self.size[0], 3)}; got {frame.dtype} {frame.shape}")
        with telling(self.path):
            self.output.write(frame, self.frames)
        self.frames += 1

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if error is not None:
            self.stack.__exit__(kind, error, traceback)
            return
        with telling(self.path), self.stack:
            if not self.frames:
                raise UserError(f"{self.path}: expected at least one frame to write; got none")
            self.output.finish(self.frames)


@dataclass
class _Source:
    """A sound to be written: float32 (n, channels) blocks, read as they are needed."""

    blocks: Iterator[np.ndarray]
    rate: int
    channels: int
    packets: Any = None
    """The coded stream instead, where it can be copied without a change to what is heard."""


@contextmanager
def _opened_source(sound: SoundTrack | Waveform, copying: bool) -> Iterator[_Source]:
    if isinstance(sound, Waveform):
        samples = two_axes(sound.samples)
        pieces = (samples[at : at + BLOCK].astype(np.float32) for at in range(0, len(samples), BLOCK))
        yield _Source(pieces, sound.sample_rate, samples.shape[1])
        return
    with opened_sound(sound.path, sound.track) as source:
        if copying and sound.start is None and sound.end is None and _copyable(source):
            with opened(sound.path) as container:
                yield _Source(iter(()), source.rate, source.channels, container.streams.audio[sound.track])
            return
        blocks = source.part(sound.start, sound.end)
        yield _Source(chain([next(blocks)], blocks), source.rate, source.channels)


def _copyable(sound: Sound) -> bool:
    """Whether a copy of the packets is heard at the same samples: AAC from a container that marks its priming exactly."""
    codec, container = sound.stream.codec_context, sound.container
    from_mov = container.format.name == MOV and codec.name == "aac" and codec.profile == "LC" and codec.sample_rate == sound.rate
    return from_mov and sound.begin == 0 and sound.origin == 0


class _Taken:
    """Takes a sound from its source up to given samples, never more, with silence at its end where it is too short."""

    def __init__(self, source: _Source) -> None:
        self.source, self.taken, self.over = source, 0, False
        self.rest = np.zeros((0, source.channels), np.float32)

    def until(self, sample: int) -> Iterator[np.ndarray]:
        """Blocks (n, channels) up to ``sample``, or to the end of the sound."""
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
        """The same, with silence up to ``sample`` if ``frame`` samples or more are missing."""
        yield from self.until(sample)
        while self.taken < sample and (missing := sample - self.taken) >= frame:
            frame, size = 1, min(missing, BLOCK)
            self.taken += size
            yield np.zeros((size, self.source.channels), np.float32)


class _Folder:
    """Numbered pictures and a sound."""

    def __init__(self, folder: Path, writer: VideoWriter, sound: _Source | None) -> None:
        self.folder, self.fps, self.sound = folder, writer.fps, sound
        self.encoder: Any = av.CodecContext.create("png", "w")
        self.encoder.width, self.encoder.height = writer.size
        self.encoder.pix_fmt, self.encoder.time_base, self.encoder.thread_count = "rgb24", Fraction(1, 1000), 1

    def write(self, frame: np.ndarray, index: int) -> None:
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts = index
        data = b"".join(bytes(packet) for packet in self.encoder.encode(picture))
        (self.folder / f"frame-{index:06d}.png").write_bytes(data)

    def finish(self, frames: int) -> None:
        if self.sound:
            length = frame_sample(frames, self.fps, self.sound.rate)
            blocks = _Taken(self.sound).all_until(length, frame_sample(1, self.fps, self.sound.rate))
            write_blocks(self.folder / "sound.wav", blocks, self.sound.rate)

    def abandon(self) -> None:
        """Nothing is open between two frames."""


class _Video:
    """One file with picture and sound."""

    def __init__(self, path: Path, writer: VideoWriter, sound: _Source | None) -> None:
        name, (codec, options), sound_codec, container_options = ENDINGS[path.suffix.lower()]
        self.fps, self.size = writer.fps, writer.size
        self.container = av.open(f"file:{path}", "w", format=name, container_options=container_options)
        self.container.metadata.update(writer.metadata)
        colours = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}
        self.picture: Any = self.container.add_stream(codec, rate=self.fps, options={**options, **colours})
        self.picture.width, self.picture.height = self.size
        self.picture.pix_fmt = "yuv420p"
        self.picture.codec_context.time_base = 1 / self.fps
        kind = _CopiedSound if sound and sound.packets else _EncodedSound
        self.sound = kind(self.container, sound, sound_codec, self.fps) if sound else None
        self.graph = _yuv_graph(*self.size)

    def write(self, frame: np.ndarray, index: int) -> None:
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        self.graph.push(picture)
        converted = self.graph.pull()
        converted.pts, converted.time_base = index, 1 / self.fps
        self.container.mux(self.picture.encode(converted))
        if self.sound:
            self.sound.write(index + 1)

    def finish(self, frames: int) -> None:
        self.container.mux(self.picture.encode(None))
        if self.sound:
            self.sound.finish(frames)
        self.container.close()

    def abandon(self) -> None:
        """Closes the file, complete or not; what it complains about then is of no interest."""
        with suppress(FFmpegError, OSError):
            self.container.close()


def _yuv_graph(width: int, height: int) -> Graph:
    graph = Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("rgb24"), time_base=Fraction(1, 1000))
    flags = "flags=area+accurate_rnd+full_chroma_inp+full_chroma_int"
    scale = graph.add("scale", f"{flags}:out_color_matrix=bt709:out_range=limited")
    graph.link_nodes(source, scale, graph.add("format", "yuv420p"), graph.add("buffersink")).configure()
    return graph


class _CopiedSound:
    """The sound stream of a video, packet by packet as it was."""

    def __init__(self, container: Any, source: _Source, codec: str, fps: Fraction) -> None:
        self.container, self.fps = container, fps
        self.stream: Any = container.add_stream_from_template(source.packets)
        self.packets = (packet for packet in source.packets.container.demux(source.packets) if packet.pts is not None)
        self.next = next(self.packets, None)

    def write(self, frames: int) -> None:
        """Writes what begins before the end of so many frames."""
        while self.next is not None and self.next.pts * self.next.time_base < frame_time(frames, self.fps):
            self.next.stream = self.stream
            self.container.mux(self.next)
            self.next = next(self.packets, None)

    finish = write


class _EncodedSound:
    """The sound stream of a video, encoded."""

    def __init__(self, container: Any, source: _Source, codec: str, fps: Fraction) -> None:
        self.container, self.source, self.fps, self.taken, self.given = container, source, fps, _Taken(source), 0
        layouts, rates = LAYOUTS[codec], RATES[codec]
        channels = source.channels if source.channels <= len(layouts) else 1  # the mean, where nothing fits
        rate = min((rate for rate in rates if rate >= source.rate), default=rates[-1])
        self.layout = layouts[channels - 1]
        self.stream: Any = container.add_stream(codec, rate=rate, layout=self.layout)
        self.stream.bit_rate = max(min(192_000, 6 * rate), min(96_000, 3 * rate) * channels)
        encoder = self.stream.codec_context
        encoder.time_base = Fraction(1, rate)
        encoder.open(strict=False)
        self.resampler = av.AudioResampler(format=encoder.format, layout=self.layout, rate=rate, frame_size=encoder.frame_size)

    def write(self, frames: int) -> None:
        """Writes the sound of so many frames."""
        self._write(self.taken.until(frame_sample(frames, self.fps, self.source.rate)))

    def finish(self, frames: int) -> None:
        """Writes the rest of the sound up to the end of the picture."""
        rate = self.source.rate
        self._write(self.taken.all_until(frame_sample(frames, self.fps, rate), frame_sample(1, self.fps, rate)))
        self._encode(self.resampler.resample(None))
        self.container.mux(self.stream.encode(None))

    def _write(self, blocks: Iterable[np.ndarray]) -> None:
        for block in blocks:
            block = block.mean(axis=1, keepdims=True) if self.layout == "mono" and self.source.channels > 1 else block
            self._encode(self.resampler.resample(audio_frame(block.clip(-1, 1), self.source.rate, self.layout)))

    def _encode(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            frame.pts, frame.time_base = self.given, Fraction(1, frame.sample_rate)
            self.given += frame.samples
            self.container.mux(self.stream.encode(frame))
