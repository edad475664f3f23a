"""Opening of media files from anybody, within the limits of `limits`."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.error import ArgumentError, FFmpegError

from listen_and_move.errors import NoMemoryError, UserError
from listen_and_move.media.decoding import AnyPath, coder_of, packets, reason
from listen_and_move.media.limits import (
    CONTAINERS,
    LATE,
    check_tracks,
    container_options,
    sound_decoders,
)

GENERATE_STAMPS = 0x0001
"""FFmpeg's AVFMT_FLAG_GENPTS, which PyAV sets.

It makes up presentation times, wrongly where frames refer to each other in several layers."""
LONGEST_SEARCH = 1000
"""Packets within which each picture stream shows its first frame, in a container whose tracks come late."""
_TOLERANT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Option for tags that are not UTF-8, which stop PyAV before 19 from opening a file; later versions need
none."""


@contextmanager
def opened(path: AnyPath, options: dict[str, str] | None = None) -> Iterator[Any]:
    """Yields an opened file, or raises the reason why it cannot be read as a UserError.

    For the modules of this folder.
    """
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
        container = _container(f"file:{file}", options or {})
    except ArgumentError:
        raise UserError(
            f"{path}: expected a video or sound; got a file of another kind (playlists and subtitles are not "
            "opened); convert it to MP4 or WAV first"
        ) from None
    except MemoryError:
        raise NoMemoryError(path) from None
    except (FFmpegError, OSError) as error:
        raise UserError(
            f"{path}: cannot be read as video or sound ({reason(error)}); try to play or convert it first"
        ) from None
    with container:
        check_tracks(path, len(container.streams))
        container.flags &= ~GENERATE_STAMPS
        yield container


def _container(url: str, options: dict[str, str]) -> Any:
    try:
        return av.open(url, options={**container_options(CONTAINERS), **options}, **_TOLERANT)
    except ArgumentError:  # no allowed container reads the file
        if _is_jpeg(url):
            return av.open(url, format="jpeg_pipe", options=container_options(CONTAINERS), **_TOLERANT)
        decoders = "" if _pictures_fit(url) else sound_decoders()
        return av.open(url, options={**container_options(LATE, decoders), **options}, **_TOLERANT)


def _is_jpeg(url: str) -> bool:
    """Returns whether a file begins as a JPEG does.

    FFmpeg takes one without a JFIF or Exif header for one of a series of pictures, which are not opened.
    """
    with Path(url.removeprefix("file:")).open("rb") as file:
        return file.read(3) == b"\xff\xd8\xff"


def _pictures_fit(url: str) -> bool:
    """Returns whether every picture of a file whose tracks come late is small enough.

    FFmpeg decodes pictures to tell what such a file holds, and has no limit for these.
    """
    with av.open(url, options=container_options(LATE, sound_decoders()), **_TOLERANT) as container:
        coders = {each.index: coder_of(each) for each in container.streams.video if each.codec_context}
        for packet in islice(packets(container), LONGEST_SEARCH):
            if not coders:
                break
            coder = coders.get(packet.stream.index)
            try:
                if coder is not None and coder.decode(packet):
                    del coders[packet.stream.index]
            except MemoryError:
                raise
            except FFmpegError:
                continue  # damaged, too large, or in the middle of a group of pictures
        return not coders
