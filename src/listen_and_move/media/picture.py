"""The picture of a file as frames of any size at any rate, taken by time.

Shapes: a picture is uint8 (height, width, 3) RGB.
"""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from math import ceil, floor
from typing import Any

import numpy as np
from av.error import FFmpegError
from av.filter import Graph

from listen_and_move.clock import Seconds, frame_time
from listen_and_move.errors import UserError
from listen_and_move.media.decoding import (
    AnyPath,
    check_complete,
    decoded,
    displayed_size,
    frame_rate,
    orientation,
)
from listen_and_move.media.files import VideoInfo, checked_span, opened, origin_of, picture_stream

HALF_A_MILLISECOND = Fraction(1, 2000)
FAR = 10
"""Seconds from which on seeking is worth its trouble."""
FULL_RANGE = 2
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
"""Numbers of ITU-T H.273 (MatrixCoefficients) to names of the scale filter."""

Box = tuple[int, int, int, int]


def centred_box(info: VideoInfo, width: int, height: int) -> Box:
    """The largest centred part of the displayed picture with the shape width : height, as left, top, right,
    bottom."""
    return _centred(info.width, info.height, width, height)


def _centred(picture_width: int, picture_height: int, width: int, height: int) -> Box:
    wide = min(picture_width, max(1, round(Fraction(picture_height * width, height))))
    high = min(picture_height, max(1, round(Fraction(picture_width * height, width))))
    left, top = (picture_width - wide) // 2, (picture_height - high) // 2
    return left, top, left + wide, top + high


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
    first, last = checked_span(path, start, end)
    with opened(path) as container:
        stream = picture_stream(path, container)
        stream.thread_type = "AUTO"
        origin = origin_of(container)
        tolerance = min(Fraction(stream.time_base) / 2, HALF_A_MILLISECOND)
        view, shown, until, count = _View(path, stream, width, height, box), None, Fraction(0), 0
        for frame in _frames_from(path, container, stream, first + origin):
            time = frame.pts * Fraction(frame.time_base) - origin
            while shown and (instant := first + frame_time(count, fps)) + tolerance < time:
                if last is not None and instant >= last:
                    return
                yield view(shown)
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
            yield view(shown)
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


class _View:
    """Turns decoded frames into RGB pictures of one size: crop, colours, scaling, rotation."""

    def __init__(self, path: AnyPath, stream: Any, width: int, height: int, box: Box | None) -> None:
        self.path, self.stream, self.size, self.box = path, stream, (width, height), box
        self.key: Any = None
        self.frame, self.picture = None, np.zeros(0, np.uint8)

    def __call__(self, frame: Any) -> np.ndarray:
        """The picture of a frame; asked again for the same one, it gives a copy."""
        if frame is not self.frame:
            self.frame, self.picture = frame, self._converted(frame)
        return self.picture.copy(order="C")

    def _converted(self, frame: Any) -> np.ndarray:
        key = (frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))
        if key != self.key:
            self.key = key
            self._prepare(frame)
        self.graph.push(frame)
        pixels = self.rows(self.graph.pull().to_ndarray(), 0)
        pixels = self.columns(pixels, 1)
        transposed, flip_x, flip_y = self.turn
        pixels = pixels.transpose(1, 0, 2) if transposed else pixels
        pixels = pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        return np.rint(pixels).clip(0, 255).astype(np.uint8)

    def _prepare(self, frame: Any) -> None:
        self.turn = transposed, flip_x, flip_y = orientation(frame)
        displayed = displayed_size(frame, self.stream)
        left, top, right, bottom = self._checked_box(displayed)
        across = (displayed[0] - right, displayed[0] - left) if flip_x else (left, right)
        down = (displayed[1] - bottom, displayed[1] - top) if flip_y else (top, bottom)
        if transposed:
            across, down, displayed, size = down, across, displayed[::-1], self.size[::-1]
        else:
            size = self.size
        self.columns = columns = _Scaling(across, displayed[0], frame.width, size[0])
        self.rows = rows = _Scaling(down, displayed[1], frame.height, size[1])
        section = (columns.first, rows.first, columns.count, rows.count)
        self.graph = _rgb_graph(frame, section, (columns.count // columns.blocks, rows.count // rows.blocks))

    def _checked_box(self, displayed: tuple[int, int]) -> Box:
        box = self.box or _centred(*displayed, *self.size)
        if not (0 <= box[0] < box[2] <= displayed[0] and 0 <= box[1] < box[3] <= displayed[1]):
            raise UserError(
                f"{self.path}: expected a crop (left,top,right,bottom) inside the picture of "
                f"{displayed[0]}x{displayed[1]} "
                f"pixels; got {','.join(str(side) for side in box)}"
            )
        return box


class _Scaling:
    """Scaling of one axis from the part (begin, end) of the displayed picture to ``size`` pixels.

    Shrinking averages the area below each new pixel; enlarging interpolates linearly. Each new pixel is a
    weighted sum of a few coded ones, so a loop over these few is all the work there is. Where a new pixel is
    much larger than a coded one, ``blocks`` of coded pixels are averaged before anything else, since colours
    and sums of all of them cost time: an edge between two new pixels is then known to a block, at most an
    eighth of a new pixel.
    """

    def __init__(self, span: tuple[int, int], displayed: int, coded: int, size: int) -> None:
        begin, end = (side * coded / displayed for side in span)
        step = (end - begin) / size
        self.blocks = _blocks(step, coded)
        align = max(4, self.blocks)  # where chroma samples begin, in every subsampling
        self.first = max(0, floor(begin) - 2) // align * align
        self.count = min(coded, ceil((ceil(end) + 2) / self.blocks) * self.blocks) - self.first
        left = (begin - self.first + step * np.arange(size)) / self.blocks
        step, count = step / self.blocks, self.count // self.blocks
        centre = (left + step / 2 - 0.5).clip(0, count - 1)
        pixels = np.floor(left if step >= 1 else centre) + np.arange(ceil(step) + 1)[:, None]  # (taps, size)
        below = np.minimum(pixels + 1, left + step) - np.maximum(pixels, left)
        weights = (below if step >= 1 else 1 - np.abs(pixels - centre)).clip(0)
        self.weights = (weights / weights.sum(0)).astype(np.float32)
        self.pixels = pixels.clip(0, count - 1).astype(int)

    def __call__(self, picture: np.ndarray, axis: int) -> np.ndarray:
        shape = [1, 1, 1]
        shape[axis] = -1
        taps = zip(self.weights, self.pixels, strict=True)
        return sum(
            (weight.reshape(shape) * picture.take(pixels, axis) for weight, pixels in taps),
            np.zeros((1, 1, 1), np.float32),
        )


def _blocks(step: float, coded: int) -> int:
    """The largest power of two that is an eighth of a new pixel of ``step`` coded ones, and divides the
    picture."""
    blocks = 1
    while 16 * blocks <= step and coded % (2 * blocks) == 0:
        blocks *= 2
    return blocks


def _rgb_graph(frame: Any, section: Box, size: tuple[int, int]) -> Graph:
    """Crop (x, y, width, height), averages of whole blocks down to ``size`` (width, height), and conversion
    to RGB.

    Colours follow the frame's own matrix and range.
    """
    # Unmarked colours are taken as players take them: BT.709 from 720 lines on, else BT.601.
    guess = "bt709" if frame.height >= 720 or frame.width >= 1280 else "bt601"
    full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    matrix, levels = MATRICES.get(int(frame.colorspace), guess), "full" if full else "limited"
    colours = f":in_color_matrix={matrix}:in_range={levels}"
    if frame.format.is_rgb or frame.format.name.startswith(("gray", "pal", "mono")):
        colours = ""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(frame.time_base or Fraction(1, 1000)),
    )
    crop = graph.add("crop", f"{section[2]}:{section[3]}:{section[0]}:{section[1]}:exact=1")
    way = "bicubic" if size == section[2:] else "area"
    scale = graph.add(
        "scale", f"{size[0]}:{size[1]}:flags={way}+accurate_rnd+full_chroma_int+full_chroma_inp{colours}"
    )
    graph.link_nodes(source, crop, scale, graph.add("format", "rgb24"), graph.add("buffersink")).configure()
    return graph
