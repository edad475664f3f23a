"""The sound of a file as samples at any rate, at exact places.

Shapes: sound inside this file is float32 (samples, channels).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain, groupby
from math import ceil, floor
from typing import Any

import av
import numpy as np
from av.audio.frame import format_dtypes
from av.error import FFmpegError

from listen_and_move.arrays import not_finite
from listen_and_move.clock import Seconds, exact, sample_at
from listen_and_move.errors import UserError, passing_over
from listen_and_move.media.decoding import AnyPath, Decoder, check_complete, warn_of_damage
from listen_and_move.media.files import checked_span, origin_of
from listen_and_move.media.layouts import layout_of
from listen_and_move.media.limits import check_channels
from listen_and_move.media.mixing import MonoMix
from listen_and_move.media.opening import opened
from listen_and_move.media.resampling import HIGHEST_RATE, LOWEST_RATE, Resampler
from listen_and_move.media.timeline import LONGEST_GAP
from listen_and_move.media.tracks import sound_stream

SMALLEST_GAP = Fraction(5, 1000)
"""Seconds by which time stamps may differ from the counted samples by rounding; more is a gap."""
SAMPLE_TYPES = {**format_dtypes, "s64": "i8", "s64p": "i8"}
"""Types of NumPy by sample format; PyAV lacks 64-bit integers."""
FAR = 10
"""Seconds from which on seeking is faster than decoding."""
SAMPLES_ALONE = ("wav", "w64", "aiff", "caf", "au")
"""Containers of sound alone whose uncompressed samples are found by their number."""
COUNTING = "flac"
"""A container that counts samples, and whose damaged parts FFmpeg leaves out without a warning."""
COUNTED = ("mp3", "aac", "ac3", "eac3", "dts")
"""Coded sound without a container: its time stamps are guessed from the size of the file, tags included."""


def read_sound(
    path: AnyPath,
    sample_rate: int,
    *,
    track: int | None = None,
    start: Seconds | None = None,
    end: Seconds | None = None,
) -> Iterator[np.ndarray]:
    """Yields the sound as one channel: float32 (n,) blocks of any length.

    It is mixed as `MonoMix` does, then resampled. ``start`` and ``end`` are seconds on the time line of
    `read_frames`; gaps of the stream are silence. A part has ``sample_at(end) - sample_at(start)`` samples
    unless the sound ends before. ``start=None`` begins at the first sample. ``track`` is the number of the
    sound in the file; None is its default one.

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
        mix = MonoMix(sound.rate)
        mixed = (mix.push(block) for block in sound.blocks(begin))
        yield from _not_empty(path, start, _cut(_resampled(mixed, sound.rate, sample_rate), skip, limit))


def sound_samples(
    path: AnyPath, *, track: int | None = None, start: Seconds | None = None, end: Seconds | None = None
) -> tuple[int, int]:
    """Returns the length of the sound, counted: number of samples at its own rate, samples per second.

    Raises:
        UserError: as `read_sound`.
    """
    with opened_sound(path, track) as sound:
        return sum(len(block) for block in _not_empty(path, start, sound.section(start, end))), sound.rate


def sound_gaps(
    path: AnyPath, start: Seconds, end: Seconds, *, track: int | None = None
) -> list[tuple[Fraction, Fraction]]:
    """Returns the gaps of the sound between two instants.

    The time before the beginning and after the end of the sound is a gap too.

    Returns:
        First and last instant of each gap in seconds, in order; digital silence is no gap.

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
def opened_sound(path: AnyPath, track: int | None = None) -> Iterator["Sound"]:
    """Yields a sound for decoding. For the modules of this folder."""
    with opened(path) as container:
        stream = sound_stream(path, container, track)
        yield Sound(path, container, stream)


class Sound:
    """A sound during decoding, on the time line of its file, with all channels at its own rate."""

    def __init__(self, path: AnyPath, container: Any, stream: Any) -> None:
        self.path, self.container, self.stream = path, container, stream
        self.origin = origin_of(container)
        frames = (frame for frame in Decoder(path, container, stream) if frame.samples)
        first = next(frames, None)
        if first is None:
            raise UserError(f"{path}: expected sound; its sound holds no samples")
        self.rate: int = first.sample_rate
        self.frames = self._at_one_rate(chain([first], frames))
        self.channels: int = first.layout.nb_channels
        check_channels(path, self.channels)
        self.layout = layout_of(first.layout)
        self.gaps: list[tuple[int, int]] = []
        """First sample, and the one after the last, of each silence that was inserted so far."""
        self.tick = Fraction(stream.time_base)
        start = self._time(first) or Fraction(0)
        # Containers that count milliseconds misplace the first sample by up to one millisecond.
        self.begin: int = (
            0 if self.tick > Fraction(1, 8000) and abs(start) <= self.tick else sample_at(start, self.rate)
        )

    def section(self, start: Seconds | None, end: Seconds | None) -> Iterator[np.ndarray]:
        """Yields float32 (n, channels) blocks from ``start`` to ``end`` seconds, within the sound.

        See `read_sound`.
        """
        first, last = checked_span(self.path, start, end)
        begin = self.begin if start is None else sample_at(first, self.rate)
        limit = None if last is None else max(0, sample_at(last, self.rate) - begin)
        yield from _cut(self.blocks(begin), 0, limit)

    def blocks(self, begin: int) -> Iterator[np.ndarray]:
        """Yields float32 (n, channels) blocks without gaps, from sample ``begin`` to the end of the sound.

        ``begin`` is counted on the time line of the file.
        """
        yield from self._silence(begin, self.begin)
        position = self.begin
        if begin - self.begin > FAR * self.rate and self._seeks_exactly():
            position = self._sought(begin)
        damage: list[float] = []
        for frame, gap in self._placed(position):
            if gap > 0 and self.container.format.name == COUNTING:
                damage.append(position / self.rate)
            samples = self._checked(frame, position)[max(-gap, 0) :]
            yield from self._silence(max(position, begin), position + gap)
            position += max(gap, 0) + len(samples)
            if position > begin and len(samples):
                yield samples[-(position - begin) :]
        warn_of_damage(self.path, damage)
        check_complete(self.path, self.container, self.stream, Fraction(position, self.rate))

    def _placed(self, position: int) -> Iterator[tuple[Any, int]]:
        """Yields the frames to come, each with the number of samples that are missing before it.

        Below 0 it is the number of the frame's samples that are there already.
        """
        tolerance = ceil(max(SMALLEST_GAP, 2 * self.tick) * self.rate)
        frame = next(self.frames, None)
        while frame is not None:
            gap, following = self._gap(frame, position), None
            if abs(gap) <= tolerance:
                gap = 0
            else:  # a single stamp may be wrong, as where long and short blocks of Vorbis meet in Ogg
                following = next(self.frames, None)
                if following and abs(self._gap(following, position + frame.samples)) <= tolerance:
                    gap = 0
            yield frame, gap
            position += max(gap + frame.samples, 0)
            frame = following or next(self.frames, None)

    def _gap(self, frame: Any, position: int) -> int:
        time = self._time(frame) if self.container.format.name not in COUNTED else None
        return 0 if time is None else sample_at(time, self.rate) - position

    def _seeks_exactly(self) -> bool:
        uncompressed = self.stream.codec_context.name.startswith("pcm_")
        return uncompressed and self.container.format.name in SAMPLES_ALONE and self.tick * self.rate == 1

    def _sought(self, sample: int) -> int:
        """Seeks to a sample and returns its number; goes to the beginning where that fails."""
        for wanted in (sample, self.begin):
            with passing_over(FFmpegError):
                self.container.seek(wanted + round(self.origin / self.tick), stream=self.stream)
                frames = (frame for frame in Decoder(self.path, self.container, self.stream) if frame.samples)
                first = next(frames, None)
                if first is None or self._gap(first, wanted) == 0:
                    self.frames = self._at_one_rate(chain([] if first is None else [first], frames))
                    return wanted
        raise UserError(f"{self.path}: cannot be read from {sample / self.rate:.2f} s on; use another copy")

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

    def _at_one_rate(self, frames: Iterable[Any]) -> Iterator[Any]:
        """Yields frames at the rate of the first one, since a joined recording may change its rate."""
        for (rate, *_), alike in groupby(
            frames, lambda each: (each.rate, each.layout.name, each.format.name)
        ):
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise UserError(
                    f"{self.path}: expected {LOWEST_RATE} to {HIGHEST_RATE} samples per second; got {rate}; "
                    "convert its sound first"
                )
            if rate == self.rate:
                yield from alike
                continue
            resampler = av.AudioResampler(rate=self.rate)
            for frame in chain(alike, [None]):
                for resampled in resampler.resample(frame):
                    resampled.pts = None  # FFmpeg stamps packets by the rate at the beginning
                    yield resampled

    def _checked(self, frame: Any, position: int) -> np.ndarray:
        samples = _floats(frame)
        if (bad := not_finite(samples)) is not None:
            second = (position + bad) / self.rate
            raise UserError(
                f"{self.path}: expected finite samples; got NaN or infinity at {second:.2f} s; export the "
                "sound again"
            )
        if samples.shape[1] != self.channels:
            samples = np.repeat(samples.mean(axis=1, keepdims=True), self.channels, axis=1)
        return samples


def _floats(frame: Any) -> np.ndarray:
    """Returns the samples of an audio frame as float32 (n, channels), full scale 1."""
    channels, kind = frame.layout.nb_channels, np.dtype(SAMPLE_TYPES[frame.format.name])
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
    with np.errstate(over="ignore"):  # samples beyond float32 become infinite, which is refused later
        return values.astype(np.float32)


def _cut(blocks: Iterable[np.ndarray], skip: int, limit: int | None) -> Iterator[np.ndarray]:
    """Yields blocks without their first ``skip`` samples, ``limit`` samples in all.

    For the modules of this folder.
    """
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
    """Yields one channel at another rate: float32 (n,) blocks."""
    resampler = Resampler(rate, sample_rate)
    for block in blocks:
        yield resampler.push(block)
    yield resampler.finish()
