"""Altered model files: each is loaded and played for a second of sound, in every picture that it has.

    python -m benchmarks.fuzz.models MODEL --count N [--seed S] [--jobs J] [--number K] [--results FILE]

MODEL may also be the checkpoint of a training, RUN/resume/state.safetensors, which is loaded as its run does.

What must not be: a traceback, a message that is not one line, more than 20 s for a picture or 2 GB, or an
end of the process. Where it is, the number of the file is printed, and the exit code is 1; `--number K
--keep FILE` makes that file again and plays it here.
"""

import json
import sys
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.fuzz.outcomes import ALIVE, Outcome, counted, fuzzing, judged, serve
from benchmarks.fuzz.tensor_files import altered_tensor_file
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.picture_pipelines import PictureChoice, model_pipeline
from listen_and_move.inference.playable import playable
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.runs import RunFolder
from listen_and_move.training.state import load_state


def main() -> None:
    """Alter and play, in child processes."""
    parser = fuzzing(__doc__)
    parser.add_argument("model", type=Path)
    options = parser.parse_args()
    if options.number is not None:
        keep = options.keep or Path("altered.safetensors")
        print(_outcome(options.model, options.seed, keep, options.number))
        return
    sys.exit(counted("benchmarks.fuzz.models", [str(options.model.absolute()), options.seed], options))


def _child(job: str) -> None:
    """Plays the files of a job one after the other."""
    model, seed, numbers = json.loads(job)
    _opened(Path(model), Path(model))  # what is loaded at the first use counts for no file
    with TemporaryDirectory() as folder:
        serve(numbers, partial(_outcome, Path(model), seed, Path(folder) / "model.safetensors"))


def _outcome(model: Path, seed: int, file: Path, number: int) -> Outcome:
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
