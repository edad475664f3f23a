"""Table of an ablation: mean and spread over seeds, and which differences are larger than the spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, isfinite, nan
from typing import Any

import numpy as np

from listen_and_move.evaluation.baselines import MODEL
from listen_and_move.evaluation.interpretation import substitution
from listen_and_move.evaluation.measures import MEASURES
from listen_and_move.evaluation.report.charts import bar_chart
from listen_and_move.evaluation.results import EvaluationResults

SHOWN = (
    "ssim",
    "lpips_alex",
    "lpips_squeeze",
    "perceptual_squeeze_caffe",
    "psnr",
    "sharpness_moving",
    "motion_ratio",
    "dcor_excess",
)
"""Measures of the table, where they were taken."""
FVD = "FVD"
PAPER = (("ssim", 2), ("lpips_alex", 2), (FVD, 0))
"""What the paper prints, and with how many digits."""
PAPERS_TERMS = (
    "paper: Redondo 2023, of its own longer recording at 128 x 128 pixels after 50000 steps; "
    "no target for other terms."
)
"""What stands below figures of the paper."""


@dataclass(frozen=True)
class Figure:
    """One measure of one row, over its seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds; nan without values."""
        return float(np.mean(self.values)) if self.values else nan

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; nan where there are fewer than two."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else nan

    def clearly_other(self, first: "Figure") -> bool:
        """Returns whether the means differ by more than the spread of a difference between two single runs.

        Args:
            first: the same measure of the row to compare with.
        """
        spread = hypot(self.spread, first.spread)
        return isfinite(spread) and abs(self.mean - first.mean) > spread


@dataclass(frozen=True)
class Table:
    """Figures by row and measure; the first row is what others are compared with."""

    figures: Mapping[str, Mapping[str, Figure]]
    published: Mapping[str, Sequence[float]]
    notes: Sequence[str]

    @property
    def measures(self) -> list[str]:
        """Names of the measures that are there."""
        return list(next(iter(self.figures.values())))

    def _cells(self, pm: str, mark: str) -> list[list[str]]:
        """Cells of every row, with these signs before a spread and behind a clear difference."""
        rows: list[list[str]] = []
        for row, figures in self.figures.items():
            cells = [row]
            for name, figure in figures.items():
                cells.append(_printed(figure, _digits(name), pm) + (mark if self._differs(row, name) else ""))
            if self.published:
                numbers = self.published.get(row)
                cells += (
                    ["-"] * 3
                    if numbers is None
                    else [f"{n:.{d}f}" for n, (_, d) in zip(numbers, PAPER, strict=True)]
                )
            rows.append(cells)
        return rows

    def _header(self) -> list[str]:
        paper = [f"paper: {_title(name)}" for name, _ in PAPER] if self.published else []
        return ["", *map(_title, self.measures), *paper]

    def markdown(self) -> str:
        """Returns the table as Markdown, with its notes."""
        rows = [self._header(), ["---", *["---:"] * (len(self._header()) - 1)], *self._cells(" ± ", "*")]
        table = ["| " + " | ".join(cells) + " |" for cells in rows]
        return "\n".join([*table, "", *(f"{note}  " for note in self.notes), ""])

    def latex(self) -> str:
        """Returns the table as a LaTeX tabular, with its notes as comments."""
        header = self._header()
        lines = [" & ".join(map(_escaped, cells)) + r" \\" for cells in [header, *self._cells(" PM ", "*")]]
        begin = r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}"
        body = [lines[0], r"\hline", *lines[1:]]
        return "\n".join([*(f"% {note}" for note in self.notes), begin, *body, r"\end{tabular}", ""])

    def values(self) -> dict[str, Any]:
        """Returns everything as plain values."""
        rows = [
            {
                "row": row,
                "paper": self.published.get(row),
                "figures": {
                    name: {
                        "mean": each.mean,
                        "spread": each.spread,
                        "differs": self._differs(row, name),
                        "seeds": list(each.values),
                    }
                    for name, each in figures.items()
                },
            }
            for row, figures in self.figures.items()
        ]
        return {"format": 1, "rows": rows, "notes": list(self.notes)}

    def _differs(self, row: str, name: str) -> bool:
        """Whether a row differs from the first one by more than the spread."""
        first = next(iter(self.figures))
        return row != first and self.figures[row][name].clearly_other(self.figures[first][name])

    def picture(self) -> bytes:
        """Returns the figures as bars with their spread, PNG."""
        panels = {
            _title(name): {
                row: (figures[name].mean, figures[name].spread) for row, figures in self.figures.items()
            }
            for name in self.measures
        }
        return bar_chart(panels)


def tabulated(
    results: Mapping[str, Sequence[EvaluationResults]], published: Mapping[str, Sequence[float]] | None = None
) -> Table:
    """Returns the table of evaluations.

    Args:
        results: by row, one per seed each.
        published: the paper's figures by row.
    """
    known = [
        name
        for name in SHOWN
        if all(_value(each, name) is not None for row in results.values() for each in row)
    ]
    known += [FVD] if all(_fvd(each) is not None for row in results.values() for each in row) else []
    figures = {
        row: {name: Figure(tuple(float(_value(each, name) or 0.0) for each in found)) for name in known}
        for row, found in results.items()
    }
    return Table(figures, published or {}, [*_notes(results, known), *([PAPERS_TERMS] if published else [])])


def _notes(results: Mapping[str, Sequence[EvaluationResults]], known: Sequence[str]) -> list[str]:
    """Notes below the table: seeds, frames, networks in place of others, and what is missing."""
    every = [each for found in results.values() for each in found]
    span, first = every[0].span, next(iter(results))
    seeds = len(results[first])
    spread = (
        f"Mean ± standard deviation of {seeds} seeds; *: differs from {first} by more than that of a "
        "difference of two runs."
        if seeds > 1
        else "One seed: no difference can be told from chance."
    )
    steps = sorted({each.run.step for each in every})
    measured = (
        f"{span.frames} held-out frames of {span.video}, {span.width} x {span.height} pixels, "
        f"after {', '.join(map(str, steps))} steps."
    )
    missing = [] if FVD in known else ["FVD: left out; its network's weights or enough frames are not there."]
    return [
        spread,
        measured,
        *sorted({note for each in every if (note := substitution(each.settings))}),
        *missing,
    ]


def _value(results: EvaluationResults, name: str) -> float | None:
    return _fvd(results) if name == FVD else results.by_row()[MODEL].get(name)


def _fvd(results: EvaluationResults) -> float | None:
    return next(
        (each.value for each in results.distribution if (each.measure, each.row) == (FVD, MODEL)),
        None,
    )


def _title(name: str) -> str:
    if name not in MEASURES:
        return name
    measure = MEASURES[name]
    return f"{measure.title}, moving" if measure.group == "Moving region" else measure.title


def _digits(name: str) -> int:
    return MEASURES[name].digits if name in MEASURES else 0


def _printed(figure: Figure, digits: int, pm: str) -> str:
    return f"{figure.mean:.{digits}f}" + (
        f"{pm}{figure.spread:.{digits}f}" if isfinite(figure.spread) else ""
    )


def _escaped(text: str) -> str:
    for character in "&%_#":
        text = text.replace(character, "\\" + character)
    return text.replace(" PM ", r" $\pm$ ").replace("*", r"$^*$")
