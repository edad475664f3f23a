"""The results of a model played with many unpaired sounds: the records of results.json and of the log.

The names of the fields are the names in the files, but where a field says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from listen_and_move.evaluation.json_records import INLINED, under
from listen_and_move.evaluation.measures import Values
from listen_and_move.evaluation.results import DistributionResult, Environment, Settings


@dataclass(frozen=True)
class AlteredMotion:
    """Effect of another sound on the picture of a clip; see `evaluation.results.Altered`."""

    response: float | None
    motion_ratio: float | None


@dataclass(frozen=True)
class PlayedClip:
    """One sound that was played and measured, as in its line of the log."""

    name: str
    key: str
    """What the files of the clip are called."""
    sound_sha256: str = ""
    start_s: float = 0.0
    seconds: float = 0.0
    frames: int = 0
    silent: bool = False
    """Whether the sound is silent."""
    used: bool = False
    """Whether altering the sound changes the picture."""
    novelty: Sequence[float] | None = None
    """Of each second; None where the model cannot tell."""
    verdict: str = ""
    values: Values = field(default_factory=dict)
    altered: Mapping[str, AlteredMotion] = field(default_factory=dict)
    """By sound: right, shifted, shuffled, silent."""
    distribution: Sequence[DistributionResult] = ()
    took_s: float = 0.0


@dataclass(frozen=True)
class ClassedClip:
    """A clip with the class of its sound."""

    label: str = field(metadata=under("class"))
    clip: PlayedClip = field(metadata=INLINED)


class Skipped(NamedTuple):
    """A file that cannot be used."""

    name: str
    reason: str


@dataclass(frozen=True)
class Spread:
    """A measure over several clips; None where no clip has a figure."""

    count: int
    """Clips that have a figure."""
    mean: float | None = None
    low: float | None = None
    """What 10 % stay below."""
    median: float | None = None
    high: float | None = None
    """What 90 % stay below."""


@dataclass(frozen=True)
class Overall:
    """The figures of several clips together."""

    clips: int
    seconds: float
    frames: int
    sounding: int
    """Clips whose sound is not silent: the only ones in ``used`` and ``measures``."""
    used: int
    motion_to_silent_sounds: float | None
    """Mean motion over the training part's; None without a silent sound."""
    measures: Mapping[str, Spread]


@dataclass(frozen=True)
class ClassResult:
    """All clips of one class of sound."""

    name: str
    overall: Overall = field(metadata=INLINED)


@dataclass(frozen=True)
class PlayedRun:
    """The run whose model was played."""

    name: str
    step: int
    video: str
    video_sha256: str
    model_sha256: str
    width: int
    height: int
    fps: str
    real_seconds: float
    """Length of the learnt video."""


@dataclass(frozen=True)
class RobustnessSettings:
    """Settings of playing; clips of other settings are not put together with them."""

    seconds: str
    seed: int
    gain: str = "match"


@dataclass(frozen=True)
class StudySettings:
    """Settings of a study."""

    sounds: str
    clips: int
    play: RobustnessSettings = field(metadata=INLINED)


@dataclass(frozen=True, kw_only=True)
class RobustnessResults:
    """The results of a study: its run, its settings, and the figures of all clips."""

    format: int
    run: PlayedRun
    settings: StudySettings
    verdict: str
    overall: Overall
    classes_from: str
    """What the classes are taken from, in words."""
    classes: Sequence[ClassResult]
    distribution: Sequence[DistributionResult]
    """Of all clips together."""
    best: Sequence[str]
    worst: Sequence[str]
    clips: Sequence[ClassedClip]
    left_out: Sequence[str]
    skipped: Sequence[Skipped]
    not_used: int
    """Clips in the log that were played by another model or with other settings."""
    environment: Environment
    model_settings: Settings
    took_s: float
