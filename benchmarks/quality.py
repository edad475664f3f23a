"""Makes the pictures of docs/quality.md, which show the effect of the clip and of each setting.

The clips are made up; models are trained and played here, at 512 pixels.

    python -m benchmarks.quality [--out docs/quality] [--work FOLDER] [--steps 500] [--only shown playing \
        settings clips length]

Models and films are kept in the work folder, so the same command goes on. A model takes about a minute and a
half of one core.
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

from listen_and_move import Controls, generate, train
from listen_and_move.audio.loudness import Gain
from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.inference.controls import AS_TRAINED
from listen_and_move.inference.picture_pipelines import Picture
from listen_and_move.media.picture import read_frames
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav
from listen_and_move.metrics.frame import MOVING_SHARE, sharpness_ratio
from listen_and_move.metrics.sync import difference_correlation, motion_energy, motion_ratio

FPS, SIZE, SCREEN, SECONDS = Fraction(20), 64, 512, 30.0
"""Rate; sides of the model's picture, at which motion is compared, and of what is shown; length of a clip."""
PLAYED_SECONDS, SOUND_RATE = 6.0, 48_000
LEARNT, UNHEARD = melody(1, SECONDS), melody(1002, PLAYED_SECONDS)
SHOWN = (14, 19, 22, 25, 29)
"""Numbers of the frames in the strips."""
LARGE = 25
"""Number of the frame that is compared at full size, and in its middle part."""
REACH = 48
"""Largest shift of a hand-held camera, in pixels."""
TILE = 200
"""Side of a frame in a strip, in pixels."""
TWICE_AS_WIDE = {"generator.channels_base": 256, "generator.channels_max": 128}


class QualityCase(NamedTuple):
    """One row of a picture: a model, and how it is played."""

    clip: str = "whole"
    settings: Mapping[str, Any] = {}
    controls: Controls = AS_TRAINED
    picture: Picture = "composed"
    quieter: float = 0.0
    """Decibels by which the sound is quieter than it was rendered."""
    gain: Gain | Literal["match"] = "match"


def shaken(frames: np.ndarray) -> np.ndarray:
    """Returns frames of a hand-held camera, which shifts in a smooth walk of a few pixels."""
    walk = np.cumsum(np.random.default_rng(0).normal(0, 1, (len(frames), 2)), 0)
    smooth = np.stack([np.convolve(axis, np.hanning(15) / 7, "same") for axis in walk.T], 1)
    places = np.round(12 * smooth / smooth.std(0)).astype(int).clip(-REACH, REACH) + REACH
    for frame, (row, column) in zip(frames, places, strict=True):
        wider = np.pad(frame, ((REACH, REACH), (REACH, REACH), (0, 0)), "edge")
        frame[:] = wider[row : row + SCREEN, column : column + SCREEN]
    return frames


def cut(frames: np.ndarray) -> np.ndarray:
    """Returns frames with another shot after three fifths: the left half of the picture, twice as large."""
    side, first = frames.shape[1] // 2, 3 * len(frames) // 5
    larger = frames[first:, side // 2 : side // 2 + side, :side].repeat(2, 1).repeat(2, 2)
    return np.concatenate([frames[:first], larger])


CLIPS: dict[str, tuple[float, int, Callable[[np.ndarray], np.ndarray]]] = {
    "whole": (SECONDS, 1, lambda frames: frames),
    "twelve": (12.0, 1, lambda frames: frames),
    "six": (6.0, 1, lambda frames: frames),
    "three": (3.0, 1, lambda frames: frames),
    "shaken": (SECONDS, 1, shaken),
    "cut": (SECONDS, 1, cut),
    "foreign": (SECONDS, 77, lambda frames: frames),
}
"""Length, seed of the melody that is heard (1 is the melody that is seen), and the change of the picture."""

SHOWN_PICTURES: dict[str, QualityCase] = {
    "--picture drawn": QualityCase(picture="drawn"),
    "--picture composed": QualityCase(),
    "--picture path": QualityCase(picture="path"),
}
PICTURES: dict[str, dict[str, QualityCase]] = {
    "shown": SHOWN_PICTURES,
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
        "quick": QualityCase(),
        "--losses.adversarial-\nweight 1": QualityCase(settings={"losses.adversarial_weight": 1.0}),
        "--generator.channels-base 256\n--generator.channels-max 128": QualityCase(settings=TWICE_AS_WIDE),
        "--training.steps 100": QualityCase(settings={"training.steps": 100}),
        "--generator.recall 0": QualityCase(settings={"generator.recall": 0}),
        "--features.future 0": QualityCase(settings={"features.future": 0}),
        "--features.kind level": QualityCase(settings={"features.kind": "level"}),
        "--losses.rest 0": QualityCase(settings={"losses.rest": 0.0}),
        "--training.\ndisturbance 0": QualityCase(settings={"training.disturbance": 0.0}),
    },
    "clips": {
        "30 s, still camera": QualityCase(picture="auto"),
        "hand-held camera": QualityCase("shaken", picture="auto"),
        "hand-held camera,\n--camera as-filmed": QualityCase(
            "shaken", {"clip.camera": "as-filmed"}, picture="auto"
        ),
        "a cut after 18 s": QualityCase("cut", picture="auto"),
        "sound of another\nperformance": QualityCase("foreign", picture="auto"),
    },
    "length": {
        "3 s": QualityCase("three", picture="auto"),
        "6 s": QualityCase("six", picture="auto"),
        "12 s": QualityCase("twelve", picture="auto"),
        "30 s": QualityCase(picture="auto"),
    },
}


def main() -> None:
    """Draws the pictures that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/quality"))
    parser.add_argument("--work", type=Path, default=Path("quality-work"))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--only", nargs="+", choices=list(PICTURES), default=list(PICTURES))
    options = parser.parse_args()
    for folder in (options.out, options.work):
        folder.mkdir(parents=True, exist_ok=True)
    real = truth(options.work)
    for name in options.only:
        rows = {label: played(case, options.work, options.steps) for label, case in PICTURES[name].items()}
        draw(rows, real, options.out / f"{name}.jpg")
        if name == "shown":
            beside = [real, *(rows[label] for label in SHOWN_PICTURES)]
            middle = slice(SCREEN // 8, SCREEN * 7 // 8)
            save(np.concatenate([frames[LARGE][middle] for frames in beside], 1), options.out / "large.jpg")


def played(case: QualityCase, work: Path, steps: int) -> np.ndarray:
    """Returns the frames of a case as written and read back, for the melody that no model has heard."""
    settings = {"training.steps": steps, "clip.holdout": "0"} | dict(case.settings)
    run = work / "-".join([case.clip, *(f"{name}={value}" for name, value in settings.items())])
    trained = train(film(work, case.clip), run, preset_name="quick", settings=settings)
    sound, out = work / "unheard.wav", work / "played.mp4"
    write_wav(
        sound, 10 ** (-case.quieter / 20) * render_sound(UNHEARD, PLAYED_SECONDS, SOUND_RATE), SOUND_RATE
    )
    generate(
        trained.run,
        sound,
        out,
        picture=case.picture,
        size=f"{SCREEN}x{SCREEN}",
        gain=case.gain,
        controls=case.controls,
        overwrite=True,
    )
    return np.stack(list(read_frames(out, FPS, width=SCREEN, height=SCREEN)))


def film(work: Path, name: str) -> Path:
    """Returns a clip to learn, written where it is missing."""
    path, (seconds, melody_seed, changed) = work / f"{name}.mp4", CLIPS[name]
    if not path.exists():
        sound = Waveform(render_sound(melody(melody_seed, seconds), seconds), SOUND_RATE)
        with VideoWriter(path, width=SCREEN, height=SCREEN, fps=FPS, sound=sound) as writer:
            for frame in changed(np.stack(list(render_frames(LEARNT, seconds, FPS, SCREEN, SCREEN)))):
                writer.write(frame)
    return path


def truth(work: Path) -> np.ndarray:
    """Returns the real frames of the unheard melody, written and read back like all others."""
    path = work / "truth.mp4"
    with VideoWriter(path, width=SCREEN, height=SCREEN, fps=FPS, overwrite=True) as writer:
        for frame in render_frames(UNHEARD, PLAYED_SECONDS, FPS, SCREEN, SCREEN):
            writer.write(frame)
    return np.stack(list(read_frames(path, FPS, width=SCREEN, height=SCREEN)))


def reduced(frames: np.ndarray) -> np.ndarray:
    """Returns frames at the model's size."""
    cells = frames.reshape(len(frames), SIZE, SCREEN // SIZE, SIZE, SCREEN // SIZE, 3)
    return cells.mean((2, 4)).round().astype(np.uint8)


def figures(frames: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Returns how well pictures follow the real ones, and their sharpness and motion.

    Sharpness is measured where pictures move.
    """
    small, small_real = reduced(frames), reduced(real)
    return {
        "dcor": difference_correlation(small, small_real),
        "sharpness": sharpness_ratio(frames, real, MOVING_SHARE),
        "motion": motion_ratio(small, small_real),
    }


def draw(rows: Mapping[str, np.ndarray], real: np.ndarray, out: Path) -> None:
    """Draws a strip and a curve of motion per row, the real frames first."""
    rows = {"the truth": real, **rows}
    figure = Figure(figsize=(14, 1.6 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2, width_ratios=(2, 1), squeeze=False)
    true_motion = motion_energy(reduced(real))
    seconds = np.arange(1, len(real)) / float(FPS)
    for (strip, curve), (label, frames) in zip(axes, rows.items(), strict=True):
        tiles = [Image.fromarray(frames[place]).resize((TILE, TILE)) for place in SHOWN]
        strip.imshow(np.concatenate([np.asarray(tile) for tile in tiles], axis=1), interpolation="lanczos")
        strip.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=13)
        strip.set(xticks=[], yticks=[])
        curve.fill_between(seconds, true_motion, color="0.85", linewidth=0)
        curve.plot(seconds, motion_energy(reduced(frames)), color="tab:red", linewidth=1)
        curve.set(yticks=[], ylim=(0, 1.6 * true_motion.max()), xlim=(0, PLAYED_SECONDS), xticks=[])
        told = {} if frames is real else figures(frames, real)
        text = "  ".join(f"{name} {value:.2f}" for name, value in told.items())
        curve.text(0.99, 0.93, text, transform=curve.transAxes, ha="right", va="top", fontsize=12)
    picture = BytesIO()
    figure.savefig(picture, dpi=100, format="png", bbox_inches="tight")
    save(np.asarray(Image.open(picture).convert("RGB")), out)


def save(picture: np.ndarray, out: Path) -> None:
    """Writes a picture for the documents."""
    Image.fromarray(picture).save(out, quality=82, optimize=True)


if __name__ == "__main__":
    main()
