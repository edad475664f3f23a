"""What is printed and shown of a study of artefacts: tables, findings, a sheet of pictures."""

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Sheet
from numpy.typing import NDArray

from benchmarks.artefacts.playing import COLOURED, NoisyPlay
from benchmarks.claims import goodness, markdown_table, title
from benchmarks.verdicts import LEAST_SEEDS, direction
from listen_and_move.ablations.table import Figure
from listen_and_move.arrays import Array
from listen_and_move.evaluation.measures import formatted

OWN_SOUND = "own sound"
REAL = "real frames"


class Finding(NamedTuple):
    """What the paper finds of two rows."""

    text: str
    measure: str
    better: str
    other: str


GROWTH = "coloured patches, more than with the own sound"
"""What comes with the noise is told by this difference."""
MOST = 0.2
"""Share with the own sound above which colours are wrong by themselves, and growth tells nothing."""
_SHARP = "sharpness_moving"
FINDINGS = (
    Finding("a skip generator gets coloured patches as the sound moves away", GROWTH, "published", "g-skip"),
    Finding("a residual generator has fewer of them at all", COLOURED, "published", "g-skip"),
    Finding("a residual generator is as sharp as the video, not a skip one", _SHARP, "published", "g-skip"),
    Finding("... not a basic one", _SHARP, "published", "g-basic"),
    Finding("so it is with skip discriminators, not residual ones", _SHARP, "published", "d-residual"),
    Finding("... not basic ones", _SHARP, "published", "d-basic"),
)
"""Nearer to the sharpness of the video is better: noise is sharper than any picture."""
SAID = {1: "as found", -1: "the other way", 0: "cannot be told"}


def level_title(snr_db: float | None) -> str:
    """Returns what a column is called."""
    return OWN_SOUND if snr_db is None else f"{snr_db:g} dB"


def tables(runs: Sequence[NoisyPlay]) -> list[str]:
    """Returns lines of Markdown: a table for each measure, rows by S/N, mean and spread over seeds."""
    rows, levels = list(dict.fromkeys(run.row for run in runs)), runs[0].levels
    header = [REAL, *(level_title(level.snr_db) for level in levels)]
    lines: list[str] = []
    for name in levels[0].values:
        cells = [
            [
                row,
                _printed(name, runs[0].real.get(name)),
                *(_spread(runs, row, name, at) for at in range(len(levels))),
            ]
            for row in rows
        ]
        lines += markdown_table([_title(name), *header], cells)
    return lines


def findings(runs: Sequence[NoisyPlay]) -> list[dict[str, object]]:
    """Returns what the paper finds, and whether it comes out at each S/N, by `benchmarks.verdicts`."""
    rows, levels = {run.row for run in runs}, runs[0].levels
    found: list[dict[str, object]] = []
    for each in FINDINGS:
        if {each.better, each.other} <= rows:
            verdicts = [_verdict(runs, each, at) for at in range(len(levels))]
            said = {level_title(level.snr_db): word for level, word in zip(levels, verdicts, strict=True)}
            found.append({**each._asdict(), "verdicts": said})
    return found


def findings_table(found: Sequence[dict[str, object]]) -> list[str]:
    """Returns lines of Markdown of `findings`."""
    verdicts = [each["verdicts"] for each in found]
    said = [each for each in verdicts if isinstance(each, dict)]
    if not said:
        return []
    rows = [[str(each["text"]), *words.values()] for each, words in zip(found, said, strict=True)]
    return markdown_table(["the paper finds", *said[0]], rows)


def sheet(rows: Sequence[str], levels: Sequence[str], pictures: Sequence[NDArray[np.uint8]]) -> bytes:
    """Returns the pictures of one instant, PNG: a row for each model, the real frame and then each S/N.

    Args:
        rows: names.
        levels: names of the columns after the first.
        pictures: (P, H, W, 3) of each row, the real frame first.
    """
    columns = [REAL, *levels]
    height, width = pictures[0].shape[1:3]
    inches = 1.5
    figure = Sheet(
        figsize=(inches * len(columns), inches * height / width * len(rows) + 0.3), layout="constrained"
    )
    FigureCanvasAgg(figure)
    for place, (row, several) in enumerate(zip(rows, pictures, strict=True)):
        for column, picture in enumerate(several):
            axis = figure.add_subplot(len(rows), len(columns), place * len(columns) + column + 1)
            axis.imshow(picture, interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            if place == 0:
                axis.set_title(columns[column], fontsize=8)
            if column == 0:
                axis.set_ylabel(row, fontsize=8)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()


def _values(runs: Sequence[NoisyPlay], row: str, measure: str, at: int) -> Array:
    """Values of the seeds of a row; nan where there is none. Growth is over the own sound."""
    if measure == GROWTH:
        return _values(runs, row, COLOURED, at) - _values(runs, row, COLOURED, 0)
    found = [run.levels[at].values[measure] for run in runs if run.row == row]
    return np.array([np.nan if value is None else value for value in found])


def _verdict(runs: Sequence[NoisyPlay], finding: Finding, at: int) -> str:
    ours, theirs = (_values(runs, row, finding.measure, at) for row in (finding.better, finding.other))
    if finding.measure in (COLOURED, GROWTH):
        ours, theirs = -ours, -theirs
    else:
        ours, theirs = (goodness(finding.measure, each) for each in (ours, theirs))
    enough = min(len(ours), len(theirs)) >= LEAST_SEEDS and np.isfinite([*ours, *theirs]).all()
    told = int(direction(ours, theirs)) if enough else 0
    if finding.measure == GROWTH and told:
        own = [_values(runs, row, COLOURED, 0).mean() for row in (finding.better, finding.other)]
        grown = theirs if told > 0 else ours
        told *= max(own) <= MOST and bool((grown < 0).all())
    return SAID[told]


def _spread(runs: Sequence[NoisyPlay], row: str, measure: str, at: int) -> str:
    figure = Figure(tuple(_values(runs, row, measure, at).tolist()))
    spread = "" if len(figure.values) < 2 else f" ± {_printed(measure, figure.spread)}"
    return f"{_printed(measure, figure.mean)}{spread}"


def _title(measure: str) -> str:
    return "coloured patches, share of the area" if measure == COLOURED else title(measure)


def _printed(measure: str, value: float | None) -> str:
    return f"{value:.3f}" if measure == COLOURED and value is not None else formatted(measure, value)
