"""Frames as a browser reads them in any order: VP9 packets, and small pictures for browsers that decode none.

VP9 is free, and what WebCodecs has on computers and phones alike. Without hidden frames each packet is one
picture, and a group can be decoded by itself.

Letters: H height, W width.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import sqrt
from typing import Any, BinaryIO, NamedTuple

import av
import numpy as np
from jaxtyping import UInt8

from listen_and_move.media.frame_archive import GROUP
from listen_and_move.media.video import yuv_graph

VIDEO_CODEC, PICTURE_TYPE = "vp09.00.41.08", "image/webp"
"""As browsers call them: profile 0 with 8 bits; a decoder goes by the packets and not by the level."""
CRF, SPEED = 34, 7
"""Quality, of libvpx, and speed: on 2 s of 720p 48 dB PSNR in .3 MB a second; 30 takes a fifth more, and the
slower way a fifth less in many times the time."""
FILM_PIXELS = 1920 * 1080
"""Of a frame at most: a browser holds two groups of decoded frames, 4 bytes a pixel."""
PICTURE_SIDE, PICTURE_QUALITY = 640, 50
"""Pixels of the longer side of a small picture, and quality of WebP: .4 MB a second, so that both together
stay below 8 MB for 10 s."""


class BrowserFrames(NamedTuple):
    """Sizes of what was written."""

    video: list[int]
    """Bytes of each packet."""
    pictures: list[int]
    """Bytes of each picture."""


class BrowserEncoder:
    """Writes frames one after the other, as packets and as pictures.

    Args:
        video: where the packets go.
        pictures: where the pictures go.
        size: width and height of the frames, even; what is larger than `film_size` is made smaller.
        fps: frames per second.
    """

    def __init__(self, video: BinaryIO, pictures: BinaryIO, size: tuple[int, int], fps: Fraction) -> None:
        self._files, self._size = (video, pictures), film_size(size)
        self._graph = yuv_graph(*self._size)
        self._sizes = BrowserFrames([], [])
        self._video: Any = av.CodecContext.create("libvpx-vp9", "w")
        _set(self._video, self._size, "yuv420p", fps)
        groups = {"g": str(GROUP), "keyint_min": str(GROUP), "lag-in-frames": "0", "auto-alt-ref": "0"}
        marks = dict.fromkeys(("colorspace", "color_primaries", "color_trc"), "bt709")
        speed = {"deadline": "realtime", "cpu-used": str(SPEED), "row-mt": "1", "tile-columns": "1"}
        self._video.options = {"crf": str(CRF), "b": "0", **groups, **marks, "color_range": "tv", **speed}
        self._picture: Any = av.CodecContext.create("libwebp", "w")
        _set(self._picture, picture_size(size), "bgra", fps)
        self._picture.options = {"quality": str(PICTURE_QUALITY)}

    def write(self, frame: UInt8[np.ndarray, "H W 3"]) -> None:
        """Appends a frame, RGB."""
        place = len(self._sizes.pictures)
        whole = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        small = whole.reformat(self._picture.width, self._picture.height, "bgra", interpolation="AREA")
        if (whole.width, whole.height) != self._size:
            whole = whole.reformat(*self._size, interpolation="AREA")
        self._graph.push(whole)
        converted = self._graph.vpull()
        converted.pts = small.pts = place
        self._keep(0, self._video.encode(converted))
        self._keep(1, self._picture.encode(small))

    def finish(self) -> BrowserFrames:
        """Writes what is left.

        Returns:
            Sizes of packets and pictures, one each for every frame.
        """
        self._keep(0, self._video.encode(None))
        self._keep(1, self._picture.encode(None))
        return self._sizes

    def _keep(self, which: int, packets: Iterable[Any]) -> None:
        for packet in packets:
            data = bytes(packet)
            self._files[which].write(data)
            self._sizes[which].append(len(data))


def picture_size(size: tuple[int, int]) -> tuple[int, int]:
    """Returns width and height of the small picture of a frame.

    Args:
        size: width and height of the frame.
    """
    return _shrunk(size, PICTURE_SIDE / max(size))


def film_size(size: tuple[int, int]) -> tuple[int, int]:
    """Returns width and height of a frame of the film.

    Args:
        size: width and height of the frame as it is kept.
    """
    return _shrunk(size, sqrt(FILM_PIXELS / (size[0] * size[1])))


def _shrunk(size: tuple[int, int], share: float) -> tuple[int, int]:
    """Returns even sides; nothing is made larger."""
    width, height = (max(2, round(side * min(1.0, share) / 2) * 2) for side in size)
    return width, height


def _set(codec: Any, size: tuple[int, int], pixels: str, fps: Fraction) -> None:
    codec.width, codec.height, codec.pix_fmt = *size, pixels
    codec.time_base, codec.framerate, codec.thread_count = 1 / fps, fps, 2
