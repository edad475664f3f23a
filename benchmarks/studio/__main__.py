"""Run trials and print their table; what is there already is not run again, so the same command goes on.

    python -m benchmarks.studio run --videos FOLDER --clips drums beagle --variants base shape --folds 4 \
        --seeds 0 [--steps 250]
    python -m benchmarks.studio run ... --minutes 10 --size 128 [--preset paper --variants paper]
    python -m benchmarks.studio table [--steps 250 | --minutes 10]

Several workers share the work: `--worker 0/2` and `--worker 1/2`, with a thread each; or `--cluster local:2`
(docs/scale.md), where a trial that is cut off goes on if `--keep` names a folder, and else begins again.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.studio.jobs import KEY, row_of
from benchmarks.studio.table import lines
from benchmarks.studio.trial import STILLS
from listen_and_move.distribution.cluster import mapped

RESULTS = Path(__file__).parent.parent / "results" / "studio.jsonl"


def main() -> None:
    """Parse, run or print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["run", "table"])
    parser.add_argument("--videos", type=Path, default=Path())
    parser.add_argument("--clips", nargs="+", default=[])
    parser.add_argument("--variants", nargs="+", default=[])
    parser.add_argument("--folds", nargs="+", type=int, default=[4], help="which fifths are held out, 0 to 4")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument(
        "--minutes", type=float, help="train for so much processor time, instead of so many steps"
    )
    parser.add_argument("--size", default="64")
    parser.add_argument("--preset", default="quick")
    parser.add_argument(
        "--reference", default="studio", help="the variant that the table holds the others against"
    )
    parser.add_argument("--worker", default="0/1")
    parser.add_argument("--cluster", help="local, local:N or a scheduler: trials at the same time")
    parser.add_argument("--keep", type=Path, help="folder in which the run folders stay")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.steps = f"{options.minutes:g} min" if options.minutes else options.steps
    options.videos, options.keep = options.videos.absolute(), options.keep and options.keep.absolute()
    if options.action == "run":
        torch.set_num_threads(1)
        run(options)
    else:
        print("\n".join(lines(rows(options.results), options)))


def run(options: argparse.Namespace) -> None:
    """All trials that are not there yet, this worker's share."""
    mine, workers = map(int, options.worker.split("/"))
    there = [[row[key] for key in KEY] for row in rows(options.results)]
    left = [
        (job, options)
        for place, job in enumerate(jobs(options))
        if place % workers == mine and [job[key] for key in KEY] not in there
    ]
    for _, row in mapped(row_of, left, options.cluster):
        with options.results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print({name: row[name] for name in KEY}, f"dcor {row['dcor']:.3f}", flush=True)


def jobs(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every trial that was asked for; baselines need no seed."""
    for seed in options.seeds:
        for fold in options.folds:
            for variant in options.variants:
                for clip in options.clips:
                    still = variant in STILLS
                    values = (
                        variant,
                        clip,
                        fold,
                        0 if still else seed,
                        0 if still else options.steps,
                        options.size,
                    )
                    yield dict(zip(KEY, values, strict=True))


def rows(path: Path) -> list[dict[str, Any]]:
    """What was measured so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
