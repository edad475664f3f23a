"""Which of the paper's orderings and claims come out in tables of ablations, beyond the spread of seeds.

    python -m benchmarks.claims TABLE [TABLE ...] [--out FILE]

A TABLE is the table.json that `listen-and-move ablation VIDEO --published CLIP` writes, one of each clip.
Every two rows whose published figures differ are compared by what was measured: as published, the other way,
or cannot be told (`benchmarks.verdicts` says when). The paper's LPIPS is compared with LPIPS where its
weights were there, else with the perceptual distance that was measured, under the name of that one. The
paper's claims are counted by the same measures, by sharpness (nearer to that of the real video is better) and
by what of the motion follows the sound (dcor less accident), which its text speaks of and its table does not
show. Of several clips the means of each seed's values over the clips are compared as well: `together`.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import isfinite, nan
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.verdicts import LEAST_SEEDS, chance, direction, welch
from listen_and_move.ablations.rows import PAPER, PUBLISHED
from listen_and_move.ablations.table import FVD
from listen_and_move.arrays import Array
from listen_and_move.errors import UserError
from listen_and_move.evaluation.json_records import from_json, write_json
from listen_and_move.evaluation.measures import MEASURES
from listen_and_move.json_text import parsed

COMES_OUT, OTHER_WAY, UNTOLD = "as published", "the other way", "cannot be told"
TOGETHER = "together"
COMPARED_WITH = (("ssim",), ("lpips_alex", "lpips_squeeze", "perceptual_squeeze_caffe"), (FVD,))
"""What each of the published figures is compared with: the first that was measured."""
IN_WORDS = ("sharpness_moving", "dcor_excess")
"""What the paper's text speaks of."""
Verdict = Literal["as published", "the other way", "cannot be told"]


class Claim(NamedTuple):
    """What the paper says of rows of its table."""

    text: str
    pairs: tuple[tuple[str, str], ...]
    """The row that is said to be better, and the other one."""


_PARTS, _WHOLE = ("rnn", "sac", "acin"), ("convgru", "dirconvgru")
CLAIMS = (
    Claim("each of the three parts beats the baseline", tuple((part, "baseline") for part in _PARTS)),
    Claim(
        "all three with a predictor beat each part alone",
        tuple((whole, part) for whole in _WHOLE for part in _PARTS),
    ),
    Claim("DirConvGRU beats ConvGRU", (("dirconvgru", "convgru"),)),
)


class SeedValues(NamedTuple):
    """A measure of a row in a table.json."""

    seeds: tuple[float, ...]


class WrittenRow(NamedTuple):
    """A row of a table.json."""

    row: str
    paper: tuple[float, ...] | None
    figures: dict[str, SeedValues]


class WrittenTable(NamedTuple):
    """A table.json, as far as it is read here."""

    rows: tuple[WrittenRow, ...]
    notes: tuple[str, ...]


class ClipTable(NamedTuple):
    """Rows of the paper on one clip."""

    clip: str
    notes: tuple[str, ...]
    published: dict[str, list[float]]
    """By row."""
    values: dict[str, dict[str, Array]]
    """Values of the seeds, by row and measure."""

    def has(self, measure: str) -> bool:
        """Returns whether a measure was taken of every row."""
        return all(measure in row for row in self.values.values())


class ComparedRows(NamedTuple):
    """Two rows compared by one measure."""

    clip: str
    measure: str
    better: str
    """The row that the paper has as the better one."""
    other: str
    published: tuple[float, float] | None
    """Figures of both in the paper; None where the paper has none of this measure."""
    means: tuple[float, float]
    """What was measured of both."""
    ahead: float
    """How much better the first one is, in units of the measure: below 0 worse."""
    within: float
    """Half the width of Welch's interval of it."""
    chance: float
    """That such rows are told apart by chance."""
    verdict: Verdict


def read_table(file: Path) -> ClipTable:
    """Returns the rows of the paper in a table.json.

    Raises:
        UserError: it is no such file, or has no published figures.
    """
    try:
        table = from_json(WrittenTable, parsed(file.read_bytes(), str(file)))
    except (ValueError, OSError) as error:
        raise UserError(f"{file}: expected a table.json of an ablation; got {error}") from None
    names = {row.title: name for name, row in PAPER.items()}
    rows = {names[row.row]: row for row in table.rows if row.row in names and row.paper}
    published = {name: list(row.paper or ()) for name, row in rows.items()}
    clips = [
        clip
        for clip, figures in PUBLISHED.items()
        if len(rows) > 1 and all(figures[name] == numbers for name, numbers in published.items())
    ]
    if not clips:
        raise UserError(
            f"{file}: expected at least two of the paper's rows, with its figures; they are not there",
            "measure with listen-and-move ablation VIDEO --published CLIP",
        )
    values = {
        name: {measure: np.array(each.seeds) for measure, each in row.figures.items()}
        for name, row in rows.items()
    }
    return ClipTable(clips[0], table.notes, published, values)


def together(tables: Sequence[ClipTable]) -> ClipTable:
    """Returns the mean of clips: of each seed's values, and of the published figures.

    Rows and measures are those that all clips have, with as many seeds.
    """
    first, *others = tables
    rows = [name for name in first.values if all(name in table.values for table in others)]
    values = {
        name: {
            measure: np.mean([table.values[name][measure] for table in tables], 0)
            for measure, each in first.values[name].items()
            if all(_seeds(table, name, measure) == len(each) for table in others)
        }
        for name in rows
    }
    published = {
        name: np.mean([table.published[name] for table in tables], 0).round(6).tolist() for name in rows
    }
    return ClipTable(TOGETHER, (), published, values)


def _seeds(table: ClipTable, row: str, measure: str) -> int:
    return len(table.values[row].get(measure, ()))


def orderings(table: ClipTable) -> Iterator[ComparedRows]:
    """Yields every two rows whose published figures differ, by each published measure that was taken."""
    for place, measures in enumerate(COMPARED_WITH):
        measure = next(filter(table.has, measures), None)
        for pair in combinations(table.values, 2) if measure else ():
            numbers = [table.published[row][place] for row in pair]
            if measure and numbers[0] != numbers[1]:
                ahead = goodness(measure, np.array(numbers)).argmax()
                yield compared(table, measure, pair[ahead], pair[1 - ahead])


def claimed(table: ClipTable, claim: Claim) -> Iterator[ComparedRows]:
    """Yields the rows that a claim speaks of, by each measure that was taken."""
    for measures in (*COMPARED_WITH, *((name,) for name in IN_WORDS)):
        measure = next(filter(table.has, measures), None)
        for better, other in claim.pairs:
            if measure and {better, other} <= table.values.keys():
                yield compared(table, measure, better, other)


def compared(table: ClipTable, measure: str, better: str, other: str) -> ComparedRows:
    """Returns whether a row is better than another one.

    Args:
        table: that has both.
        measure: by which.
        better: the row that is said to be.
        other: what it is compared with.
    """
    values = [table.values[row][measure] for row in (better, other)]
    ours, theirs = (goodness(measure, each) for each in values)
    enough = min(len(ours), len(theirs)) >= LEAST_SEEDS and bool(np.isfinite([*ours, *theirs]).all())
    told = int(direction(ours, theirs)) if enough else 0
    ahead, within = welch(ours, theirs) if enough else (ours.mean() - theirs.mean(), nan)
    place = next((place for place, names in enumerate(COMPARED_WITH) if measure in names), None)
    numbers = None if place is None else [table.published[row][place] for row in (better, other)]
    return ComparedRows(
        table.clip,
        measure,
        better,
        other,
        None if numbers is None else (numbers[0], numbers[1]),
        (float(values[0].mean()), float(values[1].mean())),
        float(ahead),
        float(within),
        chance(len(ours), len(theirs)),
        (UNTOLD, COMES_OUT, OTHER_WAY)[told],
    )


def goodness(measure: str, values: Array) -> Array:
    """Returns values that are larger where a measure is better."""
    better = "less" if measure == FVD else MEASURES[measure].better
    return {"more": values, "less": -values, "1": -np.abs(values - 1)}[better]


def title(measure: str) -> str:
    """Returns what a measure is called; a perceptual distance other than LPIPS keeps its own name."""
    if measure == FVD:
        return FVD
    entry = MEASURES[measure]
    return f"{entry.title}, moving" if entry.group == "Moving region" else entry.title


def counted(comparisons: Sequence[ComparedRows]) -> str:
    """Returns how many came out, came out the other way, and cannot be told; - of none."""
    if not comparisons:
        return "-"
    found = Counter(each.verdict for each in comparisons)
    return " / ".join(str(found[verdict]) for verdict in (COMES_OUT, OTHER_WAY, UNTOLD))


def in_the_paper(comparisons: Sequence[ComparedRows]) -> str:
    """Returns the same of the paper's own figures, where it prints that measure; equal ones are the last."""
    if any(each.published is None for each in comparisons):
        return "not printed"
    steps = [np.sign(np.subtract(*goodness(each.measure, np.array(each.published)))) for each in comparisons]
    return " / ".join(str(steps.count(way)) for way in (1, -1, 0))


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns lines of Markdown.

    Args:
        header: titles of the columns.
        rows: their cells.
    """
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines] + [""]


def claims_table(tables: Sequence[ClipTable]) -> list[str]:
    """Returns lines of Markdown: each claim by each measure, clip by clip."""
    rows = []
    for claim in CLAIMS:
        found = [each for table in tables for each in claimed(table, claim)]
        for measure in dict.fromkeys(each.measure for each in found):
            some = [each for each in found if each.measure == measure]
            of_clips = [[each for each in some if each.clip == table.clip] for table in tables]
            clips = [each for each in some if each.clip != TOGETHER]
            by_chance = f"{sum(each.chance for each in of_clips[0]):.1f}"
            rows.append([claim.text, title(measure), *map(counted, of_clips), by_chance, in_the_paper(clips)])
    header = ["claim", "by", *(table.clip for table in tables), "by chance, a clip", "in the paper itself"]
    return markdown_table(header, rows)


def orderings_table(comparisons: Sequence[ComparedRows]) -> list[str]:
    """Returns lines of Markdown: how many of the published orderings come out, and each of them."""
    groups = dict.fromkeys((each.clip, each.measure) for each in comparisons)
    rows = []
    for clip, measure in groups:
        some = [each for each in comparisons if (each.clip, each.measure) == (clip, measure)]
        by_chance = sum(each.chance for each in some)
        rows.append([clip, title(measure), str(len(some)), counted(some), f"{by_chance:.1f}"])
    each_one = [
        [
            each.clip,
            title(each.measure),
            f"{each.better} over {each.other}",
            "{:g}, {:g}".format(*each.published or (nan, nan)),
            "{:.4g}, {:.4g}".format(*each.means),
            f"{each.ahead:.2g}" + (f" ± {each.within:.2g}" if isfinite(each.within) else ""),
            each.verdict,
        ]
        for each in comparisons
    ]
    return [
        *markdown_table(
            ["clip", "by", "orderings", "as published / the other way / cannot be told", "by chance"], rows
        ),
        *markdown_table(["clip", "by", "ordering", "paper", "measured", "better by", "verdict"], each_one),
    ]


def notes(tables: Sequence[ClipTable], comparisons: Sequence[ComparedRows]) -> list[str]:
    """Returns the criterion, what was measured, and what stands for LPIPS, in words."""
    stands = {each.measure for each in comparisons} & set(COMPARED_WITH[1]) - {"lpips_alex"}
    chances = sorted({round(100 * each.chance, 1) for each in comparisons})
    return [
        "Told: each seed of one row is better than each of the other, and Welch's 95 % interval of the "
        f"difference leaves 0 out. Of equal rows {', '.join(map(str, chances))} % are told apart by chance.",
        *(f"{table.clip}: {note}" for table in tables for note in table.notes),
        *(
            f"The paper's LPIPS (AlexNet) stands beside {title(name)}: {MEASURES[name].meaning}."
            for name in sorted(stands)
        ),
    ]


def main() -> None:
    """Reads tables, prints what comes out as Markdown and writes it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    try:
        tables = [read_table(file) for file in options.tables]
        several = sorted(clip for clip, count in Counter(each.clip for each in tables).items() if count > 1)
        if several:
            raise UserError(f"tables: expected one of each clip; got several of {several[0]}")
    except UserError as error:
        parser.error(str(error))
    tables += [together(tables)] if len(tables) > 1 else []
    found = [each for table in tables for each in orderings(table)]
    claims = [
        {"claim": claim.text, "comparisons": [each for table in tables for each in claimed(table, claim)]}
        for claim in CLAIMS
    ]
    said = notes(tables, found)
    print("\n".join([*claims_table(tables), *orderings_table(found), *(f"{note}  " for note in said)]))
    if options.out:
        write_json(options.out, {"format": 1, "notes": said, "claims": claims, "orderings": found})


if __name__ == "__main__":
    main()
