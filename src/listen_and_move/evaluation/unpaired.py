"""Unpaired sounds: a model played with a sound that has no true picture, and what can be said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.clock import Seconds, exact, frame_count
from listen_and_move.data.frame_store import Shelf
from listen_and_move.errors import UserError
from listen_and_move.evaluation.baselines import (
    BLOCK,
    blocks,
    generated_frames,
    mean_spread,
    shifted_sound,
    shuffled_sound,
    silent_sound,
    temporal_spread,
)
from listen_and_move.evaluation.course import Course, course
from listen_and_move.evaluation.dataset import LEAST_FRAMES, Frames, Watch, sound_features
from listen_and_move.evaluation.frame_measures import sound_and_motion
from listen_and_move.evaluation.measures import Values
from listen_and_move.evaluation.results import Altered
from listen_and_move.evaluation.sensitivity import altered, verdict
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
class TrainingReference:
    """Figures of the training part, against which any picture of the model is held."""

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
    def of(cls, training: Frames, parts: tuple[range, ...], unseen: Frames) -> "TrainingReference":
        """Returns the figures of some training frames.

        Args:
            training: the learnt video.
            parts: its trained parts, in frames.
            unseen: real frames that were never trained on; may be empty.
        """
        motion = np.concatenate([motion_energy(block) for block in blocks(training, parts, overlap=1)])
        detail = np.concatenate([laplacian_energies(block) for block in blocks(training, parts)])
        small = np.concatenate([thumbnails(block, THUMBNAIL) for block in blocks(training, parts)])
        newness = _median(_to_nearest(unseen, small))
        spread = mean_spread(temporal_spread(training, parts))
        return cls(float(motion.mean()), float(detail.mean()), spread, small, newness)

    def nearest(self, frames: Frames) -> Values:
        """Returns how far frames are from the nearest training frames: "distance" and "newness".

        The median distance, and its quotient with that of real unseen frames: 0 is replay.

        Args:
            frames: generated.
        """
        return self._values(_to_nearest(frames, self.thumbnails))

    def nearest_and_farthest(self, frames: Frames) -> Values:
        """Returns the same, and the distance of the frame that is farthest from all training: "farthest".

        Args:
            frames: generated.
        """
        distances = _to_nearest(frames, self.thumbnails)
        return {**self._values(distances), "farthest": float(distances.max())}

    def _values(self, distances: Array) -> Values:
        distance = _median(distances)
        return {"distance": distance, "newness": ratio(distance, self.newness)}


def _to_nearest(frames: Frames, small: NDArray[np.uint8]) -> Array:
    """Returns the distance of each frame to the nearest training frame."""
    parts = (
        nearest_distances(thumbnails(block, THUMBNAIL), small)[0]
        for block in blocks(frames, [range(len(frames))])
    )
    return np.concatenate([np.zeros(0), *parts])


def _median(distances: Array) -> float:
    return float(np.median(distances)) if len(distances) else nan


class SoundResult(NamedTuple):
    """The picture of a model to one sound, and its figures."""

    frames: Frames
    course: Course
    motion: Array
    values: Values
    altered: dict[str, Altered]
    verdict: str
    check: SoundCheck
    """How loud and how new the sound is, and the gain with which it was played."""


def sound_result(
    animator: Animator,
    sound: Path,
    training: TrainingReference,
    shelf: Shelf,
    *,
    start: Seconds = 0,
    seconds: Seconds | None = None,
    seed: int = 0,
    watch: Watch,
) -> SoundResult:
    """Returns the measured picture of a model to a sound, and to the sound shifted, shuffled and silent.

    As with generate, one gain brings the sound to the level of the training sound.

    Args:
        animator: plays the model.
        sound: a file with sound.
        training: what the picture is held against.
        shelf: takes the frames.
        start: of the part that is played, in seconds.
        seconds: length of the part; None: to the end.
        seed: of the model's noise.
        watch: told the progress.

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
    features = sound_features(sound, animator.extractor, begin, count, found.gain)
    span = range(count)
    sounds = {
        "right": features,
        "shifted": shifted_sound(features, span),
        "shuffled": shuffled_sound(features, span, float(animator.fps)),
        "silent": silent_sound(features, span, animator.extractor),
    }
    played = {
        name: generated_frames(
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


def novelty_of(check: SoundCheck) -> list[float] | None:
    """Returns the novelty of each second of a sound as it is kept in results; None where it is not known."""
    return None if check.novelty is None else [round(value, 3) for value in check.novelty.tolist()]


def _measured(
    animator: Animator,
    played: Mapping[str, Frames],
    sound_course: Course,
    training: TrainingReference,
    found: SoundCheck,
) -> SoundResult:
    """Result of a sound, from the frames with the right and the altered sounds."""
    right = played["right"]
    parts = list(blocks(right, [range(len(right))], overlap=2))
    motion = np.concatenate([motion_energy(block[: BLOCK + 1]) for block in parts])
    detail = np.concatenate([laplacian_energies(block[:BLOCK]) for block in parts])
    moves = ratio(float(motion.mean()), training.motion)
    results = {
        name: altered(right, frames, sound_course, training.spread, animator.fps)
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
    values |= training.nearest_and_farthest(right) | sound_and_motion(motion, sound_course, animator.fps)
    said = verdict(results, moves, silent=sound_course.silent)
    return SoundResult(right, sound_course, motion, values, results, said, found)
