"""A frame as a JPEG, by the encoder that PyAV brings."""

from fractions import Fraction

import av
import numpy as np
from jaxtyping import UInt8

QUALITY = 1
"""The encoder's scale: 1 is its best, 31 its worst."""


class JpegEncoder:
    """Turns frames of one size into JPEGs, colour at full resolution: models draw few pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.codec = av.CodecContext.create("mjpeg", "w")
        self.codec.width, self.codec.height, self.codec.pix_fmt = width, height, "yuvj444p"  # type: ignore[attr-defined]
        self.codec.time_base = Fraction(1, 1000)
        self.codec.options = {"qmin": str(QUALITY), "qmax": str(QUALITY)}
        self.count = 0

    def __call__(self, frame: UInt8[np.ndarray, "height width 3"]) -> bytes:
        """The bytes of a file."""
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(
            format="yuvj444p"
        )
        picture.pts, self.count = self.count, self.count + 1
        return b"".join(bytes(packet) for packet in self.codec.encode(picture))  # type: ignore[attr-defined]


def jpeg(frame: UInt8[np.ndarray, "height width 3"]) -> bytes:
    """One frame as the bytes of a file."""
    return JpegEncoder(frame.shape[1], frame.shape[0])(frame)
