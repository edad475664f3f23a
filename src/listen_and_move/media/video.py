"""Writing frames and their sound, to a video or a folder of pictures: complete or not there."""

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.filter import Graph

from listen_and_move.clock import frame_sample
from listen_and_move.errors import UserError
from listen_and_move.media.decoding import AnyPath
from listen_and_move.media.replacing import replacing, replacing_folder, telling
from listen_and_move.media.soundtrack import (
    CopiedSound,
    EncodedSound,
    SoundTrack,
    Source,
    Taken,
    Waveform,
    opened_source,
)
from listen_and_move.media.wav import write_blocks

X264 = ("libx264", {"crf": "17", "preset": "medium"})
VP9 = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"})
ENDINGS = {
    ".mp4": ("mp4", X264, "aac", {"movflags": "+faststart"}),
    ".mov": ("mov", X264, "aac", {"movflags": "+faststart+use_metadata_tags"}),
    ".mkv": ("matroska", X264, "aac", {}),
    ".webm": ("webm", VP9, "libopus", {}),
}
"""Ending to: container, picture codec and its options, sound codec, options of the container."""


class VideoWriter:
    """Writes frames, and a sound beside them, to a video or a folder; a context manager.

    The ending of the name chooses: .mp4, .mov and .mkv are H.264 with AAC, .webm is VP9 with Opus; a name
    without ending, with a slash at its end or of an existing folder is a folder of PNG pictures with
    sound.wav. Picture and sound begin together; the sound is cut where the picture ends, and silence is added
    where it ends a frame or more before.

    Raises:
        ValueError: odd width or height of a video, a frame of another shape or type.
        UserError: unknown ending, existing output, a place that cannot be written, a sound that cannot be
            read.
    """

    def __init__(
        self,
        path: AnyPath,
        *,
        width: int,
        height: int,
        fps: Fraction,
        sound: SoundTrack | Waveform | Source | None = None,
        metadata: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path, self.size, self.fps, self.sound = Path(path), (width, height), Fraction(fps), sound
        self.metadata, self.overwrite, self.frames = dict(metadata or {}), overwrite, 0
        self.folder = self.path.is_dir() or not self.path.suffix or str(path).endswith(("/", os.sep))
        if not self.folder and self.path.suffix.lower() not in ENDINGS:
            raise UserError(
                f"{path}: expected a name ending in {', '.join(ENDINGS)}, or a folder; got {self.path.suffix}"
            )
        if not self.folder and (width % 2 or height % 2):
            raise ValueError(f"width and height of a video: expected even numbers; got {width}x{height}")

    def __enter__(self) -> "VideoWriter":
        with ExitStack() as stack, telling(self.path):
            place = replacing_folder if self.folder else replacing
            temporary = stack.enter_context(place(self.path, self.overwrite))
            copying = not self.folder and ENDINGS[self.path.suffix.lower()][0] in ("mp4", "mov")
            sound = stack.enter_context(opened_source(self.sound, copying)) if self.sound else None
            self.output = (_Folder if self.folder else _Video)(temporary, self, sound)
            stack.callback(self.output.abandon)
            self.stack = stack.pop_all()
        return self

    def write(self, frame: np.ndarray) -> None:
        """Appends a frame: uint8 (height, width, 3), RGB."""
        if frame.shape != (self.size[1], self.size[0], 3) or frame.dtype != np.uint8:
            raise ValueError(
                f"frame: expected uint8 {(self.size[1], self.size[0], 3)}; got {frame.dtype} {frame.shape}"
            )
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


class _Folder:
    """Numbered pictures and a sound."""

    def __init__(self, folder: Path, writer: VideoWriter, sound: Source | None) -> None:
        self.folder, self.fps, self.sound = folder, writer.fps, sound
        self.encoder: Any = av.CodecContext.create("png", "w")
        self.encoder.width, self.encoder.height = writer.size
        self.encoder.pix_fmt, self.encoder.time_base, self.encoder.thread_count = (
            "rgb24",
            Fraction(1, 1000),
            1,
        )

    def write(self, frame: np.ndarray, index: int) -> None:
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts = index
        data = b"".join(bytes(packet) for packet in self.encoder.encode(picture))
        (self.folder / f"frame-{index:06d}.png").write_bytes(data)

    def finish(self, frames: int) -> None:
        if self.sound:
            length = frame_sample(frames, self.fps, self.sound.rate)
            blocks = Taken(self.sound).all_until(length, frame_sample(1, self.fps, self.sound.rate))
            write_blocks(self.folder / "sound.wav", blocks, self.sound.rate)

    def abandon(self) -> None:
        """Nothing is open between two frames."""


class _Video:
    """One file with picture and sound."""

    def __init__(self, path: Path, writer: VideoWriter, sound: Source | None) -> None:
        name, (codec, options), sound_codec, container_options = ENDINGS[path.suffix.lower()]
        self.fps, self.size = writer.fps, writer.size
        self.container = av.open(f"file:{path}", "w", format=name, container_options=container_options)
        self.container.metadata.update(writer.metadata)
        colours = {
            "colorspace": "bt709",
            "color_primaries": "bt709",
            "color_trc": "bt709",
            "color_range": "tv",
        }
        self.picture: Any = self.container.add_stream(codec, rate=self.fps, options={**options, **colours})
        self.picture.width, self.picture.height = self.size
        self.picture.pix_fmt = "yuv420p"
        self.picture.codec_context.time_base = 1 / self.fps
        kind = CopiedSound if sound and sound.packets else EncodedSound
        self.sound = kind(self.container, sound, sound_codec, self.fps) if sound else None
        self.graph = yuv_graph(*self.size)

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


def yuv_graph(width: int, height: int, matrix: str = "bt709") -> Graph:
    """RGB to 4:2:0 of limited range, carefully rounded. For the modules of this folder."""
    graph = Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat("rgb24"), time_base=Fraction(1, 1000)
    )
    flags = "flags=area+accurate_rnd+full_chroma_inp+full_chroma_int"
    scale = graph.add("scale", f"{flags}:out_color_matrix={matrix}:out_range=limited")
    graph.link_nodes(source, scale, graph.add("format", "yuv420p"), graph.add("buffersink")).configure()
    return graph
