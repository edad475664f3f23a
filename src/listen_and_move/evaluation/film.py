"""The film that a run learnt: its crop at the size of the source, at the displayed rate.

A film is made of parts, and each part lies in one file: of several takes there is a trained and a held-out
part of each, of songs a part of each stretch, and nothing goes on from one file into another. Frames are
decoded as they are asked for, and none is kept.

Letters: T frames, H height, W width, h, w of reduced frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.clock import exact, frame_sample, frame_time
from listen_and_move.config import ClipConfig, Config
from listen_and_move.data.clip import Box, resolved_box, split
from listen_and_move.data.song_films import write_film
from listen_and_move.data.source_frames import kept_size, shown_rate
from listen_and_move.data.take import Take, take_names
from listen_and_move.data.takes import Takes
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import LEAST_FRAMES, padded
from listen_and_move.evaluation.songs_dataset import check_long_enough, find_songs, longest_part
from listen_and_move.media.conversion import rgb
from listen_and_move.media.files import probe
from listen_and_move.media.picture import read_frames, source_frames
from listen_and_move.media.sound import read_sound, sound_gaps
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.metrics.ghosts import SIDE
from listen_and_move.runs import RunFolder

Picture = UInt8[np.ndarray, "H W 3"]
MOST_PARTS = 20
"""Most held-out parts that are measured: each has seconds then, also of a minute."""


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


@dataclass(frozen=True)
class Film:
    """A clip as parts of files."""

    source: Path
    """What was learnt: the file, the first of the takes, or the folder of songs."""
    train: tuple[FilmPart, ...]
    """Trained parts."""
    held_out: tuple[FilmPart, ...]
    songs: bool = False
    """Whether it is made of songs; each stretch is a file, in the folder that was given for them."""

    @classmethod
    def of_run(cls, folder: RunFolder, scratch: Path, video: Path | None = None) -> "Film":
        """Returns the film that a run learnt.

        Args:
            folder: the run.
            scratch: an empty folder, for films of songs; what is in it is read as long as the film is.
            video: where its video, one of its takes or its songs are now, if not where they were; of songs
                also a picture of the one that alone is held out.

        Raises:
            UserError: no run, its video is gone, the picture is of none of its songs, or nothing is held out.
        """
        found = cls._learnt(folder, scratch, video)
        longest = max((len(part.span) for part in found.held_out), default=0)
        if longest < LEAST_FRAMES:
            raise UserError(
                f"{folder.path}: expected a held-out part of at least {LEAST_FRAMES} frames; got {longest}",
                "train with --holdout",
            )
        return replace(
            found, held_out=tuple(part for part in found.held_out if len(part.span) >= LEAST_FRAMES)
        )

    @classmethod
    def _learnt(cls, folder: RunFolder, scratch: Path, video: Path | None) -> "Film":
        if not folder.films.takes and folder.films.learnt_songs(video):
            return cls.of_songs(folder, scratch, video)
        paths, config = folder.films.videos(video), folder.config()
        return cls.of_clip(paths[0], config.clip) if len(paths) == 1 else cls.of_takes(paths, config)

    @classmethod
    def of_clip(cls, path: Path, clip: ClipConfig) -> "Film":
        """Returns the film of a clip, whether a run learnt it or not.

        Args:
            path: the video.
            clip: what is taken of it, and held out.

        Raises:
            UserError: the file cannot be read.
        """
        part = FilmPart.of_file(path, clip, range(0))
        counted = read_frames(
            path,
            clip.rate,
            width=16,
            height=16,
            box=part.box,
            start=clip.start,
            end=clip.end,
            track=clip.picture_track,
        )
        train, held_out = split(sum(1 for _ in counted), clip)
        return cls(path, tuple(map(part.cut, train)), (part.cut(held_out),))

    @classmethod
    def of_takes(cls, paths: list[Path], config: Config) -> "Film":
        """Returns the film of several takes.

        Args:
            paths: of the takes, in order.
            config: the settings with which they are learnt.

        Raises:
            UserError: a take cannot be read.
        """
        clip = Takes(tuple(paths)).load(config)
        return cls._of_parts(paths[0], clip.takes, clip.train, clip.held_out, config)

    @classmethod
    def of_songs(cls, folder: RunFolder, scratch: Path, video: Path | None) -> "Film":
        """Returns the film of a run that learnt songs: each stretch is a file of its own, with its sound.

        Args:
            folder: the run.
            scratch: where the files go.
            video: where the songs are now, or a picture of the stretch of which alone a part is held out.

        Raises:
            UserError: the songs are gone, the picture is of none of them, or nothing is held out.
        """
        found, config = find_songs(folder, video), folder.config()
        stretches, clip = found.songs.all, found.songs.load(config)
        parts = [longest_part(span, clip.train, training=False) for span in clip.stretches]
        place = found.measured(parts)
        check_long_enough(folder, parts[place], stretches[place], training=False)
        # The first file stands for all, and has a sound for that.
        takes = [
            write_film(stretch, span, clip, scratch, with_sound=number == 0 or len(parts[number]) > 0)
            for number, (stretch, span) in enumerate(zip(stretches, clip.stretches, strict=True))
        ]
        held_out = parts if found.asked is None else [parts[place]]
        film = cls._of_parts(found.path, takes, clip.train, held_out, config)
        return replace(film, songs=True)

    @classmethod
    def _of_parts(
        cls,
        source: Path,
        takes: Sequence[Take],
        train: Sequence[range],
        held_out: Sequence[range],
        config: Config,
    ) -> "Film":
        first = FilmPart.of_file(takes[0].path, config.clip, takes[0].frames)

        def part(span: range) -> FilmPart:
            return first.of(next(take for take in takes if span.start in take.frames)).cut(span)

        return cls(source, tuple(map(part, train)), tuple(part(span) for span in held_out if span))

    @property
    def units(self) -> tuple[str, str]:
        """What one of its files is called, and several."""
        return ("stretch", "stretches") if self.songs else ("take", "takes")

    def moved(self, video: Path | None) -> Path | None:
        """Returns where what was learnt is now, if not where it was: of songs their folder, not a picture.

        Args:
            video: as `of_run` took it.
        """
        return self.source if self.songs else video

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return self.train[0].size

    @property
    def rate(self) -> Fraction:
        """Displayed frames per second."""
        return self.train[0].rate

    @property
    def longest(self) -> FilmPart:
        """The longest trained part."""
        return max(self.train, key=lambda part: len(part.span))

    @property
    def reduced_size(self) -> tuple[int, int]:
        """Width and height of the frames in which ghosts are searched."""
        width, height = self.size
        scale = min(Fraction(1), Fraction(SIDE, max(width, height)))
        return max(8, round(width * scale)), max(8, round(height * scale))

    def before(self, part: FilmPart) -> FilmPart:
        """Returns the trained part before another part of the same file, else the longest trained part."""
        same = (each for each in self.train if each.path == part.path and each.end == part.begin)
        return next(same, self.longest)

    def measured(self, seconds: Fraction) -> tuple[FilmPart, ...]:
        """Returns the held-out parts, of many the `MOST_PARTS` longest, together at most ``seconds`` long."""
        places = range(len(self.held_out))
        longest = sorted(places, key=lambda place: len(self.held_out[place].span), reverse=True)[:MOST_PARTS]
        parts = [self.held_out[place] for place in sorted(longest)]
        return tuple(part.first(seconds / len(parts)) for part in parts)

    def thumbnails(
        self, parts: Sequence[FilmPart], most: int
    ) -> tuple[UInt8[np.ndarray, "T h w 3"], Fraction]:
        """Returns small frames spread evenly over parts, and the seconds from one to the next.

        Args:
            parts: of the film.
            most: number of frames at most, though each part has at least one.
        """
        frames, fps = sum(len(part.span) for part in parts), parts[0].clip.rate
        rate = fps / max(1, ceil(frames / most))
        found = [frame for part in parts for frame in part.reduced(self.reduced_size, rate)]
        return np.stack(found), 1 / rate


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
