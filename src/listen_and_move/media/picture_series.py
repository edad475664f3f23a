"""A film of pictures that lie in files of their own: their packets are copied, none is coded again."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from listen_and_move.clock import frame_sample
from listen_and_move.errors import UserError, passing_over
from listen_and_move.media.decoding import orientation, reason
from listen_and_move.media.opening import opened
from listen_and_move.media.resampling import audio_frame
from listen_and_move.media.soundtrack import Waveform


def write_series(file: Path, pictures: Sequence[Path], fps: Fraction, sound: Waveform | None = None) -> None:
    """Writes pictures one after the other into a film (MOV), exactly as they are.

    Args:
        file: the film; what is there is replaced.
        pictures: files of one picture each, of one kind and size; at least one.
        fps: pictures per second.
        sound: of the film, in one channel; None: there is none.

    Raises:
        UserError: a picture cannot be read, or differs from the first one in kind or size.
    """
    with av.open(f"file:{file}", "w", format="mov") as film:
        try:
            with opened(pictures[0]) as first:
                stream: Any = film.add_stream_from_template(first.streams.video[0])
            kind = _kind(stream)
            stream.time_base = 1 / fps
            track: Any = (
                None if sound is None else film.add_stream("pcm_f32le", sound.sample_rate, layout="mono")
            )
            for place, picture in enumerate(pictures):
                film.mux(_packet(picture, kind, stream, place, fps))
                if sound is not None:
                    film.mux(track.encode(_block(sound, place, fps)))
        except MemoryError:
            raise
        except FFmpegError as error:
            raise UserError(
                f"{pictures[0]}: expected pictures that a film can hold; {reason(error)}"
            ) from None


def check_pictures(pictures: Sequence[Path]) -> Iterator[Path]:
    """Yields pictures one by one that are whole JPEG pictures of the size of the first one.

    Raises:
        UserError: a picture is cut off, cannot be read, is of another kind, or differs from the first one in
            size or in how EXIF turns it.
    """
    first: tuple[str, int, int] | None = None
    first_is_turned: bool | None = None
    for picture in pictures:
        try:
            with opened(picture) as container:
                found = next(iter(container.streams.video), None)
                kind = None if found is None else _kind(found)
        except MemoryError:
            raise
        except UserError:
            kind = None
        if kind is None:
            raise UserError(
                f"{picture}: expected a JPEG picture; it cannot be read as one",
                "copy it again, or take it and its sound away",
            )
        if kind[0] != JPEG:
            raise UserError(
                f"{picture}: expected a JPEG picture; got {kind[0]}", "convert all pictures to JPEG"
            )
        first = first or kind
        _check_kind(picture, first, kind)
        content = picture.read_bytes()
        if content.rfind(_END) < content.rfind(_SCAN):
            raise UserError(f"{picture}: expected a whole JPEG picture; it is cut off", "copy it again")
        turned = _is_turned(picture, content)
        first_is_turned = turned if first_is_turned is None else first_is_turned
        if turned != first_is_turned:
            raise UserError(
                f"{picture}: expected a picture that is turned like the first one; its EXIF says otherwise",
                "turn the pixels themselves, and take the EXIF away",
            )
        yield picture


JPEG = "mjpeg"
"""Its name as the library has it."""
_HEAD = 1 << 17
"""Bytes within which EXIF begins."""
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
"""Markers of JPEG before the coded pixels, in which neither occurs, and after all of them."""


def _check_kind(picture: Path, first: tuple[str, int, int], got: tuple[str, int, int] | None) -> None:
    """Refuses a picture that is not like the first one."""
    if got != first:
        expected, other = (
            "no picture" if each is None else f"{each[0]} of {each[1]}x{each[2]} pixels"
            for each in (first, got)
        )
        raise UserError(f"{picture}: expected a picture like the first one, {expected}; got {other}")


def _kind(stream: Any) -> tuple[str, int, int]:
    coder = stream.codec_context
    return coder.name, coder.width, coder.height


def _is_turned(picture: Path, content: bytes) -> bool:
    """Returns whether EXIF has width and height of a picture change places."""
    if b"Exif" in content[:_HEAD]:
        with opened(picture) as container, passing_over(FFmpegError):
            return any(orientation(frame)[0] for frame in container.decode(video=0))
    return False


def _packet(picture: Path, kind: tuple[str, int, int], stream: Any, place: int, fps: Fraction) -> Any:
    """Returns the packet of a picture as one of a stream of the film."""
    with opened(picture) as container:
        found = next(iter(container.streams.video), None)
        _check_kind(picture, kind, None if found is None else _kind(found))
        packet = next(container.demux(found))
    packet.stream, packet.time_base = stream, 1 / fps
    packet.pts = packet.dts = place
    packet.duration = 1
    return packet


def _block(sound: Waveform, place: int, fps: Fraction) -> Any:
    """Returns the samples that are heard with a picture."""
    first, last = (frame_sample(each, fps, sound.sample_rate) for each in (place, place + 1))
    block = audio_frame(sound.samples[first:last], sound.sample_rate)
    block.pts, block.time_base = first, Fraction(1, sound.sample_rate)
    return block
