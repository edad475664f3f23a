"""Conversion of decoded frames to pictures: crop, colours, size, rotation.

Shapes: a picture is uint8 (height, width, 3) RGB.
"""

import threading
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

import av
import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat

from listen_and_move.errors import UserError
from listen_and_move.media.decoding import AnyPath, orientation
from listen_and_move.media.files import VideoInfo
from listen_and_move.media.hdr import TRANSFERS, peak_of, table_filter
from listen_and_move.media.presentation import Box, Presentation
from listen_and_move.media.scaling import Scaling

FULL_RANGE = 2
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
"""Names of the scale filter for the numbers of ITU-T H.273 (MatrixCoefficients)."""

CAREFUL = "accurate_rnd+full_chroma_int+full_chroma_inp"
"""Flags of the scale filter for full accuracy.

Without them the filter halves chroma, rounds down and is off by several levels."""
VIDEO_COLOURS = ":in_color_matrix=bt709:in_range=limited"
VIDEO_MARKS = "range=limited:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
"""Colours of a video, as the scale filter takes them and as a frame is marked."""

LARGE = 160_000
"""Pixels of a crop from which on areas are averaged during the conversion of colours: a tenth of the time.

Smaller crops cost little, and stay what they were to the last bit."""
Nodes = list[tuple[str, str]]
"""Filters of a graph, in order: name and arguments."""
Result = TypeVar("Result")


def centred_box(info: VideoInfo, width: int, height: int) -> Box:
    """Returns the largest centred box of the displayed picture with the shape width : height.

    The box is left, top, right, bottom.
    """
    return _centred(info.width, info.height, width, height)


def _centred(picture_width: int, picture_height: int, width: int, height: int) -> Box:
    wide = min(picture_width, max(1, round(Fraction(picture_height * width, height))))
    high = min(picture_height, max(1, round(Fraction(picture_width * height, width))))
    left, top = (picture_width - wide) // 2, (picture_height - high) // 2
    return left, top, left + wide, top + high


def source_size(whole: VideoInfo | Box) -> tuple[int, int]:
    """Returns the even size of the frames of `source_frames`, for a box or a whole displayed picture.

    The size is width and height.
    """
    if isinstance(whole, VideoInfo):
        return whole.width // 2 * 2, whole.height // 2 * 2
    left, top, right, bottom = whole
    return (right - left) // 2 * 2, (bottom - top) // 2 * 2


def rgb(frame: av.VideoFrame) -> np.ndarray:
    """Returns the picture of a frame of `source_frames`: uint8 (height, width, 3) RGB.

    It is an array of its own.
    """
    key = (frame.width, frame.height, frame.format.name)
    if key != _kept.key:
        scale = f"flags=bilinear+{CAREFUL}{VIDEO_COLOURS}"
        _kept.key, _kept.graph = key, _graph(frame, [("scale", scale), ("format", "rgb24")])
    _kept.graph.push(frame)
    return _kept.graph.vpull().to_ndarray().copy()


class _Kept(threading.local):
    """The graph of the last call of `rgb`, since making one takes a millisecond; each thread has its own."""

    key: Any = None
    graph: Any = None


_kept = _Kept()


class Converter(ABC, Generic[Result]):
    """Converts decoded frames, each of them once.

    Filters are kept until the frames change.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = path
        self.key: Any = None
        self.displayed: tuple[int, int] | None = None
        """Width and height of the first picture as it is displayed; later ones are scaled to them."""
        self.frame, self.result = None, None

    def __call__(self, presentation: Presentation, frame: Any) -> Result:
        """Returns the converted frame; for the same frame the same object."""
        if self.result is None or frame is not self.frame:
            colours = (int(frame.colorspace), int(frame.color_range))
            key = (frame.width, frame.height, frame.format.name, colours, orientation(frame))
            if key != self.key:
                self.displayed = self.displayed or presentation.displayed_size(frame)
                self.prepare(presentation, frame, self.displayed)
                self.key = key
            self.frame, self.result = frame, self.convert(frame)
        return self.result

    @abstractmethod
    def prepare(self, presentation: Presentation, frame: Any, displayed: tuple[int, int]) -> None:
        """Makes the filters for frames like this one, displayed with this width and height."""

    @abstractmethod
    def convert(self, frame: Any) -> Result:
        """Returns the converted frame."""


class View(Converter[np.ndarray]):
    """Converts decoded frames to RGB pictures of one size: crop, colours, scaling, rotation."""

    def __init__(self, path: AnyPath, width: int, height: int, box: Box | None) -> None:
        super().__init__(path)
        self.size, self.box = (width, height), box

    def convert(self, frame: Any) -> np.ndarray:
        """Returns the picture: uint8 (height, width, 3) RGB."""
        self.graph.push(frame)
        pixels = self.graph.vpull().to_ndarray()
        for scaling, axis in self.scalings:
            pixels = scaling(pixels, axis)
        transposed, flip_x, flip_y = self.turn
        pixels = pixels.transpose(1, 0, 2) if transposed else pixels
        pixels = pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        return pixels if pixels.dtype == np.uint8 else np.rint(pixels).clip(0, 255).astype(np.uint8)

    def prepare(self, presentation: Presentation, frame: Any, displayed: tuple[int, int]) -> None:
        """Makes the graph and the scalings for frames like this one."""
        self.turn = orientation(frame)
        plain = _plain(frame, presentation)
        box = _checked_box(self.path, self.box or _centred(*displayed, *self.size), displayed)
        left, top, right, bottom = _before_turning(box, displayed, self.turn)
        (width, height), size = displayed, self.size
        if self.turn[0]:
            width, height, size = height, width, (size[1], size[0])
        columns = Scaling((left, right), width, plain.width, size[0])
        rows = Scaling((top, bottom), height, plain.height, size[1])
        if columns.plain and rows.plain and not plain.mapped:
            (left, right), (top, bottom) = columns.plain, rows.plain
            if (right - left) * (bottom - top) >= LARGE:
                self.scalings = ()
                self.graph = _rgb_graph(frame, plain, (left, top, right - left, bottom - top), size)
                return
        self.scalings = ((rows, 0), (columns, 1))
        crop = (columns.first, rows.first, columns.count, rows.count)
        self.graph = _rgb_graph(
            frame, plain, crop, (columns.count // columns.blocks, rows.count // rows.blocks)
        )


class SourceView(Converter[av.VideoFrame]):
    """Converts decoded frames to upright frames of the size of a box, in the colours of a video."""

    def __init__(self, path: AnyPath, box: Box) -> None:
        super().__init__(path)
        self.box = box

    def convert(self, frame: Any) -> av.VideoFrame:
        """Returns the upright frame."""
        self.graph.push(frame)
        return self.graph.vpull()

    def prepare(self, presentation: Presentation, frame: Any, displayed: tuple[int, int]) -> None:
        """Makes the graph for frames like this one."""
        turn = orientation(frame)
        left, top, _, _ = _checked_box(self.path, self.box, displayed)
        width, height = source_size(self.box)
        box = _before_turning((left, top, left + width, top + height), displayed, turn)
        size = (displayed[1], displayed[0]) if turn[0] else displayed
        self.graph = _source_graph(frame, _plain(frame, presentation), box, size, turn)


def _checked_box(path: AnyPath, box: Box, displayed: tuple[int, int]) -> Box:
    if not (0 <= box[0] < box[2] <= displayed[0] and 0 <= box[1] < box[3] <= displayed[1]):
        raise UserError(
            f"{path}: expected a crop (left,top,right,bottom) inside the picture of "
            f"{displayed[0]}x{displayed[1]} "
            f"pixels; got {','.join(str(side) for side in box)}"
        )
    return box


def _before_turning(box: Box, displayed: tuple[int, int], turn: tuple[bool, bool, bool]) -> Box:
    """Returns the place of a displayed box in the coded picture, before `orientation` turns it."""
    (left, top, right, bottom), (transposed, flip_x, flip_y) = box, turn
    if flip_x:
        left, right = displayed[0] - right, displayed[0] - left
    if flip_y:
        top, bottom = displayed[1] - bottom, displayed[1] - top
    return (top, left, bottom, right) if transposed else (left, top, right, bottom)


class _Plain(NamedTuple):
    """Filters that make frames plain, and the colours of those frames.

    Plain frames have the visible part, are opaque, and have the range of a screen.
    """

    width: int
    height: int
    format: VideoFormat
    colours: str
    """Matrix and range, as arguments of the scale filter; empty where there is no matrix."""
    cut: Nodes
    """Filters that cut out the visible part."""
    mapped: Nodes
    """Filters after `cut`, between which another crop may come."""


def _plain(frame: Any, presentation: Presentation) -> _Plain:
    left, top, right, bottom = presentation.aperture_of(frame)
    hdr = presentation.transfer in TRANSFERS
    width, height, colours = right - left, bottom - top, _colours_of(frame, hdr)
    cut = [] if (width, height) == (frame.width, frame.height) else [_crop(left, top, width, height)]
    to_rgb = ("scale", f"flags=bicubic+{CAREFUL}{colours}")
    if hdr:
        if frame.format.chroma_width(64) < 64:  # chroma half a pixel off would show in bright colours
            to_rgb = ("scale", f"{to_rgb[1]}:in_h_chr_pos=0")
        table = table_filter(presentation.transfer, peak_of(frame))
        return _Plain(
            width, height, VideoFormat("gbrp16le"), "", cut, [to_rgb, ("format", "gbrp16le"), table]
        )
    if not presentation.is_transparent(frame):
        return _Plain(width, height, frame.format, colours, cut, [])
    # Multiplying by the opacity shows the picture on black.
    blended: Nodes = [to_rgb, ("format", "gbrap")]
    blended += [("premultiply", "inplace=1"), ("scale", ""), ("format", "gbrp")]
    return _Plain(width, height, VideoFormat("gbrp"), "", cut, blended)


def _rgb_graph(frame: Any, plain: _Plain, crop: Box, size: tuple[int, int]) -> Graph:
    """Returns a graph that crops, averages whole blocks down to ``size``, and converts to RGB.

    The crop is (x, y, width, height), the size (width, height). Colours follow the frame's own matrix and
    range.
    """
    way = "bicubic" if size == crop[2:] else "area"
    scale = f"{size[0]}:{size[1]}:flags={way}+{CAREFUL}{plain.colours}"
    return _graph(frame, [*plain.cut, _crop(*crop), *plain.mapped, ("scale", scale), ("format", "rgb24")])


def _source_graph(
    frame: Any, plain: _Plain, box: Box, size: tuple[int, int], turn: tuple[bool, bool, bool]
) -> Graph:
    """Returns a graph that scales to ``size`` (width, height), crops, turns, and converts.

    The result is yuv420p, BT.709, limited range. Steps that change nothing are left out.
    """
    left, top, right, bottom = box
    colours = plain.colours
    convert = f"flags=bicubic+{CAREFUL}{colours}:out_color_matrix=bt709:out_range=limited"
    crop, turning = _crop(left, top, right - left, bottom - top), _turning(*turn)
    if size != (plain.width, plain.height) or _splits_chroma(plain.format, left, top):
        # By way of full chroma, whose samples are then averaged anew for the pixels that share them.
        whole: Nodes = [("scale", f"{size[0]}:{size[1]}:{convert}"), ("format", "yuv444p")]
        nodes = [*whole, crop, *turning, ("scale", f"flags=area+{CAREFUL}"), ("format", "yuv420p")]
    elif plain.format.name == "yuv420p" and colours == VIDEO_COLOURS:
        # Turned as players do it: chroma stays with its four pixels, wherever it was sampled between them.
        nodes = [crop, *turning]
    else:
        nodes = [crop, ("scale", convert), ("format", "yuv420p"), *turning]
    # Side data of the coded frame (rotation, captions, its kind) do not hold for the new one.
    nodes = [*plain.cut, *plain.mapped, *nodes]
    return _graph(frame, [*nodes, ("sidedata", "mode=delete"), ("setparams", VIDEO_MARKS)])


def _crop(x: int, y: int, width: int, height: int) -> tuple[str, str]:
    return "crop", f"{width}:{height}:{x}:{y}:exact=1"


def _turning(transposed: bool, flip_x: bool, flip_y: bool) -> Nodes:
    if transposed:
        return [("transpose", str(flip_x + 2 * flip_y))]
    return [("hflip", "")] * flip_x + [("vflip", "")] * flip_y


def _splits_chroma(pixels: VideoFormat, left: int, top: int) -> bool:
    """Returns whether a crop that begins there parts pixels that share a sample of chroma."""
    across, down = 64 // pixels.chroma_width(64), 64 // pixels.chroma_height(64)
    return bool(left % across or top % down)


def _colours_of(frame: Any, hdr: bool) -> str:
    """Returns matrix and range of a frame as arguments of the scale filter; empty where it has no matrix."""
    if frame.format.is_rgb or frame.format.name.startswith(("gray", "pal", "mono")):
        return ""
    # Unmarked colours are taken as players take them: BT.709 from 720 lines on, else BT.601.
    guess = "bt2020" if hdr else "bt709" if frame.height >= 720 or frame.width >= 1280 else "bt601"
    full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    matrix, levels = MATRICES.get(int(frame.colorspace), guess), "full" if full else "limited"
    return f":in_color_matrix={matrix}:in_range={levels}"


def _graph(frame: Any, nodes: Nodes) -> Graph:
    """Returns a graph of filters for frames like this one."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(frame.time_base or Fraction(1, 1000)),
    )
    filters = [graph.add(name, arguments or None) for name, arguments in nodes]
    graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
    return graph
