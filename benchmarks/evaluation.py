"""Evaluate runs, play each with foreign sounds, and keep the figures.

    python -m benchmarks.evaluation RUN [RUN ...] [--sounds FOLDER] [--clips 50] --out results.json

Prints the tables as Markdown: every row and measure of the held-out part, the verdict, and what foreign
sounds do.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from listen_and_move.environment import environment
from listen_and_move.evaluation.evaluate import evaluate
from listen_and_move.evaluation.json_records import as_json
from listen_and_move.evaluation.measures import MEASURES, formatted
from listen_and_move.evaluation.results import EvaluationResults
from listen_and_move.evaluation.robustness.study import robustness

KEPT = ("run", "part", "rows", "sampled", "null", "sensitivity", "distribution", "left_out", "took_s")
UNPAIRED = ("verdict", "overall", "classes", "distribution", "best", "worst", "took_s")


def markdown(results: EvaluationResults) -> list[str]:
    """All rows and measures of one run; measures as lines."""
    rows = results.by_row()
    lines = [f"| {results.run.name} | " + " | ".join(rows) + " |", "|---" * (len(rows) + 1) + "|"]
    for name, measure in MEASURES.items():
        cells = [formatted(name, values.get(name)) for values in rows.values()]
        if set(cells) != {"-"}:
            lines.append(f"| {measure.group}: {measure.title} | " + " | ".join(cells) + " |")
    return [*lines, "", results.sensitivity.verdict, ""]


def machine() -> dict[str, Any]:
    """What the figures depend on beside the runs; no path of this machine."""
    return {
        name: value
        for name, value in environment(Path(), "", "").items()
        if not name.startswith(("video", "device"))
    }


def main() -> None:
    """Evaluate, print, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--sounds", type=Path, help="a folder with foreign sounds")
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    for run in options.runs:
        results = evaluate(run).results
        print("\n".join(markdown(results)), flush=True)
        found[run.name] = {name: as_json(results)[name] for name in KEPT}
        if options.sounds:
            unpaired = robustness(run, options.sounds, clips=options.clips)
            print("\n".join(unpaired.lines()), flush=True)
            found[run.name]["robustness"] = {name: as_json(unpaired.results)[name] for name in UNPAIRED}
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
