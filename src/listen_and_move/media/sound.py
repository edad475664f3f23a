"""The sound of a file as samples at any rate, counted.

Shapes: sound inside this file is float32 (samples, channels).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from math import ceil, floor
from typing import Any

import av
import numpy as np
from av.audio.frame import format_dtypes

from listen_and_move.clock import Seconds, exact, sample_at
from listen_and_move.errors import UserError
from listen_and_move.media.decoding import AnyPath, check_complete, decoded
from listen_and_move.media.files import checked_span, opened, origin_of, sound_stream
from listen_and_move.media.resampling import Resampler

SMALLEST_GAP = Fraction(5, 1000)
"""Time stamps that differ by less from the counted samples are rounding, not gaps."""
LONGEST_GAP = 600
"""A jump of more seconds than this is damage, not silence."""


def read_sound(
    path: AnyPath,
    sample_rate: int,
    *,
    track: int = 0,
    start: Seconds | None = None,
    end: Seconds | None = None,
) -> Iterator[np.ndarray]:
    """The sound as one channel: float32 (n,) blocks of any length; the mean of the channels, then resampled.

    ``start`` and ``end`` are seconds on the time line of `read_frames`; what the stream leaves out is
    silence. A part has ``sample_at(end) - sample_at(start)`` samples unless the sound ends before.
    ``start=None`` begins at the first sample.

    Raises:
        UserError: no such file, no sound, no such track, a start after its end, samples that are not finite,
            a damaged or cut off file.
    """
    checked_span(path, start, end)
    with opened_sound(path, track) as sound:
        if start is None:
            begin, skip, first = sound.begin, 0, sample_at(Fraction(sound.begin, sound.rate), sample_rate)
        else:
            # At a whole second both rates have a sample, so a part is exactly a part of the whole.
            second, first = max(0, floor(exact(start)) - 1), sample_at(start, sample_rate)
            begin, skip = second * sound.rate, first - second * sample_rate
        limit = None if end is None else max(0, sample_at(end, sample_rate) - first)
        mixed = (block.mean(axis=1, dtype=np.float64).astype(np.float32) for block in sound.blocks(begin))
        yield from _not_empty(path, start, _cut(_resampled(mixed, sound.rate, sample_rate), skip, limit))


def sound_samples(
    path: AnyPath, *, track: int = 0, start: Seconds | None = None, end: Seconds | None = None
) -> tuple[int, int]:
    """How much sound there is, counted: (number of samples at its own rate, samples per second).

    Raises:
        UserError: as `read_sound`.
    """
    with opened_sound(path, track) as sound:
        return sum(len(block) for block in _not_empty(path, start, sound.section(start, end))), sound.rate


def sound_gaps(
    path: AnyPath, start: Seconds, end: Seconds, *, track: int = 0
) -> list[tuple[Fraction, Fraction]]:
    """Where there is no sound between two instants: before it begins, after it has ended, or left out
    between.

    Returns:
        First and last instant of each gap in seconds, in order; a sound that is there and silent is no gap.

    Raises:
        UserError: as `read_sound`, but for a start after the end of the sound.
    """
    with opened_sound(path, track) as sound:
        begin, last = sample_at(start, sound.rate), sample_at(end, sound.rate)
        ended = begin + sum(len(block) for block in sound.section(start, end))
    gaps = [(first, min(after, last)) for first, after in [*sound.gaps, (ended, last)]]
    edges = {begin: exact(start), last: exact(end)}
    instants = (
        [edges.get(place, Fraction(place, sound.rate)) for place in gap] for gap in gaps if gap[0] < gap[1]
    )
    return [(first, after) for first, after in instants]


@contextmanager
def opened_sound(path: AnyPath, track: int = 0) -> Iterator["Sound"]:
    """A sound being decoded. For the modules of this folder."""
    with opened(path) as container:
        stream = sound_stream(path, container, track)
        yield Sound(path, container, stream)


class Sound:
    """A sound being decoded, on the time line of its file, with all channels at its own rate."""

    def __init__(self, path: AnyPath, container: Any, stream: Any) -> None:
        self.path, self.container, self.stream = path, container, stream
        self.origin = origin_of(container)
        frames = (frame for frame in decoded(path, container, stream) if frame.samples)
        first = next(frames, None)
        if first is None:
            raise UserError(f"{path}: expected sound; its sound holds no samples")
        self.frames = chain([first], frames)
        self.rate: int = first.sample_rate
        self.channels: int = first.layout.nb_channels
        self.gaps: list[tuple[int, int]] = []
        """First sample, and the first one after it, of each silence that was put in so far."""
        self.tick = Fraction(stream.time_base)
        start = self._time(first) or Fraction(0)
        # Containers that count milliseconds place the first sample by up to one of them wrongly.
        self.begin: int = (
            0 if self.tick > Fraction(1, 8000) and abs(start) <= self.tick else sample_at(start, self.rate)
        )

    def section(self, start: Seconds | None, end: Seconds | None) -> Iterator[np.ndarray]:
        """Float32 (n, channels) blocks from ``start`` to ``end`` seconds, none after the end of the sound;
        see `read_sound`."""
        first, last = checked_span(self.path, start, end)
        begin = self.begin if start is None else sample_at(first, self.rate)
        limit = None if last is None else max(0, sample_at(last, self.rate) - begin)
        yield from _cut(self.blocks(begin), 0, limit)

    def blocks(self, begin: int) -> Iterator[np.ndarray]:
        """Float32 (n, channels) blocks without gaps, from sample ``begin`` of the time line to the end of the
        sound."""
        yield from self._silence(begin, self.begin)
        position, shift, tolerance = self.begin, 0, ceil(max(SMALLEST_GAP, 2 * self.tick) * self.rate)
        for frame in self.frames:
            samples = self._checked(frame, position)
            time = self._time(frame)
            gap = (
                0 if time is None or position == self.begin else sample_at(time, self.rate) + shift - position
            )
            if gap < -self.rate:  # the clock was set back, as where recordings were joined: go on
                shift, gap = shift - gap, 0
            if gap > tolerance:
                yield from self._silence(max(position, begin), position + gap)
                position += gap
            elif gap < -tolerance:
                samples = samples[-gap:]
            position += len(samples)
            if position > begin and len(samples):
                yield samples[-(position - begin) :]
        check_complete(self.path, self.container, self.stream, Fraction(position, self.rate))

    def _time(self, frame: Any) -> Fraction | None:
        return None if frame.pts is None else frame.pts * Fraction(frame.time_base) - self.origin

    def _silence(self, first: int, last: int) -> Iterator[np.ndarray]:
        count = last - first
        if count > 0:
            self.gaps.append((first, last))
        if count > LONGEST_GAP * self.rate:
            raise UserError(
                f"{self.path}: expected sound; got a gap of {count // self.rate} s in its time stamps; "
                "convert it first"
            )
        for done in range(0, count, self.rate):
            yield np.zeros((min(self.rate, count - done), self.channels), np.float32)

    def _checked(self, frame: Any, position: int) -> np.ndarray:
        if frame.sample_rate != self.rate:
            raise UserError(
                f"{self.path}: expected {self.rate} Hz all along; got {frame.sample_rate} Hz; convert it "
                "first"
            )
        samples = _floats(frame)
        if not np.isfinite(samples).all():
            bad = int(np.flatnonzero(~np.isfinite(samples).all(axis=1))[0])
            second = (position + bad) / self.rate
            raise UserError(
                f"{self.path}: expected finite samples; got NaN or infinity at {second:.2f} s; export the "
                "sound again"
            )
        if samples.shape[1] != self.channels:
            samples = np.repeat(samples.mean(axis=1, keepdims=True), self.channels, axis=1)
        return samples


def _floats(frame: Any) -> np.ndarray:
    """Samples of an audio frame as float32 (n, channels), full scale 1."""
    channels, kind = frame.layout.nb_channels, np.dtype(format_dtypes[frame.format.name])
    if frame.format.is_planar and channels == 8:  # PyAV counts a ninth plane there, and crashes or refuses
        (frame,) = av.AudioResampler(frame.format.packed.name, frame.layout, frame.sample_rate).resample(
            frame
        )
    if frame.format.is_planar:
        values = np.stack([np.frombuffer(plane, kind, frame.samples) for plane in frame.planes[:channels]], 1)
    else:
        values = np.frombuffer(frame.planes[0], kind, frame.samples * channels).reshape(-1, channels)
    if kind.kind == "u":
        return (values.astype(np.float32) - 128) / 128
    if kind.kind == "i":
        return (values / 2.0 ** (8 * kind.itemsize - 1)).astype(np.float32)
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite and is told to the user
        return values.astype(np.float32)


def _cut(blocks: Iterable[np.ndarray], skip: int, limit: int | None) -> Iterator[np.ndarray]:
    """Blocks without their first ``skip`` samples, ``limit`` samples in all. For the modules of this
    folder."""
    for block in blocks:
        block, skip = block[skip:], max(0, skip - len(block))
        block = block if limit is None else block[:limit]
        limit = None if limit is None else limit - len(block)
        if len(block):
            yield block
        if limit == 0:
            return


def _not_empty(path: AnyPath, start: Seconds | None, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    first = next(blocks, None)
    if first is None:
        begin = float(exact(start or 0))
        raise UserError(
            f"{path}: expected a start before the end of the sound; got {begin:g} s; see how long it is and "
            "choose again"
        )
    yield first
    yield from blocks


def _resampled(blocks: Iterable[np.ndarray], rate: int, sample_rate: int) -> Iterator[np.ndarray]:
    """One channel at another rate: float32 (n,) blocks."""
    resampler = Resampler(rate, sample_rate)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.finish()
