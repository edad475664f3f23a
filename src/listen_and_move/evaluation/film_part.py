"""A part of the film that a run learnt: a stretch of one file, at the size of the source.

Frames are decoded as they are asked for, and none is kept.

Letters: H height, W width, h, w of reduced frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.clock import exact, frame_sample, frame_time
from listen_and_move.config import ClipConfig
from listen_and_move.data.clip import Box, resolved_box
from listen_and_move.data.source_frames import kept_size, shown_rate
from listen_and_move.data.take import Take, take_names
from listen_and_move.evaluation.dataset import padded
from listen_and_move.media.conversion import rgb
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames, source_frames
from listen_and_move.media.sound import read_sound, sound_gaps
from listen_and_move.media.soundtrack import SoundTrack

Picture = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True)
class FilmPart:
    """A stretch of one file."""

    path: Path
    clip: ClipConfig
    """Settings of the clip: the tracks of the file, and the rate of the model's frames."""
    box: Box
    """The crop in pixels of the file, of even width and height."""
    size: tuple[int, int]
    """Displayed width and height in pixels: those of the crop, within limits; of another take those of the
    first."""
    rate: Fraction
    """Displayed frames per second."""
    origin: Fraction
    """Instant of the file at which the clip begins, in seconds: before it, where other takes come first."""
    span: range
    """Frames of the model, in the clip."""
    gain: float = 0.0
    """Gain with which the sound was learnt, in dB."""

    @classmethod
    def of_file(cls, path: Path, clip: ClipConfig, span: range) -> "FilmPart":
        """Returns a part of a file with which a clip begins.

        Args:
            path: of the file.
            clip: what is taken of it.
            span: frames of the model.

        Raises:
            UserError: the file cannot be read.
        """
        info, box = probe(path, clip.picture_track).video, _even(resolved_box(path, clip))
        assert info is not None, "the clip was decoded from it"
        size, rate = kept_size(box, small=False), shown_rate(info.frame_rate)
        return cls(path, clip, box, size, rate, exact(clip.start), span)

    def of(self, take: Take) -> "FilmPart":
        """Returns all of another take, at the size and rate of this part."""
        return replace(
            self, path=take.path, box=_even(take.box), origin=-take.begin, span=take.frames, gain=take.gain
        )

    def cut(self, span: range) -> "FilmPart":
        """Returns the part that holds other frames of the same file."""
        return replace(self, span=span)

    def first(self, seconds: Fraction) -> "FilmPart":
        """Returns the beginning of the part, at most ``seconds`` long."""
        return self.cut(self.span[: int(seconds * self.clip.rate)])

    @property
    def begin(self) -> Fraction:
        """The first instant, in seconds of the file."""
        return self.origin + frame_time(self.span.start, self.clip.rate)

    @property
    def end(self) -> Fraction:
        """The instant at which the part ends, in seconds of the file."""
        return self.origin + frame_time(self.span.stop, self.clip.rate)

    def frames(self, begin: Fraction | None = None) -> Iterator[Picture]:
        """Yields the filmed frames.

        Args:
            begin: a later instant of the file to begin at, in seconds.
        """
        begin = self.begin if begin is None else begin
        track = self.clip.picture_track
        for frame in source_frames(
            self.path, self.rate, box=self.box, start=begin, end=self.end, track=track
        ):
            as_large = (frame.width, frame.height) == self.size
            yield rgb(frame if as_large else frame.reformat(*self.size, "yuv420p"))

    def last(self) -> Picture:
        """Returns the last frame."""
        # The picture may end within the last frame of the model.
        *_, frame = self.cut(range(self.span.stop - 1, self.span.stop)).frames()
        return frame

    def reduced(self, size: tuple[int, int], rate: Fraction) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Yields the filmed frames at another size and rate.

        Args:
            size: width and height.
            rate: frames per second.
        """
        width, height = size
        yield from read_frames(
            self.path,
            rate,
            width=width,
            height=height,
            box=self.box,
            start=self.begin,
            end=self.end,
            track=self.clip.picture_track,
        )

    def heard(self) -> Iterator[NDArray[np.float32]]:
        """Yields the sound of the part in blocks, mixed as a model hears it; silence where there is none."""
        total, track = frame_sample(len(self.span), self.clip.rate, SAMPLE_RATE), self.clip.track
        over = sound_gaps(self.path, self.begin, self.end, track=track) == [(self.begin, self.end)]
        sound = read_sound(self.path, SAMPLE_RATE, track=track, start=self.begin, end=self.end)
        return padded(() if over else sound, total)

    def sound_track(self, begin: Fraction = Fraction(0), seconds: Fraction | None = None) -> SoundTrack:
        """Returns the sound of the part for a video.

        Args:
            begin: how much later than the part it begins, in seconds.
            seconds: its length; None: up to the end.
        """
        start = self.begin + begin
        return SoundTrack(self.path, self.clip.track, start, self.end if seconds is None else start + seconds)


def in_words(parts: Sequence[FilmPart]) -> str:
    """Returns a text that names the files and seconds of parts."""
    names = take_names([part.path for part in parts])
    return ", ".join(
        f"{name} {float(part.begin):.2f} to {float(part.end):.2f} s"
        for name, part in zip(names, parts, strict=True)
    )


def _even(box: Box) -> Box:
    """Returns a crop without the last pixel of an odd width or height."""
    left, top, right, bottom = box
    return left, top, right - (right - left) % 2, bottom - (bottom - top) % 2
