"""Rows of the table of shown pictures: what a run shows for the held-out sound, and the baselines.

Pictures have the size of the film. Every row makes its frames as they are asked for and keeps none in memory.

Letters: H height, W width.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np

from listen_and_move.evaluation.baselines import HELD, MEAN, REAL, SHIFTED
from listen_and_move.evaluation.film import Film
from listen_and_move.evaluation.film_part import FilmPart, Picture
from listen_and_move.inference.ahead import ahead
from listen_and_move.inference.picture_pipelines import PictureChoice
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import playable
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.media.edit_list import ClipMoment
from listen_and_move.models.kept_frames import KeptFrames

SHOWN_PATH, AS_FILMED, COMPOSED = "path", "path, as filmed", "composed"
DRAWN, REPLAY = "drawn", "replay, by sound"
"""Names of rows that are played.

With aligned frames there is also the path with the camera's own movement and light, since a camera that
stands still is far from a film whose camera does not."""
FRAMES_AHEAD = 8
"""Frames that are made before they are asked for."""


class ShownFrame(NamedTuple):
    """A frame of a row."""

    picture: Picture
    moments: tuple[ClipMoment, ...] = ()
    """Moments of the clip that the frame shows, where it belongs to a path."""


ShownFrames = Generator[ShownFrame, None, None]


@dataclass(frozen=True)
class ShownRow:
    """A row of the table."""

    name: str
    rate: Fraction
    """Frames per second."""
    frames: Callable[[FilmPart], ShownFrames]
    """Returns the frames that are shown for a part, from its first frame on, as if nothing had been played
    before.

    The caller closes them."""


def played_rows(
    run: Path,
    kept: KeptFrames | None,
    *,
    video: Path | None,
    size: tuple[int, int],
    seed: int,
    device: str,
) -> list[ShownRow]:
    """Returns the rows that a run plays to the film's own sound.

    They are a path, composed pictures, what is drawn, and a path by sound alone.

    Args:
        run: the run folder.
        kept: the frames that its model keeps; None: of paths there is only the one by sound.
        video: where its video, one of its takes or the folder of its songs is now, if not where it was.
        size: width and height of the frames.
        seed: of the noise, where the model has any, and of the path.
        device: auto, cpu, cuda or mps.
    """
    wanted = "x".join(map(str, size))
    path = PictureChoice("path", wanted, seed=seed)
    steadied = kept is not None and kept.steadied
    choices = {
        **({} if kept is None else {SHOWN_PATH: path}),
        **({AS_FILMED: path._replace(camera="as-filmed")} if steadied else {}),
        **({} if kept is None else {COMPOSED: PictureChoice("composed", wanted, seed=seed)}),
        DRAWN: PictureChoice("drawn", wanted, seed=seed),
        REPLAY: PictureChoice("path", wanted, by_sound=True, seed=seed),
    }
    found = []
    for name, choice in choices.items():
        moved = video if choice.by_sound and kept is None else None
        pipeline = playable(run, choice, video=moved, device=device).pipeline
        found.append(ShownRow(name, pipeline.fps, partial(_played, pipeline, seed)))
    return found


def still_rows(film: Film, mean: Picture) -> list[ShownRow]:
    """Returns the rows that do not move: the mean frame, and the last frame before a part.

    Args:
        film: that was learnt.
        mean: of all frames that were learnt.
    """
    return [
        ShownRow(MEAN, film.rate, lambda part: _still(mean)),
        ShownRow(HELD, film.rate, lambda part: _still(film.before(part).last())),
    ]


def film_rows(film: Film, seed: int) -> list[ShownRow]:
    """Returns the rows of the film itself: the measured part, and the trained part from some instant on.

    Args:
        film: that was learnt.
        seed: of the place where the trained part begins.
    """
    learnt = film.longest
    # The picture may end within the last frame of the model.
    frames = max(1, int((learnt.end - learnt.begin - 1 / learnt.clip.rate) * film.rate))
    place = learnt.begin + int(np.random.default_rng(seed).integers(frames)) / film.rate
    return [
        ShownRow(REAL, film.rate, lambda part: _filmed(part, part.begin)),
        ShownRow(SHIFTED, film.rate, lambda part: _around(learnt, place)),
    ]


def _still(picture: Picture) -> ShownFrames:
    return (ShownFrame(each) for each in repeat(picture))


def _filmed(part: FilmPart, begin: Fraction) -> ShownFrames:
    return (ShownFrame(each) for each in part.frames(begin))


def _around(part: FilmPart, begin: Fraction) -> ShownFrames:
    """Yields a part from an instant on, then over and over from its beginning."""
    while True:
        yield from _filmed(part, begin)
        begin = part.begin


def _played(pipeline: Pipeline, seed: int, part: FilmPart) -> ShownFrames:
    """Yields the pictures of a pipeline for the sound of a part, at the level at which it was learnt."""
    settings = PlaySettings(gain=part.gain, seed=seed)
    with closing(ahead(pipeline.play(part.heard(), settings), FRAMES_AHEAD)) as frames:
        for frame in frames:
            assert frame.picture is not None, "nothing is late in a file"
            yield ShownFrame(frame.picture, frame.moments)
