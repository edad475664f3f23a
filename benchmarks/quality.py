"""The pictures of docs/quality.md: what a clip and each setting do to the picture, all made up, trained and
played here.

    python -m benchmarks.quality [--out docs/quality] [--work FOLDER] [--steps 200] [--only playing \
        settings clips length]

Models are kept in the work folder, so the same command goes on. A model takes about a minute and a half of
one core.
"""

import argparse
from collections.abc import Callable, Mapping
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from listen_and_move import Animator, Controls, train
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.loudness import Gain
from listen_and_move.data.synthetic.performance import melody, render_frames, render_sound
from listen_and_move.inference.controls import AS_TRAINED
from listen_and_move.inference.sound_check import listen
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.metrics.frame import MOVING_SHARE, laplacian_energies, moving_region, unit_range
from listen_and_move.metrics.sync import difference_correlation, motion_energy, motion_ratio

FPS, SIZE, SCREEN, SECONDS = Fraction(20), 64, 256, 30.0
PLAYED_SECONDS = 6.0
LEARNT, UNHEARD = melody(1, SECONDS), melody(1002, PLAYED_SECONDS)
SHOWN = range(14, 30, 2)
"""Frames of the strips."""


TWICE_AS_WIDE = {"generator.channels_base": 256, "generator.channels_max": 128}


class QualityCase(NamedTuple):
    """One row of a picture: a model, and how it is played."""

    clip: str = "whole"
    settings: Mapping[str, Any] = {}
    controls: Controls = AS_TRAINED
    quieter: float = 0.0
    """dB by which the sound is quieter than it was rendered."""
    gain: Gain | Literal["match"] = "match"


def shaken(frames: np.ndarray) -> np.ndarray:
    """A camera that is held by hand: a smooth walk of a few pixels."""
    walk = np.cumsum(np.random.default_rng(0).normal(0, 1, (len(frames), 2)), 0)
    smooth = np.stack([np.convolve(axis, np.hanning(15) / 7, "same") for axis in walk.T], 1)
    places = np.round(6 * smooth / smooth.std(0)).astype(int)
    return np.stack([np.roll(frame, place, (0, 1)) for frame, place in zip(frames, places, strict=True)])


def cut(frames: np.ndarray) -> np.ndarray:
    """Every two seconds another shot: the left half of the picture, twice as large."""
    side, length = frames.shape[1] // 2, 40
    larger = frames[:, side // 2 : side // 2 + side, :side].repeat(2, 1).repeat(2, 2)
    return np.where((np.arange(len(frames)) // length % 2 == 1)[:, None, None, None], larger, frames)


CLIPS: dict[str, tuple[float, int, Callable[[np.ndarray], np.ndarray]]] = {
    "whole": (SECONDS, 1, lambda frames: frames),
    "twelve": (12.0, 1, lambda frames: frames),
    "six": (6.0, 1, lambda frames: frames),
    "three": (3.0, 1, lambda frames: frames),
    "shaken": (SECONDS, 1, shaken),
    "cut": (SECONDS, 1, cut),
    "foreign": (SECONDS, 77, lambda frames: frames),
}
"""Length, seed of the melody that is heard (1 is the one that is seen), and what was done to the picture."""

PICTURES: dict[str, dict[str, QualityCase]] = {
    "playing": {
        "as trained": QualityCase(),
        "--amount 0.5": QualityCase(controls=Controls(amount=0.5)),
        "--amount 1.5": QualityCase(controls=Controls(amount=1.5)),
        "--norm-gain 0": QualityCase(controls=Controls(norm_gain=0)),
        "--content-gain 0\n--motion-gain 0": QualityCase(controls=Controls(content_gain=0, motion_gain=0)),
        "--sharpness -3": QualityCase(controls=Controls(sharpness=-3)),
        "--sharpness 3": QualityCase(controls=Controls(sharpness=3)),
        "--smoothing 0.15": QualityCase(controls=Controls(smoothing=0.15)),
        "--delay 0.3": QualityCase(controls=Controls(delay=0.3)),
        "20 dB quieter": QualityCase(quieter=20),
        "20 dB quieter,\n--gain 0": QualityCase(quieter=20, gain=0.0),
    },
    "settings": {
        "studio": QualityCase(),
        "--generator.channels-base 256\n--generator.channels-max 128": QualityCase(settings=TWICE_AS_WIDE),
        "--losses.adversarial-\nweight 0": QualityCase(settings={"losses.adversarial_weight": 0.0}),
        "--generator.recall 0": QualityCase(settings={"generator.recall": 0}),
        "--features.future 0": QualityCase(settings={"features.future": 0}),
        "--features.kind level": QualityCase(settings={"features.kind": "level"}),
        "--losses.rest 0": QualityCase(settings={"losses.rest": 0.0}),
        "--training.\ndisturbance 0": QualityCase(settings={"training.disturbance": 0.0}),
    },
    "clips": {
        "30 s, still camera": QualityCase(),
        "hand-held camera": QualityCase("shaken"),
        "cuts": QualityCase("cut"),
        "sound of another\nperformance": QualityCase("foreign"),
    },
    "length": {
        "3 s": QualityCase("three"),
        "6 s": QualityCase("six"),
        "12 s": QualityCase("twelve"),
        "30 s": QualityCase(),
    },
}


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/quality"))
    parser.add_argument("--work", type=Path, default=Path("quality-work"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=list(PICTURES), default=list(PICTURES))
    options = parser.parse_args()
    for folder in (options.out, options.work):
        folder.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        rows = {label: played(case, options.work, options.steps) for label, case in PICTURES[name].items()}
        draw(rows, truth(), options.out / f"{name}.png")


def played(case: QualityCase, work: Path, steps: int) -> np.ndarray:
    """The frames of a case for the melody that no model has heard."""
    settings = {"training.steps": steps, "clip.holdout": "0"} | dict(case.settings)
    run = work / "-".join([case.clip, *(f"{name}={value}" for name, value in settings.items())])
    trained = train(film(work, case.clip), run, preset_name="quick", settings=settings)
    sound = (10 ** (-case.quieter / 20) * render_sound(UNHEARD, PLAYED_SECONDS, SAMPLE_RATE).mean(1)).astype(
        np.float32
    )
    animator = Animator.load(trained.run)
    gain = listen(lambda: [sound], animator.audio_reference, case.gain).gain
    return np.stack(list(animator.frames([sound], controls=case.controls, gain=gain)))


def film(work: Path, name: str) -> Path:
    """A clip to learn."""
    path, (seconds, melody_seed, changed) = work / f"{name}.mp4", CLIPS[name]
    if not path.exists():
        sound = Waveform(render_sound(melody(melody_seed, seconds), seconds), 48_000)
        with VideoWriter(path, width=SCREEN, height=SCREEN, fps=FPS, sound=sound) as writer:
            for frame in changed(np.stack(list(render_frames(LEARNT, seconds, FPS, SCREEN, SCREEN)))):
                writer.write(frame)
    return path


def truth() -> np.ndarray:
    """What really belongs to the melody, at the model's size."""
    frames = np.stack(list(render_frames(UNHEARD, PLAYED_SECONDS, FPS, SCREEN, SCREEN)))
    cells = frames.reshape(len(frames), SIZE, SCREEN // SIZE, SIZE, SCREEN // SIZE, 3)
    return cells.mean((2, 4)).round().astype(np.uint8)


def figures(frames: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """How well pictures follow the truth, how sharp they are where it moves, and how much they move."""
    region = moving_region(unit_range(real).std(0, dtype=np.float64).mean(-1), MOVING_SHARE)
    detail = [float(laplacian_energies(video, region).mean()) for video in (frames, real)]
    ratio = motion_ratio(frames, real)
    return {"dcor": difference_correlation(frames, real), "sharpness": detail[0] / detail[1], "motion": ratio}


def draw(rows: Mapping[str, np.ndarray], real: np.ndarray, out: Path) -> None:
    """A strip and a curve of motion per row, the truth first."""
    rows = {"the truth": real, **rows}
    figure = Figure(figsize=(11, 0.85 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, width_ratios=(3, 2), squeeze=False)
    seconds, motion = np.arange(1, len(real)) / float(FPS), motion_energy(real)
    for (strip, curve), (label, frames) in zip(axes, rows.items(), strict=True):
        strip.imshow(np.concatenate([frames[place] for place in SHOWN], axis=1), interpolation="lanczos")
        strip.set_ylabel(label, rotation=0, ha="right", va="center")
        strip.set(xticks=[], yticks=[])
        curve.fill_between(seconds, motion, color="0.85", linewidth=0)
        curve.plot(seconds, motion_energy(frames), color="tab:red", linewidth=1)
        curve.set(yticks=[], ylim=(0, 1.6 * motion.max()), xlim=(0, PLAYED_SECONDS), xticks=[])
        text = (
            ""
            if frames is real
            else "  ".join(f"{name} {value:.2f}" for name, value in figures(frames, real).items())
        )
        curve.text(0.99, 0.93, text, transform=curve.transAxes, ha="right", va="top", fontsize=8)
    picture = BytesIO()
    figure.savefig(picture, dpi=90, format="png")
    Image.open(picture).convert("RGB").quantize(256).save(out, optimize=True)  # a third of the bytes


if __name__ == "__main__":
    main()
