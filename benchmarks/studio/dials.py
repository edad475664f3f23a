"""Plays the held-out part of trained runs at several places of the sharpness dial, and measures it.

    python -m benchmarks.studio.dials RUN [RUN ...] [--sharpness -2 0 1 4]

With foreign sounds: `benchmarks.studio.foreign ... --sharpness 1`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.studio.table import FIGURES
from benchmarks.studio.trial import measured
from listen_and_move.data.clip import Clip, load_clip
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.controls import Controls
from listen_and_move.models.rendering import WARM_UP
from listen_and_move.runs import RunFolder

SHOWN = ("excess", "p", "sharp", "motion", "flicker", "perc")


def main() -> None:
    """Prints a line per run and place."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--sharpness", nargs="+", type=float, default=[-2.0, 0.0, 1.0, 4.0])
    options = parser.parse_args()
    torch.set_num_threads(1)
    for run in options.runs:
        clip, animator = (
            load_clip(RunFolder(run).films.video(None), RunFolder(run).config()),
            Animator.load(run, "cpu"),
        )
        for sharpness in options.sharpness:
            row = measured(_played(animator, clip, Controls(sharpness=sharpness)), clip)
            figures = "  ".join(f"{name} {FIGURES[name]([row]):.3f}" for name in SHOWN)
            print(f"{run.name}  sharpness {sharpness:g}  {figures}", flush=True)


def _played(animator: Animator, clip: Clip, controls: Controls) -> np.ndarray:
    """Returns the held-out part, played after the part before it, as `models.rendering` does."""
    first = max(0, clip.held_out[0].start - WARM_UP)
    frames, _ = animator.draw(clip.features[first : clip.held_out[0].stop], None, first, controls=controls)
    return frames[clip.held_out[0].start - first :]


if __name__ == "__main__":
    main()
