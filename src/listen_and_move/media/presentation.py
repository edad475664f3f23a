"""The presentation of a stream's frames: the visible part, its shape, and its colours.

All is taken from the container and the first frame; frames of another size are scaled to that of the first.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import av.logging
from av.filter import Graph

from listen_and_move.media.decoding import CLAIM_IS_EXACT, orientation
from listen_and_move.media.hdr import TRANSFERS
from listen_and_move.media.limits import MOST_PIXELS

Box = tuple[int, int, int, int]

MOST_STRETCHED = 8
"""Largest ratio of the sides of a pixel, either way; beyond it the shape counts as damage.

Such pixels are taken as square, and so are those of a picture that would be too large."""
CROPPING = re.compile(r"^ +Frame cropping: (\d+)/(\d+)/(\d+)/(\d+)$", re.IGNORECASE | re.MULTILINE)
"""FFmpeg's description of a clean aperture: columns cut off left and right, rows above and below."""
DEINTERLACING = "mode=send_frame:deint=interlaced"
"""Arguments of the filter: one frame for a frame, and progressive frames unchanged."""
BACKGROUND = "black"
"""Colour behind a transparent picture."""


class Presentation(NamedTuple):
    """The presentation of a stream as known before its first frame is decoded."""

    width: int
    """Width of a coded frame; 0 where the container does not say it."""
    height: int
    aperture: Box | None
    """The visible part of a coded frame: left, top, right, bottom; None: all of it."""
    aspect: Fraction
    """Width of a pixel over its height."""
    transfer: int
    """Transfer characteristics, by their number of ITU-T H.273."""
    opaque: bool
    """Whether the alpha channel is only a filler."""

    @classmethod
    def of(cls, container: Any, stream: Any) -> "Presentation":
        """Returns the presentation of a stream by its container, before anything is decoded."""
        codec = stream.codec_context
        width, height, aspect = codec.width, codec.height, Fraction(stream.sample_aspect_ratio or 1)
        fits = width * height * aspect <= MOST_PIXELS
        if not (fits and Fraction(1, MOST_STRETCHED) <= aspect <= MOST_STRETCHED):
            aspect = Fraction(1)
        aperture, transfer = _aperture(container, stream, width, height), int(codec.color_trc)
        # Programs that write uncompressed pixels often leave the fourth byte 0.
        return cls(width, height, aperture, aspect, transfer, opaque=codec.name == "rawvideo")

    def aperture_of(self, frame: Any) -> Box:
        """Returns the visible part of a frame; all of a frame of another size."""
        expected = (frame.width, frame.height) == (self.width, self.height)
        return self.aperture if self.aperture and expected else (0, 0, frame.width, frame.height)

    def displayed_size(self, frame: Any) -> tuple[int, int]:
        """Returns width and height of the displayed picture.

        They follow from clean aperture, shape of pixels and rotation.

        Every frame of the stream is scaled to them.
        """
        whole = (0, 0, self.width or frame.width, self.height or frame.height)
        left, top, right, bottom = self.aperture or whole
        wide, high = max(1, round((right - left) * self.aspect)), bottom - top
        return (high, wide) if orientation(frame)[0] else (wide, high)

    def is_transparent(self, frame: Any) -> bool:
        """Returns whether pixels of a frame may be transparent."""
        alpha = frame.format.name == "pal8" or any(each.is_alpha for each in frame.format.components)
        return alpha and not self.opaque

    def remarks(self, frame: Any) -> tuple[str, ...]:
        """Returns what is done to the frames of a stream, in words, from its first frame."""
        left, top, right, bottom = self.aperture_of(frame)
        found = {
            f"the clean aperture alone, {right - left}x{bottom - top} of {frame.width}x{frame.height}": (
                self.aperture is not None
            ),
            f"pixels of {self.aspect.numerator}:{self.aspect.denominator} made square": self.aspect != 1,
            "deinterlaced": frame.interlaced_frame,
            f"HDR ({TRANSFERS.get(self.transfer)}) mapped to SDR": self.transfer in TRANSFERS,
            f"blended onto {BACKGROUND} where it is transparent": self.is_transparent(frame),
        }
        return tuple(remark for remark, holds in found.items() if holds)


def deinterlaced(frames: Iterator[Any]) -> Iterator[Any]:
    """Yields the frames at their times, with interlaced ones as pictures of one instant."""
    graph, kind = None, None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        before, kind = kind, (frame.width, frame.height, frame.format.name)
        if graph is None or kind != before:
            yield from _finished(graph)
            graph = _deinterlacer(frame)
        graph.push(frame)
        yield from _ready(graph)
    yield from _finished(graph)


def _deinterlacer(frame: Any) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(frame.time_base),
    )
    graph.link_nodes(source, graph.add("bwdif", DEINTERLACING), graph.add("buffersink")).configure()
    return graph


def _finished(graph: Graph | None) -> Iterator[Any]:
    if graph is not None:
        graph.push(None)
        yield from _ready(graph)


def _ready(graph: Graph) -> Iterator[Any]:
    """Yields the frames that wait in a graph."""
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return


def _aperture(container: Any, stream: Any, width: int, height: int) -> Box | None:
    """Returns the clean aperture of a stream, which PyAV tells only in FFmpeg's description of the file."""
    if container.format.name not in CLAIM_IS_EXACT:
        return None
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)  # the description is a log message of this level
    try:
        described = container.dumps_format()
    finally:
        av.logging.set_level(level)
    lines = re.split(r"^  Stream #0:(\d+)", described, flags=re.MULTILINE)
    about = dict(zip(lines[1::2], lines[2::2], strict=True)).get(str(stream.index), "")
    found = CROPPING.search(about)
    if found is None:
        return None
    left, right, top, bottom = map(int, found.groups())
    box = left, top, width - right, height - bottom
    return box if left < box[2] and top < box[3] and box != (0, 0, width, height) else None
