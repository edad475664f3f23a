"""Reading media by time: what a file holds, its picture as frames at any rate, its sound as samples at any rate.

Picture and sound share one time line in seconds. Its zero is the earliest start of the file's picture and sounds, after
edit lists and encoder priming; so instant 2.5 is the same moment for `read_frames` and `read_sound`. Nothing is sought by
seconds that a container claims: frames are placed by their own time stamps, samples are counted.

Shapes: a picture is uint8 (height, width, 3) RGB; sound inside this file is float32 (samples, channels).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from math import ceil, floor
from os import PathLike
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import format_dtypes
from av.error import FFmpegError
from av.filter import Graph

from listen_and_move.clock import Seconds, exact, frame_time, sample_at
from listen_and_move.errors import UserError

MOV = "mov,mp4,m4a,3gp,3g2,mj2"
CLAIM_IS_EXACT = (MOV, "matroska,webm")
"""Containers that know how long their streams are; others estimate it from the size of the file."""
HALF_A_MILLISECOND = Fraction(1, 2000)
SMALLEST_GAP = Fraction(5, 1000)
"""Time stamps that differ by less from the counted samples are rounding, not gaps."""
LONGEST_GAP = 600
"""A jump of more seconds than this is damage, not silence."""
FAR = 10
"""Seconds from which on seeking is worth its trouble."""
FULL_RANGE = 2
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
"""Numbers of ITU-T H.273 (MatrixCoefficients) to names of the scale filter."""

Box = tuple[int, int, int, int]
AnyPath = str | PathLike[str]


@dataclass(frozen=True)
class VideoInfo:
    """The picture of a file; times in seconds on the time line of the file."""

    width: int
    """Width as displayed: after rotation and sample aspect ratio."""
    height: int
    """Height as displayed."""
    coded_width: int
    coded_height: int
    codec: str
    pixel_format: str
    frame_rate: Fraction
    """Average, in frames per second."""
    variable_rate: bool
    """The frames do not all last equally long, judged by the first thousand."""
    start: Fraction
    duration: Fraction
    rotation: int
    """Degrees by which the coded picture is turned clockwise for display: 0, 90, 180 or 270."""
    edit_list: bool
    """The container hides a part of the coded frames (best effort)."""


@dataclass(frozen=True)
class SoundInfo:
    """One sound of a file; times in seconds on the time line of the file."""

    track: int
    """Number among the sounds of the file, from 0."""
    codec: str
    sample_rate: int
    channels: int
    layout: str
    start: Fraction
    duration: Fraction
    """What the container claims; `sound_samples` counts."""


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds."""

    path: Path
    format: str
    duration: Fraction
    """In seconds, as the container claims it."""
    video: VideoInfo | None
    sounds: tuple[SoundInfo, ...]


def probe(path: AnyPath) -> MediaInfo:
    """What a file holds; cover art is not a picture.

    Raises:
        UserError: there is no such file, or it is no video or sound that can be read.
    """
    with opened(path) as container:
        origin = _origin(container)
        sounds = tuple(_sound_info(container, stream, track, origin) for track, stream in enumerate(container.streams.audio))
        streams = _pictures(container)
        video = _video_info(path, container, streams[0], origin) if streams else None
        if video is None and not sounds:
            raise UserError(f"{path}: expected a video or a sound; the file holds neither")
        length = Fraction(container.duration or 0, av.time_base)
        if not length:
            length = max([sound.duration for sound in sounds] + [video.duration if video else Fraction(0)])
        return MediaInfo(Path(path), container.format.name, length, video, sounds)


@contextmanager
def opened(path: AnyPath, options: dict[str, str] | None = None) -> Iterator[Any]:
    """An opened file, or the reason why it cannot be read as a UserError. For the modules of this folder."""
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is no ordinary file" if file.exists() else "does not exist"
        raise UserError(f"{path}: expected a video or sound file; it {what}; check the name")
    try:
        if not file.stat().st_size:
            raise UserError(f"{path}: expected a video or sound file; it is empty (0 bytes)")
        # The protocol is given because a name such as "take:1.mp4" would be taken for one.
        container = av.open(f"file:{file}", options=options or {}, metadata_errors="replace")
    except (FFmpegError, OSError) as error:
        raise UserError(f"{path}: cannot be read as video or sound ({_reason(error)}); try to play or convert it first") from None
    with container:
        yield container


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _pictures(container: Any) -> list[Any]:
    return [stream for stream in container.streams.video if not stream.disposition & 0x400]  # 0x400: attached_pic


def _picture_stream(path: AnyPath, container: Any) -> Any:
    streams = _pictures(container)
    if not streams:
        raise UserError(f"{path}: expected a video; the file holds no picture, only sound")
    return _decodable(path, streams[0])


def _sound_stream(path: AnyPath, container: Any, track: int) -> Any:
    streams = container.streams.audio
    if not streams:
        raise UserError(f"{path}: expected sound; the file holds none; give a file with sound")
    if not 0 <= track < len(streams):
        valid = ", ".join(str(number) for number in range(len(streams)))
        raise UserError(f"{path}: expected one of the sound tracks {valid}; got {track}")
    return _decodable(path, streams[track])


def _decodable(path: AnyPath, stream: Any) -> Any:
    if stream.codec_context is None:
        raise UserError(f"{path}: its {stream.type} has a coding that is not known here; convert it to H.264 with AAC first")
    return stream


def _codec_name(stream: Any) -> str:
    codec = stream.codec_context.codec if stream.codec_context else None
    return getattr(codec, "canonical_name", None) or getattr(codec, "name", "unknown")


def _seconds(stream: Any, ticks: int | None) -> Fraction | None:
    return None if ticks is None or stream.time_base is None else ticks * Fraction(stream.time_base)


def _origin(container: Any) -> Fraction:
    """The zero of the file's time line: the earliest start of its picture and sounds."""
    starts = [_seconds(stream, stream.start_time) for stream in [*_pictures(container), *container.streams.audio]]
    return min((start for start in starts if start is not None), default=Fraction(0))


def _claimed(container: Any, stream: Any) -> Fraction | None:
    """Duration of a stream in seconds according to the container; None if it says nothing."""
    if stream.duration:
        return _seconds(stream, stream.duration)
    clock = next((value for key, value in stream.metadata.items() if key.upper().startswith("DURATION")), "").split(":")
    if len(clock) == 3:  # Matroska: 00:00:10.010000000
        return sum((Fraction(part) * 60**place for place, part in enumerate(reversed(clock))), Fraction(0))
    return Fraction(container.duration, av.time_base) if container.duration and len(container.streams) == 1 else None


def _sound_info(container: Any, stream: Any, track: int, origin: Fraction) -> SoundInfo:
    codec = stream.codec_context
    return SoundInfo(
        track=track,
        codec=_codec_name(stream),
        sample_rate=codec.sample_rate if codec else 0,
        channels=codec.layout.nb_channels if codec else 0,
        layout=codec.layout.name if codec else "",
        start=(_seconds(stream, stream.start_time) or origin) - origin,
        duration=_claimed(container, stream) or Fraction(container.duration or 0, av.time_base),
    )


def _video_info(path: AnyPath, container: Any, stream: Any, origin: Fraction) -> VideoInfo:
    frame = _first_frame(path, container, stream)
    transposed, flip_x, flip_y = _orientation(frame)
    width, height = _displayed_size(frame, stream)
    times = _first_times(path)
    gaps = [after - before for before, after in pairwise(times)]
    variable = bool(gaps) and max(gaps) - min(gaps) > 2 * Fraction(stream.time_base)
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    if gaps and not variable and abs(rate * sum(gaps) / len(gaps) - 1) > Fraction(1, 100):
        rate = len(gaps) / sum(gaps, Fraction(0))  # the container counted frames that its edit list hides
    return VideoInfo(
        width=width,
        height=height,
        coded_width=frame.width,
        coded_height=frame.height,
        codec=_codec_name(stream),
        pixel_format=frame.format.name,
        frame_rate=rate,
        variable_rate=variable,
        start=(_seconds(stream, stream.start_time) or origin) - origin,
        duration=_claimed(container, stream) or Fraction(container.duration or 0, av.time_base),
        rotation=(90 if flip_x else 270) if transposed else 180 if flip_x and flip_y else 0,
        edit_list=container.format.name == MOV and _edited(path, stream),
    )


def _first_frame(path: AnyPath, container: Any, stream: Any) -> Any:
    frame = next(_decoded(path, container, _decodable(path, stream)), None)
    if frame is None:
        raise UserError(f"{path}: expected a video; not one frame of it can be decoded")
    return frame


def _first_times(path: AnyPath) -> list[Fraction]:
    """Times of the first thousand frames, from their packets."""
    with opened(path) as container:
        stream = _pictures(container)[0]
        shown = (packet for packet in container.demux(stream) if packet.pts is not None and not packet.is_discard)
        try:
            return sorted(packet.pts * Fraction(stream.time_base) for packet in islice(shown, 1000))
        except FFmpegError:
            return []


def _edited(path: AnyPath, stream: Any) -> bool:
    """Whether the stream lasts longer or shorter by more than a frame when the edit list is ignored."""
    with opened(path, {"ignore_editlist": "1"}) as container:
        plain = container.streams[stream.index]
        lengths = [_seconds(each, each.duration) or Fraction(0) for each in (stream, plain)]
    return abs(lengths[0] - lengths[1]) > 1 / (stream.average_rate or 25)


def _decoded(path: AnyPath, container: Any, stream: Any) -> Iterator[Any]:
    """All frames of a stream in order of display.

    Files without a container (MP3, ADTS) often begin or end in the middle of a frame: an error there is no damage.
    """
    lenient = container.format.name not in CLAIM_IS_EXACT
    time, error = None, None
    for packet, failure in _packets(container, stream):
        try:
            frames = [] if failure else packet.decode()
        except FFmpegError as problem:
            frames, failure = [], problem
        if any(frame.is_corrupt for frame in frames):
            failure = ValueError("a part of it is missing")
        if failure and not (lenient and time is None):
            error = error or failure
        if error and (frames or not lenient or packet is None):
            raise UserError(
                f"{path}: is damaged at {float(time or 0):.1f} s: {_reason(error)}; use a part before it or another copy"
            )
        for frame in frames:
            time = frame.time if frame.time is not None else time
            yield frame


def _packets(container: Any, stream: Any) -> Iterator[tuple[Any, Exception | None]]:
    """Packets of a stream, and at last the error that ended them."""
    try:
        for packet in container.demux(stream):
            yield packet, None
    except FFmpegError as error:
        yield None, error


def _check_complete(path: AnyPath, container: Any, stream: Any, reached: Fraction) -> None:
    """Refuse a stream that ends much earlier than its container claims: the file is cut off."""
    claimed = _claimed(container, stream) if container.format.name in CLAIM_IS_EXACT else None
    if claimed is not None and claimed - reached > max(Fraction(1), claimed / 10):
        raise UserError(
            f"{path}: is cut off: expected {float(claimed):.1f} s of {'picture' if stream.type == 'video' else 'sound'}; "
            f"it ends after {float(reached):.1f} s; use a complete copy"
        )


def _part(path: AnyPath, start: Seconds | None, end: Seconds | None) -> tuple[Fraction, Fraction | None]:
    first, last = exact(start or 0), None if end is None else exact(end)
    if first < 0:
        raise UserError(f"{path}: expected a start of 0 seconds or later; got {float(first):g}")
    if last is not None and last <= first:
        raise UserError(f"{path}: expected an end after the start ({float(first):g} s); got {float(last):g} s")
    return first, last


# ---------------------------------------------------------------------------------------------------------- picture


def centred_box(info: VideoInfo, width: int, height: int) -> Box:
    """The largest centred part of the displayed picture with the shape width : height, as left, top, right, bottom."""
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

    Frame t shows what is on display at ``start + t / fps`` seconds, as long as that is before ``end`` and the end of the
    picture. Before a picture that starts late its first frame is shown. ``box`` is (left, top, right, bottom) in pixels of
    the displayed picture; None is the largest centred part of the right shape.

    Raises:
        UserError: no such file, no picture, a box outside the picture, a start after its end, a damaged or cut off file.
    """
    first, last = _part(path, start, end)
    with opened(path) as container:
        stream = _picture_stream(path, container)
        stream.thread_type = "AUTO"
        origin = _origin(container)
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
        _check_complete(path, container, stream, until)
        if first >= until:
            raise UserError(
                f"{path}: expected a start before the end of the picture ({float(until):.2f} s); got {float(first):g} s"
            )
        until = until - 2 * tolerance if last is None else min(until - 2 * tolerance, last)
        while first + frame_time(count, fps) < until:
            yield view(shown)
            count += 1


def _frames_from(path: AnyPath, container: Any, stream: Any, time: Fraction) -> Iterator[Any]:
    """Frames with time stamps, from the one shown at ``time`` or earlier; seeks where that saves decoding and proves exact."""
    frames = (frame for frame in _decoded(path, container, stream) if frame.pts is not None)
    if time <= FAR:
        return frames
    with suppress(FFmpegError, UserError):
        container.seek(floor(time / Fraction(stream.time_base)), stream=stream)
        frame = next(frames, None)
        if frame is not None and frame.pts * Fraction(frame.time_base) <= time:
            return chain([frame], frames)
    container.seek(stream.start_time or 0, stream=stream)
    return (frame for frame in _decoded(path, container, stream) if frame.pts is not None)


def _frame_length(frame: Any, stream: Any) -> Fraction:
    ticks = getattr(frame, "duration", 0)
    return ticks * Fraction(frame.time_base) if ticks else 1 / Fraction(stream.average_rate or stream.guessed_rate or 25)


def _orientation(frame: Any) -> tuple[bool, bool, bool]:
    """How the coded picture is turned for display: first transposed, then mirrored in x, then in y."""
    matrix = next((data for data in frame.side_data if "DISPLAYMATRIX" in str(data.type)), None)
    if matrix is None:
        return False, False, False
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(matrix), dtype="<i4")[:5])
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)


def _displayed_size(frame: Any, stream: Any) -> tuple[int, int]:
    wide = max(1, round(frame.width * Fraction(stream.sample_aspect_ratio or 1)))
    return (frame.height, wide) if _orientation(frame)[0] else (wide, frame.height)


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
        self.turn = transposed, flip_x, flip_y = _orientation(frame)
        displayed = _displayed_size(frame, self.stream)
        left, top, right, bottom = self._checked_box(displayed)
        across = (displayed[0] - right, displayed[0] - left) if flip_x else (left, right)
        down = (displayed[1] - bottom, displayed[1] - top) if flip_y else (top, bottom)
        if transposed:
            across, down, displayed, size = down, across, displayed[::-1], self.size[::-1]
        else:
            size = self.size
        self.columns = columns = _Scaling(across, displayed[0], frame.width, size[0])
        self.rows = rows = _Scaling(down, displayed[1], frame.height, size[1])
        self.graph = _rgb_graph(frame, (columns.first, rows.first, columns.count, rows.count))

    def _checked_box(self, displayed: tuple[int, int]) -> Box:
        box = self.box or _centred(*displayed, *self.size)
        if not (0 <= box[0] < box[2] <= displayed[0] and 0 <= box[1] < box[3] <= displayed[1]):
            raise UserError(
                f"{self.path}: expected a crop (left,top,right,bottom) inside the picture of {displayed[0]}x{displayed[1]} "
                f"pixels; got {','.join(str(side) for side in box)}"
            )
        return box


class _Scaling:
    """Scaling of one axis from the part (begin, end) of the displayed picture to ``size`` pixels.

    Shrinking averages the area below each new pixel; enlarging interpolates linearly. Each new pixel is a weighted sum of
    a few coded ones, so a loop over these few is all the work there is.
    """

    def __init__(self, part: tuple[int, int], displayed: int, coded: int, size: int) -> None:
        begin, end = (side * coded / displayed for side in part)
        step = (end - begin) / size
        self.first = max(0, floor(begin) - 2) // 4 * 4  # where chroma samples begin, in every subsampling
        self.count = min(coded, ceil(end) + 2) - self.first
        left = begin - self.first + step * np.arange(size)
        centre = (left + step / 2 - 0.5).clip(0, self.count - 1)
        pixels = np.floor(left if step >= 1 else centre) + np.arange(ceil(step) + 1)[:, None]  # (taps, size)
        below = np.minimum(pixels + 1, left + step) - np.maximum(pixels, left)
        weights = (below if step >= 1 else 1 - np.abs(pixels - centre)).clip(0)
        self.weights = (weights / weights.sum(0)).astype(np.float32)
        self.pixels = pixels.clip(0, self.count - 1).astype(int)

    def __call__(self, picture: np.ndarray, axis: int) -> np.ndarray:
        shape = [1, 1, 1]
        shape[axis] = -1
        taps = zip(self.weights, self.pixels, strict=True)
        return sum(
            (weight.reshape(shape) * picture.take(pixels, axis) for weight, pixels in taps), np.zeros((1, 1, 1), np.float32)
        )


def _rgb_graph(frame: Any, part: Box) -> Graph:
    """Crop (x, y, width, height) and conversion to RGB with the frame's own colour matrix and range."""
    # Unmarked colours are taken as players take them: BT.709 from 720 lines on, else BT.601.
    guess = "bt709" if frame.height >= 720 or frame.width >= 1280 else "bt601"
    full = int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj")
    colours = f":in_color_matrix={MATRICES.get(int(frame.colorspace), guess)}:in_range={'full' if full else 'limited'}"
    if frame.format.is_rgb or frame.format.name.startswith(("gray", "pal", "mono")):
        colours = ""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(frame.time_base or Fraction(1, 1000))
    )
    crop = graph.add("crop", f"{part[2]}:{part[3]}:{part[0]}:{part[1]}:exact=1")
    scale = graph.add("scale", f"flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp{colours}")
    graph.link_nodes(source, crop, scale, graph.add("format", "rgb24"), graph.add("buffersink")).configure()
    return graph


# ------------------------------------------------------------------------------------------------------------ sound


def read_sound(
    path: AnyPath,
    sample_rate: int,
    *,
    track: int = 0,
    start: Seconds | None = None,
    end: Seconds | None = None,
) -> Iterator[np.ndarray]:
    """The sound as one channel: float32 (n,) blocks of any length; the mean of the channels, then resampled.

    ``start`` and ``end`` are seconds on the time line of `read_frames`; what the stream leaves out is silence. A part has
    ``sample_at(end) - sample_at(start)`` samples unless the sound ends before. ``start=None`` begins at the first sample.

    Raises:
        UserError: no such file, no sound, no such track, a start after its end, samples that are not finite, a damaged
            or cut off file.
    """
    _part(path, start, end)
    with opened_sound(path, track) as sound:
        if start is None:
            begin, skip, first = sound.begin, 0, sample_at(Fraction(sound.begin, sound.rate), sample_rate)
        else:
            # At a whole second both rates have a sample, so a part is exactly a part of the whole.
            second, first = max(0, floor(exact(start)) - 1), sample_at(start, sample_rate)
            begin, skip = second * sound.rate, first - second * sample_rate
        limit = None if end is None else sample_at(end, sample_rate) - first
        mixed = (block.mean(axis=1, dtype=np.float64).astype(np.float32) for block in sound.blocks(begin))
        yield from _not_empty(path, start, sound, cut(_resampled(mixed, sound.rate, sample_rate), skip, limit))


def sound_samples(path: AnyPath, *, track: int = 0, start: Seconds | None = None, end: Seconds | None = None) -> tuple[int, int]:
    """How much sound there is, counted: (number of samples at its own rate, samples per second).

    Raises:
        UserError: as `read_sound`.
    """
    with opened_sound(path, track) as sound:
        return sum(len(block) for block in sound.part(start, end)), sound.rate


@contextmanager
def opened_sound(path: AnyPath, track: int = 0) -> Iterator["Sound"]:
    """A sound being decoded. For the modules of this folder."""
    with opened(path) as container:
        stream = _sound_stream(path, container, track)
        yield Sound(path, container, stream)


class Sound:
    """A sound being decoded, on the time line of its file, with all channels at its own rate."""

    def __init__(self, path: AnyPath, container: Any, stream: Any) -> None:
        self.path, self.container, self.stream = path, container, stream
        self.origin = _origin(container)
        frames = (frame for frame in _decoded(path, container, stream) if frame.samples)
        first = next(frames, None)
        if first is None:
            raise UserError(f"{path}: expected sound; its sound holds no samples")
        self.frames = chain([first], frames)
        self.rate: int = first.sample_rate
        self.channels: int = first.layout.nb_channels
        self.tick = Fraction(stream.time_base)
        start = self._time(first) or Fraction(0)
        # Containers that count milliseconds place the first sample by up to one of them wrongly.
        self.begin: int = 0 if self.tick > Fraction(1, 8000) and abs(start) <= self.tick else sample_at(start, self.rate)

    def part(self, start: Seconds | None, end: Seconds | None) -> Iterator[np.ndarray]:
        """Float32 (n, channels) blocks from ``start`` to ``end`` seconds; see `read_sound`."""
        first, last = _part(self.path, start, end)
        begin = self.begin if start is None else sample_at(first, self.rate)
        limit = None if last is None else sample_at(last, self.rate) - begin
        yield from _not_empty(self.path, start, self, cut(self.blocks(begin), 0, limit))

    def blocks(self, begin: int) -> Iterator[np.ndarray]:
        """Float32 (n, channels) blocks without gaps, from sample ``begin`` of the time line to the end of the sound."""
        yield from self._silence(self.begin - begin)
        position, shift, tolerance = self.begin, 0, ceil(max(SMALLEST_GAP, 2 * self.tick) * self.rate)
        for frame in self.frames:
            samples = self._checked(frame, position)
            time = self._time(frame)
            gap = 0 if time is None or position == self.begin else sample_at(time, self.rate) + shift - position
            if gap < -self.rate:  # the clock was set back, as where recordings were joined: go on
                shift, gap = shift - gap, 0
            if gap > tolerance:
                yield from self._silence(position + gap - max(position, begin))
                position += gap
            elif gap < -tolerance:
                samples = samples[-gap:]
            position += len(samples)
            if position > begin and len(samples):
                yield samples[-(position - begin) :]
        _check_complete(self.path, self.container, self.stream, Fraction(position, self.rate))

    def _time(self, frame: Any) -> Fraction | None:
        return None if frame.pts is None else frame.pts * Fraction(frame.time_base) - self.origin

    def _silence(self, count: int) -> Iterator[np.ndarray]:
        if count > LONGEST_GAP * self.rate:
            raise UserError(
                f"{self.path}: expected sound; got a gap of {count // self.rate} s in its time stamps; convert it first"
            )
        for done in range(0, count, self.rate):
            yield np.zeros((min(self.rate, count - done), self.channels), np.float32)

    def _checked(self, frame: Any, position: int) -> np.ndarray:
        if frame.sample_rate != self.rate:
            raise UserError(f"{self.path}: expected {self.rate} Hz all along; got {frame.sample_rate} Hz; convert it first")
        samples = _floats(frame)
        if not np.isfinite(samples).all():
            bad = int(np.flatnonzero(~np.isfinite(samples).all(axis=1))[0])
            second = (position + bad) / self.rate
            raise UserError(
                f"{self.path}: expected finite samples; got NaN or infinity at {second:.2f} s; export the sound again"
            )
        if samples.shape[1] != self.channels:
            samples = np.repeat(samples.mean(axis=1, keepdims=True), self.channels, axis=1)
        return samples


def _floats(frame: Any) -> np.ndarray:
    """Samples of an audio frame as float32 (n, channels), full scale 1."""
    channels, kind = frame.layout.nb_channels, np.dtype(format_dtypes[frame.format.name])
    if frame.format.is_planar:
        # Frame.to_ndarray crashes with eight planes, where PyAV counts a ninth.
        planes = frame.planes[:channels]
        values = np.stack([np.frombuffer(plane, kind, frame.samples) for plane in planes], 1)
    else:
        values = np.frombuffer(frame.planes[0], kind, frame.samples * channels).reshape(-1, channels)
    if kind.kind == "u":
        return (values.astype(np.float32) - 128) / 128
    if kind.kind == "i":
        return (values / 2.0 ** (8 * kind.itemsize - 1)).astype(np.float32)
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite and is told to the user
        return values.astype(np.float32)


def cut(blocks: Iterable[np.ndarray], skip: int, limit: int | None) -> Iterator[np.ndarray]:
    """Blocks without their first ``skip`` samples, ``limit`` samples in all. For the modules of this folder."""
    for block in blocks:
        block, skip = block[skip:], max(0, skip - len(block))
        block = block if limit is None else block[:limit]
        limit = None if limit is None else limit - len(block)
        if len(block):
            yield block
        if limit == 0:
            return


def _not_empty(path: AnyPath, start: Seconds | None, sound: Sound, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    first = next(blocks, None)
    if first is None:
        begin = float(exact(start or 0))
        raise UserError(
            f"{path}: expected a start before the end of the sound; got {begin:g} s; see how long it is and choose again"
        )
    yield first
    yield from blocks


def _resampled(blocks: Iterable[np.ndarray], rate: int, sample_rate: int) -> Iterator[np.ndarray]:
    """One channel at another rate: float32 (n,) blocks, ceil(samples x sample_rate / rate) samples in all."""
    if rate == sample_rate:
        yield from blocks
        return
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    heard, given = 0, 0
    for block in chain(blocks, [None]):
        heard += 0 if block is None else len(block)
        wanted = ceil(Fraction(heard * sample_rate, rate))
        new = [
            piece.to_ndarray()[0] for piece in resampler.resample(None if block is None else audio_frame(block[:, None], rate))
        ]
        samples = np.concatenate([*new, np.zeros(0, np.float32)])[: wanted - given]
        if block is None:  # the filter may hold back the very last sample
            samples = np.pad(samples, (0, wanted - given - len(samples)))
        given += len(samples)
        yield samples


def audio_frame(samples: np.ndarray, rate: int, layout: str = "mono") -> Any:
    """A frame of PyAV from float32 (n, channels) samples. For the modules of this folder."""
    values = np.ascontiguousarray(samples.reshape(1, -1), dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(values, format="flt", layout=layout)
    frame.sample_rate = rate
    return frame
