"""The picture of a file as frames of any size at any rate, taken by time.

`read_frames` gives pictures of any size, `source_frames` frames of the size and the kind that a video holds.

Shapes: a picture is uint8 (height, width, 3) RGB.
"""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from math import floor
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from listen_and_move.clock import Seconds, frame_time
from listen_and_move.errors import UserError
from listen_and_move.media.conversion import Box, SourceView, View, source_size
from listen_and_move.media.decoding import AnyPath, check_complete, decoded, frame_rate
from listen_and_move.media.files import checked_span, opened, origin_of, picture_stream

HALF_A_MILLISECOND = Fraction(1, 2000)
FAR = 10
"""Seconds from which on seeking is worth its trouble."""


def read_frames(
    path: AnyPath,
    fps: Fraction,
    *,
    width: int,
    height: int,
    box: Box | None = None,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> Iterator[np.ndarray]:
    """The picture at a rate of its own: uint8 (height, width, 3) RGB, one array per frame.

    Frame t shows what is on display at ``start + t / fps`` seconds, as long as that is before ``end`` and the
    end of the picture. Before a picture that starts late its first frame is shown. ``box`` is (left, top,
    right, bottom) in pixels of the displayed picture; None is the largest centred part of the right shape.

    Raises:
        UserError: no such file, no picture, a box outside the picture, a start after its end, a damaged or
            cut off file.
    """
    view = View(path, width, height, box)
    for stream, frame in _on_display(path, fps, start, end):
        yield view(stream, frame).copy(order="C")


def source_frames(
    path: AnyPath,
    fps: Fraction,
    *,
    box: Box,
    start: Seconds = 0,
    end: Seconds | None = None,
) -> Iterator[av.VideoFrame]:
    """The picture at its own size and a rate of its own, as a video holds it: yuv420p, BT.709, limited range.

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

    Raises:
        UserError: as `read_frames` does; a box of less than two pixels in width or height.
    """
    if min(source_size(box)) < 2:
        raise UserError(
            f"{path}: expected a crop (left,top,right,bottom) of at least 2x2 pixels; got "
            f"{','.join(str(side) for side in box)}"
        )
    view = SourceView(path, box)
    for stream, frame in _on_display(path, fps, start, end):
        yield view(stream, frame)


def _on_display(
    path: AnyPath, fps: Fraction, start: Seconds, end: Seconds | None
) -> Iterator[tuple[Any, Any]]:
    """The stream and the decoded frame on display at each instant; see `read_frames`."""
    first, last = checked_span(path, start, end)
    with opened(path) as container:
        stream = picture_stream(path, container)
        stream.thread_type = "AUTO"
        origin = origin_of(container)
        tolerance = min(Fraction(stream.time_base) / 2, HALF_A_MILLISECOND)
        shown, until, count = None, Fraction(0), 0
        for frame in _frames_from(path, container, stream, first + origin):
            time = frame.pts * Fraction(frame.time_base) - origin
            while shown and (instant := first + frame_time(count, fps)) + tolerance < time:
                if last is not None and instant >= last:
                    return
                yield stream, shown
                count += 1
            shown, until = frame, time + _frame_length(frame, stream)
        if shown is None:
            raise UserError(f"{path}: expected a video; not one frame of it can be decoded")
        check_complete(path, container, stream, until)
        if first >= until:
            raise UserError(
                f"{path}: expected a start before the end of the picture ({float(until):.2f} s); got "
                f"{float(first):g} s"
            )
        until = until - 2 * tolerance if last is None else min(until - 2 * tolerance, last)
        while first + frame_time(count, fps) < until:
            yield stream, shown
            count += 1


def _frames_from(path: AnyPath, container: Any, stream: Any, time: Fraction) -> Iterator[Any]:
    """Frames with time stamps, from the one shown at ``time`` or earlier; seeks where that saves decoding and
    proves exact."""
    frames = (frame for frame in decoded(path, container, stream) if frame.pts is not None)
    if time <= FAR:
        return frames
    with suppress(FFmpegError, UserError):
        container.seek(floor(time / Fraction(stream.time_base)), stream=stream)
        frame = next(frames, None)
        if frame is not None and frame.pts * Fraction(frame.time_base) <= time:
            return chain([frame], frames)
    container.seek(stream.start_time or 0, stream=stream)
    return (frame for frame in decoded(path, container, stream) if frame.pts is not None)


def _frame_length(frame: Any, stream: Any) -> Fraction:
    ticks = getattr(frame, "duration", 0)
    return ticks * Fraction(frame.time_base) if ticks else 1 / frame_rate(stream)
