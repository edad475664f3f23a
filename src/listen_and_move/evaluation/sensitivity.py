"""Sensitivity to the sound: the same model plays the right sound, and it shifted, shuffled and silent.

Letters: T frames of the part that is measured.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from listen_and_move.arrays import Array
from listen_and_move.evaluation.baselines import BLOCK, blocks
from listen_and_move.evaluation.course import Course
from listen_and_move.evaluation.dataset import Frames
from listen_and_move.evaluation.frame_measures import sound_and_motion
from listen_and_move.evaluation.results import Altered
from listen_and_move.metrics.alignment import Excess, effect_size
from listen_and_move.metrics.frame import ratio
from listen_and_move.metrics.sync import correlation, motion_energy, product_correlation

SEGMENT_SECONDS = 1
"""Length of the segments that are scored one by one."""
UNUSED = 0.1
"""The sound is not used where altering it changes the picture by less than this share of what the real video
changes."""
HARDLY = 0.1
"""A picture with less than this share of the real motion hardly moves."""
LEAST_SHIFTS = 19
"""With fewer wrong times not even the best value can be one in twenty."""
CHANCE = 0.05


class Truth(NamedTuple):
    """The real video to the right sound."""

    products: tuple[Array, Array]
    """`difference_products` of the real video with the picture to the right sound, and to the altered one."""
    motion: Array
    """Motion energy of the real video, (T - 1,)."""


def altered(
    right: Frames,
    other: Frames,
    course: Course,
    real_spread: float,
    fps: Fraction,
    truth: Truth | None = None,
) -> Altered:
    """Returns what another sound does to the picture.

    Args:
        right: frames with the right sound.
        other: frames with the altered sound.
        course: of the right sound during these frames.
        real_spread: how much the real picture varies over time, see `baselines.mean_spread`.
        fps: frames per second.
        truth: the real video, where there is one to this sound.
    """
    squares, motion, span = 0.0, [], [range(len(right))]
    for ours, theirs in zip(blocks(right, span, overlap=1), blocks(other, span, overlap=1), strict=True):
        both = [block.astype(np.float32) / np.float32(255) for block in (ours, theirs)]
        squares += float(np.square(both[0][:BLOCK] - both[1][:BLOCK]).mean((1, 2, 3), dtype=np.float64).sum())
        motion.append(np.stack([motion_energy(block) for block in both]))
    usual, moved = np.concatenate(motion, axis=1)
    response, moves = (
        ratio(float(np.sqrt(squares / len(right))), real_spread),
        ratio(float(moved.sum()), float(usual.sum())),
    )
    values = sound_and_motion(moved, course, fps)
    if truth is None:
        return Altered(response, moves, None, None, values)
    values["motion_correlation"] = correlation(moved, truth.motion)
    scores = [_scores(rows, fps) for rows in truth.products]
    return Altered(
        response, moves, product_correlation(truth.products[1]), effect_size(scores[0], scores[1]), values
    )


def _scores(products: Array, fps: Fraction) -> Array:
    """Returns dcor of each segment, by the whole part's norm.

    So a segment in which nothing moves weighs nothing.
    """
    count = max(1, round(len(products) / (SEGMENT_SECONDS * fps)))
    norm = float(np.sqrt(products[:, 1].mean() * products[:, 2].mean())) or 1.0
    return np.array([rows[:, 0].mean() / norm for rows in np.array_split(products, count)])


def verdict(
    results: Mapping[str, Altered],
    motion: float,
    dcor: float | None = None,
    chance: Excess | None = None,
    shifts: int = 0,
    silent: bool = False,
) -> str:
    """Returns in plain words whether the sound is used, and whether the picture follows it.

    Args:
        results: by kind of alteration: shifted, shuffled, silent.
        motion: of the picture over that of the real video.
        dcor: of the right sound; None where there is no real video.
        chance: how far ``dcor`` exceeds dcor at the wrong times; None where the part is too short.
        shifts: how many wrong times were tried.
        silent: the right sound is silent, as where it ends before the picture does.
    """
    response = max(result.response for result in results.values())
    change = f"altering it changes the picture by {response:.0%} of what the real video changes over time"
    still = f" The picture hardly moves: {motion:.0%} of the real video's motion." if motion < HARDLY else ""
    if silent:
        return f"The sound is silent here: whether it is used cannot be told.{still}"
    if response < UNUSED:
        return f"The sound is not used: {change}.{still}"
    used = f"The sound is used: {change}"
    if dcor is None:
        return (
            f"{used}. Whether the motion is the right one cannot be told without a real video to this "
            f"sound.{still}"
        )
    if chance is None or shifts < LEAST_SHIFTS:
        return f"{used}. Whether the motion is the right one cannot be told: the part is too short.{still}"
    figures = (
        f"dcor {dcor:.3f} at the right time, {chance.quantile:.3f} or less at 95 % of {shifts} wrong ones"
    )
    altered_less = all(result.dcor is not None and result.dcor < dcor for result in results.values())
    if chance.p <= CHANCE and altered_less:
        return f"{used}, and the picture follows it ({figures}).{still}"
    return f"{used}, but the picture is not shown to follow it ({figures}).{still}"
