"""Which picture and which sound of a file are taken."""

from collections.abc import Sequence
from typing import Any

from listen_and_move.errors import UserError
from listen_and_move.media.decoding import AnyPath
from listen_and_move.media.limits import check_pixels

DEFAULT = 0x1
"""FFmpeg's AV_DISPOSITION_DEFAULT: what players take where nobody chooses."""
NO_PICTURE = 0x400 | 0x800 | 0x40000 | 0x100000
"""Attached picture, timed thumbnails, metadata, still image: cover art and the like, which is no picture."""
STILLS = {"mjpeg", "png", "apng", "bmp", "gif", "webp", "tiff", "jpeg2000", "jpegxl"}
"""Codings of covers and previews, where another coding is there."""
SPECIAL = 0x8 | 0x80 | 0x100 | 0x10000 | 0x20000 | 0x80000
"""Comment, for those who hear or see little, captions, descriptions, dependent: beside the main track."""


def pictures_of(container: Any) -> list[Any]:
    """The pictures of an opened file, in its order; cover art is none."""
    return [stream for stream in container.streams.video if not _disposition(stream) & NO_PICTURE]


def default_picture(container: Any) -> int:
    """Number of the picture that is taken where none is chosen: of those marked as default the largest one,
    since others are proxies of it; a still only where nothing moves.
    """
    return _best([(_moves(stream), *_rank(stream), _pixels(stream)) for stream in pictures_of(container)])


def default_sound(container: Any) -> int:
    """Number of the sound that is taken where none is chosen: of those marked as default the first one."""
    return _best([_rank(stream) for stream in container.streams.audio])


def picture_stream(path: AnyPath, container: Any, track: int | None = None) -> Any:
    """A picture of an opened file, by its number or the default one; a UserError if it has none of it."""
    streams = pictures_of(container)
    if not streams:
        raise UserError(f"{path}: expected a video; the file holds no picture, only sound")
    number = default_picture(container) if track is None else track
    stream = _chosen(path, streams, number, "picture", "--picture-track")
    check_pixels(path, stream.codec_context.width, stream.codec_context.height)
    return stream


def sound_stream(path: AnyPath, container: Any, track: int | None = None) -> Any:
    """A sound of an opened file, by its number or the default one; a UserError if it has none of it."""
    streams = container.streams.audio
    if not streams:
        raise UserError(f"{path}: expected sound; the file holds none; give a file with sound")
    number = default_sound(container) if track is None else track
    return _chosen(path, streams, number, "sound", "--track")


def _chosen(path: AnyPath, streams: Sequence[Any], number: int, kind: str, flag: str) -> Any:
    if not 0 <= number < len(streams):
        valid = ", ".join(map(str, range(len(streams))))
        raise UserError(
            f"{path}: expected one of the {kind} tracks {valid}; got {number}", f"choose with {flag}"
        )
    if streams[number].codec_context is None:
        raise UserError(
            f"{path}: its {streams[number].type} has a coding that is not known here; convert it to H.264 "
            "with AAC first"
        )
    return streams[number]


def _rank(stream: Any) -> tuple[bool, bool, bool]:
    """How much speaks for a track: that it can be decoded, is marked as default, and is no special one."""
    disposition = _disposition(stream)
    return stream.codec_context is not None, bool(disposition & DEFAULT), not disposition & SPECIAL


def _best(ranks: Sequence[tuple[int, ...]]) -> int:
    """The first place of the highest rank."""
    return max(range(len(ranks)), key=lambda place: ranks[place])


def _moves(stream: Any) -> bool:
    return stream.frames != 1 and stream.codec_context is not None and stream.codec_context.name not in STILLS


def _pixels(stream: Any) -> int:
    codec = stream.codec_context
    return codec.width * codec.height if codec else 0


def _disposition(stream: Any) -> int:
    disposition = getattr(stream, "disposition", 0)  # a number, a flag or missing, by the version of PyAV
    return int(getattr(disposition, "value", disposition))
