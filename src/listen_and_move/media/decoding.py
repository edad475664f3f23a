"""Frames of an opened stream: in order, whole or with the reason why not, and how they are to be
displayed."""

from collections.abc import Iterator
from fractions import Fraction
from os import PathLike
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from listen_and_move.errors import UserError

AnyPath = str | PathLike[str]

MOV = "mov,mp4,m4a,3gp,3g2,mj2"
CLAIM_IS_EXACT = (MOV, "matroska,webm")
"""Containers that know how long their streams are; others estimate it from the size of the file."""


def decoded(path: AnyPath, container: Any, stream: Any) -> Iterator[Any]:
    """All frames of a stream in order of display.

    Files without a container (MP3, ADTS) often begin or end in the middle of a frame: an error there is no
    damage.
    """
    lenient = container.format.name not in CLAIM_IS_EXACT
    time, error = None, None
    for packet, failure in _packets(container, stream):
        try:
            frames = [] if failure else packet.decode()
        except FFmpegError as problem:
            frames, failure = [], problem
        if any(frame.is_corrupt for frame in frames):
            failure = ValueError("a part of it is missing")
        if failure and not (lenient and time is None):
            error = error or failure
        if error and (frames or not lenient or packet is None):
            raise UserError(
                f"{path}: is damaged at {float(time or 0):.1f} s: {reason(error)}; use a part before it or "
                "another copy"
            )
        for frame in frames:
            time = frame.time if frame.time is not None else time
            yield frame


def _packets(container: Any, stream: Any) -> Iterator[tuple[Any, Exception | None]]:
    """Packets of a stream, and at last the error that ended them."""
    try:
        for packet in container.demux(stream):
            yield packet, None
    except FFmpegError as error:
        yield None, error


def reason(error: Exception) -> str:
    """What the system or FFmpeg says, to be put into a sentence."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def check_complete(path: AnyPath, container: Any, stream: Any, reached: Fraction) -> None:
    """Refuse a stream that ends much earlier than its container claims: the file is cut off."""
    length = claimed(container, stream) if container.format.name in CLAIM_IS_EXACT else None
    if length is not None and length - reached > max(Fraction(1), length / 10):
        raise UserError(
            f"{path}: is cut off: expected {float(length):.1f} s of "
            f"{'picture' if stream.type == 'video' else 'sound'}; "
            f"it ends after {float(reached):.1f} s; use a complete copy"
        )


def claimed(container: Any, stream: Any) -> Fraction | None:
    """Duration of a stream in seconds according to the container; None if it says nothing."""
    if stream.duration:
        return seconds(stream, stream.duration)
    clock = next(
        (value for key, value in stream.metadata.items() if key.upper().startswith("DURATION")), ""
    ).split(":")
    if len(clock) == 3:  # Matroska: 00:00:10.010000000
        return sum(
            (Fraction(digits) * 60**place for place, digits in enumerate(reversed(clock))), Fraction(0)
        )
    return (
        Fraction(container.duration, av.time_base)
        if container.duration and len(container.streams) == 1
        else None
    )


def seconds(stream: Any, ticks: int | None) -> Fraction | None:
    """A time stamp of a stream in seconds; None if it is unknown."""
    return None if ticks is None or stream.time_base is None else ticks * Fraction(stream.time_base)


def frame_rate(stream: Any) -> Fraction:
    """Average frames per second, as far as the container knows."""
    return Fraction(stream.average_rate or stream.guessed_rate or 25)


def orientation(frame: Any) -> tuple[bool, bool, bool]:
    """How the coded picture is turned for display: first transposed, then mirrored in x, then in y."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(matrix), dtype="<i4")[:5])
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)


def displayed_size(frame: Any, stream: Any) -> tuple[int, int]:
    """Width and height after rotation and sample aspect ratio."""
    wide = max(1, round(frame.width * Fraction(stream.sample_aspect_ratio or 1)))
    return (frame.height, wide) if orientation(frame)[0] else (wide, frame.height)
