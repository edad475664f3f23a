"""Run trials and print their table; what is there already is not run again, so the same command goes on.

    python -m benchmarks.studio run --videos FOLDER --clips drums beagle --variants base shape --folds 4 \
        --seeds 0 [--steps 250]
    python -m benchmarks.studio run ... --minutes 10 --size 128 [--preset paper --variants paper]
    python -m benchmarks.studio table [--steps 250 | --minutes 10]

Several workers share the work: `--worker 0/2` and `--worker 1/2`, each with one thread.
"""

import argparse
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.studio.forms import FORMS, form
from benchmarks.studio.table import lines
from benchmarks.studio.trial import STILLS, baseline_row, model_row
from benchmarks.studio.variants import settings

RESULTS = Path(__file__).parent.parent / "results" / "studio.jsonl"
KEY = ("variant", "clip", "fold", "seed", "steps", "size")


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
    parser.add_argument("--keep", type=Path, help="folder in which the run folders stay")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.steps = f"{options.minutes:g} min" if options.minutes else options.steps
    if options.action == "run":
        torch.set_num_threads(1)
        run(options)
    else:
        print("\n".join(lines(rows(options.results), options)))


def run(options: argparse.Namespace) -> None:
    """All trials that are not there yet, this worker's share."""
    mine, workers = map(int, options.worker.split("/"))
    for place, job in enumerate(jobs(options)):
        if place % workers == mine and not any(
            all(row[key] == job[key] for key in KEY) for row in rows(options.results)
        ):
            row = job | {"commit": _commit()} | trial(job, options)
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


def trial(job: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """One of them."""
    video = next(options.videos.glob(f"{job['clip']}.*"))
    values = {"clip.size": job["size"]}
    if job["variant"] in STILLS:
        return baseline_row(job["variant"], video, job["fold"], values, options.preset)
    changes = (
        values | {"training.steps": 10**6 if options.minutes else job["steps"]} | settings(job["variant"])
    )
    name = "-".join(str(job[key]).replace(" ", "_") for key in KEY)
    keep = options.keep and options.keep / name
    with form(next((component for component in job["variant"].split("+") if component in FORMS), "full")):
        return model_row(video, job["fold"], job["seed"], changes, options.preset, keep, options.minutes)


def rows(path: Path) -> list[dict[str, Any]]:
    """What was measured so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
