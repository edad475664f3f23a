"""The results of an evaluation: the records of results.json, and how the file is read.

The names of the fields are the names in the file, but where a field says otherwise (`json_records.write_json`
writes it); a figure that is not finite is null there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from listen_and_move.arrays import Array
from listen_and_move.errors import UserError, shown
from listen_and_move.evaluation.json_records import from_json, under
from listen_and_move.evaluation.measures import Values
from listen_and_move.json_text import bounded, parsed
from listen_and_move.metrics.alignment import Effect, Excess, excess
from listen_and_move.metrics.frechet import Protocol

FORMAT = 1
"""Raised when the meaning of a figure changes: figures of different formats are not put side by side."""
LONGEST_RESULTS = 64_000_000
"""Bytes of a file of results that is read."""
Rows = Mapping[str, Mapping[str, float | None]]
"""Figures by row and measure."""
Settings = Mapping[str, Mapping[str, object]]
"""The settings of a run by section and name, as in its config.json."""


class Products(NamedTuple):
    """Sums of products of frame differences, of generated (g) and real (r) frames.

    Those of several parts may be added.
    """

    product: float
    """Sum of dg dr."""
    generated: float
    """Sum of dg^2."""
    real: float
    """Sum of dr^2."""
    shifted: tuple[float, ...]
    """Sum of dg dr with the real frames shifted circularly by `LEAST_SHIFT`, `LEAST_SHIFT` + 1, ...
    frames."""

    @property
    def dcor(self) -> float:
        """Pixel correlation of frame differences."""
        return self.product / self._norm

    @property
    def null(self) -> Array:
        """Dcor at the wrong times, one value per shift."""
        return np.array(self.shifted) / self._norm

    @property
    def excess(self) -> Excess | None:
        """Dcor at the right time against dcor at the wrong times; None where no shift is possible."""
        # Rounded, so that times that differ by the rounding of float32 alone are equal.
        return excess(round(self.dcor, 6), self.null.round(6))

    @property
    def _norm(self) -> float:
        return float(np.sqrt(self.generated * self.real)) or 1.0


@dataclass(frozen=True, kw_only=True)
class EvaluatedRun:
    """The run whose model was measured."""

    name: str
    step: int
    video: str
    """File name of the learnt video."""
    video_sha256: str = ""
    model_sha256: str = ""
    model_bytes: int = 0
    parameters: int = 0
    """Numbers that the network has learnt."""


@dataclass(frozen=True, kw_only=True)
class MeasuredPart:
    """The part of a video that was measured."""

    name: str
    """`HELD_OUT`, `TRAINING` or the name of another video."""
    video: str
    """File name of the measured video."""
    start_s: float
    seconds: float
    first_frame: int = 0
    frames: int
    fps: str
    """Frames per second, as a fraction."""
    width: int
    height: int


@dataclass(frozen=True)
class RowResult:
    """The figures of one row of the table."""

    name: str
    values: Values


@dataclass(frozen=True)
class Sampled:
    """Numbers of frames that the slow networks looked at, spread evenly over the part."""

    perceptual_frames: int = 0
    flow_pairs: int = 0


class Chance(NamedTuple):
    """dcor of a row beside dcor at the wrong times; see `metrics.alignment.Excess`."""

    above: float
    p: float
    mean: float
    quantile: float
    largest: float
    shifts: int
    """Number of wrong times."""

    @classmethod
    def of(cls, sums: Products) -> "Chance | None":
        """Returns the chance of a row; None where the part is too short for a wrong time."""
        found = sums.excess
        return None if found is None else cls(*found, len(sums.shifted))


@dataclass(frozen=True)
class Altered:
    """Effect of another sound on the picture."""

    response: float
    """Root mean square change of the picture over the real video's spread in time: 0 the sound is ignored;
    1.4 as if another moment of the real video were seen; less for a picture that varies less."""
    motion_ratio: float
    """Motion with the altered sound over motion with the right one."""
    dcor: float | None
    """Pixel correlation of frame differences with the real video; None where there is none to compare
    with."""
    effect: Effect | None
    """How much better segments follow the real video with the right sound."""
    values: Values = field(default_factory=dict)
    """How the motion goes with the right sound, and with the real video's motion where there is one."""


@dataclass(frozen=True)
class Sensitivity:
    """Verdict on whether the model uses the sound, and its figures."""

    verdict: str
    frames: int = 0
    """Frames that were played with each sound."""
    altered: Mapping[str, Altered] = field(default_factory=dict)
    """By sound: right, shifted, shuffled, silent."""


@dataclass(frozen=True)
class DistributionResult:
    """A distance of generated from real samples; see `metrics.frechet.DistributionDistance`."""

    measure: str
    """FID, KID, FVD or KVD."""
    row: str
    real_samples: int
    generated_samples: int
    value: float | None
    floor: float | None
    standard_error: float | None
    note: str


@dataclass(frozen=True)
class UnpairedResult:
    """The figures of a sound that has no picture of its own."""

    name: str
    seconds: float
    verdict: str
    notes: Sequence[str] = ()
    novelty: Sequence[float] | None = None
    """Of each second; None where the model cannot tell."""
    values: Values = field(default_factory=dict)
    altered: Mapping[str, Altered] = field(default_factory=dict)


@dataclass(frozen=True)
class Curves:
    """Figures over time, for the report: one per frame, or per pair of frames for motion."""

    motion_real: Sequence[float]
    motion: Sequence[float]
    loudness: Sequence[float]
    onsets: Sequence[float]
    error: Sequence[float]
    error_mean_frame: Sequence[float]
    similarity: Sequence[float]
    similarity_mean_frame: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Facts that figures depend on beside the settings; see `runs.environment`."""

    video: str = ""
    video_sha256: str
    device: str = ""
    threads: int = 0
    python: str = ""
    platform: str = ""
    versions: Mapping[str, str | None] = field(default_factory=dict)
    commit: str | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationResults:
    """All figures of an evaluation."""

    format: int = FORMAT
    run: EvaluatedRun
    span: MeasuredPart = field(metadata=under("part"))
    rows: Sequence[RowResult]
    sampled: Sampled = Sampled()
    null: Mapping[str, Chance | None] = field(default_factory=dict)
    """dcor at the wrong times, by row that moves."""
    pool: Mapping[str, Products] = field(default_factory=dict)
    """What dcor over several parts together is made of, by row that moves."""
    sensitivity: Sensitivity
    distribution: Sequence[DistributionResult] = ()
    protocol: Protocol
    sounds: Sequence[UnpairedResult] = ()
    left_out: Sequence[str] = ()
    """One sentence per measure that was left out."""
    series: Curves | None = None
    environment: Environment
    settings: Settings
    took_s: float = 0.0

    def by_row(self) -> Rows:
        """Returns the figures of each row."""
        return {row.name: row.values for row in self.rows}


@dataclass(frozen=True)
class GhostResult:
    """How well ghosts are told in a clip, by its own frames; see `metrics.ghosts.GhostCheck`."""

    threshold: float
    real_passed: float
    blends_caught: float


@dataclass(frozen=True, kw_only=True)
class SourceSizeResults:
    """All figures of an evaluation at the size of the source."""

    format: int = FORMAT
    run: EvaluatedRun
    span: MeasuredPart = field(metadata=under("part"))
    """Frames, rate and size are those of the film."""
    rows: Sequence[RowResult]
    sampled: Sampled = Sampled()
    ghosts: GhostResult | None = None
    notes: Sequence[str] = ()
    left_out: Sequence[str] = ()
    """One sentence per measure or row that was left out."""
    environment: Environment
    settings: Settings
    took_s: float = 0.0

    def by_row(self) -> Rows:
        """Returns the figures of each row."""
        return {row.name: row.values for row in self.rows}


def read_results(path: Path) -> EvaluationResults:
    """Returns the results of an evaluation in a file, of any version that has the same format.

    Raises:
        UserError: missing, damaged, or of another format.
    """
    try:
        values = parsed(bounded(path, LONGEST_RESULTS), "results", longest=LONGEST_RESULTS)
        version = values["format"]
        if version == FORMAT:
            return from_json(EvaluationResults, values)
    except FileNotFoundError:
        raise UserError(
            f"{path}: expected the results of an evaluation; there are none: run listen-and-move evaluate "
            "first"
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{path}: expected the results of an evaluation; the file is damaged: evaluate again"
        ) from None
    raise UserError(f"{path}: expected results of format {FORMAT}; got {shown(version)}: evaluate again")
