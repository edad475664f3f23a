"""The frames of a clip at the size and rate people watch: what a path shows.

Letters: N model frames, M source frames.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor, sqrt
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from listen_and_move.clock import exact
from listen_and_move.config import ClipConfig
from listen_and_move.data.take import Take
from listen_and_move.media.conversion import Box
from listen_and_move.media.files import probe
from listen_and_move.media.frame_archive import LONGEST_SIDE, ArchiveHeader, FrameEncoder
from listen_and_move.media.picture import source_frames
from listen_and_move.progress import Progress, untold

FASTEST = Fraction(61, 2)
"""Frames per second up to which a source's own rate is kept, with room for phones that record a little above
30; faster ones are divided by 2, 3 and so on until they are below."""
SMALL = 480
"""Pixels of the longer side of frames that are kept small."""
MOST_PIXELS = 1920 * 1088
"""Of a frame: what is larger (4K) is kept as large as 1080p, so that memory while playing has a bound; lists
for editors lead back to the original."""
BYTES_PER_PIXEL = 0.5e6 / (1280 * 720 * 30)
"""Of kept frames, about: 0.5 MB a second of 720p at 30 frames a second."""


class EncodedClip(NamedTuple):
    """Training frames as packets."""

    header: ArchiveHeader
    sizes: list[int]
    """Bytes of each packet."""
    positions: list[int]
    """Number of each frame in the clip, at the rate."""
    fps: Fraction
    """Frames per second."""


def shown_rate(fps: Fraction) -> Fraction:
    """Returns the rate at which a source of some rate is shown."""
    return fps / ceil(fps / FASTEST)


def kept_size(box: Box, small: bool) -> tuple[int, int]:
    """Returns width and height of kept frames, in pixels, both even: those of the crop, within `MOST_PIXELS`.

    Args:
        box: the crop in pixels of the video.
        small: no side longer than `SMALL`.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    longest = SMALL if small else LONGEST_SIDE
    shrunk = min(1.0, longest / max(width, height), sqrt(MOST_PIXELS / (width * height)))
    return max(2, floor(width * shrunk) // 2 * 2), max(2, floor(height * shrunk) // 2 * 2)


def positions_of(spans: Sequence[range], fps: Fraction, rate: Fraction) -> list[int]:
    """Returns the source frames that are on display during some model frames.

    Args:
        spans: model frames, in ranges that do not touch.
        fps: model frames per second.
        rate: source frames per second.
    """
    return [
        position
        for span in spans
        for position in range(floor(span.start * rate / fps), ceil(span.stop * rate / fps))
    ]


def encode_clip(
    video: Path,
    clip: ClipConfig,
    box: Box,
    spans: Sequence[range],
    file: BinaryIO,
    *,
    takes: Sequence[Take] = (),
    small: bool = False,
    fleeting: bool = False,
    progress: Progress = untold,
) -> EncodedClip:
    """Writes the frames of some stretches of a video as packets.

    Args:
        video: the file.
        clip: when the clip begins, and the rate of the model's frames.
        box: the crop in pixels of the video.
        spans: model frames, in ranges that do not touch.
        file: where the packets go.
        takes: the files of the clip, where there are several; the video is the first.
        small: no side longer than `SMALL`.
        fleeting: they are played once and not kept.
        progress: called with frames done and expected.

    Raises:
        UserError: the video cannot be read.
    """
    info = probe(video, clip.picture_track).video
    assert info is not None, "the clip was decoded from it"
    rate, (width, height) = shown_rate(info.frame_rate), kept_size(box, small)
    wanted = positions_of(spans, clip.rate, rate)
    encoder, kept = FrameEncoder(file, width, height, rate, fleeting), []
    frames = _of_takes(takes, clip, rate, wanted) if takes else _at(video, clip, box, rate, wanted)
    for position, frame in frames:
        as_large = (frame.width, frame.height) == (width, height)
        encoder.write(frame if as_large else frame.reformat(width, height, "yuv420p"))
        kept.append(position)
        progress(len(kept), len(wanted))
    return EncodedClip(encoder.finish(), encoder.sizes, kept, rate)


def _of_takes(
    takes: Sequence[Take], clip: ClipConfig, rate: Fraction, wanted: list[int]
) -> Iterator[tuple[int, Any]]:
    """Yields the wanted positions of a clip with their frames, take by take."""
    begins = [int(take.begin * rate) for take in takes]
    for take, begin, end in zip(takes, begins, [*begins[1:], wanted[-1] + 1], strict=True):
        inside = [position - begin for position in wanted if begin <= position < end]
        for position, frame in _at(take.path, clip, take.box, rate, inside):
            yield begin + position, frame


def _at(
    video: Path, clip: ClipConfig, box: Box, rate: Fraction, wanted: list[int]
) -> Iterator[tuple[int, Any]]:
    """Yields the wanted positions with their frames; the picture may end before the last ones."""
    remaining = iter(wanted)
    following = next(remaining, None)
    start, end = exact(clip.start), None if clip.end is None else exact(clip.end)
    frames = source_frames(video, rate, box=box, start=start, end=end, track=clip.picture_track)
    for position, frame in enumerate(frames):
        if following is None:
            return
        if position == following:
            yield position, frame
            following = next(remaining, None)
