"""The clip of a run as it was filmed: at the size of its crop in the source, at the rate at which it is
shown.

Frames are decoded as they are asked for, and none is kept. Letters: T frames, H height, W width, h, w of
reduced frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from listen_and_move.clock import exact, frame_time
from listen_and_move.config import ClipConfig
from listen_and_move.data.clip import Box, resolved_box, split
from listen_and_move.data.source_frames import kept_size, shown_rate
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import LEAST_FRAMES
from listen_and_move.media.conversion import rgb
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames, source_frames
from listen_and_move.metrics.ghosts import SIDE
from listen_and_move.runs import RunFolder

Picture = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True)
class Film:
    """The film of a clip, stretch by stretch."""

    path: Path
    clip: ClipConfig
    """What is taken of it."""
    box: Box
    """The crop in pixels of the video, of even width and height."""
    rate: Fraction
    """Frames per second that are shown."""
    start: Fraction
    """Of the clip in the file, in seconds."""
    fps: Fraction
    """Frames per second of the spans: the model's."""
    train: tuple[range, ...]
    """The trained parts, in frames of the model."""
    held_out: range

    @classmethod
    def of_run(cls, folder: RunFolder, video: Path | None = None) -> "Film":
        """Returns the film that a run learnt.

        Args:
            folder: the run.
            video: where its video is now, if not where it was.

        Raises:
            UserError: no run, its video is gone, or nothing is held out.
        """
        found = cls.of_clip(folder.video(video), folder.config().clip)
        if len(found.held_out) < LEAST_FRAMES:
            raise UserError(
                f"{folder.path}: expected a held-out part of at least {LEAST_FRAMES} frames; got "
                f"{len(found.held_out)}",
                "train with --holdout",
            )
        return found

    @classmethod
    def of_clip(cls, path: Path, clip: ClipConfig) -> "Film":
        """Returns the film of a clip, whether a run learnt it or not.

        Args:
            path: the video.
            clip: what is taken of it, and held out.

        Raises:
            UserError: it cannot be read.
        """
        info, box = probe(path, clip.picture_track).video, resolved_box(path, clip)
        assert info is not None, "the clip was decoded from it"
        width, height = kept_size(box, small=False)
        even = (box[0], box[1], box[0] + width, box[1] + height)
        counted = read_frames(
            path,
            clip.rate,
            width=16,
            height=16,
            box=even,
            start=clip.start,
            end=clip.end,
            track=clip.picture_track,
        )
        train, held_out = split(sum(1 for _ in counted), clip)
        return cls(
            path, clip, even, shown_rate(info.frame_rate), exact(clip.start), clip.rate, train, held_out
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]

    @property
    def reduced_size(self) -> tuple[int, int]:
        """Width and height of the frames in which ghosts are looked for."""
        width, height = self.size
        scale = min(Fraction(1), Fraction(SIDE, max(width, height)))
        return max(8, round(width * scale)), max(8, round(height * scale))

    def seconds(self, span: range) -> tuple[Fraction, Fraction]:
        """Returns when a span of the model's frames begins and ends in the file."""
        return self.start + frame_time(span.start, self.fps), self.start + frame_time(span.stop, self.fps)

    def frames(self, begin: Fraction, end: Fraction) -> Iterator[Picture]:
        """Yields the film from one instant of the file to another one."""
        frames = source_frames(
            self.path, self.rate, box=self.box, start=begin, end=end, track=self.clip.picture_track
        )
        for frame in frames:
            yield rgb(frame)

    def trained(self) -> Iterator[tuple[int, Picture]]:
        """Yields the film of all trained parts, with the number of the part."""
        for number, span in enumerate(self.train):
            for frame in self.frames(*self.seconds(span)):
                yield number, frame

    def reduced(
        self, span: range, size: tuple[int, int], rate: Fraction
    ) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Yields the film of a span at another size and rate.

        Args:
            span: frames of the model.
            size: width and height.
            rate: frames per second.
        """
        begin, end = self.seconds(span)
        width, height = size
        yield from read_frames(
            self.path,
            rate,
            width=width,
            height=height,
            box=self.box,
            start=begin,
            end=end,
            track=self.clip.picture_track,
        )

    def thumbnails(self, spans: Sequence[range], most: int) -> tuple[UInt8[np.ndarray, "T h w 3"], Fraction]:
        """Returns small frames spread evenly over spans, and the seconds from one to the next.

        Args:
            spans: frames of the model.
            most: so many frames at most, but for one in each span.
        """
        rate = self.fps / max(1, ceil(sum(map(len, spans)) / most))
        found = [frame for span in spans for frame in self.reduced(span, self.reduced_size, rate)]
        return np.stack(found), 1 / rate
