"""The file of a row of shown pictures: written as a viewer gets it, and read back.

Frames are decoded as they are asked for.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from listen_and_move.data.frame_store import FrameStore, Shelf
from listen_and_move.evaluation.dataset import FrameSpan, Watch
from listen_and_move.evaluation.film import Film
from listen_and_move.evaluation.film_part import FilmPart, Picture
from listen_and_move.evaluation.results import Products
from listen_and_move.evaluation.shifts import products
from listen_and_move.evaluation.shown_rows import ShownRow
from listen_and_move.media.conversion import rgb
from listen_and_move.media.edit_list import ClipMoment
from listen_and_move.media.picture import read_frames, source_frames
from listen_and_move.media.video import VideoWriter
from listen_and_move.metrics.ghosts import GhostDetector

DCOR_SIDE, DCOR_RATE = 64, Fraction(20)
"""Pixels and frames per second at which dcor is measured, whatever is shown: it falls as both rise."""
GHOSTS_AT_ONCE = 64


@dataclass(frozen=True)
class RowFile:
    """The file of a row, for one part of the film."""

    file: Path
    moments: list[tuple[ClipMoment, ...]]
    """Moments of the clip that each frame shows."""
    rate: Fraction
    """Frames per second."""

    @classmethod
    def write(
        cls, row: ShownRow, part: FilmPart, film: Film, count: int, folder: Path, watch: Watch
    ) -> "RowFile":
        """Writes a row for a part, as long as the film, and returns it.

        Args:
            row: of the table.
            part: of the film.
            film: that the part belongs to.
            count: frames of the part.
            folder: where the file goes.
            watch: told what is being done.
        """
        (width, height), file, moments = film.size, folder / "row.mp4", []
        most = int(-(-count * row.rate // film.rate))
        with (
            closing(row.frames(part)) as frames,
            VideoWriter(file, width=width, height=height, fps=row.rate) as writer,
        ):
            for frame in islice(frames, most):
                writer.write(frame.picture)
                moments.append(frame.moments)
                watch(f"writing {row.name}", len(moments), most)
        return cls(file, moments, row.rate)

    def shown(self, film: Film) -> Iterator[Picture]:
        """Yields the frames on display at the film's rate, in the colours in which the film is read."""
        box = (0, 0, *film.size)
        return (rgb(frame) for frame in source_frames(self.file, film.rate, box=box))

    def ghosts(self, film: Film, detector: GhostDetector) -> list[bool]:
        """Returns which frames are ghosts."""
        frames, found = self._reduced(film.reduced_size, film.rate), []
        while block := list(islice(frames, GHOSTS_AT_ONCE)):
            found += detector.ghosts(np.stack(block)).tolist()
        return found

    def products(self, part: FilmPart, shelf: Shelf) -> Products:
        """Returns the products of the row with the film, at the row's rate.

        Args:
            part: of the film, for which the row was written.
            shelf: takes small frames.
        """
        side = (DCOR_SIDE, DCOR_SIDE)
        film = _thinned(part.reduced(side, self.rate), self.rate)
        ours, real = (_stored(each, shelf) for each in (self._reduced(side, DCOR_RATE), film))
        span = range(min(len(ours), len(real)))
        return products(FrameSpan(ours, span), FrameSpan(real, span))

    def _reduced(self, size: tuple[int, int], rate: Fraction) -> Iterator[Picture]:
        return read_frames(self.file, rate, width=size[0], height=size[1])


def _thinned(frames: Iterable[Picture], rate: Fraction) -> Iterator[Picture]:
    """Yields the frames on display at `DCOR_RATE`, from frames at another rate."""
    shown = 0
    for number, frame in enumerate(frames):
        while shown / DCOR_RATE < (number + 1) / rate:
            yield frame
            shown += 1


def _stored(frames: Iterable[Picture], shelf: Shelf) -> FrameStore:
    store = shelf.store(DCOR_SIDE, DCOR_SIDE)
    for frame in frames:
        store.append(frame[None])
    return store
