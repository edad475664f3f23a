"""What media files hold.

Picture and sound of a file share one time line in seconds. Its zero is the earliest start of the file's
picture and sounds, after edit lists and encoder priming; so instant 2.5 is the same moment for `read_frames`
and `read_sound`. Nothing is sought by seconds that a container claims: frames are placed by their own time
stamps, samples are counted.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from listen_and_move.clock import Seconds, exact
from listen_and_move.errors import UserError, passing_over
from listen_and_move.media.decoding import (
    MOV,
    AnyPath,
    Decoder,
    claimed,
    frame_rate,
    orientation,
    packets,
    seconds,
    without_frames,
)
from listen_and_move.media.duration import has_duration, read_ends
from listen_and_move.media.opening import opened
from listen_and_move.media.presentation import Presentation
from listen_and_move.media.tracks import default_picture, default_sound, picture_stream, pictures_of

LONGEST_TRACK_NAME = 60
"""Characters of a track's name that are told."""


@dataclass(frozen=True)
class VideoInfo:
    """The picture of a file; times in seconds on the time line of the file."""

    width: int
    """Width as displayed: after clean aperture, sample aspect ratio and rotation."""
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
    remarks: tuple[str, ...]
    """What is done to the coded frames so that they look as meant."""


@dataclass(frozen=True)
class PictureInfo:
    """One picture of a file, as its container describes it."""

    track: int
    """Number among the pictures of the file, from 0."""
    codec: str
    coded_width: int
    coded_height: int
    name: str
    """Title and language; empty where the file says nothing."""
    default: bool
    """It is taken where none is chosen."""


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
    name: str
    """Title and language; empty where the file says nothing."""
    default: bool
    """It is taken where none is chosen."""


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds."""

    path: Path
    format: str
    duration: Fraction
    """In seconds, as the container claims it."""
    video: VideoInfo | None
    """The picture that is taken."""
    pictures: tuple[PictureInfo, ...]
    sounds: tuple[SoundInfo, ...]


def probe(path: AnyPath, picture_track: int | None = None) -> MediaInfo:
    """What a file holds; cover art is not a picture.

    Args:
        path: the file.
        picture_track: which of its pictures is taken, from 0; None: the default one.

    Raises:
        UserError: there is no such file, it is no video or sound that can be read, or has no such picture.
    """
    with opened(path) as container:
        origin = origin_of(container)
        state = Path(path).stat()
        ends = {} if has_duration(container) else _ends(path, state.st_size, state.st_mtime_ns)
        sounds = tuple(
            _sound_info(container, stream, track, origin, ends)
            for track, stream in enumerate(container.streams.audio)
        )
        pictures = tuple(
            _picture_info(container, stream, track) for track, stream in enumerate(pictures_of(container))
        )
        video = _video_info(path, container, picture_track, origin, ends) if pictures else None
        if video is None and not sounds:
            raise UserError(f"{path}: expected a video or a sound; the file holds neither")
        length = Fraction(container.duration or 0, av.time_base)
        if ends or not length:
            length = max(each.start + each.duration for each in (*sounds, *((video,) if video else ())))
        return MediaInfo(Path(path), container.format.name, length, video, pictures, sounds)


def read_length(path: AnyPath) -> Fraction:
    """How long the longest stream of a file lasts by its packets, in seconds, whatever its container claims.

    Raises:
        UserError: there is no such file, or it is no video or sound that can be read.
    """
    state = Path(path).stat()
    ends = _ends(path, state.st_size, state.st_mtime_ns)
    with opened(path) as container:
        return max(ends.values(), default=Fraction(0)) - origin_of(container)


@lru_cache(maxsize=1)
def _ends(path: AnyPath, size: int, changed: int) -> dict[int, Fraction]:
    """See `read_ends`; kept, since one file is looked at several times in a row, until it has changed."""
    with opened(path) as container:
        return read_ends(container)


def _sound_info(
    container: Any, stream: Any, track: int, origin: Fraction, ends: dict[int, Fraction]
) -> SoundInfo:
    codec = stream.codec_context
    start, duration = _span(container, stream, origin, ends)
    return SoundInfo(
        track=track,
        codec=_codec_name(stream),
        sample_rate=codec.sample_rate if codec else 0,
        channels=codec.layout.nb_channels if codec else 0,
        layout=codec.layout.name if codec else "",
        start=start,
        duration=duration,
        name=_track_name(stream),
        default=track == default_sound(container),
    )


def _picture_info(container: Any, stream: Any, track: int) -> PictureInfo:
    codec = stream.codec_context
    return PictureInfo(
        track=track,
        codec=_codec_name(stream),
        coded_width=codec.width if codec else 0,
        coded_height=codec.height if codec else 0,
        name=_track_name(stream),
        default=track == default_picture(container),
    )


def _track_name(stream: Any) -> str:
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    parts = [tags.get("title", ""), tags.get("language", "").replace("und", "")]
    name = ", ".join(part for part in parts if part)[:LONGEST_TRACK_NAME]
    return "".join(each if each.isprintable() else " " for each in name)


def _video_info(
    path: AnyPath, container: Any, track: int | None, origin: Fraction, ends: dict[int, Fraction]
) -> VideoInfo:
    stream = picture_stream(path, container, track)
    presentation = Presentation.of(container, stream)
    frame = _first_frame(path, container, stream)
    transposed, flip_x, flip_y = orientation(frame)
    width, height = presentation.displayed_size(frame)
    times = _first_times(path, stream.index)
    gaps = [after - before for before, after in pairwise(times)]
    variable = bool(gaps) and max(gaps) - min(gaps) > 2 * Fraction(stream.time_base)
    start, duration = _span(container, stream, origin, ends)
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
        remarks=presentation.remarks(frame),
    )


def _span(
    container: Any, stream: Any, origin: Fraction, ends: dict[int, Fraction]
) -> tuple[Fraction, Fraction]:
    """Start and duration of a stream, as found in ``ends`` or as the container claims them."""
    begin = seconds(stream, stream.start_time)
    start = Fraction(0) if begin is None else begin - origin
    if stream.index in ends:
        return start, max(ends[stream.index] - origin - start, Fraction(0))
    return start, claimed(container, stream) or Fraction(container.duration or 0, av.time_base)


def _codec_name(stream: Any) -> str:
    codec = stream.codec_context.codec if stream.codec_context else None
    return getattr(codec, "canonical_name", None) or getattr(codec, "name", "unknown")


def _first_frame(path: AnyPath, container: Any, stream: Any) -> Any:
    frame = next(iter(Decoder(path, container, stream)), None)
    if frame is None:
        raise without_frames(path)
    return frame


def _first_times(path: AnyPath, index: int) -> list[Fraction]:
    """Times of the first thousand frames, from their packets."""
    with opened(path) as container:
        own = (each for each in packets(container) if each.stream.index == index and not each.is_discard)
        stamps: list[tuple[int | None, int | None]] = []
        with passing_over(FFmpegError):
            stamps.extend((packet.pts, packet.dts) for packet in islice(own, 1000))
        tick = Fraction(container.streams[index].time_base)
    columns = zip(*stamps[: -1 if stamps[-1:] == [(None, None)] else None], strict=True)
    return next((sorted(stamp * tick for stamp in each) for each in columns if None not in each), [])


def _edited(path: AnyPath, stream: Any) -> bool:
    """Whether the stream lasts longer or shorter by more than a frame when the edit list is ignored."""
    with opened(path, {"ignore_editlist": "1"}) as container:
        plain = container.streams[stream.index]
        lengths = [seconds(each, each.duration) or Fraction(0) for each in (stream, plain)]
    return abs(lengths[0] - lengths[1]) > 1 / frame_rate(stream)


def origin_of(container: Any) -> Fraction:
    """The zero of the file's time line: the earliest start of its picture and sounds."""
    starts = [
        seconds(stream, stream.start_time) for stream in [*pictures_of(container), *container.streams.audio]
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
