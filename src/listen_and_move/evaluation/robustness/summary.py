"""Summary of many unpaired sounds: means and quantiles, by class of sound, and the best and worst clips."""

from collections.abc import Mapping, Sequence
from math import inf, isfinite

import numpy as np

from listen_and_move.evaluation.measures import MEASURES, SOUND, Measure
from listen_and_move.evaluation.robustness.results import ClassResult, Overall, PlayedClip, Spread

FROM_EVALUATION = (
    "gain_db",
    "novelty",
    "motion_ratio",
    "motion_in_silence",
    "frozen_share",
    "flicker",
    "sharpness",
    "distance",
    "farthest",
    "newness",
    "loudness_correlation",
    "onset_correlation",
    "av_align",
    "av_align_chance",
)
SHOWN: Mapping[str, Measure] = {
    "response": Measure(
        "response",
        SOUND,
        "more",
        2,
        "largest change of the picture with shifted, shuffled or silent sound, over what the real video "
        "changes",
    ),
    "response_shifted": Measure(
        "response to a shift", SOUND, "", 2, "the same with the sound at the wrong time; 1.4: unrelated"
    ),
    "motion_silenced": Measure(
        "motion, silenced", SOUND, "0", 2, "motion with the sound made silent over that with the sound"
    ),
    **{name: MEASURES[name] for name in FROM_EVALUATION},
}
"""Measures of a clip that are averaged; lags are not, since their mean says nothing."""
QUANTITIES = {"mean": "mean", "low": "10 %", "median": "median", "high": "90 %"}
"""What is told of a measure, by the field of `Spread`."""
MOST_SEEN = 6
"""So many of the best clips are shown, and of the worst."""
RANKED_BY = "distance"
"""The farther the picture is from all that was learnt, the less natural it is."""


def overall(clips: Sequence[PlayedClip]) -> Overall:
    """Returns the figures of all clips together.

    Clips with silent sounds are told apart: there is nothing to be used, and a picture at rest is right.
    """
    sounding = [clip for clip in clips if not clip.silent]
    still = known([clip.values.get("motion_ratio") for clip in clips if clip.silent])
    return Overall(
        clips=len(clips),
        seconds=sum(clip.seconds for clip in clips),
        frames=sum(clip.frames for clip in clips),
        sounding=len(sounding),
        used=sum(clip.used for clip in sounding),
        motion_to_silent_sounds=float(np.mean(still)) if still else None,
        measures={name: _spread(sounding, name) for name in SHOWN},
    )


def by_class(clips: Sequence[PlayedClip], labels: Mapping[str, str]) -> list[ClassResult]:
    """Returns the means of each class, the largest class first.

    Args:
        clips: in any order.
        labels: class by name of a clip.
    """
    groups: dict[str, list[PlayedClip]] = {}
    for clip in clips:
        groups.setdefault(labels[clip.name], []).append(clip)
    found = [ClassResult(label, overall(group)) for label, group in groups.items()]
    return sorted(found, key=lambda each: (-each.overall.clips, each.name))


def best_and_worst(clips: Sequence[PlayedClip]) -> tuple[list[str], list[str]]:
    """Returns the names of the clips nearest to what was learnt, and of those farthest from it, each first.

    Nearness is that of the picture; clips with silent sounds do not count.
    """
    distance = {clip.name: clip.values[RANKED_BY] for clip in clips if not clip.silent}
    order = sorted(distance, key=lambda name: inf if (found := distance[name]) is None else found)
    worst = min(MOST_SEEN, len(order) // 2)
    return order[: min(MOST_SEEN, len(order) - worst)], order[::-1][:worst]


def verdict(found: Overall) -> str:
    """Returns what all clips together say, in plain words."""
    if not found.sounding:
        return "All sounds are silent: whether sound is used cannot be told."
    silenced, ratio = (found.measures[name].median for name in ("motion_silenced", "motion_ratio"))
    used = f"The sound is used in {found.used} of {found.sounding} clips that are not silent."
    moves = "" if ratio is None else f" The picture moves {ratio:.2f} times as much as the real video"
    rests = (
        ""
        if silenced is None or not moves
        else f", and {silenced:.0%} of that where the sound is made silent"
    )
    return f"{used}{moves}{rests} (medians)." if moves else used


def known(values: Sequence[float | None]) -> list[float]:
    """Returns the values that are not None."""
    return [value for value in values if value is not None and isfinite(value)]


def _spread(clips: Sequence[PlayedClip], name: str) -> Spread:
    values = known([clip.values.get(name) for clip in clips])
    if not values:
        return Spread(0)
    low, median, high = np.quantile(values, (0.1, 0.5, 0.9)).tolist()
    return Spread(len(values), float(np.mean(values)), low, median, high)
