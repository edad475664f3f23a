"""Scenes of a film: what lies between its cuts and transitions; captions that come and go end none.

The picture is looked at whole, small, at 20 frames per second, and in blocks, so that memory does not grow
with the film. Letters: T frames, H height, W width.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from listen_and_move.clock import Seconds, exact
from listen_and_move.config import ClipConfig
from listen_and_move.errors import Remark, UserError
from listen_and_move.media.files import VideoInfo, probe
from listen_and_move.media.picture import source_frames
from listen_and_move.metrics.scenes import SceneChange, scene_changes
from listen_and_move.progress import Progress, untold

SIDE = 96
"""Pixels of the longer side of the pictures that are looked at."""
RATE = Fraction(20)
"""Frames per second that are looked at."""
SHORTEST = Fraction(1, 2)
"""Seconds of a scene; what is shorter is a part of a transition."""
BLOCK, MARGIN = 1200, 200
"""Frames that are looked at together, and those around them without which a change cannot be told."""
Picture = UInt8[np.ndarray, "H W 3"]


class Scene(NamedTuple):
    """A scene of a film, which ends where the next change begins to be seen."""

    start: Fraction
    """In seconds of the film."""
    end: Fraction

    @property
    def seconds(self) -> Fraction:
        """Length of the scene."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"{float(self.start):.2f} to {float(self.end):.2f} s"


class SceneChoice(NamedTuple):
    """The scene that is learnt of a film, and what is said of the choice."""

    clip: ClipConfig
    """With its begin and end."""
    number: int
    """From 1 on."""
    note: Remark = Remark("")
    """What to tell the user; empty where the film has one scene."""


def small_frames(
    path: Path, video: VideoInfo, start: Seconds = 0, end: Seconds | None = None, track: int | None = None
) -> Iterator[Picture]:
    """Yields a film small, whole, at `RATE`.

    Args:
        path: of the film.
        video: its picture.
        start: the first instant, in seconds.
        end: the instant before which the last frame is; None: the end of the picture.
        track: number of the picture in the file; None: the default one.

    Raises:
        UserError: as of `read_frames`.
    """
    scale = SIDE / max(video.width, video.height)
    width, height = (max(16, round(side * scale)) for side in (video.width, video.height))
    whole = (0, 0, video.width, video.height)
    for frame in source_frames(path, RATE, box=whole, start=start, end=end, track=track):
        yield frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()


def film_changes(frames: Iterable[Picture]) -> Iterator[SceneChange]:
    """Yields the changes of a film of any length; see `scene_changes`.

    Args:
        frames: small ones, at `RATE`.
    """
    held: list[Picture] = []
    first, begin = 0, 0  # number of the first frame that is held, and of the first that is not judged
    for count, frame in enumerate(frames, start=1):
        held.append(frame)
        if count == begin + BLOCK + MARGIN:
            yield from _judged(held, first, range(begin, begin + BLOCK))
            begin += BLOCK
            held, first = held[begin - MARGIN - first :], begin - MARGIN
    yield from _judged(held, first, range(begin, first + len(held) + 1))


def _judged(held: Sequence[Picture], first: int, span: range) -> Iterator[SceneChange]:
    """Yields the changes of a span of frames, told by all that are held from the first one on."""
    for change in scene_changes(np.stack(held)) if held else ():
        if change.frame + first in span:
            moved = (frame + first for frame in (change.frame, change.first, change.last))
            yield replace(change, **dict(zip(("frame", "first", "last"), moved, strict=True)))


def scenes_between(changes: Iterable[SceneChange], frames: int, start: Seconds = 0) -> list[Scene]:
    """Returns the scenes of a film in the order of time; at least one.

    Args:
        changes: of the film, in the order of time.
        frames: of the film.
        start: the instant of its first frame, in seconds.
    """
    breaks = [change for change in changes if change.kind != "overlay"]
    starts = [0, *(change.last for change in breaks)]
    ends = [*(max(0, change.first) for change in breaks), frames]
    every = [
        Scene(exact(start) + first / RATE, exact(start) + last / RATE)
        for first, last in zip(starts, ends, strict=True)
    ]
    return [scene for scene in every if scene.seconds >= SHORTEST] or [longest(every)]


def longest(scenes: Iterable[Scene]) -> Scene:
    """Returns the longest scene, the first of several."""
    return max(scenes, key=lambda scene: scene.seconds)


def choose_scene(
    path: Path, clip: ClipConfig, number: int | None, progress: Progress = untold
) -> SceneChoice:
    """Returns the scene of a film that is learnt.

    Args:
        path: of the film.
        clip: what is taken of it otherwise.
        number: of the scene, from 1 on; None: the longest one.
        progress: called with frames looked at and expected.

    Raises:
        UserError: there is no scene of that number, or the film cannot be read.
    """
    video = probe(path, clip.picture_track).video
    assert video is not None, "whoever asks has looked"
    expected, looked = ceil(video.duration * RATE), 0

    def counted() -> Iterator[Picture]:
        nonlocal looked
        for frame in small_frames(path, video, track=clip.picture_track):
            looked += 1
            progress(looked, max(expected, looked))
            yield frame

    scenes = scenes_between(list(film_changes(counted())), looked)
    if number is not None and not 1 <= number <= len(scenes):
        known = ", ".join(f"{place} ({scene})" for place, scene in enumerate(scenes, start=1))
        raise UserError(f"scene: expected a scene of {path.name}: {known}; got {number}")
    place = scenes.index(longest(scenes)) + 1 if number is None else number
    scene, last = scenes[place - 1], place == len(scenes)
    part = replace(clip, start=float(scene.start), end=None if last else float(scene.end))
    if len(scenes) == 1:
        return SceneChoice(clip, place)
    chosen = f"scene {place} of {len(scenes)} is learnt, {scene}"
    if number:
        return SceneChoice(part, place, Remark(chosen))
    longer = Remark(f"{chosen}, the longest", "--scene takes another one", "{message}; {hint}")
    return SceneChoice(part, place, longer)
