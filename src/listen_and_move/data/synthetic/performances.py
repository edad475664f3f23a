"""The kinds of made-up performance by name, all of one form.

Whoever shows, learns or measures them treats them alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from listen_and_move.data.synthetic import bowed_string, marimba, mouth

Event = TypeVar("Event")
"""What a score is a list of: a stroke, a note, a syllable."""


@dataclass(frozen=True)
class SyntheticPerformance(Generic[Event]):
    """A kind of performance: sound and picture both follow from a score, and a score from a seed.

    So the truth for any score can be computed.
    """

    score: Callable[[int, float], tuple[Event, ...]]
    """From a seed (any integer from 0) and a length in seconds: events in the order of time. The same seed
    gives the same score."""
    sound: Callable[[Sequence[Event], float, int], NDArray[np.float32]]
    """From a score, a length in seconds and a sample rate: samples (samples, 2) within -1..1, exactly 0 in
    pauses."""
    frames: Callable[[Sequence[Event], float, Fraction, int, int], Iterator[NDArray[np.uint8]]]
    """From a score, a length in seconds, frames per second, width and height: frames (height, width, 3). Each
    depends on the events up to its instant only; in pauses all are the same."""
    clip: str
    """Name of the file that is learnt."""
    unheard: str
    """What a score is called in the names of files."""


PERFORMANCES: Mapping[str, SyntheticPerformance[Any]] = {
    "marimba": SyntheticPerformance(
        marimba.melody,
        marimba.render_sound,
        marimba.render_frames,
        clip="performance.mp4",
        unheard="melody",
    ),
    "string": SyntheticPerformance(
        bowed_string.bow_strokes,
        bowed_string.render_sound,
        bowed_string.render_frames,
        clip="string.mp4",
        unheard="tune",
    ),
    "mouth": SyntheticPerformance(
        mouth.syllables, mouth.render_sound, mouth.render_frames, clip="mouth.mp4", unheard="speech"
    ),
}
DEFAULT_PERFORMANCE = "marimba"
