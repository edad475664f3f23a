"""A model played with a sound that has no picture of its own: what can be said without a truth to compare
with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.clock import Seconds, exact, frame_count
from listen_and_move.data.frame_store import Shelf
from listen_and_move.errors import UserError
from listen_and_move.evaluation.baselines import (
    BLOCK,
    blocks,
    drawn,
    mean_spread,
    shifted_sound,
    shuffled_sound,
    silent_sound,
    temporal_spread,
)
from listen_and_move.evaluation.dataset import Course, Frames, Watch, course, heard
from listen_and_move.evaluation.frame_measures import Values, sound_and_motion
from listen_and_move.evaluation.sensitivity import Altered, altered, verdict
from listen_and_move.evaluation.subject import LEAST_FRAMES
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.sound_check import SoundCheck, listen
from listen_and_move.media.sound import read_sound, sound_samples
from listen_and_move.metrics.coherence import flicker, frozen_share, visible_change
from listen_and_move.metrics.frame import laplacian_energies, ratio
from listen_and_move.metrics.memory import nearest_distances, thumbnails
from listen_and_move.metrics.sync import motion_energy

THUMBNAIL = 32
"""Longer side, in pixels, of the copies in which the nearest training frame is looked for."""


@dataclass(frozen=True)
class Training:
    """What the training part is like: what any picture of the model is held against."""

    motion: float
    """Mean motion energy."""
    detail: float
    """Mean Laplacian energy."""
    spread: float
    """How much the picture varies over time."""
    thumbnails: NDArray[np.uint8]
    """Small copies of the frames, to find the nearest one."""
    newness: float
    """Median distance of real frames that were never trained on to the nearest training frame; nan without
    such frames."""

    @classmethod
    def of(cls, training: Frames, parts: tuple[range, ...], unseen: Frames) -> "Training":
        """Look at all training frames once, and at the unseen ones."""
        motion = np.concatenate([motion_energy(block) for block in blocks(training, parts, overlap=1)])
        detail = np.concatenate([laplacian_energies(block) for block in blocks(training, parts)])
        small = np.concatenate([thumbnails(block, THUMBNAIL) for block in blocks(training, parts)])
        newness = _to_nearest(unseen, small)
        spread = mean_spread(temporal_spread(training, parts))
        return cls(float(motion.mean()), float(detail.mean()), spread, small, newness)

    def nearest(self, frames: Frames) -> Values:
        """Median distance to the nearest training frame, and the same over that of real unseen frames: 0 is
        replay."""
        distance = _to_nearest(frames, self.thumbnails)
        return {"distance": distance, "newness": ratio(distance, self.newness)}


def _to_nearest(frames: Frames, small: NDArray[np.uint8]) -> float:
    if not len(frames):
        return nan
    parts = (
        nearest_distances(thumbnails(block, THUMBNAIL), small)[0]
        for block in blocks(frames, [range(len(frames))])
    )
    return float(np.median(np.concatenate(list(parts))))


class Performance(NamedTuple):
    """The model's picture to one sound."""

    frames: Frames
    course: Course
    motion: NDArray[np.float64]
    values: Values
    altered: dict[str, Altered]
    verdict: str
    heard: SoundCheck
    """How loud and how new the sound is, and the gain with which it was played."""


def performed(
    animator: Animator,
    sound: Path,
    training: Training,
    shelf: Shelf,
    *,
    start: Seconds = 0,
    seconds: Seconds | None = None,
    seed: int = 0,
    watch: Watch,
) -> Performance:
    """Play a sound, or a part of it, and the same sound shifted, shuffled and silent; measure what there is
    to see.

    As with generate, it is brought to the level of the training sound by one gain.

    Raises:
        UserError: the sound cannot be read, or is too short.
    """
    begin = exact(start)
    end = None if seconds is None else begin + exact(seconds)
    samples, rate = sound_samples(sound, start=begin, end=end)
    count = frame_count(samples, rate, animator.fps)
    if count < LEAST_FRAMES:
        raise UserError(
            f"{sound}: expected at least {LEAST_FRAMES} frames of sound; got {count}: take a longer one"
        )
    found = listen(partial(read_sound, sound, SAMPLE_RATE, start=begin, end=end), animator.audio_reference)
    features = heard(sound, animator.extractor, begin, count, found.gain)
    span = range(count)
    sounds = {
        "right": features,
        "shifted": shifted_sound(features, span),
        "shuffled": shuffled_sound(features, span, float(animator.fps)),
        "silent": silent_sound(features, span, animator.extractor),
    }
    played = {
        name: drawn(
            animator,
            altered_features,
            span,
            seed,
            shelf.store(*animator.size),
            f"{sound.name}, {name}",
            watch,
        )
        for name, altered_features in sounds.items()
    }
    return _measured(animator, played, course(sound, animator.fps, begin, count), training, found)


def novelty_of(heard: SoundCheck) -> list[float] | None:
    """Of each second, as it is kept in results."""
    return None if heard.novelty is None else [round(value, 3) for value in heard.novelty.tolist()]


def _measured(
    animator: Animator,
    played: Mapping[str, Frames],
    heard_course: Course,
    training: Training,
    found: SoundCheck,
) -> Performance:
    right = played["right"]
    parts = list(blocks(right, [range(len(right))], overlap=2))
    motion = np.concatenate([motion_energy(block[: BLOCK + 1]) for block in parts])
    detail = np.concatenate([laplacian_energies(block[:BLOCK]) for block in parts])
    moves = ratio(float(motion.mean()), training.motion)
    results = {
        name: altered(right, frames, heard_course, training.spread, animator.fps)
        for name, frames in played.items()
    }
    values: Values = {
        "gain_db": float(found.gain),
        "novelty": nan if found.novelty is None else float(found.novelty.mean()),
        "motion_ratio": moves,
        "sharpness": ratio(float(detail.mean()), training.detail),
        "flicker": float(np.concatenate([flicker(block) for block in parts]).mean()),
        "frozen_share": frozen_share(np.concatenate([visible_change(block[: BLOCK + 1]) for block in parts])),
    }
    values |= training.nearest(right) | sound_and_motion(motion, heard_course, animator.fps)
    said = verdict(results, moves, silent=heard_course.silent)
    return Performance(right, heard_course, motion, values, results, said, found)
