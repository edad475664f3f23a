"""What is shown for the held-out sound, at the size of the film, and the baselines.

Nothing is kept in memory: every row makes its frames as they are asked for.

Letters: H height, W width.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.clock import frame_sample
from listen_and_move.evaluation.baselines import HELD, MEAN, REAL, SHIFTED
from listen_and_move.evaluation.dataset import padded
from listen_and_move.evaluation.film import Film, Picture
from listen_and_move.inference.ahead import ahead
from listen_and_move.inference.picture_pipelines import PictureChoice
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import playable
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.media.edit_list import ClipMoment
from listen_and_move.media.sound import read_sound
from listen_and_move.models.kept_frames import KeptFrames

SHOWN_PATH, AS_FILMED, COMPOSED = "path", "path, as filmed", "composed"
DRAWN, REPLAY = "drawn", "replay, by sound"
"""Rows that are played; of aligned frames also the path with the camera's own movement, since a camera that
stands still is far from a film whose camera does not."""
FRAMES_AHEAD = 8
"""Frames that are made before they are asked for."""


class ShownFrame(NamedTuple):
    """A frame of a row."""

    picture: Picture
    moments: tuple[ClipMoment, ...] = ()
    """What it shows of the clip, where it is of a path."""


ShownFrames = Generator[ShownFrame, None, None]


@dataclass(frozen=True)
class ShownRow:
    """A row of the table."""

    name: str
    rate: Fraction
    """Frames per second."""
    frames: Callable[[], ShownFrames]
    """Begins with the first frame each time; to be closed."""


def played_rows(
    run: Path,
    kept: KeptFrames | None,
    film: Film,
    span: range,
    *,
    size: tuple[int, int],
    seed: int,
    device: str,
) -> list[ShownRow]:
    """Returns what a run shows for the film's own sound: a path, composed pictures, what is drawn, and a path
    by sound alone.

    Args:
        run: the run folder.
        kept: the frames that its model keeps; without, there is no picture of frames but a path by sound.
        film: of the clip.
        span: the part whose sound is played, in frames of the model.
        size: width and height of the frames.
        seed: of the noise, where the model has any, and of the path.
        device: auto, cpu, cuda or mps.
    """
    wanted = "x".join(map(str, size))
    path = PictureChoice("path", wanted, seed=seed)
    aligned = kept is not None and kept.poses is not None
    choices = {
        **({} if kept is None else {SHOWN_PATH: path}),
        **({AS_FILMED: path._replace(camera="as-filmed")} if aligned else {}),
        **({} if kept is None else {COMPOSED: PictureChoice("composed", wanted, seed=seed)}),
        DRAWN: PictureChoice("drawn", wanted, seed=seed),
        REPLAY: PictureChoice("path", wanted, by_sound=True, seed=seed),
    }
    found = []
    for name, choice in choices.items():
        video = film.path if choice.by_sound and kept is None else None
        pipeline = playable(run, choice, video=video, device=device).pipeline
        found.append(ShownRow(name, pipeline.fps, partial(_played, pipeline, film, span, seed)))
    return found


def still_rows(film: Film, span: range, mean: Picture) -> list[ShownRow]:
    """Returns the rows that do not move: the mean frame, and the last one before the part.

    Args:
        film: of the clip.
        span: the part that is measured, in frames of the model.
        mean: of all frames that were learnt.
    """
    before = span.start or max(film.train, key=len).stop
    *_, last = film.frames(*film.seconds(range(before - 1, before)))  # within which the picture may end
    return [
        ShownRow(name, film.rate, partial(_still, picture)) for name, picture in ((MEAN, mean), (HELD, last))
    ]


def film_rows(film: Film, span: range, seed: int) -> list[ShownRow]:
    """Returns the rows of the film itself: the part that is measured, and the trained one from anywhere on.

    Args:
        film: of the clip.
        span: the part that is measured, in frames of the model.
        seed: of the place where the trained part begins.
    """
    begin, end = film.seconds(max(film.train, key=len))
    # Within the last frame of the model the picture may end.
    frames = max(1, int((end - begin - 1 / film.fps) * film.rate))
    place = begin + int(np.random.default_rng(seed).integers(frames)) / film.rate
    around = [(place, end), *[(begin, end)] * (1 + int(len(span) / film.fps / (end - begin)))]
    return [
        ShownRow(REAL, film.rate, partial(_filmed, film, [film.seconds(span)])),
        ShownRow(SHIFTED, film.rate, partial(_filmed, film, around)),
    ]


def _still(picture: Picture) -> ShownFrames:
    return (ShownFrame(each) for each in repeat(picture))


def _filmed(film: Film, stretches: Sequence[tuple[Fraction, Fraction]]) -> ShownFrames:
    return (ShownFrame(each) for each in chain.from_iterable(film.frames(*ends) for ends in stretches))


def _played(pipeline: Pipeline, film: Film, span: range, seed: int) -> ShownFrames:
    """Yields what is played to the sound of a span, heard as loud as it is."""
    begin, end = film.seconds(span)
    total = frame_sample(len(span), film.fps, SAMPLE_RATE)
    sound = padded(read_sound(film.path, SAMPLE_RATE, track=film.clip.track, start=begin, end=end), total)
    with closing(ahead(pipeline.play(sound, PlaySettings(seed=seed)), FRAMES_AHEAD)) as frames:
        for frame in frames:
            assert frame.picture is not None, "nothing is late in a file"
            yield ShownFrame(frame.picture, frame.moments)
