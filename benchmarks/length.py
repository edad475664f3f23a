"""Measures what more seconds of the same performance give.

Each clip is learnt several times, each time from an earlier second on, always up to the same held-out part;
that part is measured at the size of the source.

    python -m benchmarks.length [--videos FOLDER] [--only ukulele] [--seeds 0 1 2] [--work FOLDER] [--out
    FILE]

Models are kept in the work folder, so the same command goes on. The device is chosen by itself.
"""

import argparse
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from benchmarks.machine import machine
from listen_and_move import train
from listen_and_move.evaluation.source_size import evaluate_source_size
from listen_and_move.runs import RunFolder


class Performance(NamedTuple):
    """A clip, and how much of it is learnt and held out, in seconds."""

    video: str
    end: int
    held_out: int
    learnt: tuple[int, ...]


PERFORMANCES = {
    "ukulele": Performance("melodic_ukulele_duet_60s.mp4", 60, 10, (10, 20, 30, 50)),
    "drummer": Performance("percussion_drummer_portrait_36s.mp4", 32, 6, (10, 20, 26)),
    "sea": Performance("paper_sea_21s.mp4", 21, 4, (5, 10, 17)),
}
SHOWN = ("dcor", "perceptual_squeeze_caffe", "sharpness_moving", "flicker_ratio")


def main() -> None:
    """Train, measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=Path, default=Path("shared/data/videos"))
    parser.add_argument("--only", nargs="+", choices=list(PERFORMANCES), default=list(PERFORMANCES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--work", type=Path, default=Path("length-work"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/length.json"))
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    print("| clip | seconds learnt | " + " | ".join(SHOWN) + " |")
    for name in options.only:
        for seconds in PERFORMANCES[name].learnt:
            rows = [measured(name, seconds, seed, options.videos, options.work) for seed in options.seeds]
            found[f"{name}, {seconds} s"] = rows
            cells = (_mean([row["path"].get(measure) for row in rows]) for measure in SHOWN)
            print(f"| {name} | {seconds} | " + " | ".join(cells) + " |", flush=True)
            options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _mean(values: Sequence[float | None]) -> str:
    """Returns a mean as text; a dash where the network that measures it is missing."""
    known = [value for value in values if value is not None]
    return f"{fmean(known):.3f}" if known else "-"


def measured(name: str, seconds: int, seed: int, videos: Path, work: Path) -> dict[str, Any]:
    """Returns the measures of each picture of one model, by the name of the picture.

    The model learnt the seconds before the held-out part.
    """
    clip = PERFORMANCES[name]
    run = RunFolder(work / f"{name}-{seconds}-{seed}")
    settings = {
        "clip.start": float(clip.end - clip.held_out - seconds),
        "clip.end": float(clip.end),
        "clip.holdout": str(Fraction(clip.held_out, clip.held_out + seconds)),
        "training.seed": seed,
    }
    train(videos / clip.video, run.path, preset_name="quick", settings=settings)
    return {row.name: dict(row.values) for row in evaluate_source_size(run.path).results.rows}


if __name__ == "__main__":
    main()
