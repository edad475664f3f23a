"""Whether a change of the code has changed what it computes: two commits do the same small work.

    python -m benchmarks.equality BEFORE [AFTER] [--only NAME ...] [--out FILE] [--speed]

AFTER is the working tree where it is left away. The `src` of each is copied to a temporary folder, and every
command of the program runs in a process of its own with one thread. Compared are:

* trainings of every variant: sha256 of model and checkpoint, the settings, and what is logged, to 1e-5;
* trainings that BEFORE begins and AFTER ends: sha256 of model and checkpoint, as if BEFORE had gone on;
* what models of BEFORE play, with every dial: no value of a pixel more than 1 of 255 apart, the same sound;
* what is measured on a run of BEFORE: all figures, to 1e-5.

Commits since d1256d1 keep frames of the clip in the model and play them at the size of the source: they are
compared among themselves, not with those before.

It takes about five minutes on two cores, prints a line for each, and exits with 1 where anything differs.
With --speed both are timed as well, in turn; the machine should then do nothing else.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from math import isclose
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from benchmarks.machine import machine

ROOT = Path(__file__).parents[1]
CLIP, MELODY = (ROOT / "tests" / "fixtures" / "v0.1" / name for name in ("performance.mp4", "melody.wav"))
"""Made up: 3 s of 64x64 pixels at 20 frames a second with their sound; 1.5 s of sound."""
TOLERANCE = 1e-5
CHANGING = {"steps_per_second", "took_s", "environment", "environment.json"}
"""What is another one each time the same code runs."""

SMALL = """--device cpu --size 16 --training.window 4 --training.generator-rate 0.01 --training.average 0.9
    --generator.channels-base 32 --generator.channels-max 8
    --critics.channels-base 32 --critics.channels-max 8"""
STEPS = {"quick": 150}
"""Where they are more than 6: until the network draws, so that what a dial does to it is seen."""
QUICK, PAPER = "--preset quick ", "--preset paper --losses.perceptual 0 --losses.l1 1 "
LOSS = PAPER + "--losses.penalty 0.1 --losses.adversarial "
TRAININGS = {
    "quick": QUICK,
    "studio": "--preset studio --size 28x16 --crop 4,4,60,36 --fps 25/2 --start .1 --end 2.9 --holdout .4-.6",
    "paper": PAPER,
    "baseline": "--preset baseline --losses.perceptual 0 --losses.l1 1",
    "skip": PAPER + "--generator.connections skip --generator.dimensions 3 --generator.prediction none",
    "basic": PAPER + "--generator.connections basic --generator.prediction plain",
    "wide": PAPER + "--generator.prediction-kernel 5 --generator.double-finest --generator.norm-bottleneck 4",
    "instance": PAPER + "--generator.no-sound-norm --generator.norm instance --generator.content-noise 3",
    "pixel": PAPER + "--generator.no-sound-norm --generator.norm pixel --generator.no-sound-content",
    "feedback": PAPER + "--motion.form feedback --motion.layers 2 --motion.dilation 3 --training.lanes 2",
    "deaf-motion": PAPER + "--motion.no-sound --motion.noise 3 --generator.no-noise-injection",
    "wgan": LOSS + "wgan --critics.connections residual",
    "hinge": LOSS + "hinge --critics.augment --losses.shuffled 0.5",
    "non-saturating": LOSS + "non-saturating --critics.norm none",
    "least-squares": LOSS + "least-squares --critics.connections basic --losses.feature-matching 1",
    "bce": LOSS + "bce --losses.penalty-every 2 --losses.total-variation 1",
    "relativistic": LOSS + "relativistic --losses.shuffled 0 --training.sampler random --training.priming 5",
    "no-critics": QUICK + "--losses.adversarial-weight 0 --losses.l1-scales 2 --training.lanes 3",
    "mel": PAPER + "--features.kind mel --features.past 2 --features.standardise --training.feature-noise .1",
    "mfcc": PAPER + "--features.kind mfcc --features.future 1 --features.chunk-ms 60",
    "level": PAPER + "--features.kind level --features.bands 32 --losses.rest 1 --training.disturbance 0.5",
    "mean-frame": QUICK + "--generator.recall 0 --training.average 0",
    "memories": QUICK + """--generator.recall 8 --generator.noise-injection --generator.dimensions 3
        --generator.prediction directional --generator.prediction-layers 1,2 --motion.noise 2
        --training.sampler sequential --training.recompute""",
    "fast": PAPER + "--training.speed fast",
}  # fmt: skip
"""Flags of each training beside the small ones."""
HANDED_OVER = "quick", "paper", "baseline", "skip", "feedback", "hinge", "no-critics", "memories"
"""Trainings that BEFORE begins and AFTER ends."""
PLAYS = """
    generate quick
    generate quick --amount 0.4
    generate quick --norm-gain 0.5
    generate quick --sharpness 4
    generate quick --sharpness -4
    generate quick --smoothing 0.2
    generate quick --delay 0.33
    generate quick --freeze -20
    generate quick --gain running
    generate quick --gain -12.5
    generate quick --start 0.53 --end 3.71
    generate quick --paste
    generate quick --precision bfloat16
    generate quick --mode replay
    generate quick --mode replay --delay 0.2 --freeze -20 --paste
    generate paper
    generate paper --seed 5
    generate paper --content-gain 3
    generate pixel
    generate pixel --motion-gain 0
    generate memories --amount 1.5 --norm-gain 2 --sharpness -1.5 --smoothing .1 --delay .25 --freeze -20
    generate studio --seed 1 --paste
    generate baseline
    generate skip
    generate basic
    generate instance
    generate feedback
    generate deaf-motion
    generate mfcc
    live quick
    live quick --gain 0
    live quick --amount 1.5 --norm-gain 2 --sharpness -1.5 --smoothing .1 --delay .25 --freeze -20 --paste
    live paper --seed 5
"""
"""Command, training whose model is played, flags."""


class Tree:
    """The code of a commit, or of the working tree, in a folder of its own."""

    def __init__(self, name: str, commit: str | None, work: Path) -> None:
        self.folder, self.work = work / name, work
        if commit is None:
            shutil.copytree(ROOT / "src", self.folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        else:
            made = subprocess.run(["git", "-C", str(ROOT), "archive", commit, "src"], capture_output=True)
            if made.returncode:
                raise SystemExit(f"error: expected a commit of this repository; got {commit}: see git log")
            with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
                archive.extractall(self.folder, filter="data")
        own = {"PYTHONPATH": str(self.folder / "src"), "LISTEN_AND_MOVE_CACHE": "off"}
        self.surroundings = {**os.environ, **own, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        taken = self._python("-c", "import listen_and_move; print(listen_and_move.__file__)").stdout.strip()
        if not Path(taken).is_relative_to(self.folder):
            raise SystemExit(f"error: expected Python to import from {self.folder}; got {taken or 'nothing'}")

    def run(self, *arguments: str | Path) -> str:
        """A command of the program; how it ends where it fails, else nothing."""
        done = self._python("-m", "listen_and_move", *map(str, arguments))
        return (
            f"{done.returncode}, {(done.stderr.strip().splitlines() or [''])[-1]}" if done.returncode else ""
        )

    def train(self, place: Path, name: str, share: float = 1.0) -> str:
        """A training, or its first share."""
        steps = int(share * STEPS.get(name, 6))
        return self.run("train", CLIP, "--run", place, *f"{SMALL} {TRAININGS[name]} --steps {steps}".split())

    def play(self, place: Path, line: str, models: Path, sound: Path) -> str:
        """One of `PLAYS`, into a folder of pictures."""
        command, name, *flags = line.split()
        files = [sound, "--out", place] if command == "generate" else ["--input", sound, "--output", place]
        return self.run(command, models / f"train {name}", *files, "--device", "cpu", *flags)

    def measure(self, place: Path, run: Path, sound: Path) -> str:
        """A copy of a run measured on its clip and with foreign sounds."""
        shutil.copytree(run, place)
        measured = self.run("evaluate", place, "--device", "cpu", "--sound", sound)
        return measured or self.run("robustness", place, sound.parent, "--device", "cpu")

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=self.surroundings, cwd=self.work)


def unlike(before: Any, after: Any, place: str) -> Iterator[str]:
    """Where two values as of JSON differ, figures by more than the tolerance."""
    if isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        for name in before:
            yield from () if name in CHANGING else unlike(before[name], after[name], f"{place} {name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (ours, theirs) in enumerate(zip(before, after, strict=True)):
            yield from unlike(ours, theirs, f"{place} {number}")
    elif isinstance(before, float) and isinstance(after, float):
        if not isclose(before, after, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{place}: {before} became {after}"
    elif before != after:
        yield f"{place}: {str(before)[:60]} became {str(after)[:60]}"


def tensors(before: Path, after: Path) -> tuple[bool, str]:
    """Whether model and checkpoint of two runs are the same bytes, and else how their tensors differ."""
    found = []
    for name in ("model.safetensors", "resume/state.safetensors"):
        if sha256((before / name).read_bytes()).digest() == sha256((after / name).read_bytes()).digest():
            continue
        ours, theirs = load_file(before / name), load_file(after / name)
        if {key: ours[key].shape for key in ours} == {key: theirs[key].shape for key in theirs}:
            apart = {key: np.abs(ours[key].astype(float) - theirs[key]).max(initial=0) for key in ours}
            most = max(apart, key=lambda key: apart[key])
            found.append(f"{name}: {sum(map(bool, apart.values()))} tensors, {most} by {apart[most]:.1e}")
        else:
            found.append(f"{name}: other names or shapes of tensors")
    return not found, "; ".join(found)


def runs(before: Path, after: Path) -> tuple[bool, str]:
    """Two run folders, evaluated or not: tensors, and every file of JSON."""
    found = [*filter(None, tensors(before, after)[1:]), *unlike(_figures(before), _figures(after), "")]
    return not found, "; ".join(found[:3])


def _figures(run: Path) -> dict[str, Any]:
    texts = {str(file.relative_to(run)): file.read_text(encoding="utf-8") for file in run.rglob("*.json*")}
    lists = {name: f"[{','.join(text.splitlines())}]" for name, text in texts.items() if name.endswith("l")}
    return {name: json.loads(text) for name, text in sorted({**texts, **lists}.items())}


def pictures(before: Path, after: Path) -> tuple[bool, str]:
    """Two folders of pictures and a sound."""
    ours, theirs = ({path.name: path for path in sorted(folder.iterdir())} for folder in (before, after))
    if list(ours) != list(theirs):
        return False, f"{len(ours)} files became {len(theirs)}, or have other names"
    if ours.pop("sound.wav").read_bytes() != theirs.pop("sound.wav").read_bytes():
        return False, "another sound"
    values = [[np.asarray(Image.open(path)).astype(int) for path in each.values()] for each in (ours, theirs)]
    apart = [int(np.abs(one - other).max()) for one, other in zip(*values, strict=True)]
    return max(apart) <= 1, f"{apart.count(0)} of {len(apart)} frames equal, largest difference {max(apart)}"


class Case(NamedTuple):
    """Something that both do, each in a place of its own."""

    name: str
    act: Callable[[Tree, Path], str]
    """Returns what went wrong."""
    compare: Callable[[Path, Path], tuple[bool, str]]
    """Whether both places hold the same, and what is to be said of them."""


def stages(before: Tree, names: list[str], sound: Path) -> Iterator[list[Case]]:
    """All cases; those of a list may be done at once."""

    def hand_over(tree: Tree, place: Path, name: str) -> str:
        if tree is not before:
            return before.train(place, name, 0.5) or tree.train(place, name)
        shutil.copytree(before.folder / f"train {name}", place)
        return ""

    yield [Case(f"train {name}", partial(Tree.train, name=name), runs) for name in names]
    handed = [name for name in names if name in HANDED_OVER]
    yield [Case(f"hand over {name}", partial(hand_over, name=name), tensors) for name in handed]
    measure = partial(Tree.measure, run=before.folder / "train quick", sound=sound)
    play = partial(Tree.play, models=before.folder, sound=sound)
    lines = [line.strip() for line in PLAYS.strip().splitlines() if line.split()[1] in names]
    yield [Case("measure quick", measure, runs)] * ("quick" in names)
    yield [Case(line, partial(play, line=line), pictures) for line in lines]


def compared(cases: list[Case], trees: list[Tree], pool: Executor) -> Iterator[tuple[Case, bool, str]]:
    """Each case, whether it is the same, and what is found, in the order of the cases."""
    begun = []
    for case in cases:
        name = case.name.replace(".", "")  # a dot would make a file of a folder
        places = [tree.folder / name for tree in trees]
        begun.append((case, places, list(map(partial(pool.submit, case.act), trees, places))))
    for case, places, acts in begun:
        ends = zip(trees, acts, strict=True)
        failures = [f"{tree.folder.name} fails: {act.result()}" for tree, act in ends if act.result()]
        try:
            same, said = (False, "; ".join(failures)) if failures else case.compare(*places)
        except FileNotFoundError as error:
            same, said = False, f"{error.filename} is missing"
        yield case, same, said


def timed(tree: Tree, run: Path, sounds: dict[Path, float]) -> tuple[float, float]:
    """Seconds a step and frames a second of `quick` at its own size, without the start of the program."""
    took = []
    failed = tree.run("train", CLIP, "--run", run, "--device", "cpu", "--preset", "quick", "--steps", "40")
    for sound in sounds:
        begun = time.perf_counter()
        failed = failed or tree.run("generate", run, sound, "--device", "cpu", "--out", run / sound.stem)
        took.append(time.perf_counter() - begun)
    if failed:
        raise SystemExit(f"error: expected a training and its model to be timed; got {failed}")
    (short, long), last = sounds.values(), json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    return 1 / last["steps_per_second"], 20 * (long - short) / (took[1] - took[0])


def speed(trees: list[Tree], work: Path, pairs: int = 5) -> dict[str, dict[str, float]]:
    """Medians of what `timed` measures of both in turn, and the median of AFTER over BEFORE in each pair."""
    sounds = {work / f"{times}.wav": make_sound(work / f"{times}.wav", times) for times in (1, 16)}
    measured: dict[str, list[tuple[float, float]]] = {tree.folder.name: [] for tree in trees}
    for pair in range(pairs):
        for tree in trees[:: 1 if pair % 2 else -1]:
            measured[tree.folder.name].append(timed(tree, tree.folder / f"timed {pair}", sounds))
    found = {}
    for which, name in enumerate(("seconds_a_step", "frames_a_second")):
        columns = {side: [row[which] for row in rows] for side, rows in measured.items()}
        ratios = [theirs / ours for ours, theirs in zip(*columns.values(), strict=True)]
        found[name] = {**{side: median(column) for side, column in columns.items()}, "ratio": median(ratios)}
    return found


def make_sound(path: Path, times: int) -> float:
    """A melody, a pause, and the melody at half the level, so many times; returns the seconds."""
    with wave.open(str(MELODY)) as file:
        rate, melody = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = np.tile(np.concatenate([melody, np.zeros(int(1.2 * rate), "<i2"), melody // 2]), times)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return len(samples) / rate


def main() -> None:
    """Compare, print, write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("before")
    parser.add_argument("after", nargs="?")
    parser.add_argument("--only", nargs="+", choices=TRAININGS, default=list(TRAININGS), help="and its uses")
    parser.add_argument("--jobs", type=int, default=2, help="commands at a time")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--out", type=Path, help="where the results go as JSON")
    options = parser.parse_args()
    results: dict[str, Any] = {"before": options.before, "after": options.after, "machine": machine()}
    results["cases"] = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        work = Path(folder).resolve()
        trees = [Tree("before", options.before, work), Tree("after", options.after, work)]
        (work / "sounds").mkdir()
        make_sound(sound := work / "sounds" / "melody.wav", 1)
        for cases in stages(trees[0], options.only, sound):
            for case, same, said in compared(cases, trees, pool):
                results["cases"].append({"name": case.name, "same": same, "found": said})
                print(f"{'same' if same else 'DIFFERS':8}{case.name:36} {said}", flush=True)
        if options.speed:
            results["speed"] = speed(trees, work)
            print(json.dumps(results["speed"], indent=1))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    differ = sum(not case["same"] for case in results["cases"])
    print(f"{differ} of {len(results['cases'])} differ")
    sys.exit(differ > 0)


if __name__ == "__main__":
    main()
