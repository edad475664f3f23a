"""Selection of the picture and sound tracks of a file."""

from collections.abc import Sequence
from typing import Any

from listen_and_move.errors import UserError
from listen_and_move.media.decoding import AnyPath
from listen_and_move.media.limits import check_pixels

DEFAULT = 0x1
"""FFmpeg's AV_DISPOSITION_DEFAULT: tracks that players take unless the user chooses."""
NO_PICTURE = 0x400 | 0x800 | 0x40000 | 0x100000
"""Flags of streams that do not count as pictures, such as cover art.

They are attached picture, timed thumbnails, metadata and still image."""
STILLS = {"mjpeg", "png", "apng", "bmp", "gif", "webp", "tiff", "jpeg2000", "jpegxl"}
"""Codecs of covers and previews, which count as stills where a stream of another codec is there."""
SPECIAL = 0x8 | 0x80 | 0x100 | 0x10000 | 0x20000 | 0x80000
"""Flags of tracks beside the main one.

They are comment, for people with impaired hearing or sight, captions, descriptions, and dependent."""


def pictures_of(container: Any) -> list[Any]:
    """Returns the picture streams of an opened file in order, without cover art."""
    return [stream for stream in container.streams.video if not _disposition(stream) & NO_PICTURE]


def default_picture(container: Any) -> int:
    """Returns the number of the default picture: the largest of those marked as default.

    Smaller ones are proxies of it. A still is taken only where nothing moves.
    """
    return _best([(_moves(stream), *_rank(stream), _pixels(stream)) for stream in pictures_of(container)])


def default_sound(container: Any) -> int:
    """Returns the number of the default sound: the first of those marked as default."""
    return _best([_rank(stream) for stream in container.streams.audio])


def picture_stream(path: AnyPath, container: Any, track: int | None = None) -> Any:
    """Returns a picture stream of an opened file, by its number or the default.

    Raises:
        UserError: there is no such picture.
    """
    streams = pictures_of(container)
    if not streams:
        raise UserError(f"{path}: expected a video; the file holds no picture, only sound")
    number = default_picture(container) if track is None else track
    stream = _chosen(path, streams, number, "picture", "--picture-track")
    check_pixels(path, stream.codec_context.width, stream.codec_context.height)
    return stream


def sound_stream(path: AnyPath, container: Any, track: int | None = None) -> Any:
    """Returns a sound stream of an opened file, by its number or the default.

    Raises:
        UserError: there is no such sound.
    """
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
    """Returns how suitable a track is: it can be decoded, is marked as default, and is no special track."""
    disposition = _disposition(stream)
    return stream.codec_context is not None, bool(disposition & DEFAULT), not disposition & SPECIAL


def _best(ranks: Sequence[tuple[int, ...]]) -> int:
    """Returns the first place of the highest rank."""
    return max(range(len(ranks)), key=lambda place: ranks[place])


def _moves(stream: Any) -> bool:
    return stream.frames != 1 and stream.codec_context is not None and stream.codec_context.name not in STILLS


def _pixels(stream: Any) -> int:
    codec = stream.codec_context
    return codec.width * codec.height if codec else 0


def _disposition(stream: Any) -> int:
    disposition = getattr(stream, "disposition", 0)  # a number, a flag or missing, by the version of PyAV
    return int(getattr(disposition, "value", disposition))
