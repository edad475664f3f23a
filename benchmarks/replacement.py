"""Plays models with the sounds at hand as the paper does: 500 clips of 1 to 5 s, the same for each model.

    python -m benchmarks.replacement baseline=RUN full=RUN studio=RUN --sounds FOLDER [--clips 500]
        [--seconds 1-5] [--classes TABLE] [--seed 0] [--out FILE]

Each clip is played and measured by `listen-and-move robustness`, which takes one part of each sound. So the
sounds are played several times, each time with the next seed, until there are as many clips as wanted; its
results and report in the run folder are those of the last time. What is finished is noted clip by clip, and
the same command goes on; results are written after each model.

What is measured is the picture that a network draws, also where a model shows a path unasked. Told by model
and class of sound are FID and KID where the weights are there, sharpness, flicker, the farthest frame
(largest distance of a frame to its nearest training frame) and the response to an altered sound. Differences
of two models are means over the clips that both have played, with an interval of 95 %: sounds are drawn with
replacement, each with all of its clips, since clips of one sound are alike.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.machine import machine
from listen_and_move.errors import UserError
from listen_and_move.evaluation.report.tables import number
from listen_and_move.evaluation.robustness.distances import Distances
from listen_and_move.evaluation.robustness.results import PlayedClip, PlayedRun
from listen_and_move.evaluation.robustness.sounds import candidates, class_table, classified
from listen_and_move.evaluation.robustness.study import NO_DISTANCES, robustness
from listen_and_move.evaluation.robustness.summary import SHOWN
from listen_and_move.runs import RunFolder, write_text

MEASURES = ("sharpness", "flicker", "farthest", "response")
ALL = "all"
"""Name of all classes together."""
DRAWS = 4000
"""Of sounds, for an interval."""
Values = dict[str, Any]


class Excerpt(NamedTuple):
    """A part of a sound."""

    seed: int
    sound: str


Clips = Mapping[Excerpt, PlayedClip]


class Played(NamedTuple):
    """All clips that a model has played."""

    run: PlayedRun
    clips: Clips
    distances: Distances | None
    """None: no weights are there."""
    left_out: Sequence[str]

    @property
    def took_s(self) -> float:
        """Seconds that playing and measuring took, whenever that was."""
        return sum(clip.took_s for clip in self.clips.values())


def main() -> None:
    """Play every model with the same clips."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=named, metavar="NAME=RUN")
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--seconds", default="1-5")
    parser.add_argument("--classes", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = Counter(name for name, _ in options.models)
    if several := [name for name, count in names.items() if count > 1]:
        parser.error(f"expected a NAME for each model; got several of {several[0]}")
    told = ("sounds", "clips", "seconds", "classes", "seed")
    given = {name: value for name in told if (value := vars(options)[name]) is not None}
    settings = {name: each.name if isinstance(each, Path) else str(each) for name, each in given.items()}
    played: dict[str, Played] = {}
    found: Values = {}
    for name, run in dict(options.models).items():
        try:
            played[name] = play(run, options)
        except UserError as error:
            parser.error(str(error))
        labels = classes(played.values(), options)
        found = {"machine": machine(), "settings": settings, **results(played, labels)}
        if options.out is not None:
            write_text(options.out, json.dumps(found, indent=1) + "\n")
        print(f"{name}: {len(played[name].clips)} clips, {played[name].took_s:.0f} s", flush=True)
    print("\n".join(lines(found)))


def named(text: str) -> tuple[str, Path]:
    """Returns name and run folder of a model, given as NAME=RUN."""
    name, _, run = text.partition("=")
    if not name or not Path(run).is_dir():
        raise argparse.ArgumentTypeError(
            f"expected NAME=RUN with a run folder, whose film figures are held against; got {text}"
        )
    return name, Path(run)


def play(run: Path, options: argparse.Namespace) -> Played:
    """Returns the clips that a model plays, as many as wanted."""
    clips, left_out, seed = dict[Excerpt, PlayedClip](), set[str](), options.seed
    while True:
        wanted = options.clips - len(clips)
        found = robustness(
            run,
            options.sounds,
            clips=wanted,
            seconds=options.seconds,
            classes=options.classes,
            seed=seed,
            watch=told,
        ).results
        clips |= {Excerpt(seed, each.clip.name): each.clip for each in found.clips}
        left_out |= {*found.left_out}
        seed += 1
        if len(clips) >= options.clips:
            vectors = RunFolder(run).evaluation_part("robustness") / "clips"
            distances = None if NO_DISTANCES in left_out else Distances.kept(vectors)
            return Played(found.run, clips, distances, sorted(left_out))


def told(doing: str, done: int, total: int) -> None:
    """Says how far a model has come."""
    print(f"\r{doing}  {done}/{total} ", end="\n" if done == total else "", flush=True)


def classes(played: Iterable[Played], options: argparse.Namespace) -> Mapping[str, str]:
    """Returns the class of each sound that was played."""
    names = sorted({clip.sound for each in played for clip in each.clips})
    files = candidates(options.sounds, options.seed)
    return classified(names, class_table(options.sounds, options.classes, files)).of


def results(played: Mapping[str, Played], labels: Mapping[str, str]) -> Values:
    """Returns the figures of each model, and of each pair of models, by class."""
    kinds = [ALL, *sorted({*labels.values()})]
    return {
        "models": {
            name: {
                "run": vars(each.run),
                "left_out": each.left_out,
                "took_s": round(each.took_s, 1),
                "classes": {
                    kind: figures(of_kind(each.clips, labels, kind), each.distances) for kind in kinds
                },
            }
            for name, each in played.items()
        },
        "differences": {
            f"{other} - {one}": {
                kind: differences(*(of_kind(played[name].clips, labels, kind) for name in (one, other)))
                for kind in kinds
            }
            for one, other in combinations(played, 2)
        },
    }


def of_kind(clips: Clips, labels: Mapping[str, str], kind: str) -> Clips:
    """Returns the clips of one class."""
    return {clip: each for clip, each in clips.items() if kind in (ALL, labels[clip.sound])}


def figures(clips: Clips, distances: Distances | None) -> Values:
    """Returns the means of clips whose sound is not silent, and FID and KID of all of them together."""
    heard = [each for each in clips.values() if not each.silent]
    means = {name: mean([each.values.get(name) for each in heard]) for name in MEASURES}
    apart = distances.of_all([each.key for each in clips.values()]) if distances and clips else []
    silent = len(clips) - len(heard)
    return {"clips": len(clips), "silent": silent, **{each.measure: each.value for each in apart}, **means}


def mean(values: Iterable[float | None]) -> float | None:
    """Returns the mean of the values that are known; None where there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def differences(ones: Clips, others: Clips) -> Values:
    """Returns the mean difference of two models for each measure, with its interval, over common clips."""
    found: Values = {}
    for name in MEASURES:
        by_sound: dict[str, list[float]] = {}
        for clip in ones.keys() & others.keys():
            one, other = (each[clip].values.get(name) for each in (ones, others))
            if one is not None and other is not None and not ones[clip].silent:
                by_sound.setdefault(clip.sound, []).append(other - one)
        found[name] = interval([by_sound[sound] for sound in sorted(by_sound)])
    return found


def interval(groups: Sequence[Sequence[float]]) -> Values | None:
    """Returns the mean of all values, and where it lies in 95 % of draws of groups with replacement.

    Args:
        groups: values that belong together, such as those of one sound; of one group there is no interval.
    """
    if not groups:
        return None
    sums, counts = np.array([sum(group) for group in groups]), np.array([len(group) for group in groups])
    found = {"mean": float(sums.sum() / counts.sum()), "clips": int(counts.sum()), "sounds": len(groups)}
    if len(groups) == 1:
        return found
    drawn = np.random.default_rng(0).integers(len(groups), size=(DRAWS, len(groups)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975)).tolist()
    return {**found, "low": low, "high": high}


def lines(found: Values) -> Iterable[str]:
    """Yields the figures as tables in Markdown."""
    models = found["models"]
    apart = [name for name in ("FID", "KID") if any(name in each["classes"][ALL] for each in models.values())]
    titles = [*apart, *(SHOWN[name].title for name in MEASURES)]
    yield from head(["class", "model", "clips", *titles])
    for kind in next(iter(models.values()))["classes"]:
        for name, each in models.items():
            row = each["classes"][kind]
            clips = str(row["clips"]) + (f", {row['silent']} silent" if row["silent"] else "")
            yield line([kind, name, clips, *(cell(row.get(of), of) for of in (*apart, *MEASURES))])
    for pair, by_class in found["differences"].items():
        yield ""
        yield from head([pair, *(SHOWN[name].title for name in MEASURES)])
        for kind, row in by_class.items():
            yield line([kind, *(difference(row[name], name) for name in MEASURES)])
    for text in sorted({text for each in models.values() for text in each["left_out"]}):
        yield f"\nLeft out: {text}."


def difference(found: Values | None, name: str) -> str:
    """Returns a mean difference with its interval."""
    if found is None:
        return "-"
    bounds = f" [{cell(found['low'], name)}, {cell(found['high'], name)}]" if "low" in found else ""
    return cell(found["mean"], name) + bounds


def cell(value: float | None, name: str) -> str:
    """Returns a figure as it is printed."""
    return number(value, SHOWN[name].digits if name in SHOWN else 3)


def head(titles: Sequence[str]) -> Iterable[str]:
    """Yields the first two lines of a table."""
    yield line(titles)
    yield line(["---", *["---:"] * (len(titles) - 1)])


def line(cells: Iterable[str]) -> str:
    """Returns a row of a table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
