"""The film that a run learnt: its crop at the size of the source, at the displayed rate.

A film is made of parts, and each part lies in one file: of several takes there is a trained and a held-out
part of each, of songs a part of each stretch, and nothing goes on from one file into another.

Letters: T frames, h, w of reduced frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from listen_and_move.config import ClipConfig, Config
from listen_and_move.data.clip import split
from listen_and_move.data.song_films import write_film
from listen_and_move.data.take import Take
from listen_and_move.data.takes import Takes
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import LEAST_FRAMES
from listen_and_move.evaluation.film_part import FilmPart
from listen_and_move.evaluation.songs_dataset import check_long_enough, find_songs, longest_part
from listen_and_move.media.picture import read_frames
from listen_and_move.metrics.ghosts import SIDE
from listen_and_move.progress import Progress, untold
from listen_and_move.runs import RunFolder

MOST_PARTS = 20
"""Most held-out parts that are measured: each has seconds then, also of a minute."""


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
    def of_run(
        cls, folder: RunFolder, scratch: Path, video: Path | None = None, progress: Progress = untold
    ) -> "Film":
        """Returns the film that a run learnt.

        Args:
            folder: the run.
            scratch: an empty folder, for films of songs; what is in it is read as long as the film is.
            video: where its video, one of its takes or its songs are now, if not where they were; of songs
                also a picture of the one that alone is held out.
            progress: called with frames decoded and expected, of several takes or of songs.

        Raises:
            UserError: no run, its video is gone, the picture is of none of its songs, or nothing is held out.
        """
        found = cls._learnt(folder, scratch, video, progress)
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
    def _learnt(cls, folder: RunFolder, scratch: Path, video: Path | None, progress: Progress) -> "Film":
        if not folder.films.takes and folder.films.learnt_songs(video):
            return cls.of_songs(folder, scratch, video, progress)
        paths, config = folder.films.videos(video), folder.config()
        if len(paths) == 1:
            return cls.of_clip(paths[0], config.clip)
        return cls.of_takes(paths, config, progress)

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
    def of_takes(cls, paths: list[Path], config: Config, progress: Progress) -> "Film":
        """Returns the film of several takes.

        Args:
            paths: of the takes, in order.
            config: the settings with which they are learnt.
            progress: called with frames decoded and expected.

        Raises:
            UserError: a take cannot be read.
        """
        clip = Takes(tuple(paths)).load(config, progress)
        return cls._of_parts(paths[0], clip.takes, clip.train, clip.held_out, config)

    @classmethod
    def of_songs(cls, folder: RunFolder, scratch: Path, video: Path | None, progress: Progress) -> "Film":
        """Returns the film of a run that learnt songs: each stretch is a file of its own, with its sound.

        Args:
            folder: the run.
            scratch: where the files go.
            video: where the songs are now, or a picture of the stretch of which alone a part is held out.
            progress: called with frames decoded and expected.

        Raises:
            UserError: the songs are gone, the picture is of none of them, or nothing is held out.
        """
        found, config = find_songs(folder, video), folder.config()
        stretches, clip = found.songs.all, found.songs.load(config, progress)
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
