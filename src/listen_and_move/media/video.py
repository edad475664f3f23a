"""Writing of frames and their sound to a video or a folder of pictures, complete or not there."""

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import av
import numpy as np
from av.error import FFmpegError
from av.filter import Graph

from listen_and_move.clock import frame_sample
from listen_and_move.errors import UserError
from listen_and_move.media.conversion import FULL_RANGE, VIDEO_MARKS, rgb
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

Codec = Literal["auto", "h264", "prores"]


class FileLabel(Protocol):
    """What a written video or picture says of itself."""

    @property
    def tags(self) -> Mapping[str, str]:
        """Title, comment and the like, for the container of a video."""
        ...

    def seal(self, file: Path) -> None:
        """Adds the rest to a complete file, a video or a picture of a folder, that nobody else sees yet."""
        ...


@dataclass(frozen=True)
class Coding:
    """A compression of the picture of a video."""

    encoder: str
    options: Mapping[str, str]
    pixels: str
    """The pixel format."""
    worst: int | None
    """The highest quality number, 0 being the best; None where the codec has no such number."""


X264 = Coding("libx264", {"crf": "17"}, "yuv420p", 51)
VP9 = Coding(
    "libvpx-vp9",
    {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    "yuv420p",
    63,
)
PRORES = Coding("prores_ks", {"profile": "3", "vendor": "apl0"}, "yuv422p10le", None)
"""ProRes 422 HQ, as editing programs accept it."""
ENDINGS = {
    ".mp4": ("mp4", X264, "aac", {"movflags": "+faststart"}),
    ".mov": ("mov", X264, "aac", {"movflags": "+faststart+use_metadata_tags"}),
    ".mkv": ("matroska", X264, "aac", {}),
    ".webm": ("webm", VP9, "libopus", {}),
}
"""Container, coding of the picture, sound codec and options of the container, by file ending."""
EDITED = ("mov", PRORES, "pcm_s16le", {"movflags": "+use_metadata_tags"})
"""The same for .mov with ProRes. Its index stays at the end: moving it rewrites all of a large file."""
BT709 = (1, 2)
"""Matrices (ITU-T H.273) of frames that are not converted: BT.709, or unmarked."""
NO_KIND = 0
"""Kind of frame, neither I, P nor B: the encoder chooses."""
PRESETS = ((640 * 480, "medium"), (1280 * 720 - 1, "faster"))
"""Presets of x264 by the largest number of pixels that they are for, so that coding takes no longer than
drawing.

Larger pictures have veryfast, whose files at one crf are hardly larger."""
LIVE_PRESETS = ((640 * 480, "medium"), (1280 * 720, "superfast"))
"""Presets of x264 for pictures in real time; larger pictures have ultrafast.

At 720p veryfast takes 23 ms of one core for a picture, superfast 13 for 1.8 times the bytes, ultrafast 8 for
2.3 times; with 30 pictures a second one core has 33 ms for everything."""


def is_picture_folder(out: AnyPath) -> bool:
    """Returns whether an output is a folder of pictures: by its name, or because it is an existing folder."""
    return Path(out).is_dir() or not Path(out).suffix or str(out).endswith(("/", os.sep))


class VideoWriter:
    """Writes frames, and a sound beside them, to a video or a folder; a context manager.

    The ending of the name chooses: .mp4, .mov and .mkv are H.264 with AAC, .webm is VP9 with Opus; a name
    without ending, with a slash at its end or of an existing folder is a folder of PNG pictures with
    sound.wav. Picture and sound begin together; the sound is cut where the picture ends, and silence is added
    where it ends a frame or more before.

    Args:
        path: the file or folder.
        width: of every frame, in pixels.
        height: of every frame, in pixels.
        fps: frames per second.
        sound: what is heard.
        label: what the video, or each picture of a folder, says of itself; None: nothing.
        overwrite: whether what is there may be replaced.
        quality: the crf of H.264 (0 to 51) or VP9 (0 to 63); lower is better and larger. None is 17 or 24.
        codec: of the picture. auto goes by the ending; prores is ProRes 422 HQ with uncompressed sound, in
            .mov alone.
        live: whether frames come in real time, so that large ones are compressed in less of it.

    Raises:
        ValueError: odd width or height of a video, a frame of another shape or type.
        UserError: unknown ending, existing output, a place that cannot be written, a sound that cannot be
            read, a codec that does not go with the ending, a quality out of range or of what has none.
    """

    def __init__(
        self,
        path: AnyPath,
        *,
        width: int,
        height: int,
        fps: Fraction,
        sound: SoundTrack | Waveform | Source | None = None,
        label: FileLabel | None = None,
        overwrite: bool = False,
        quality: int | None = None,
        codec: Codec = "auto",
        live: bool = False,
    ) -> None:
        self.path, self.size, self.fps, self.sound = Path(path), (width, height), Fraction(fps), sound
        self.label, self.overwrite, self.frames = label, overwrite, 0
        self.folder = is_picture_folder(path)
        if not self.folder and self.path.suffix.lower() not in ENDINGS:
            raise UserError(
                f"{path}: expected a name ending in {', '.join(ENDINGS)}, or a folder; got {self.path.suffix}"
            )
        if not self.folder and (width % 2 or height % 2):
            raise ValueError(f"width and height of a video: expected even numbers; got {width}x{height}")
        self._check_codec(codec)
        self.form = EDITED if codec == "prores" else ENDINGS.get(self.path.suffix.lower(), ENDINGS[".mp4"])
        self._check_quality(quality)
        self.quality, self.live = quality, live

    def _check_codec(self, codec: Codec) -> None:
        ending = "a folder" if self.folder else self.path.suffix.lower()
        takes = {"h264": [name for name, form in ENDINGS.items() if form[1] is X264], "prores": [".mov"]}
        if codec != "auto" and ending not in takes[codec]:
            raise UserError(
                f"{self.path}: expected a name ending in {', '.join(takes[codec])} for {codec}; got {ending}"
            )

    def _check_quality(self, quality: int | None) -> None:
        worst = None if self.folder else self.form[1].worst
        if quality is None or (worst is not None and 0 <= quality <= worst):
            return
        if worst is None:
            what = "a folder of PNG pictures" if self.folder else "ProRes"
            raise UserError(
                f"{self.path}: expected no quality for {what}, which has one alone; got {quality}"
            )
        raise UserError(f"{self.path}: expected a quality from 0 (best) to {worst}; got {quality}")

    def __enter__(self) -> "VideoWriter":
        with ExitStack() as stack, telling(self.path):
            place = replacing_folder if self.folder else replacing
            temporary = stack.enter_context(place(self.path, self.overwrite))
            copying = not self.folder and self.form[0] in ("mp4", "mov") and self.form[2] == "aac"
            sound = stack.enter_context(opened_source(self.sound, copying)) if self.sound else None
            self.output = (_Folder if self.folder else _Video)(temporary, self, sound)
            stack.callback(self.output.abandon)
            self.stack = stack.pop_all()
        return self

    def write(self, frame: np.ndarray | av.VideoFrame) -> None:
        """Appends a frame: uint8 (height, width, 3), RGB; or one such as `source_frames` gives.

        The latter is not converted where the video holds such frames, and is never changed.
        """
        if isinstance(frame, av.VideoFrame):
            self._check_frame(frame)
        elif frame.shape != (self.size[1], self.size[0], 3) or frame.dtype != np.uint8:
            raise ValueError(
                f"frame: expected uint8 {(self.size[1], self.size[0], 3)}; got {frame.dtype} {frame.shape}"
            )
        with telling(self.path):
            self.output.write(frame, self.frames)
        self.frames += 1

    def _check_frame(self, frame: av.VideoFrame) -> None:
        as_expected = frame.format.name == "yuv420p" and (frame.width, frame.height) == self.size
        if not as_expected or frame.colorspace not in BT709 or frame.color_range == FULL_RANGE:
            width, height = self.size
            raise ValueError(
                f"frame: expected yuv420p {width}x{height}, BT.709, limited range; got {frame.format.name} "
                f"{frame.width}x{frame.height}, matrix {frame.colorspace}, range {frame.color_range}"
            )

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if error is not None:
            self.stack.__exit__(kind, error, traceback)
            return
        with telling(self.path), self.stack:
            if not self.frames:
                raise UserError(f"{self.path}: expected at least one frame to write; got none")
            self.output.finish(self.frames)


class _Folder:
    """Numbered pictures and a sound file."""

    def __init__(self, folder: Path, writer: VideoWriter, sound: Source | None) -> None:
        self.folder, self.fps, self.sound, self.label = folder, writer.fps, sound, writer.label
        self.encoder: Any = av.CodecContext.create("png", "w")
        self.encoder.width, self.encoder.height = writer.size
        self.encoder.pix_fmt, self.encoder.time_base, self.encoder.thread_count = (
            "rgb24",
            Fraction(1, 1000),
            1,
        )

    def write(self, frame: np.ndarray | av.VideoFrame, index: int) -> None:
        pixels = rgb(frame) if isinstance(frame, av.VideoFrame) else np.ascontiguousarray(frame)
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        picture.pts = index
        data = b"".join(bytes(packet) for packet in self.encoder.encode(picture))
        file = self.folder / f"frame-{index:06d}.png"
        file.write_bytes(data)
        if self.label:
            self.label.seal(file)

    def finish(self, frames: int) -> None:
        if self.sound:
            length = frame_sample(frames, self.fps, self.sound.rate)
            blocks = Taken(self.sound).all_until(length, frame_sample(1, self.fps, self.sound.rate))
            write_blocks(self.folder / "sound.wav", blocks, self.sound.rate)

    def abandon(self) -> None:
        """Does nothing: no file is open between two frames."""


class _Video:
    """One file with picture and sound."""

    def __init__(self, path: Path, writer: VideoWriter, sound: Source | None) -> None:
        name, coding, sound_codec, container_options = writer.form
        self.path, self.fps, self.size, self.label = path, writer.fps, writer.size, writer.label
        self.container = av.open(f"file:{path}", "w", format=name, container_options=container_options)
        if self.label:
            self.container.metadata.update(self.label.tags)
        colours = {
            "colorspace": "bt709",
            "color_primaries": "bt709",
            "color_trc": "bt709",
            "color_range": "tv",
        }
        options = {**_options(coding, writer), **colours}
        self.picture: Any = self.container.add_stream(coding.encoder, rate=self.fps, options=options)
        self.picture.width, self.picture.height = self.size
        self.picture.pix_fmt = coding.pixels
        self.picture.codec_context.time_base = 1 / self.fps
        kind = CopiedSound if sound and sound.packets else EncodedSound
        self.sound = kind(self.container, sound, sound_codec, self.fps) if sound else None
        self.graph = yuv_graph(*self.size, pixels=coding.pixels)
        self.frame_graph = _frame_graph(*self.size, coding.pixels)

    def write(self, frame: np.ndarray | av.VideoFrame, index: int) -> None:
        if isinstance(frame, av.VideoFrame):
            self.frame_graph.push(frame)
            converted = self.frame_graph.vpull()
            converted.pict_type = NO_KIND
        else:
            self.graph.push(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
            converted = self.graph.vpull()
        converted.pts, converted.time_base = index, 1 / self.fps
        self.container.mux(self.picture.encode(converted))
        if self.sound:
            self.sound.write(index + 1)

    def finish(self, frames: int) -> None:
        self.container.mux(self.picture.encode(None))
        if self.sound:
            self.sound.finish(frames)
        self.container.close()
        if self.label:
            self.label.seal(self.path)

    def abandon(self) -> None:
        """Closes the file, complete or not; errors of closing are ignored."""
        with suppress(FFmpegError, OSError):
            self.container.close()


def _options(coding: Coding, writer: VideoWriter) -> dict[str, str]:
    """Returns the options of an encoder for the quality and the size of the pictures."""
    options, pixels = dict(coding.options), writer.size[0] * writer.size[1]
    if writer.quality is not None:
        options["crf"] = str(writer.quality)
    if coding is X264:
        table, beyond = (LIVE_PRESETS, "ultrafast") if writer.live else (PRESETS, "veryfast")
        options["preset"] = next((preset for most, preset in table if pixels <= most), beyond)
    return options


def yuv_graph(width: int, height: int, matrix: str = "bt709", pixels: str = "yuv420p") -> Graph:
    """Returns a graph from RGB to limited range, by default 4:2:0, carefully rounded.

    For the modules of this folder.
    """
    flags = "flags=area+accurate_rnd+full_chroma_inp+full_chroma_int"
    scale = ("scale", f"{flags}:out_color_matrix={matrix}:out_range=limited")
    # ProRes writes the marks of each frame into it, whatever those of its stream are.
    marks = [("setparams", VIDEO_MARKS)] if matrix == "bt709" else []
    return _linked(width, height, "rgb24", [scale, ("format", pixels), *marks])


def _frame_graph(width: int, height: int, pixels: str) -> Graph:
    """Returns a graph that passes frames of yuv420p on as new frames that share their pixels.

    The decoder's side data, such as captions, kind and length, would otherwise go into the video.
    """
    convert = [] if pixels == "yuv420p" else [("scale", "flags=bicubic+accurate_rnd"), ("format", pixels)]
    cleared = [("sidedata", "mode=delete"), ("setpts", "N"), ("setparams", VIDEO_MARKS)]
    return _linked(width, height, "yuv420p", [*cleared, *convert])


def _linked(width: int, height: int, pixels: str, nodes: list[tuple[str, str]]) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat(pixels), time_base=Fraction(1, 1000)
    )
    filters = [graph.add(name, arguments) for name, arguments in nodes]
    graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
    return graph
