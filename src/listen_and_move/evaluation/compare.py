"""Comparison of evaluated runs side by side, and what their held-out parts say together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from pathlib import Path

import numpy as np

from listen_and_move.errors import UserError
from listen_and_move.evaluation.baselines import MEAN, MODEL, MOVING
from listen_and_move.evaluation.dataset import HELD_OUT
from listen_and_move.evaluation.interpretation import goodness, substitution
from listen_and_move.evaluation.measures import formatted
from listen_and_move.evaluation.report.page import Html, made_by, page, rendered
from listen_and_move.evaluation.report.tables import groups, measured, number, titled
from listen_and_move.evaluation.results import EvaluationResults, MeasuredPart, Products, read_results
from listen_and_move.evaluation.shifts import pooled
from listen_and_move.media.replacing import check_no_input
from listen_and_move.runs import RunFolder, write_text

MAKER = "compare"
RESULTS = "results.json"
POOLED = ["dcor", "above the mean", "p", "mean at wrong times", "95 % stay below", "wrong times"]
"""Columns of the table of pooled dcor."""
_ROUNDING = 1e-3
"""Seconds; parts that meet do not overlap."""


@dataclass(frozen=True)
class Pool:
    """dcor over the held-out parts of several runs of one video, as if they were one part."""

    runs: tuple[str, ...]
    products: Mapping[str, Products]
    """Sums of all parts, by row."""

    def rows(self) -> list[list[str]]:
        """Returns one line per row: its name and `POOLED`."""
        return [[name, *_figures(sums)] for name, sums in self.products.items()]


@dataclass(frozen=True)
class Comparison:
    """Figures of several runs, and reasons why some of them cannot be compared."""

    runs: Mapping[str, EvaluationResults]
    """Results by the name of the run."""
    warnings: list[str]
    pools: list[Pool]
    file: Path

    def lines(self) -> list[str]:
        """Returns a table for a terminal: measures as rows, runs as columns."""
        lines = [f"warning: {warning}" for warning in self.warnings]
        tables = self.tables()
        rows = [["", *self.header()], *(row for group in tables.values() for row in group)]
        aligned = iter(_aligned(rows))
        lines += ["", next(aligned)]
        for group, rows in tables.items():
            lines += [f"{group}:", *(next(aligned) for _ in rows)]
        for pool in self.pools:
            lines += ["", f"dcor over {len(pool.runs)} held-out parts together ({', '.join(pool.runs)}):"]
            lines += _aligned([["", *POOLED], *pool.rows()])
        lines += [
            "",
            *(f"{name}: {results.sensitivity.verdict}" for name, results in self.runs.items()),
        ]
        return [*lines, *(f"note: {note}" for note in self.notes), f"page: {self.file}"]

    @property
    def notes(self) -> list[str]:
        """Returns sentences about runs with another perceptual network than the paper's."""
        found = {name: substitution(results.settings) for name, results in self.runs.items()}
        return [f"{name}: {note}" for name, note in found.items() if note]

    def header(self) -> list[str]:
        """Returns the names of the columns: the runs, and the first one's mean frame."""
        return [*self.runs, f"{MEAN} of {next(iter(self.runs))}"]

    def tables(self) -> dict[str, list[list[str]]]:
        """Returns one line per measure by group: its title and the figures of `header`.

        What no run has is left out.
        """
        figures = self.figures()
        return {
            group: [
                [titled(name), *(formatted(name, values.get(name)) for values in figures)] for name in names
            ]
            for group, names in groups(measured(figures)).items()
        } | self._distribution()

    def figures(self) -> list[Mapping[str, float | None]]:
        """Returns the values of each column of `header`."""
        found = [results.by_row() for results in self.runs.values()]
        return [*(rows[MODEL] for rows in found), found[0].get(MEAN, {})]

    def _distribution(self) -> dict[str, list[list[str]]]:
        """FID and the like, where there is a number, each with its floor and count."""
        columns = [(results, MODEL) for results in self.runs.values()] + [
            (next(iter(self.runs.values())), MEAN)
        ]
        names = dict.fromkeys(each.measure for results, _ in columns for each in results.distribution)
        rows = [[f"{name} ↓", *(_distance(results, name, row) for results, row in columns)] for name in names]
        return {"Distribution": rows} if rows else {}


def compare(
    runs: Sequence[Path | str], out: Path | str = "comparison.html", overwrite: bool = False
) -> Comparison:
    """Puts evaluated runs side by side, in a page and for the terminal.

    Args:
        runs: run folders, folders with a results.json, or such files.
        out: the page.
        overwrite: replace a file there that is no comparison.

    Raises:
        UserError: fewer than two runs, one that was not evaluated, or a file in the place of the page.
    """
    if len(runs) < 2:
        raise UserError(
            f"compare: expected at least two runs; got {len(runs)}: name two run folders that were evaluated"
        )
    file, sources = Path(out), [_results_file(Path(run)) for run in runs]
    check_no_input(file, sources)
    found = [read_results(source) for source in sources]
    if file.exists() and not (overwrite or (file.is_file() and made_by(file, MAKER))):
        raise UserError(
            f"{file}: expected a new name or an older comparison; another file is there: choose another, or "
            "overwrite"
        )
    named = dict(zip(_names(found, runs), found, strict=True))
    comparison = Comparison(named, _warnings(named), _pools(named), file)
    write_text(file, page("Comparison", [_body(comparison)], MAKER))
    return comparison


def _results_file(run: Path) -> Path:
    """Returns the file with the results of a run: in its evaluation folder, in the folder, or itself."""
    if run.is_file() or run.suffix == ".json":
        return run
    if (run / RESULTS).exists():
        return run / RESULTS
    return RunFolder(run).evaluation_folder / RESULTS


def _names(found: Sequence[EvaluationResults], runs: Sequence[Path | str]) -> list[str]:
    """Returns the names of the runs; their paths, numbered where even these are the same, if names repeat."""
    names = [results.run.name for results in found]
    if len(set(names)) == len(names):
        return names
    paths = [str(run) for run in runs]
    return paths if len(set(paths)) == len(paths) else [f"{at}: {path}" for at, path in enumerate(paths, 1)]


def _warnings(named: Mapping[str, EvaluationResults]) -> list[str]:
    """Returns the reasons why figures of these runs do not compare."""
    questions: dict[str, Callable[[EvaluationResults], str]] = {
        "videos": lambda results: f"{results.span.video} ({results.environment.video_sha256[:8]})",
        "parts": lambda results: f"{results.span.name} from {results.span.start_s:.2f} s",
        "numbers of frames": lambda results: str(results.span.frames),
        "sizes": lambda results: f"{results.span.width} x {results.span.height}",
        "frame rates": lambda results: results.span.fps,
        "protocols": lambda results: results.protocol,
    }
    found = []
    for what, question in questions.items():
        answers = {name: question(results) for name, results in named.items()}
        if len(set(answers.values())) > 1:
            told = "; ".join(f"{name}: {answer}" for name, answer in answers.items())
            found.append(f"measured on different {what}, so figures do not compare as such ({told})")
    return found


def _pools(named: Mapping[str, EvaluationResults]) -> list[Pool]:
    """Returns pools of runs of one video, each measured on another held-out part, at one size and rate."""
    kinds: dict[tuple[str, int, int, str], list[str]] = {}
    for name, results in named.items():
        span, video = results.span, results.environment.video_sha256
        if span.name == HELD_OUT:
            kinds.setdefault((video, span.width, span.height, span.fps), []).append(name)
    return [
        _pool(names, named)
        for names in kinds.values()
        if len(names) > 1 and _apart([named[name].span for name in names])
    ]


def _apart(parts: Sequence[MeasuredPart]) -> bool:
    spans = [(span.start_s, span.start_s + span.seconds - _ROUNDING) for span in parts]
    return all(a[1] <= b[0] or b[1] <= a[0] for a, b in combinations(spans, 2))


def _pool(names: list[str], named: Mapping[str, EvaluationResults]) -> Pool:
    pools = [named[name].pool for name in names]
    whole = [row for row in MOVING if all(row in pool and np.isfinite(pool[row][:3]).all() for pool in pools)]
    rows = {row: [pool[row] for pool in pools] for row in whole}
    return Pool(tuple(names), {row: pooled(each) for row, each in rows.items()})


def _figures(sums: Products) -> list[str]:
    chance = sums.excess
    if chance is None:
        return [formatted("dcor", sums.dcor), "-", "-", "-", "-", "0"]
    found = [number(value) for value in (sums.dcor, chance.above, chance.p, chance.mean, chance.quantile)]
    return [*found, str(len(sums.shifted))]


def _distance(results: EvaluationResults, name: str, row: str) -> str:
    found = next((each for each in results.distribution if (each.measure, each.row) == (name, row)), None)
    if found is None or found.value is None or not isfinite(found.value):
        return "-"
    counts = f"{found.real_samples} and {found.generated_samples}"
    return f"{number(found.value)} (floor {number(found.floor)}, samples {counts})"


def _aligned(rows: list[list[str]]) -> list[str]:
    """Returns the lines of a table, the first column to the left and figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _body(comparison: Comparison) -> Html:
    """Returns the content of the page."""
    return rendered(
        "comparison.html",
        runs=list(comparison.runs),
        remarks=[*comparison.warnings, *comparison.notes],
        verdicts=[(name, results.sensitivity.verdict) for name, results in comparison.runs.items()],
        pools=comparison.pools,
        pooled=["", *POOLED],
        strong=(MODEL,),
        comparable=not comparison.warnings,
        header=["", *comparison.header()],
        groups=[(group, rows, _best(comparison, group)) for group, rows in comparison.tables().items()],
    )


def _best(comparison: Comparison, group: str) -> set[tuple[int, int]]:
    """Returns the places of the best runs in the table of a group; none where figures do not compare."""
    columns = comparison.figures()
    names = groups(measured(columns)).get(group, [])
    marked = set()
    for at, name in enumerate(names if not comparison.warnings else []):
        scores = [goodness(name, values.get(name)) for values in columns[:-1]]
        best = max((score for score in scores if score is not None), default=None)
        marked |= {
            (at, column) for column, score in enumerate(scores, 1) if score is not None and score == best
        }
    return marked
