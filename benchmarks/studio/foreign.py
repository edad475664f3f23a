"""Holds trained runs against bounds for foreign sounds.

A line is printed per run, and the worst sound for each bound.

    python -m benchmarks.studio.foreign RUN [RUN ...] --sounds FOLDER [--clips 40] [--sharpness 1] \
        [--amount 0.7] [--results FILE]

Bounds: no frame farther from the training frames than 1.5 times the farthest held-out frame; flicker at most
the training clip's; motion at least half of the training clip's with percussive sounds; in silence and in
room noise (-60 dBFS) at most 2 % of it; a sound 20 dB quieter moves the picture as much. Used: with silence
in its place the picture changes by at least a tenth of what the training clip varies over time, the bound of
`evaluate`'s verdict.
"""

import argparse
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.studio.trial import Held
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.data.clip import Clip, load_clip
from listen_and_move.evaluation.baselines import mean_spread, temporal_spread
from listen_and_move.evaluation.sensitivity import UNUSED
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.inference.sound_check import listen
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.coherence import flicker
from listen_and_move.metrics.memory import nearest_distances, thumbnails
from listen_and_move.metrics.sync import motion_energy
from listen_and_move.runs import RunFolder

Values = dict[str, Any]
Play = Callable[[np.ndarray], np.ndarray]
"""Makes frames from samples."""
SECONDS = 5
SIDE = 32  # pixels of the small copies in which the nearest training frame is searched
FORGET = 20  # frames after which the start of a quiet sound no longer shows
KINDS = {
    "percussive": ("beatbox", "drum", "clock_tick", "dog_bark", "fire_crackling"),
    "speech": ("speech",),
    "music": ("music",),
}


def main() -> None:
    """Plays every run with the same sounds."""
    parser = runs_and_sounds(__doc__)
    parser.add_argument("--sharpness", type=float, default=AS_TRAINED.sharpness)
    parser.add_argument("--amount", type=float, default=AS_TRAINED.amount)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sounds = chosen(options.sounds, options.clips)
    controls = Controls(sharpness=options.sharpness, amount=options.amount)
    rows = [measured(run, sounds, controls) for run in options.runs]
    for row in rows:
        print(json.dumps(row["bounds"]), flush=True)
    if options.results:
        found = {"machine": machine(), "sounds": [sound.name for sound in sounds], "runs": rows}
        options.results.write_text(json.dumps(found, indent=1) + "\n")


def runs_and_sounds(about: str | None) -> argparse.ArgumentParser:
    """Returns a parser with the options of a benchmark that plays runs with many sounds."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--results", type=Path)
    return parser


def chosen(folder: Path, count: int) -> list[Path]:
    """Returns all speech and music, and other sounds spread evenly over their names."""
    sounds = sorted(path for path in folder.iterdir() if path.is_file())
    first = [sound for sound in sounds if kind(sound) in ("speech", "music")]
    others = [sound for sound in sounds if sound not in first]
    places = np.unique(np.linspace(0, len(others) - 1, max(0, count - len(first))).round().astype(int))
    return first + [others[place] for place in places]


def kind(sound: Path) -> str:
    """Returns the kind of a sound, by its name."""
    return next((name for name, words in KINDS.items() if any(word in sound.name for word in words)), "other")


def measured(run: Path, sounds: Iterable[Path], controls: Controls = AS_TRAINED) -> Values:
    """Returns the figures of all sounds on one run."""
    config = RunFolder(run).config()
    clip, animator = load_clip(RunFolder(run).films.video(None), config), Animator.load(run, "cpu")
    play = partial(_frames, animator, controls)
    training = np.concatenate([clip.frames[span.start : span.stop].numpy() for span in clip.train])
    small = thumbnails(training, SIDE)
    unseen = clip.frames[clip.held_out[0].start : clip.held_out[0].stop].numpy()
    usual = Usual(
        float(np.concatenate([motion_energy(_span_frames(clip, span)) for span in clip.train]).mean()),
        float(np.concatenate([flicker(_span_frames(clip, span)) for span in clip.train]).mean()),
        mean_spread(temporal_spread(clip.frames.numpy().view(Held), clip.train)),
        float(nearest_distances(thumbnails(unseen, SIDE), small)[0].max()),
    )
    clips = [
        {"sound": sound.name, "kind": kind(sound), **_played(play, sound, usual, small)} for sound in sounds
    ]
    still = {name: _motion(play, samples, usual) for name, samples in _quiet().items()}
    return {"run": run.name, "bounds": {"run": run.name, **bounds(clips), **still}, "clips": clips}


class Usual(NamedTuple):
    """Figures of the clip itself."""

    motion: float
    flicker: float
    spread: float
    """How much the picture varies over time."""
    farthest: float
    """Largest distance of a held-out frame to the nearest training frame."""


def bounds(clips: list[Values]) -> Values:
    """Returns the figure of each bound, with the share of sounds that keep it."""

    def of(name: str, *kinds: str) -> np.ndarray:
        return np.array([clip[name] for clip in clips if not kinds or clip["kind"] in kinds])

    return {
        "clips": len(clips),
        "farthest frame": round(float(of("farthest").max()), 2),
        "farthest frame within 1.5": round(float((of("farthest") <= 1.5).mean()), 2),
        "flicker": round(float(np.median(of("flicker"))), 2),
        "flicker within 1": round(float((of("flicker") <= 1).mean()), 2),
        **{f"motion, {name}": round(float(np.median(of("motion", name))), 2) for name in (*KINDS, "other")},
        "sound used": round(float((of("response") >= UNUSED).mean()), 2),
        "percussive moving at least half": round(float((of("motion", "percussive") >= 0.5).mean()), 2),
        "motion, 20 dB quieter": round(float(np.median(of("quieter"))), 2),
    }


def _played(play: Play, sound: Path, usual: Usual, small: np.ndarray) -> Values:
    samples = np.concatenate(list(read_sound(sound, SAMPLE_RATE, end=SECONDS)))
    frames = play(samples)
    distance = nearest_distances(thumbnails(frames, SIDE), small)[0]
    motion = float(motion_energy(frames).mean())
    quieter = float(motion_energy(play(samples * 0.1)).mean())
    return {
        "farthest": float(distance.max()) / usual.farthest,
        "flicker": float(flicker(frames).mean()) / usual.flicker,
        "motion": motion / usual.motion,
        "response": _change(frames, play(np.zeros_like(samples))) / usual.spread,
        "quieter": quieter / max(motion, 1e-9),
    }


def _change(ours: np.ndarray, others: np.ndarray) -> float:
    """Returns the root mean square difference, of values in [0, 1]."""
    return float(np.sqrt(np.mean(((ours.astype(np.float32) - others) / 255) ** 2)))


def _motion(play: Play, samples: np.ndarray, usual: Usual) -> float:
    return round(float(motion_energy(play(samples)[FORGET:]).mean()) / usual.motion, 4)


def _frames(animator: Animator, controls: Controls, samples: np.ndarray) -> np.ndarray:
    """Returns the frames of samples as `generate` plays them, at the level of the training sound."""
    gain = listen(lambda: [samples], animator.audio_reference).gain
    return np.stack(list(animator.frames([samples], controls=controls, gain=gain)))


def _quiet() -> dict[str, np.ndarray]:
    noise = 1e-3 * np.random.default_rng(0).standard_normal(SECONDS * SAMPLE_RATE).astype(np.float32)
    return {"motion in silence": np.zeros_like(noise), "motion in room noise": noise}


def _span_frames(clip: Clip, span: range) -> np.ndarray:
    return clip.frames[span.start : span.stop].numpy()


if __name__ == "__main__":
    main()
