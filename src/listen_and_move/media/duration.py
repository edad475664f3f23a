"""How long the streams of a file last, where its container does not say so: found by reading its packets."""

from collections import defaultdict
from fractions import Fraction
from typing import Any

from av.error import FFmpegError

from listen_and_move.errors import passing_over
from listen_and_move.media.decoding import (
    CLOCK_MAY_JUMP,
    MATROSKA,
    claimed,
    frame_rate,
    has_flag,
    packets,
    seconds,
)

ESTIMATED = ("aac",)
"""Containers of which FFmpeg guesses the duration from the size of the file."""
COUNTED = ("ogg",)
"""Containers whose clock may jump, and whose duration is counted all the same."""
LATEST_START = 1
"""Seconds; what Matroska says of the duration of a stream that starts later may mean its end."""


def has_duration(container: Any) -> bool:
    """Whether what a container says of its duration can be believed."""
    name = container.format.name
    streams = [stream for stream in container.streams if stream.type in ("video", "audio")]
    if name == MATROSKA and any((seconds(each, each.start_time) or 0) > LATEST_START for each in streams):
        return False
    jumps = has_flag(container, CLOCK_MAY_JUMP) and name not in COUNTED
    known = bool(container.duration) or all(claimed(container, stream) for stream in streams)
    return known and not jumps and name not in ESTIMATED


def read_ends(container: Any) -> dict[int, Fraction]:
    """Instants at which the streams of an opened file end, in seconds on its own clock, by their numbers.

    A stream without time stamps begins at 0 and lasts as long as its packets do. What cannot be read counts
    as the end.
    """
    ends: defaultdict[int, Fraction] = defaultdict(Fraction)
    with passing_over(FFmpegError):
        for packet in packets(container):
            stream, stamps = packet.stream, (packet.pts, packet.dts)
            if not packet.size and stamps == (None, None):
                continue
            length = (packet.duration or 0) * Fraction(stream.time_base)
            if not length and stream.type == "video":
                length = 1 / frame_rate(stream)
            stamp = next((each for each in stamps if each is not None), None)
            begin = ends[stream.index] if stamp is None else stamp * Fraction(stream.time_base)
            ends[stream.index] = max(ends[stream.index], begin + length)
    return dict(ends)
