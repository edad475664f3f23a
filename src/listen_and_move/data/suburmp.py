"""Sub-URMP folders (Chen et al. 2017): one instrument in many songs.

Every 100 ms have a picture and half a second of sound.

Pictures lie in img/SPLIT/INSTRUMENT, sounds in chunk/SPLIT/INSTRUMENT; both are called INSTRUMENT, the song
in two digits, _, and 500, 600, 700, ... such as cello01_500.jpg and cello01_500.wav. A sound begins with its
picture; its first chunk alone makes the features, as in the paper.

A stretch is a part of a song that has no gap. In the clip, stretches lie one after the other with frames of
silence between them that belong to no part: no window, no state and no context reaches from one song into
another.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.audio.loudness import gated_level
from listen_and_move.clock import frame_sample
from listen_and_move.config import ClipConfig, Config
from listen_and_move.data.clip import (
    Box,
    Clip,
    assembled,
    blank,
    check_audible,
    check_length,
    check_memory,
    split,
)
from listen_and_move.data.windows import pieces
from listen_and_move.errors import UserError
from listen_and_move.media.conversion import centred_box
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames
from listen_and_move.media.picture_series import check_pictures
from listen_and_move.media.sound import read_sound
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.progress import Progress, untold

FPS = 10
FIRST_MS, STEP_MS = 500, 100
LAYOUT = "img/SPLIT/INSTRUMENT with .jpg or .jpeg and chunk/SPLIT/INSTRUMENT with .wav"
ENDINGS = (".jpg", ".jpeg")
"""Of pictures, in small or capital letters."""
TRAIN, HELD_OUT = "train", ("validation", "test")
"""Names of splits: the frames of the others are held out of a folder that is called train."""


class Pair(NamedTuple):
    """A picture, and the sound that begins with it."""

    song: str
    ms: int
    picture: Path
    sound: Path

    def follows(self, other: "Pair") -> bool:
        """Returns whether this is the next pair of the same song."""
        return self.song == other.song and self.ms == other.ms + STEP_MS


Stretch = Sequence[Pair]


@dataclass(frozen=True)
class Songs:
    """All songs of one instrument in a folder."""

    folder: Path
    stretches: tuple[Stretch, ...]
    """Stretches to train on, in the order of songs."""
    others: tuple[Stretch, ...]
    """Stretches of the splits that are held out; empty where the folder has none."""

    @classmethod
    def find(cls, folder: Path) -> "Songs":
        """Returns the songs of a folder.

        The folder is the data set's with one instrument in img/train, or one instrument's own
        img/SPLIT/INSTRUMENT.

        Raises:
            UserError: not of that layout, several instruments, other names of files, a picture without its
                sound, or two pictures of one moment.
        """
        pictures = _instrument(folder.absolute())
        instrument, name, root = pictures.name, pictures.parent.name, pictures.parents[2]
        held_out = [root / "img" / other / instrument for other in HELD_OUT if name == TRAIN]
        others = [stretch for each in held_out if each.is_dir() for stretch in _stretches(each)]
        return cls(pictures, tuple(_stretches(pictures)), tuple(others))

    @property
    def all(self) -> tuple[Stretch, ...]:
        """All stretches, in the order in which they lie in the clip."""
        return (*self.stretches, *self.others)

    @property
    def _pairs(self) -> Iterator[Pair]:
        return (pair for stretch in self.all for pair in stretch)

    def box(self, clip: ClipConfig) -> Box:
        """Returns the crop as given, or the largest centred part of the right shape.

        The first picture tells, since all have one size.
        """
        first = next(check_pictures([self.stretches[0][0].picture]))
        info = probe(first).video
        assert info is not None, "checked"
        return clip.box or centred_box(info, clip.width, clip.height)

    def digest(self) -> str:
        """Returns the sha256 of the names and contents of all files."""
        digest = hashlib.sha256()
        for path in (path for pair in self._pairs for path in (pair.picture, pair.sound)):
            digest.update(
                f"{path.parent.parent.name}/{path.name}\n".encode()
                + hashlib.sha256(path.read_bytes()).digest()
            )
        return digest.hexdigest()

    def load(self, config: Config, progress: Progress = untold) -> Clip:
        """Decodes pictures and sounds into one clip of several parts.

        Raises:
            UserError: a rate other than 10, a part that was asked for, a damaged file, pictures of several
                sizes or other kinds, silence, no stretch of a window, or more frames than memory holds.
        """
        self._check(config)
        parts, held_out = self._parts(config)
        places = {
            pair: place
            for stretch, start in self._placed(config)
            for place, pair in enumerate(stretch, start)
        }
        length, box = max(places.values()) + 1, self.box(config.clip)
        check_length(self.folder, parts, config)
        check_memory(self.folder, length * config.clip.width * config.clip.height * 3)
        settings, extractor = config.features, FeatureExtractor(config.features, config.clip.rate)
        frames, power = blank(length, config)
        sounds: dict[int, np.ndarray] = {}
        pictures = check_pictures([pair.picture for pair in places])
        for done, ((pair, place), _) in enumerate(zip(places.items(), pictures, strict=True), start=1):
            frames[place] = torch.from_numpy(_picture(pair, config.clip, box))
            sound = _pair_samples(pair, settings.chunk_ms)
            power[settings.past + place] = extractor.powers(torch.from_numpy(sound), 0, 1)[0]
            sounds[place] = sound[:_FRAME]
            progress(done, len(places))
        check_audible(
            self.folder, torch.from_numpy(np.concatenate([sounds[place] for span in parts for place in span]))
        )
        features, statistics = assembled(power, parts, config)
        level = gated_level(sounds[place] for span in parts for place in span)
        kept = power if config.training.disturbance else None
        sound = partial(_joined, {place: pair for pair, place in places.items()})
        stretches = tuple(range(start, start + len(stretch)) for stretch, start in self._placed(config))
        held_outs = (held_out,)
        return Clip(
            frames, features, statistics, parts, held_outs, box, level, kept, sound, stretches=stretches
        )

    def _check(self, config: Config) -> None:
        clip = config.clip
        if clip.rate != FPS:
            raise UserError(
                f"{self.folder}: expected 10 frames per second, at which Sub-URMP has its pictures; got "
                f"{clip.fps}",
                "give --fps 10",
            )
        if clip.start or clip.end is not None:
            raise UserError(
                f"{self.folder}: expected whole songs; got a start or an end", "leave --start and --end away"
            )
        if clip.track is not None or clip.picture_track is not None:
            raise UserError(
                f"{self.folder}: expected songs of one picture and one sound; got a choice among several",
                "leave --track and --picture-track away",
            )

    def _placed(self, config: Config) -> Iterator[tuple[Stretch, int]]:
        """Yields every stretch and its first frame in the clip.

        Between two stretches lie as many frames of silence as features reach into neighbours.
        """
        start = 0
        for stretch in self.all:
            yield stretch, start
            start += len(stretch) + max(1, config.features.past, config.features.future)

    def _parts(self, config: Config) -> tuple[tuple[range, ...], range]:
        """Returns the frames to train on, and the longest held-out stretch."""
        ranges = [range(start, start + len(stretch)) for stretch, start in self._placed(config)]
        train, others = ranges[: len(self.stretches)], ranges[len(self.stretches) :]
        if others:
            return tuple(train), max(others, key=len)
        kept, held_out = split(sum(map(len, train)), config.clip)
        parts = tuple(piece for span in kept for piece in pieces(train, span.start, span.stop))
        return parts, max(pieces(train, held_out.start, held_out.stop), key=len, default=range(0))


_FRAME = frame_sample(1, Fraction(FPS), SAMPLE_RATE)
"""Samples from one picture to the next."""


def is_song_picture(path: Path) -> bool:
    """Returns whether a path is that of a picture in img/SPLIT/INSTRUMENT; it need not exist."""
    return path.suffix.lower() in ENDINGS and path.absolute().parts[-4:-3] == ("img",)


def _instrument(folder: Path) -> Path:
    """Returns the folder of the pictures."""
    if folder.parent.parent.name == "img":
        return folder
    found = sorted(each for each in folder.glob(f"img/{TRAIN}/*") if each.is_dir())
    if not found:
        raise UserError(
            f"{folder}: expected a video file, or a Sub-URMP folder ({LAYOUT}); this folder is not Sub-URMP"
        )
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise UserError(
            f"{folder}: expected one instrument; got {names}: give one of them, such as {found[0]}"
        )
    return found[0]


def _stretches(pictures: Path) -> Iterator[Stretch]:
    """Yields the stretches of a folder of pictures."""
    pairs = sorted(_paired(pictures))
    if not pairs:
        raise UserError(
            f"{pictures}: expected pictures of a Sub-URMP folder ({LAYOUT}); got none: not Sub-URMP"
        )
    stretch = pairs[:1]
    for before, pair in pairwise(pairs):
        if (before.song, before.ms) == (pair.song, pair.ms):
            raise UserError(
                f"{pair.picture}: expected one picture of each moment; got {before.picture.name} as well",
                "take one of them away",
            )
        if not pair.follows(before):
            yield stretch
            stretch = []
        stretch.append(pair)
    yield stretch


def _paired(pictures: Path) -> Iterator[Pair]:
    """Yields every picture with its sound."""
    instrument, name = pictures.name, pictures.parent.name
    sounds = pictures.parents[2] / "chunk" / name / instrument
    for picture in filter(is_song_picture, pictures.glob("*")):
        parsed = re.fullmatch(rf"({re.escape(instrument)}\d\d)_(\d+)", picture.stem)
        ms = int(parsed[2]) if parsed else 0
        if parsed is None or ms < FIRST_MS or ms % STEP_MS:
            raise UserError(
                f"{picture}: expected a name of Sub-URMP, such as {instrument}01_500.jpg: {instrument}, the "
                "song in two digits, "
                "_, and 500, 600, 700, ..."
            )
        sound = sounds / f"{picture.stem}.wav"
        if not sound.is_file():
            raise UserError(
                f"{sound}: expected the sound of {picture.name}; there is no such file: song {parsed[1]} "
                "without sound"
            )
        yield Pair(parsed[1], ms, picture, sound)


def _picture(pair: Pair, clip: ClipConfig, box: Box) -> np.ndarray:
    return next(read_frames(pair.picture, clip.rate, width=clip.width, height=clip.height, box=box))


def _pair_samples(pair: Pair, chunk_ms: float) -> np.ndarray:
    """Returns the beginning of a sound: up to the next picture, or a whole chunk if that is longer.

    The rest belongs to the next sounds.
    """
    wanted = max(_FRAME, round(chunk_ms * SAMPLE_RATE / 1000))
    samples = np.concatenate(list(read_sound(pair.sound, SAMPLE_RATE, end=Fraction(wanted, SAMPLE_RATE))))
    if len(samples) < wanted:
        ms = len(samples) * 1000 // SAMPLE_RATE
        raise UserError(
            f"{pair.sound}: expected half a second of sound, and at least a chunk ({chunk_ms:g} ms); got "
            f"{ms} ms"
        )
    return samples


def _joined(pairs: dict[int, Pair], frames: range) -> Waveform:
    """Returns the sound of some frames of one stretch: each sound up to the beginning of the next."""
    return Waveform(
        np.concatenate([_pair_samples(pairs[frame], 0)[:_FRAME] for frame in frames]), SAMPLE_RATE
    )
