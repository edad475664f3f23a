"""Several takes of one scene: video files that are learnt as one clip.

In the clip, takes lie one after the other with frames of silence between them that belong to no part: no
window, no state, no context and no path reaches from one file into another. The takes are scaled to the
picture of the first one, cropped alike, and made as loud as it; its frame rate is the one that is shown.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import ceil
from pathlib import Path
from typing import NamedTuple

from listen_and_move.audio.loudness import matching_gain
from listen_and_move.clock import exact
from listen_and_move.config import ClipConfig, Config
from listen_and_move.data.clip import (
    Box,
    Clip,
    Decoded,
    assembled,
    blank,
    check_memory,
    decoded,
    file_hash,
    resolved_box,
    split,
)
from listen_and_move.data.source_frames import shown_rate
from listen_and_move.data.take import Take
from listen_and_move.errors import UserError
from listen_and_move.media.files import VideoInfo, probe
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.progress import Progress, untold

APART = 64
"""Frames of silence between takes: what is longer ago has faded from the state of a network."""
ALIKE = 0.01
"""Share by which the shapes of two takes may differ: sizes are whole numbers of pixels."""


class _Part(NamedTuple):
    """A take that is decoded, with its own parts."""

    take: Take
    found: Decoded
    train: tuple[range, ...]
    """In frames of the clip."""
    held_out: range


@dataclass(frozen=True)
class Takes:
    """The files, in the order in which they are named."""

    paths: tuple[Path, ...]

    @classmethod
    def find(cls, paths: Sequence[Path]) -> "Takes":
        """Returns several takes.

        Raises:
            UserError: one is a folder or cannot be read, or two are the same.
        """
        for path in paths:
            if path.is_dir():
                raise UserError(f"{path}: expected a video file as one of several takes; got a folder")
            probe(path)  # refuses what cannot be read
        hashes = [file_hash(path) for path in paths]
        for place, found in enumerate(hashes):
            if found in hashes[:place]:
                raise UserError(
                    f"{paths[place]}: expected another take than {paths[hashes.index(found)]}; got the same "
                    "film twice"
                )
        return cls(tuple(paths))

    def box(self, clip: ClipConfig) -> Box:
        """Returns the crop in pixels of the first take.

        Raises:
            UserError: it has no picture or no sound.
        """
        return resolved_box(self.paths[0], clip)

    def digest(self) -> str:
        """Returns the sha256 of the hashes of all takes."""
        return hashlib.sha256("".join(map(file_hash, self.paths)).encode()).hexdigest()

    def load(self, config: Config, progress: Progress = untold) -> Clip:
        """Decodes the takes into one clip.

        Args:
            config: of the run; its crop is meant in pixels of the first take.
            progress: called with frames done and expected.

        Raises:
            UserError: a part is named, a take has another shape than the first one, or as of `load_clip`.
        """
        if config.clip.start or config.clip.end is not None:
            raise UserError(
                "start, end: expected whole takes; got a part of them",
                "leave --start, --end and --scene away",
            )
        boxes = self._boxes(config.clip)
        parts = self._parts(config, boxes, progress)
        level = next((part.found.level for part in parts if part.found.level is not None), None)
        takes = tuple(part.take._replace(gain=matching_gain(part.found.level, level)) for part in parts)
        length = takes[-1].frames.stop
        check_memory(self.paths[0], length * config.clip.width * config.clip.height * 3)
        frames, power = blank(length, config)
        for take, (_, found, _, _) in zip(takes, parts, strict=True):
            frames[take.frames.start : take.frames.stop] = found.frames
            louder = 10 ** (take.gain / 10)
            power[take.frames.start : take.frames.start + len(found.power)] = louder * found.power
        train = tuple(span for part in parts for span in part.train)
        features, statistics = assembled(power, train, config)
        kept = power if config.training.disturbance else None
        sound = partial(_track, takes, config.clip)
        held_out = tuple(part.held_out for part in parts)
        return Clip(frames, features, statistics, train, held_out, boxes[0], level, kept, sound, takes)

    def _boxes(self, clip: ClipConfig) -> list[Box]:
        """Returns the crop in pixels of each take."""
        first, box = _picture(self.paths[0], clip), self.box(clip)
        boxes = [box]
        for path in self.paths[1:]:
            resolved_box(path, clip)  # refuses what has no picture or no sound
            other = _picture(path, clip)
            across, down = Fraction(other.width, first.width), Fraction(other.height, first.height)
            if abs(across / down - 1) > ALIKE:
                raise UserError(
                    f"{path}: expected a picture of the shape of the first take, "
                    f"{first.width}x{first.height} pixels, at any size; got {other.width}x{other.height}",
                    "crop it alike before, or learn it in another --run",
                )
            left, right = (min(other.width, round(side * across)) for side in box[::2])
            top, bottom = (min(other.height, round(side * down)) for side in box[1::2])
            boxes.append((left, top, right, bottom))
        return boxes

    def _parts(self, config: Config, boxes: Sequence[Box], progress: Progress) -> list[_Part]:
        """Decodes all takes, each placed after the one before it.

        A take begins at the instant of a frame that is shown, and its first frame of the clip is the one at
        that instant or the next.
        """
        clip, rate = config.clip, shown_rate(_picture(self.paths[0], config.clip).frame_rate)
        apart = max(APART, config.features.past + config.features.future)
        parts: list[_Part] = []
        for path, box in zip(self.paths, boxes, strict=True):
            free = parts[-1].take.frames.stop + apart if parts else 0
            begin = ceil(free / clip.rate * rate) / rate
            first = ceil(begin * clip.rate)
            start = float(first / clip.rate - begin)
            found = decoded(path, replace(config, clip=replace(clip, start=start)), box, progress)
            train, held_out = split(len(found.frames), clip)
            parts.append(
                _Part(
                    Take(path, box, begin, range(first, first + len(found.frames))),
                    found,
                    tuple(_moved(span, first) for span in train),
                    _moved(held_out, first),
                )
            )
        return parts


def _picture(path: Path, clip: ClipConfig) -> VideoInfo:
    """What a file says of its picture.

    Raises:
        UserError: there is none.
    """
    info = probe(path, clip.picture_track).video
    if info is None:
        raise UserError(f"{path}: expected a video with sound; got a file without a picture")
    return info


def _moved(span: range, frames: int) -> range:
    return range(span.start + frames, span.stop + frames)


def _track(takes: Sequence[Take], clip: ClipConfig, frames: range) -> SoundTrack:
    """The sound of some frames of one take."""
    take = next(take for take in takes if frames.start in take.frames)
    begin, end = (take.seconds(frame, clip.rate) for frame in (frames.start, frames.stop))
    return SoundTrack(take.path, clip.track, start=exact(begin), end=exact(end))
