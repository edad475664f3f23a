"""Opening media files, and what they hold.

Picture and sound of a file share one time line in seconds. Its zero is the earliest start of the file's
picture and sounds, after edit lists and encoder priming; so instant 2.5 is the same moment for `read_frames`
and `read_sound`. Nothing is sought by seconds that a container claims: frames are placed by their own time
stamps, samples are counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from listen_and_move.clock import Seconds, exact
from listen_and_move.errors import UserError
from listen_and_move.media.decoding import (
    MOV,
    AnyPath,
    claimed,
    decoded,
    displayed_size,
    frame_rate,
    orientation,
    reason,
    seconds,
)

ATTACHED_PICTURE = 0x400
"""FFmpeg's AV_DISPOSITION_ATTACHED_PIC: cover art."""


@dataclass(frozen=True)
class VideoInfo:
    """The picture of a file; times in seconds on the time line of the file."""

    width: int
    """Width as displayed: after rotation and sample aspect ratio."""
    height: int
    """Height as displayed."""
    coded_width: int
    coded_height: int
    codec: str
    pixel_format: str
    frame_rate: Fraction
    """Average, in frames per second."""
    variable_rate: bool
    """The frames do not all last equally long, judged by the first thousand."""
    start: Fraction
    duration: Fraction
    rotation: int
    """Degrees by which the coded picture is turned clockwise for display: 0, 90, 180 or 270."""
    edit_list: bool
    """The container hides a part of the coded frames (best effort)."""


@dataclass(frozen=True)
class SoundInfo:
    """One sound of a file; times in seconds on the time line of the file."""

    track: int
    """Number among the sounds of the file, from 0."""
    codec: str
    sample_rate: int
    channels: int
    layout: str
    start: Fraction
    duration: Fraction
    """What the container claims; `sound_samples` counts."""


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds."""

    path: Path
    format: str
    duration: Fraction
    """In seconds, as the container claims it."""
    video: VideoInfo | None
    sounds: tuple[SoundInfo, ...]


def probe(path: AnyPath) -> MediaInfo:
    """What a file holds; cover art is not a picture.

    Raises:
        UserError: there is no such file, or it is no video or sound that can be read.
    """
    with opened(path) as container:
        origin = origin_of(container)
        sounds = tuple(
            _sound_info(container, stream, track, origin)
            for track, stream in enumerate(container.streams.audio)
        )
        streams = _pictures(container)
        video = _video_info(path, container, streams[0], origin) if streams else None
        if video is None and not sounds:
            raise UserError(f"{path}: expected a video or a sound; the file holds neither")
        length = Fraction(container.duration or 0, av.time_base)
        if not length:
            length = max([sound.duration for sound in sounds] + [video.duration if video else Fraction(0)])
        return MediaInfo(Path(path), container.format.name, length, video, sounds)


def _sound_info(container: Any, stream: Any, track: int, origin: Fraction) -> SoundInfo:
    codec = stream.codec_context
    start, duration = _span(container, stream, origin)
    return SoundInfo(
        track=track,
        codec=_codec_name(stream),
        sample_rate=codec.sample_rate if codec else 0,
        channels=codec.layout.nb_channels if codec else 0,
        layout=codec.layout.name if codec else "",
        start=start,
        duration=duration,
    )


def _video_info(path: AnyPath, container: Any, stream: Any, origin: Fraction) -> VideoInfo:
    frame = _first_frame(path, container, stream)
    transposed, flip_x, flip_y = orientation(frame)
    width, height = displayed_size(frame, stream)
    times = _first_times(path)
    gaps = [after - before for before, after in pairwise(times)]
    variable = bool(gaps) and max(gaps) - min(gaps) > 2 * Fraction(stream.time_base)
    start, duration = _span(container, stream, origin)
    rate = frame_rate(stream)
    if gaps and not variable and abs(rate * sum(gaps) / len(gaps) - 1) > Fraction(1, 100):
        rate = len(gaps) / sum(gaps, Fraction(0))  # the container counted frames that its edit list hides
    return VideoInfo(
        width=width,
        height=height,
        coded_width=frame.width,
        coded_height=frame.height,
        codec=_codec_name(stream),
        pixel_format=frame.format.name,
        frame_rate=rate,
        variable_rate=variable,
        start=start,
        duration=duration,
        rotation=(90 if flip_x else 270) if transposed else 180 if flip_x and flip_y else 0,
        edit_list=container.format.name == MOV and _edited(path, stream),
    )


def _span(container: Any, stream: Any, origin: Fraction) -> tuple[Fraction, Fraction]:
    """Start and duration of a stream as the container claims them."""
    start = seconds(stream, stream.start_time) or origin
    return start - origin, claimed(container, stream) or Fraction(container.duration or 0, av.time_base)


def _codec_name(stream: Any) -> str:
    codec = stream.codec_context.codec if stream.codec_context else None
    return getattr(codec, "canonical_name", None) or getattr(codec, "name", "unknown")


def _first_frame(path: AnyPath, container: Any, stream: Any) -> Any:
    frame = next(decoded(path, container, _decodable(path, stream)), None)
    if frame is None:
        raise UserError(f"{path}: expected a video; not one frame of it can be decoded")
    return frame


def _first_times(path: AnyPath) -> list[Fraction]:
    """Times of the first thousand frames, from their packets."""
    with opened(path) as container:
        stream = _pictures(container)[0]
        shown = (
            packet for packet in container.demux(stream) if packet.pts is not None and not packet.is_discard
        )
        try:
            return sorted(packet.pts * Fraction(stream.time_base) for packet in islice(shown, 1000))
        except FFmpegError:
            return []


def _edited(path: AnyPath, stream: Any) -> bool:
    """Whether the stream lasts longer or shorter by more than a frame when the edit list is ignored."""
    with opened(path, {"ignore_editlist": "1"}) as container:
        plain = container.streams[stream.index]
        lengths = [seconds(each, each.duration) or Fraction(0) for each in (stream, plain)]
    return abs(lengths[0] - lengths[1]) > 1 / frame_rate(stream)


_TOLERANT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Tags that are no UTF-8 stop PyAV before 19 from opening a file; later versions take them as they are."""


@contextmanager
def opened(path: AnyPath, options: dict[str, str] | None = None) -> Iterator[Any]:
    """An opened file, or the reason why it cannot be read as a UserError. For the modules of this folder."""
    file = Path(path)
    if not file.is_file():
        what = (
            "is a folder" if file.is_dir() else "is no ordinary file" if file.exists() else "does not exist"
        )
        raise UserError(f"{path}: expected a video or sound file; it {what}; check the name")
    try:
        if not file.stat().st_size:
            raise UserError(f"{path}: expected a video or sound file; it is empty (0 bytes)")
        # The protocol is given because a name such as "take:1.mp4" would be taken for one.
        container = av.open(f"file:{file}", options=options or {}, **_TOLERANT)
    except (FFmpegError, OSError) as error:
        raise UserError(
            f"{path}: cannot be read as video or sound ({reason(error)}); try to play or convert it first"
        ) from None
    with container:
        yield container


def _pictures(container: Any) -> list[Any]:
    return [stream for stream in container.streams.video if not _is_cover(stream)]


def _is_cover(stream: Any) -> bool:
    disposition = getattr(stream, "disposition", 0)  # a number, a flag or missing, by the version of PyAV
    return bool(getattr(disposition, "value", disposition) & ATTACHED_PICTURE)


def picture_stream(path: AnyPath, container: Any) -> Any:
    """The picture of an opened file; a UserError if it has none."""
    streams = _pictures(container)
    if not streams:
        raise UserError(f"{path}: expected a video; the file holds no picture, only sound")
    return _decodable(path, streams[0])


def sound_stream(path: AnyPath, container: Any, track: int) -> Any:
    """A sound of an opened file; a UserError if it has none of this number."""
    streams = container.streams.audio
    if not streams:
        raise UserError(f"{path}: expected sound; the file holds none; give a file with sound")
    if not 0 <= track < len(streams):
        valid = ", ".join(str(number) for number in range(len(streams)))
        raise UserError(f"{path}: expected one of the sound tracks {valid}; got {track}")
    return _decodable(path, streams[track])


def _decodable(path: AnyPath, stream: Any) -> Any:
    if stream.codec_context is None:
        raise UserError(
            f"{path}: its {stream.type} has a coding that is not known here; convert it to H.264 with AAC "
            "first"
        )
    return stream


def origin_of(container: Any) -> Fraction:
    """The zero of the file's time line: the earliest start of its picture and sounds."""
    starts = [
        seconds(stream, stream.start_time) for stream in [*_pictures(container), *container.streams.audio]
    ]
    return min((start for start in starts if start is not None), default=Fraction(0))


def checked_span(
    path: AnyPath, start: Seconds | None, end: Seconds | None
) -> tuple[Fraction, Fraction | None]:
    """The part of a file between two instants, exact; a UserError if it is impossible."""
    first, last = exact(start or 0), None if end is None else exact(end)
    if first < 0:
        raise UserError(f"{path}: expected a start of 0 seconds or later; got {float(first):g}")
    if last is not None and last <= first:
        raise UserError(
            f"{path}: expected an end after the start ({float(first):g} s); got {float(last):g} s"
        )
    return first, last
