"""Altered model files: each is loaded and played for a second of sound, in every picture that it has.

    python -m benchmarks.fuzz.models MODEL --count N [--seed S] [--jobs J] [--number K] [--results FILE]

MODEL may also be the checkpoint of a training, RUN/resume/state.safetensors, which is loaded as its run does.

What must not be: a traceback, a message that is not one line, more than 20 s for a picture or 2 GB, or an
end of the process. Where it is, the number of the file is printed, and the exit code is 1; `--number K
--keep FILE` makes that file again and plays it here.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.fuzz.outcomes import ALIVE, FAILURES, Outcome, judged, limit_memory, outcomes
from benchmarks.fuzz.tensor_files import altered_tensor_file
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.errors import printable
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.picture_pipelines import PictureChoice, model_pipeline
from listen_and_move.inference.playable import playable
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.runs import RunFolder
from listen_and_move.training.state import load_state


def main() -> None:
    """Alter and play, in child processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--number", type=int)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    if options.number is not None:
        keep = options.keep or Path("altered.safetensors")
        print(_outcome(options.model, options.seed, options.number, keep))
        return
    job = [str(options.model.absolute()), options.seed]
    shares = [range(first, options.count, options.jobs) for first in range(options.jobs)]
    with ThreadPoolExecutor(options.jobs) as pool:
        found = [outcome for share in pool.map(partial(_share, job), shares) for outcome in share]
    counts = Counter(outcome.outcome for outcome in found)
    slowest, largest = (
        max(values) for values in zip(*((each.seconds, each.bytes) for each in found), strict=True)
    )
    print(f"seed {options.seed}: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    print(f"slowest {slowest:.1f} s, most memory {largest / 1e6:.0f} MB")
    if options.results is not None:
        about = {"seed": options.seed, "count": options.count, "outcomes": counts}
        each = [outcome._asdict() for outcome in found]
        options.results.write_text(
            json.dumps({**about, "slowest_s": slowest, "bytes": largest, "files": each})
        )
    sys.exit(any(counts[name] for name in FAILURES))


def _share(job: Sequence[Any], numbers: Sequence[int]) -> list[Outcome]:
    """Returns what becomes of some files, and tells what must not be."""
    found: list[Outcome] = []
    for outcome in outcomes("benchmarks.fuzz.models", job, numbers):
        found.append(outcome)
        if outcome.outcome in FAILURES:
            said = "\n".join(map(printable, outcome.said.splitlines()))
            print(f"{outcome.number} ({outcome.what}): {outcome.outcome}: {said}", flush=True)
    return found


def _child(job: str) -> None:
    """Plays the files of a job one after the other."""
    model, seed, numbers = json.loads(job)
    _opened(Path(model), Path(model))  # what is loaded at the first use counts for no file
    limit_memory()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        for number in numbers:
            print(f"begin {number}", flush=True)
            print(json.dumps(_outcome(Path(model), seed, number, file)), flush=True)


def _outcome(model: Path, seed: int, number: int, file: Path) -> Outcome:
    """Makes an altered model and plays it."""
    altered = altered_tensor_file(model.read_bytes(), Random(f"{seed}/{number}"))
    file.write_bytes(altered.content)
    return judged(number, altered.name, partial(_opened, model, file))


def _opened(model: Path, file: Path) -> None:
    """Plays a model, or loads the checkpoint of a training.

    Args:
        model: the good file.
        file: like it, and altered.
    """
    if model == RunFolder(model.parents[1]).state_file:
        load_state(file, RunFolder(model.parents[1]).config(), torch.device("cpu"))
    else:
        _play(file)


def _play(file: Path) -> None:
    """Plays a second of sound in each picture that a model has, and a path by sound alone."""
    animator = Animator.load(file, "cpu")
    pictures = ("drawn",) if animator.model.kept is None else ("drawn", "path", "composed")
    for picture in pictures:
        pipeline = model_pipeline(animator, PictureChoice(picture), file.name)
        for _ in pipeline.frames([SOUND], PlaySettings()):
            pass
        print(ALIVE, flush=True)
    if animator.model.kept is not None:
        found = playable(file, PictureChoice("path", by_sound=True))
        for _ in found.pipeline.frames([SOUND], PlaySettings(gain="running", adapt="auto")):
            pass


def _sound() -> np.ndarray:
    """A second: three strokes of a falling tone, with a little noise."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    since = time % (1 / 3)
    tone = np.sin(2 * np.pi * (900 - 600 * since) * since) * np.exp(-12 * since)
    noise = np.random.default_rng(0).normal(0, 0.003, SAMPLE_RATE)
    return (0.5 * tone + noise).astype(np.float32)


SOUND = _sound()

if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("["):
        _child(sys.argv[1])
    else:
        main()
