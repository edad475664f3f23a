"""Streams of pictures and sound that another program reads while they are being made.

Every picture is written as soon as it is there. Nothing is compressed: the reader does that as it needs.

Letters: n samples, H height, W width.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.clock import frame_sample
from listen_and_move.media.layouts import usual_layout
from listen_and_move.media.mixing import MonoMix
from listen_and_move.media.video import yuv_graph


class Stream(Protocol):
    """A format that can be written to a pipe."""

    def write(
        self, index: int, picture: UInt8[np.ndarray, "H W 3"], sound: Float[np.ndarray, "n channels"]
    ) -> None:
        """Writes a frame with the sound from its instant to the next one's.

        The numbers of frames rise, and some may be left out.
        """
        ...

    def close(self) -> None:
        """Writes the end of the stream."""
        ...


class Y4mStream:
    """YUV4MPEG2: pictures alone, uncompressed, 4:2:0, at a constant rate.

    A number that is left out is missing. Colours are those of standard-definition video (BT.601), which
    readers assume, since the format cannot name them.
    """

    def __init__(self, file: Any, *, width: int, height: int, fps: Fraction) -> None:
        self.file, self.graph = file, yuv_graph(width, height, "smpte170m")
        rate = f"F{fps.numerator}:{fps.denominator}"
        header = f"YUV4MPEG2 W{width} H{height} {rate} Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n"
        self._put(header.encode())

    def write(
        self, index: int, picture: UInt8[np.ndarray, "H W 3"], sound: Float[np.ndarray, "n channels"]
    ) -> None:
        """Writes a frame without its sound."""
        self.graph.push(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
        self._put(b"FRAME\n" + self.graph.pull().to_ndarray().tobytes())

    def close(self) -> None:
        """Does nothing: the format has no end mark."""

    def _put(self, data: bytes) -> None:
        self.file.write(data)
        self.file.flush()


class MatroskaStream:
    """Matroska: uncompressed pictures and 16-bit sound.

    Each has its time, so that time stays right where frames are left out.
    """

    def __init__(
        self,
        file: Any,
        *,
        width: int,
        height: int,
        fps: Fraction,
        rate: int,
        channels: int,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.fps, self.rate, self.graph = fps, rate, yuv_graph(width, height)
        # Readers get whole clusters only, so every picture ends one.
        options = {"cluster_time_limit": "1", "flush_packets": "1", "live": "1"}
        self.file = _PipeWriter(file)
        self.container = av.open(self.file, "w", format="matroska", container_options=options)
        self.container.metadata.update(metadata or {})
        colours = {
            "colorspace": "bt709",
            "color_primaries": "bt709",
            "color_trc": "bt709",
            "color_range": "tv",
        }
        self.picture: Any = self.container.add_stream("rawvideo", rate=fps, options=colours)
        self.picture.width, self.picture.height, self.picture.pix_fmt = width, height, "yuv420p"
        self.picture.codec_context.time_base = 1 / fps
        self.layout = usual_layout(channels) or "mono"
        self.mix = None if usual_layout(channels) else MonoMix(rate)
        self.sound: Any = self.container.add_stream("pcm_s16le", rate=rate, layout=self.layout)
        self.sound.codec_context.time_base = Fraction(1, rate)
        self.container.start_encoding()

    def write(
        self, index: int, picture: UInt8[np.ndarray, "H W 3"], sound: Float[np.ndarray, "n channels"]
    ) -> None:
        """Writes a frame with the sound from its instant to the next one's."""
        self.graph.push(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
        frame = self.graph.pull()
        frame.pts, frame.time_base = index, 1 / self.fps
        self.container.mux(self.picture.encode(frame))
        if len(sound):
            sound_frame = self._sound_frame(sound)
            sound_frame.pts, sound_frame.time_base = (
                frame_sample(index, self.fps, self.rate),
                Fraction(1, self.rate),
            )
            self.container.mux(self.sound.encode(sound_frame))
        self.file.check()

    def close(self) -> None:
        """Writes the waiting packets and the end."""
        self.container.mux(self.picture.encode(None))
        self.container.mux(self.sound.encode(None))
        self.container.close()
        self.file.check()

    def _sound_frame(self, sound: np.ndarray) -> Any:
        mixed = self.mix.push(sound)[:, None] if self.mix else sound
        values = np.rint(mixed.astype(np.float64) * 32768).clip(-32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(values.reshape(1, -1)), format="s16", layout=self.layout
        )
        frame.sample_rate = self.rate
        return frame


class _PipeWriter:
    """A file that can only be written on, so that FFmpeg neither seeks in it nor waits.

    Errors are kept until they can be raised outside of FFmpeg.
    """

    def __init__(self, file: Any) -> None:
        self.file, self.failure = file, None

    def write(self, data: bytes) -> int:
        """Writes all of the data."""
        try:
            if self.failure is None:
                self.file.write(data)
                self.file.flush()
        except OSError as failure:
            self.failure = failure
        return len(data)

    def check(self) -> None:
        """Raises the error of an earlier write."""
        if self.failure is not None:
            raise self.failure
