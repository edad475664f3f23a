"""Measures latency against quality: how well live pictures follow for each number of awaited frames.

The sound is the clip's own, in the part that was held out.

    python -m benchmarks.look_ahead RUN [RUN ...] [--pictures auto] [--frames 0 1 2 3 4 5 6] [--results FILE]

The runs learnt one video and hold some of it out. Pictures have the size of the model and the rate of what is
shown. Each is compared with the frame of its own instant, so the delay of waiting does not count. `whole`
means that all of the sound is known, as in a file. Excess is dcor less its mean at wrong times; runs of one
clip and one number of trained frames are pooled.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.disturbed import excess_of
from benchmarks.machine import machine
from benchmarks.studio.trial import Held
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.data.source import find_source
from listen_and_move.errors import UserError
from listen_and_move.evaluation.results import Products
from listen_and_move.evaluation.shifts import pooled, products
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.look_ahead import motion_left
from listen_and_move.inference.picture_pipelines import Picture, PictureChoice, model_pipeline
from listen_and_move.inference.playable import recording
from listen_and_move.inference.stage import pictures as pictures_of
from listen_and_move.media.sound import read_sound
from listen_and_move.progress import untold
from listen_and_move.settings import with_values


def main() -> None:
    """Play every run with every number of frames."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--pictures", nargs="+", default=["auto"])
    parser.add_argument("--frames", nargs="+", type=int, default=list(range(7)))
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for run in options.runs for row in played(run, options.pictures, options.frames)]
    grouped: dict[tuple[str, str, int], dict[str, list[dict[str, Any]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        grouped[row["clip"], row["asked"], row["trained"]][row["waited"]].append(row)
    found = []
    for (clip, asked, trained), waits in grouped.items():
        excess = {waited: excess_of(pooled([*map(products_of, each)])) for waited, each in waits.items()}
        found.append({"clip": clip, "picture": asked, "trained": trained, "excess": excess})
        print(clip, asked, trained, {name: round(value, 3) for name, value in excess.items()}, flush=True)
    if options.results:
        about = {"machine": machine(), "pooled": found, "rows": rows}
        options.results.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def products_of(row: dict[str, Any]) -> Products:
    """Returns the sums of a row."""
    product, generated, real = row["products"]
    return Products(product, generated, real, tuple(row["shifted"]))


def played(run: Path, pictures: list[Picture], frames: list[int]) -> Iterator[dict[str, Any]]:
    """Yields a row for each picture: with the whole sound known, and for each number of awaited frames."""
    (video,), config = recording(run)
    animator, trained = Animator.load(run, "cpu"), config.features.future
    kept, start = animator.model.kept, Fraction(config.clip.start)
    assert kept is not None, "a run that keeps frames"
    sound = np.concatenate(list(read_sound(video, SAMPLE_RATE, start=start)))
    clips = {}
    left = {each: motion_left(animator, kept.path.features, each) for each in range(trained)}
    for picture in pictures:
        for waited in (None, *frames):
            choice = PictureChoice(picture, "model", live=waited is not None, look_ahead=waited)
            try:
                pipeline = model_pipeline(animator, choice, run.name)
            except UserError:  # only a path can wait for more frames than the model was trained to hear
                continue
            if pipeline.fps not in clips:
                settings = with_values(config, {"clip.fps": str(pipeline.fps)})
                clips[pipeline.fps] = find_source(video).load(settings, untold)
            clip = clips[pipeline.fps]
            held = clip.held_out[0]
            shown = np.stack(pictures_of(pipeline.play([sound])))[held.start : held.stop]
            sums = products(shown.view(Held), clip.frames[held.start : held.stop].numpy().view(Held))
            yield {
                "run": run.name,
                "clip": video.stem,
                "seed": config.training.seed,
                "held_out": config.clip.holdout,
                "asked": picture,
                "shown": kept.about.picture if picture == "auto" else picture,
                "trained": trained,
                "waited": "whole" if waited is None else str(waited),
                "left": left.get(pipeline.front_end.reference.extractor.ahead, 1.0),
                "excess": excess_of(sums),
                "products": list(sums[:3]),
                "shifted": list(sums.shifted),
            }


if __name__ == "__main__":
    main()
