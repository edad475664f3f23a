"""Frames kept as compressed video that can be read in any order: H.264 packets without a container.

The packets come from a model file, so they are a stranger's. No container is read, hence no demuxer is
reachable by them; the one codec is H.264, and it may allocate no larger picture than the header promises.

Letters: N frames, H height, W width.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, BinaryIO, NamedTuple

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import UInt8

from listen_and_move.errors import UserError, shown
from listen_and_move.media.conversion import rgb

GROUP = 10
"""Frames from one that is complete in itself to the next. Measured on 10 s of 720p: groups of 1 take twice
the bytes of 10; groups of 20 save 6 to 23 % more, and a jump takes half as long again."""
CRF = 20
"""Quality, of x264: 43 to 44 dB PSNR on three clips of 720p in 0.38 to 0.49 MB a second; 18 has 1 dB more in
a quarter to a third more bytes."""
PRESET, PARTITIONS = "veryfast", "i8x8,i4x4"
"""Of x264: faster, 85 instead of 115 frames a second, saves nothing; superfast takes a quarter more bytes.
Without motion of halved blocks (p8x8) it takes a quarter less time and no more bytes."""
FLEETING_PRESET = "superfast"
KEPT_BYTES, FEWEST_GROUPS = 64_000_000, 3
"""Decoded frames that are kept, and groups at least: a transition reads two."""
LONGEST_SIDE = 4096
"""Pixels. A picture beyond that is refused before anything is decoded."""
MOST_FRAMES = 2_000_000
MOST_GROUP, MOST_GROUP_BYTES = 1000, GROUP * LONGEST_SIDE**2 * 3 // 2
"""Frames of a group at most, and bytes of them when decoded: `FEWEST_GROUPS` are kept at once."""
_PADDING = 64
_COLOURS = "colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv"


class ArchiveHeader(NamedTuple):
    """What is promised of the packets."""

    width: int
    height: int
    frames: int
    """How many."""
    group: int
    """Frames of a group; the last group may be shorter."""

    @property
    def group_bytes(self) -> int:
        """Bytes of the decoded frames of a group."""
        return self.group * self.width * self.height * 3 // 2

    def check(self, sizes: Iterable[int], length: int) -> None:
        """Refuses a header that the packets cannot keep.

        Args:
            sizes: bytes of each packet.
            length: bytes of all packets.

        Raises:
            ValueError: an odd or too large picture, or sizes that do not add up.
        """
        for side in (self.width, self.height):
            if side % 2 or not 2 <= side <= LONGEST_SIDE:
                raise ValueError(f"expected even sides up to {LONGEST_SIDE} pixels; got {side}")
        counts = list(sizes)
        if not 0 < self.frames <= MOST_FRAMES or len(counts) != self.frames:
            raise ValueError(f"expected {self.frames} packets; got {len(counts)}")
        if not 1 <= self.group <= MOST_GROUP or self.group_bytes > MOST_GROUP_BYTES:
            raise ValueError(f"expected groups of {GROUP} frames; got {shown(self.group)}")
        if min(counts) < 1 or sum(counts) != length:
            raise ValueError(f"expected packets of {length} bytes in all; got {sum(counts)}")


class FrameEncoder:
    """Writes frames as packets, one after the other.

    Args:
        file: where the packets go.
        width: of the frames, even.
        height: of the frames, even.
        fps: frames per second, which steers how the bits are spread.
        fleeting: nobody keeps them: less time for more bytes.
    """

    def __init__(
        self, file: BinaryIO, width: int, height: int, fps: Fraction, fleeting: bool = False
    ) -> None:
        self.file, self.size = file, (width, height)
        self.sizes: list[int] = []
        """Bytes of each packet so far."""
        self._frames = 0
        codec: Any = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.time_base, codec.framerate, codec.thread_count = 1 / fps, fps, 2
        # Without B-frames a frame needs nothing after it; headers in each group make it readable by itself.
        fixed = f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:bframes=0:open-gop=0:repeat-headers=1:annexb=1"
        preset = FLEETING_PRESET if fleeting else PRESET
        parameters = f"{fixed}:partitions={PARTITIONS}:{_COLOURS}"
        codec.options = {"crf": str(CRF), "preset": preset, "x264-params": parameters}
        self._codec = codec

    def write(self, frame: av.VideoFrame) -> None:
        """Appends a frame: yuv420p of this size, BT.709, limited range."""
        if (frame.width, frame.height, frame.format.name) != (*self.size, "yuv420p"):
            raise ValueError(f"frame: expected yuv420p {self.size}; got {frame}")
        copy: Any = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        copy.pts, self._frames = self._frames, self._frames + 1
        self._keep(self._codec.encode(copy))

    def finish(self) -> ArchiveHeader:
        """Writes what is left.

        Returns:
            The header of the packets, whose sizes are in ``sizes``.
        """
        self._keep(self._codec.encode(None))
        return ArchiveHeader(*self.size, len(self.sizes), GROUP)

    def _keep(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            data = bytes(packet)
            self.file.write(data)
            self.sizes.append(len(data))


class FrameReader:
    """Reads frames in any order; frames that were decoded last are kept. Threads may share a reader.

    Args:
        name: of the file, for messages.
        header: what is promised of the packets.
        sizes: bytes of each packet.
        read: gives the bytes from one place to another one of all packets.

    Raises:
        UserError: the header and the sizes do not fit together.
    """

    def __init__(
        self,
        name: str,
        header: ArchiveHeader,
        sizes: list[int],
        length: int,
        read: Callable[[int, int], bytes],
    ) -> None:
        self.name, self.header, self._read = name, header, read
        try:
            header.check(sizes, length)
        except ValueError as error:
            raise self._damaged(str(error)) from None
        self._edges = [0, *accumulate(sizes)]
        self._groups: OrderedDict[int, _Group] = OrderedDict()
        self._most_groups = max(FEWEST_GROUPS, KEPT_BYTES // header.group_bytes)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.header.frames

    def frame(self, number: int) -> UInt8[np.ndarray, "H W 3"]:
        """Returns a frame in RGB.

        Args:
            number: of the frame, from 0.

        Raises:
            UserError: the packets are damaged.
        """
        with self._lock:
            place, offset = divmod(number, self.header.group)
            group = self._groups.pop(place, None) or self._opened(place)
            while len(self._groups) >= self._most_groups:
                self._groups.popitem(last=False)
            try:
                decoded = group.frame(offset)
            except MemoryError:
                raise
            except (FFmpegError, ValueError, IndexError) as error:
                raise self._damaged(f"frame {number} cannot be decoded ({error})") from None
            self._groups[place] = group  # one that failed has lost a packet
            return rgb(decoded)

    def _opened(self, place: int) -> "_Group":
        first = place * self.header.group
        edges = self._edges[first : first + self.header.group + 1]
        data = self._read(edges[0], edges[-1])
        packets = [data[begin - edges[0] : end - edges[0]] for begin, end in pairwise(edges)]
        return _Group(packets, (self.header.width, self.header.height))

    def _damaged(self, what: str) -> UserError:
        return UserError(
            f"{self.name}: expected frames as H.264; {what}: the file is damaged",
            "copy it again, or --picture drawn plays it without its frames",
        )


class _Group:
    """Frames that are decoded as far as they have been asked for."""

    def __init__(self, packets: list[bytes], size: tuple[int, int]) -> None:
        self.packets, self.size, self.count = packets, size, len(packets)
        self.frames: list[Any] = []
        codec: Any = av.CodecContext.create("h264", "r")
        # The decoder counts pixels of its own, padded buffers.
        width, height = ((side // _PADDING + 2) * _PADDING for side in size)
        codec.options = {"max_pixels": str(width * height), "err_detect": "explode"}
        codec.thread_count = 1
        self._codec: Any = codec

    def frame(self, offset: int) -> av.VideoFrame:
        while len(self.frames) <= offset:
            if not self.packets:
                raise IndexError("it is not there")
            found = self._codec.decode(av.Packet(self.packets.pop(0)))
            found += [] if self.packets else self._codec.decode(None)
            for each in found:
                if (each.width, each.height, each.format.name) != (*self.size, "yuv420p"):
                    raise ValueError(f"got {each.width}x{each.height} {each.format.name}")
                if each.is_corrupt:
                    raise ValueError("the decoder reports damage")
            self.frames += found
            if len(self.frames) > self.count:
                raise ValueError(f"got more than {self.count} frames of {self.count} packets")
        if not self.packets:
            self._codec = None  # its buffers are as large as the frames
        return self.frames[offset]
