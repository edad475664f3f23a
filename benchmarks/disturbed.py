"""Measures how much sync is left when the clip's sound comes through other microphones, rooms and noise.

The measured pictures are final ones, at the size of the model and the rate of the film, as `generate` plays
them.

    python -m benchmarks.disturbed RUN [RUN ...] [--pictures path composed] [--adapt auto] [--results FILE]

Runs that learnt one video and hold some of it out; those of one clip that hold different parts out are
pooled. All of the sound is played, as loud as it was learnt: its own; with white and with dark noise at 10 dB
SNR; 12 dB brighter and duller; in a room. Excess: dcor of the part that was held out, less its mean at wrong
times.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import machine
from benchmarks.studio.trial import Held, reverberated, tilted
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.matching import parse_adapt
from listen_and_move.data.clip import Clip
from listen_and_move.data.source import find_source
from listen_and_move.evaluation.results import Products
from listen_and_move.evaluation.shifts import pooled, products
from listen_and_move.inference.picture_pipelines import Picture, PictureChoice
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import playable, recording
from listen_and_move.inference.sound_check import listen
from listen_and_move.media.sound import read_sound
from listen_and_move.progress import untold

SNR_DB, DARK_DB, TILT_DB = 10.0, -24.0, 12.0


def noisy(sound: Tensor, tilt: float) -> Tensor:
    """Returns the sound with noise, dark or bright."""
    noise = tilted(torch.randn(len(sound), generator=torch.Generator().manual_seed(0)), tilt)
    return sound + noise * 10 ** (-SNR_DB / 20) * (sound.square().mean() / noise.square().mean()).sqrt()


VERSIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "own": lambda sound: sound,
    "noise": lambda sound: noisy(sound, 0.0),
    "dark noise": lambda sound: noisy(sound, DARK_DB),
    "bright": lambda sound: tilted(sound, TILT_DB),
    "dull": lambda sound: tilted(sound, -TILT_DB),
    "room": reverberated,
}


def main() -> None:
    """Play every run with every version of its sound."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--pictures", nargs="+", default=["path", "composed"])
    parser.add_argument("--adapt", default="auto")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for run in options.runs for row in played(run, options.pictures, options.adapt)]
    grouped: dict[tuple[str, str, int], dict[str, list[Products]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        of_clip = grouped[row["clip"], row["picture"], row["seed"]]
        product, generated, real = row["products"]
        of_clip[row["version"]].append(Products(product, generated, real, tuple(row["shifted"])))
    found = []
    for (clip, picture, seed), versions in grouped.items():
        excess = {version: excess_of(pooled(parts)) for version, parts in versions.items()}
        found.append({"clip": clip, "picture": picture, "seed": seed, "excess": excess})
        print(clip, picture, seed, {name: round(value, 3) for name, value in excess.items()}, flush=True)
    if options.results:
        about = {"machine": machine(), "adapt": options.adapt, "pooled": found, "rows": rows}
        options.results.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def excess_of(sums: Products) -> float:
    """Returns dcor less its mean at wrong times."""
    return sums.dcor - float(np.mean(sums.null))


def played(run: Path, pictures: list[Picture], adapt: str) -> Iterator[dict[str, Any]]:
    """Yields a row for each version of the sound and each picture."""
    (video,), config = recording(run)
    clip, start = find_source(video).load(config, untold), Fraction(config.clip.start)
    sound = torch.from_numpy(np.concatenate(list(read_sound(video, SAMPLE_RATE, start=start))))
    for picture in pictures:
        pipeline = playable(run, PictureChoice(picture=picture, size="model"), device="cpu").pipeline
        for version, changed in VERSIONS.items():
            blocks = [changed(sound).numpy()]
            check = listen(
                lambda blocks=blocks: blocks, pipeline.front_end.reference, "match", parse_adapt(adapt)
            )
            frames = [frame.picture for frame in pipeline.play(blocks, check.settings())]
            sums = products(*at_the_rate(frames, pipeline, clip))
            yield {
                "run": run.name,
                "clip": video.stem,
                "seed": config.training.seed,
                "held_out": config.clip.holdout,
                "picture": picture,
                "version": version,
                "excess": excess_of(sums),
                "foreign": 0.0 if check.matching is None else check.matching.strength,
                "products": list(sums[:3]),
                "shifted": list(sums.shifted),
            }


def at_the_rate(frames: list[Any], pipeline: Pipeline, clip: Clip) -> tuple[Held, Held]:
    """Returns the frames on display in the held-out part, and the filmed frames of that part."""
    fps, held = pipeline.front_end.reference.extractor.fps, clip.held_out[0]
    shown = np.stack([frames[int(place * pipeline.fps / fps)] for place in held])
    return shown.view(Held), clip.frames[held.start : held.stop].numpy().view(Held)


if __name__ == "__main__":
    main()
