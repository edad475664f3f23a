"""Decoding of an opened stream: frames in order, without damaged ones, and their orientation."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from itertools import islice
from os import PathLike
from typing import Any

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError
from av.filter import Graph

from listen_and_move.clock import parse_number
from listen_and_move.errors import DamageWarning, NoMemoryError, UserError, passing_over
from listen_and_move.media.limits import LARGE_PIXELS, LARGE_THREADS, LARGEST_PICTURE, decoder_options
from listen_and_move.media.timeline import Timeline

AnyPath = str | PathLike[str]

MOV = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA = "matroska,webm"
CLAIM_IS_EXACT = (MOV, MATROSKA)
"""Containers that know the lengths of their streams; others estimate them from the size of the file."""
CLOCK_MAY_JUMP = 0x0200
"""FFmpeg's AVFMT_TS_DISCONT, of containers such as MPEG-TS, where the time stamps of joined recordings jump.
"""
TRANSPARENT = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that support transparency, by the name of decoders that do not."""
EXIF = 31
"""FFmpeg's AV_FRAME_DATA_EXIF, for which PyAV has no name."""
MOST_FAILURES = 2 / 3
"""Share of undecodable packets from which on a file is refused, as FFmpeg does."""
MOST_NAMED = 3
"""Most damaged places that a warning names."""


def packets(container: Any) -> Iterator[Any]:
    """Yields the packets of all picture and sound streams in the order of the file.

    They are on one clock (see `Timeline`).

    At last comes one packet without data per stream, which ends the stream.
    """
    streams = [stream for stream in container.streams if stream.type in ("video", "audio")]
    ticks = {stream.index: float(stream.time_base) for stream in streams if stream.time_base}
    # MP4 has its time stamps from one table, which an edit list rearranges.
    timeline = None if container.format.name == MOV else Timeline(jumps=has_flag(container, CLOCK_MAY_JUMP))
    for packet in _demuxed(container, streams):
        number = packet.stream.index
        if timeline and packet.dts is not None and number in ticks:
            tick = ticks[number]
            shift = round(timeline.moved(number, packet.dts * tick, (packet.duration or 0) * tick) / tick)
            if shift:
                with suppress(OverflowError):  # a time beyond every clock
                    packet.dts += shift
                    packet.pts = None if packet.pts is None else packet.pts + shift
        yield packet


def _demuxed(container: Any, streams: list[Any]) -> Iterator[Any]:
    # PyAV fails at the end, after all packets, where new streams have appeared in the middle, as in MPEG-TS.
    with suppress(IndexError):
        yield from container.demux(streams)


def has_flag(container: Any, flag: int) -> bool:
    """Returns whether FFmpeg sets a flag for the format of a container."""
    flags = container.format.flags
    return bool(int(getattr(flags, "value", flags)) & flag)


class Decoder(Iterable[Any]):
    """Decodes a stream and yields its frames in order of display.

    Packets that cannot be decoded are left out, as players do; one `DamageWarning` at the end reports them.
    """

    def __init__(
        self, path: AnyPath, container: Any, stream: Any, *, midway: bool = False, skip: int = 0
    ) -> None:
        """Prepares the decoder.

        Args:
            path: name of the file, for messages.
            container: the opened file.
            stream: one of its pictures or sounds.
            midway: whether decoding begins within the stream, so that frames that refer to earlier ones are
                left out.
            skip: number of packets at the beginning that are left out.
        """
        self.path, self.container, self.stream = path, container, stream
        self.midway, self.skip = midway, skip
        self.coder = coder_of(stream)
        self.repeated = 0
        """Time stamp, in ticks, until which packets without data repeat the last picture."""

    def __iter__(self) -> Iterator[Any]:
        # Files without a container (MP3, ADTS) often begin or end in the middle of a frame: that is no
        # damage.
        exact = self.container.format.name in CLAIM_IS_EXACT
        begin, tick = self.stream.start_time or 0, float(self.stream.time_base or 0)
        time, count, counted, failures, told = 0.0, 0, 0, 0, 0
        damage: list[float] = []
        try:
            for decode in self._attempts():
                count += 1
                try:
                    frames = decode()
                    failed = any(frame.is_corrupt for frame in frames)
                except MemoryError:
                    raise NoMemoryError(self.path) from None
                except FFmpegError:
                    frames, failed = [], True
                    failures += 1
                if failed and self.midway and not counted:
                    frames = [frame for frame in frames if not frame.is_corrupt]
                elif failed and (exact or counted):
                    damage.append(time)
                if frames:
                    counted, told = counted + len(frames), len(damage)
                for frame in frames:
                    stamp = frame.dts if frame.pts is None else frame.pts
                    time = time if stamp is None else (stamp - begin) * tick
                    yield frame
        except GeneratorExit:
            with suppress(DamageWarning):  # where warnings are errors, there is no caller to take it
                warn_of_damage(self.path, damage[:told])
            raise
        if failures > MOST_FAILURES * count and counted:
            raise UserError(
                f"{self.path}: is damaged: {failures} of {count} packets cannot be decoded; use another copy"
            )
        if counted and cut_off(self.container, self.stream, Fraction(time)) is None:  # else it is refused
            warn_of_damage(self.path, damage if exact else damage[:told])

    def _attempts(self) -> Iterator[Callable[[], list[Any]]]:
        """Yields a function that decodes for each packet of the stream; the last one ends the stream."""
        own = (packet for packet in packets(self.container) if packet.stream.index == self.stream.index)
        try:
            for packet in islice(own, self.skip, None):
                if packet.size or packet.dts is None:
                    yield partial(self.coder.decode, packet)
                else:
                    self.repeated = max(self.repeated, (packet.pts or packet.dts) + (packet.duration or 0))
        except MemoryError:
            raise NoMemoryError(self.path) from None
        except FFmpegError as error:
            if not isinstance(error, InvalidDataError):
                raise UserError(
                    f"{self.path}: cannot be read on ({reason(error)}); use another copy"
                ) from None
            yield partial(_fail, error)
            yield partial(self.coder.decode, None)


def coder_of(stream: Any) -> Any:
    """Returns the decoder of a stream, within the limits of `limits`.

    It is the stream's own decoder, but for WebM with transparent pictures, which FFmpeg's own decoder does
    not show. For the modules of this folder.
    """
    codec = stream.codec_context
    name = TRANSPARENT.get(codec.name if codec else "")
    if name is None or stream.metadata.get("alpha_mode") != "1" or name not in av.codecs_available:
        coder = codec
    else:
        coder = av.CodecContext.create(name, "r")
        coder.extradata = codec.extradata
    if not coder.is_open:
        coder.options = decoder_options()
        large = stream.type == "video" and codec.width * codec.height > LARGE_PIXELS
        if large and (os.cpu_count() or 1) > LARGE_THREADS:
            coder.thread_count = LARGE_THREADS
    return coder


def _fail(error: FFmpegError) -> list[Any]:
    raise error


def warn_of_damage(path: AnyPath, damage: Sequence[float]) -> None:
    """Warns of damaged places that were left out, if there are any; within a second they are one place.

    For the modules of this folder.
    """
    places = [time for before, time in zip([-2.0, *damage], damage, strict=False) if time > before + 1]
    if places:
        named = ", ".join(f"{time:.1f} s" for time in places[:MOST_NAMED])
        more = f" and {len(places) - MOST_NAMED} more places" if len(places) > MOST_NAMED else ""
        warnings.warn(
            f"{path}: is damaged at {named}{more}: what cannot be decoded there is skipped; another copy may "
            "be whole",
            DamageWarning,
            stacklevel=2,
        )


def reason(error: Exception) -> str:
    """Returns the message of the system or of FFmpeg, to be put into a sentence."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def without_frames(path: AnyPath) -> UserError:
    """Returns the error of a picture stream without any decodable frame."""
    return UserError(
        f"{path}: expected a video; not one frame of it can be decoded: it is damaged, or larger than "
        f"{LARGEST_PICTURE[0]}x{LARGEST_PICTURE[1]} pixels; use another copy, or make it smaller first"
    )


def check_complete(path: AnyPath, container: Any, stream: Any, reached: Fraction) -> None:
    """Refuses a stream that ends much earlier than its container claims: the file is cut off."""
    length = cut_off(container, stream, reached)
    if length is not None:
        raise UserError(
            f"{path}: is cut off: expected {float(length):.1f} s of "
            f"{'picture' if stream.type == 'video' else 'sound'}; "
            f"it ends after {float(reached):.1f} s; use a complete copy"
        )


def cut_off(container: Any, stream: Any, reached: Fraction) -> Fraction | None:
    """Returns the claimed seconds of a stream that ends much earlier; None where it does not."""
    length = claimed(container, stream) if container.format.name in CLAIM_IS_EXACT else None
    if length is None or length - reached <= max(Fraction(1), length / 10):
        return None
    return length


def claimed(container: Any, stream: Any) -> Fraction | None:
    """Returns the seconds of a stream according to the container; None if it says nothing."""
    if stream.duration:
        return seconds(stream, stream.duration)
    clock = next(
        (value for key, value in stream.metadata.items() if key.upper().startswith("DURATION")), ""
    ).split(":")
    parts = [number for digits in clock if (number := parse_number(digits)) is not None]
    if len(parts) == len(clock) == 3:  # Matroska: 00:00:10.010000000
        end = sum((number * 60**place for place, number in enumerate(reversed(parts))), Fraction(0))
    elif container.duration and len(container.streams) == 1:
        end = Fraction(container.duration, av.time_base)
    else:
        return None
    # In Matroska the duration counts from 0 to the end of the stream.
    begin = (seconds(stream, stream.start_time) or 0) if container.format.name == MATROSKA else 0
    return max(end - begin, Fraction(0))


def seconds(stream: Any, ticks: int | None) -> Fraction | None:
    """Returns a time stamp of a stream in seconds; None if it is unknown."""
    return None if ticks is None or stream.time_base is None else ticks * Fraction(stream.time_base)


def frame_rate(stream: Any) -> Fraction:
    """Returns the average frames per second from the container, or else from the picture stream."""
    known = (stream.average_rate, stream.guessed_rate)
    return Fraction(next(filter(None, known if stream.start_time is not None else known[::-1]), 25))


def side_data(frame: Any, kind: str) -> Any:
    """Returns what a frame brings beside its picture; None where there is nothing of this kind.

    None too where it also brings what PyAV has no name for, unless that is the EXIF of a JPEG picture.
    """
    try:
        return frame.side_data.get(kind)
    except ValueError:
        with passing_over(ValueError, FFmpegError):
            return _without_exif(frame).side_data.get(kind)
    return None


def _without_exif(frame: Any) -> Any:
    """Returns the frame without its EXIF; beside it stands a display matrix, by which it is turned."""
    graph = Graph()
    graph.threads = 1
    given = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
    )
    deleting = graph.add("sidedata", f"mode=delete:type={EXIF}")
    taken = graph.add("buffersink")
    given.link_to(deleting)
    deleting.link_to(taken)
    graph.configure()
    graph.push(frame)
    return graph.pull()


def orientation(frame: Any) -> tuple[bool, bool, bool]:
    """Returns how the coded picture is turned for display.

    It is first transposed, then mirrored in x, then in y.
    """
    matrix = side_data(frame, "DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(matrix), dtype="<i4")[:5])
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)
