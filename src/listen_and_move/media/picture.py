"""The picture of a file as frames of any size at any rate, selected by time.

`read_frames` gives pictures of any size, `source_frames` frames of the size and the kind that a video holds.

Shapes: a picture is uint8 (height, width, 3) RGB.
"""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from math import floor
from typing import Any, NamedTuple

import av
import numpy as np
from av.error import FFmpegError

from listen_and_move.clock import Seconds, frame_time
from listen_and_move.errors import UserError, passing_over
from listen_and_move.media.conversion import Box, SourceView, View, source_size
from listen_and_move.media.decoding import (
    MATROSKA,
    MOV,
    AnyPath,
    Decoder,
    check_complete,
    frame_rate,
    packets,
    without_frames,
)
from listen_and_move.media.files import checked_span, origin_of
from listen_and_move.media.opening import opened
from listen_and_move.media.presentation import Presentation, deinterlaced
from listen_and_move.media.timeline import LONGEST_GAP, FrameClock
from listen_and_move.media.tracks import picture_stream

HALF_A_MILLISECOND = Fraction(1, 2000)
FAR = 10
"""Seconds from which on seeking is faster than decoding."""
SEEKABLE = (MOV, MATROSKA)
"""Containers that have the same time stamps after seeking as without it."""
LONGEST_DELAY = 1
"""Most seconds by which a frame is shown after it is decoded."""


def read_frames(
    path: AnyPath,
    fps: Fraction,
    *,
    width: int,
    height: int,
    box: Box | None = None,
    start: Seconds = 0,
    end: Seconds | None = None,
    track: int | None = None,
) -> Iterator[np.ndarray]:
    """Yields the picture at any rate: uint8 (height, width, 3) RGB, one array per frame.

    Frame t shows what is on display at ``start + t / fps`` seconds, as long as that is before ``end`` and the
    end of the picture. Before a picture that starts late its first frame is shown. ``box`` is (left, top,
    right, bottom) in pixels of the displayed picture; None is the largest centred part of the right shape.
    ``track`` is the number of the picture in the file; None is its default one.

    Raises:
        UserError: no such file, no picture, a box outside the picture, a start after its end, a damaged or
            cut off file.
    """
    view = View(path, width, height, box)
    for presentation, frame in _on_display(path, fps, start, end, track):
        yield view(presentation, frame).copy(order="C")


def source_frames(
    path: AnyPath,
    fps: Fraction,
    *,
    box: Box,
    start: Seconds = 0,
    end: Seconds | None = None,
    track: int | None = None,
) -> Iterator[av.VideoFrame]:
    """Yields the picture at its own size and any rate, as a video holds it: yuv420p, BT.709, limited range.

    Frame t is the one that `read_frames` gives at the same instant, upright and with square pixels. Where the
    file holds such frames, reading takes no longer than decoding; otherwise they are converted. A frame that
    is shown at several instants comes as one object several times: it is not to be changed.

    Args:
        path: the file.
        fps: frames per second.
        box: (left, top, right, bottom) in pixels of the displayed picture; an odd width or height is made
            even by leaving out the last column or row, see `source_size`.
        start: the instant of the first frame, in seconds.
        end: the instant before which the last frame is, in seconds; None is the end of the picture.
        track: number of the picture in the file; None is its default one.

    Raises:
        UserError: as `read_frames` does; a box of less than two pixels in width or height.
    """
    if min(source_size(box)) < 2:
        raise UserError(
            f"{path}: expected a crop (left,top,right,bottom) of at least 2x2 pixels; got "
            f"{','.join(str(side) for side in box)}"
        )
    view = SourceView(path, box)
    for presentation, frame in _on_display(path, fps, start, end, track):
        yield view(presentation, frame)


def _on_display(
    path: AnyPath, fps: Fraction, start: Seconds, end: Seconds | None, track: int | None
) -> Iterator[tuple[Presentation, Any]]:
    """Yields the stream's presentation and the frame on display at each instant; see `read_frames`."""
    first, last = checked_span(path, start, end)
    with opened(path) as container:
        stream = picture_stream(path, container, track)
        presentation = Presentation.of(container, stream)
        stream.thread_type = "AUTO"
        tolerance = min(Fraction(stream.time_base) / 2, HALF_A_MILLISECOND)
        shown, since, until, count = None, first, Fraction(0), 0
        for each in _deinterlaced(_instants(path, container, stream, first)):
            if shown:
                _check_length(path, since, each.time if last is None else min(each.time, last))
                while (instant := first + frame_time(count, fps)) + tolerance < each.time:
                    if last is not None and instant >= last:
                        return
                    yield presentation, shown
                    count += 1
                since = max(first, each.time)
            shown, until = each.frame, each.time + each.length
        if shown is None:
            raise without_frames(path)
        check_complete(path, container, stream, until)
        if first >= until:
            raise UserError(
                f"{path}: expected a start before the end of the picture ({float(until):.2f} s); got "
                f"{float(first):g} s"
            )
        until = until - 2 * tolerance if last is None else min(until - 2 * tolerance, last)
        _check_length(path, since, until)
        while first + frame_time(count, fps) < until:
            yield presentation, shown
            count += 1


def _check_length(path: AnyPath, since: Fraction, until: Fraction) -> None:
    if until - since > LONGEST_GAP:
        raise UserError(
            f"{path}: expected a picture that goes on; got a frame at {float(since):.2f} s that lasts for "
            f"{float(until - since):.0f} s, more than {LONGEST_GAP} s; use a part without it or convert it "
            "first"
        )


class _Instant(NamedTuple):
    """A frame, and the time from which and for which it is shown, in seconds on the time line of the file."""

    time: Fraction
    length: Fraction
    frame: Any


def _deinterlaced(instants: Iterator[_Instant]) -> Iterator[_Instant]:
    """Yields the same instants with deinterlaced frames, which come a frame later."""
    waiting: deque[_Instant] = deque()

    def frames() -> Iterator[Any]:
        for each in instants:
            waiting.append(each)
            yield each.frame

    for frame in deinterlaced(frames()):
        yield waiting.popleft()._replace(frame=frame)


def _instants(path: AnyPath, container: Any, stream: Any, time: Fraction) -> Iterator[_Instant]:
    """Yields frames, beginning with the one shown at ``time`` or an earlier one.

    Frames long before are left out where seeking proves exact.
    """
    if time <= FAR:
        yield from _timed(container, stream, Decoder(path, container, stream))
        return
    near: Iterator[_Instant] = iter(())
    found = None
    with passing_over(FFmpegError, UserError):
        near = _timed(container, stream, _near(path, container, stream, time))
        found = next(near, None)
    if found is not None and found.time <= time:
        yield from chain([found], near)
        return
    with opened(path) as again:
        stream = again.streams[stream.index]
        stream.thread_type = "AUTO"
        yield from _timed(again, stream, Decoder(path, again, stream))


def _near(path: AnyPath, container: Any, stream: Any, time: Fraction) -> Decoder:
    """Returns a decoder that begins shortly before a moment."""
    if container.format.name in SEEKABLE:
        container.seek(floor((time + origin_of(container)) / Fraction(stream.time_base)), stream=stream)
        return Decoder(path, container, stream, midway=True)
    skip = _packets_before(path, stream, time)
    return Decoder(path, container, stream, midway=skip > 0, skip=skip)


def _timed(container: Any, stream: Any, decoder: Decoder) -> Iterator[_Instant]:
    """Yields frames with their instants.

    Where the container has no clock, the first frame is shown from 0 on.
    """
    tick, time, frame = Fraction(stream.time_base), Fraction(0), None
    origin = None if stream.start_time is None else origin_of(container)
    rate = Fraction(stream.guessed_rate or frame_rate(stream))
    clock = FrameClock(usual=max(1, round(1 / (rate * tick))))
    for frame in decoder:
        stamp = clock.stamp(frame.pts, frame.dts) * tick
        origin = stamp if origin is None else origin
        time = stamp - origin
        yield _Instant(time, clock.length(getattr(frame, "duration", 0) or 0) * tick, frame)
    if frame is not None and origin is not None and decoder.repeated * tick > time + origin:
        yield _Instant(time, decoder.repeated * tick - origin - time, frame)


def _packets_before(path: AnyPath, stream: Any, time: Fraction) -> int:
    """Returns how many packets of a picture come before the one where decoding for ``time`` has to begin.

    They are counted by reading, since clocks that jump cannot be sought in.
    """
    skip, tick = 0, Fraction(stream.time_base)
    with opened(path) as container:
        latest = (time + origin_of(container)) / tick
        own = (packet for packet in packets(container) if packet.stream.index == stream.index)
        for count, packet in enumerate(own):
            if packet.dts is not None and packet.dts > latest:
                break
            if packet.is_keyframe and packet.dts is not None:
                skip = count if (packet.pts or packet.dts + LONGEST_DELAY / tick) <= latest else skip
    return skip
