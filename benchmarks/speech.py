"""Talkers: what moves with syllables and rests in pauses, and whether the picture bears it.

    python -m benchmarks.speech RUN [RUN ...] --sounds FOLDER [--only speech] [--seconds 10] [--results FILE]

Runs that learnt one video: talkers with speech of others, or music with speech and speech with music. Played
as `generate` plays, at the size of the kept frames. Of the region of 4 x 4 that moves most with syllables in
the training part: `syllables`, the best correlation of its motion with onsets between 300 and 3000 Hz within
200 ms; `above`, the share of shifted sounds below it; `pauses`, its motion in pauses of 150 ms and more over
that in between. Of the whole picture, over the clip's own: sharpness where most moves, flicker and motion.
"""

import argparse
import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.machine import machine
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.data.source import find_source
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.playable import playable, recording
from listen_and_move.inference.sound_check import listen
from listen_and_move.inference.sources.camera import STILL, PathCamera
from listen_and_move.inference.stage import pictures
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.alignment import lagged_correlation
from listen_and_move.metrics.coherence import flicker
from listen_and_move.metrics.coupling import BLOCKS, onset_strength, region_motion, spectra
from listen_and_move.metrics.frame import MOVING_SHARE, laplacian_energies, moving_region
from listen_and_move.metrics.sync import motion_energy
from listen_and_move.models.kept_frames import KeptFrames
from listen_and_move.progress import untold

FPS, RATE = Fraction(20), 16_000
LAG, SHIFTS = 4, 60
LOWEST_HZ, HIGHEST_HZ = 300, 3000
PAUSE_DB, PAUSE_FRAMES = 25.0, 3
"""A pause is so much quieter than the loudest tenth, for so many frames."""
Values = dict[str, Any]
SHOWN = ("syllables", "above", "pauses", "sharpness", "flicker", "motion")


class Speech(NamedTuple):
    """A sound, as syllables."""

    onsets: np.ndarray
    """Of each frame at `FPS`."""
    pause: np.ndarray
    """Whether each frame is in a pause."""

    @classmethod
    def of(cls, path: Path, start: Fraction, end: Fraction) -> "Speech":
        """Returns a part of a sound as that."""
        samples = np.concatenate(list(read_sound(path, RATE, start=start, end=end)))
        spectrum, hertz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / RATE)
        band = np.fft.irfft(spectrum * ((hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)), len(samples))
        count = int(len(samples) / RATE * FPS)
        parts = np.split(band, [int(place * RATE / FPS) for place in range(1, count + 1)])[:count]
        level = np.array([10 * np.log10(np.square(part).mean() + 1e-12) for part in parts])
        quiet = level < np.percentile(level, 90) - PAUSE_DB
        runs = np.split(np.arange(count), np.flatnonzero(np.diff(quiet)) + 1)
        pause = np.concatenate([quiet[run] & (len(run) >= PAUSE_FRAMES) for run in runs])
        return cls(onset_strength(spectra(band.astype(np.float32)), RATE, FPS, count), pause)


def main() -> None:
    """Play every run with every sound."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--sounds", type=Path, required=True)
    parser.add_argument("--only", default="speech")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: Values = {"machine": machine(), "seconds": options.seconds, "runs": {}}
    print("| run | sound | " + " | ".join(SHOWN) + " |", flush=True)
    sounds = sorted(path for path in options.sounds.iterdir() if path.name.startswith(options.only))
    for run in options.runs:
        rows = found["runs"][run.name] = {}
        for name, figures in played(run, sounds, Fraction(options.seconds)):
            rows[name] = figures
            print(f"| {run.name} | {name} | " + " | ".join(f"{figures[each]:.3f}" for each in SHOWN) + " |")
    if options.results:
        options.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def played(run: Path, sounds: Iterable[Path], seconds: Fraction) -> Iterable[tuple[str, Values]]:
    """Yields the figures of the clip itself, then of each sound."""
    (video,), config = recording(run)
    clip, start = find_source(video).load(config, untold), Fraction(config.clip.start)
    kept = Animator.load(run, "cpu").model.kept
    assert kept is not None, "a run that keeps frames"
    train = max(clip.train, key=len)
    real = clip.frames[train.start : train.stop].numpy()
    part = start + train.start / config.clip.rate, start + train.stop / config.clip.rate
    speech, motion = Speech.of(video, *part), regions(real)
    region = max(range(BLOCKS**2), key=lambda place: best(motion[:, place], speech.onsets))
    film = np.stack([*filmed(kept)])
    moving = moving_region(film[::4].astype(np.float32).std(0).mean(-1), MOVING_SHARE)
    usual = looks(film, moving)
    yield "the film, training part", figures(motion[:, region], speech) | dict.fromkeys(SHOWN[3:], 1.0)
    pipeline = playable(run, device="cpu").pipeline
    for sound in sounds:
        blocks = list(read_sound(sound, SAMPLE_RATE, start=0, end=seconds))
        check = listen(lambda blocks=blocks: blocks, pipeline.front_end.reference, "match", "auto")
        shown = np.stack(pictures(pipeline.play(blocks, check.settings())))
        timed = shown[
            [int(place * pipeline.fps / FPS) for place in range(int(len(shown) * FPS / pipeline.fps))]
        ]
        speech = Speech.of(sound, Fraction(0), seconds)
        ratios = {name: value / usual[name] for name, value in looks(shown, moving).items()}
        foreign = 0.0 if check.matching is None else check.matching.strength
        yield sound.name, figures(regions(timed)[:, region], speech) | ratios | {"foreign": foreign}


def filmed(kept: KeptFrames) -> Iterable[np.ndarray]:
    """Yields the kept frames of the longest stretch, as they are shown."""
    camera = PathCamera(kept, "still")
    stretches = {kept.stretch(int(position)) for position in kept.positions}
    first, last = max(stretches, key=lambda ends: ends[1] - ends[0])
    for position in range(first, last + 1):
        yield camera.picture(kept.place(position), STILL)


def looks(video: np.ndarray, moving: np.ndarray) -> dict[str, float]:
    """Sharpness, flicker and motion of a video."""
    return {
        "sharpness": float(laplacian_energies(video, moving).mean()),
        "flicker": float(flicker(video).mean()),
        "motion": float(motion_energy(video).mean()),
    }


def regions(video: np.ndarray) -> np.ndarray:
    """Motion of each region, row by row."""
    grey = video.astype(np.float32).mean(-1) / 255
    return region_motion(list(np.abs(np.diff(grey, axis=0)))).reshape(len(video) - 1, -1)


def best(motion: np.ndarray, onsets: np.ndarray) -> float:
    """The best correlation within the lag."""
    count = min(len(motion), len(onsets) - 1)
    return float(lagged_correlation(motion[:count], onsets[1 : count + 1], LAG)[1].max())


def figures(motion: np.ndarray, speech: Speech) -> dict[str, float]:
    """How the motion of a region goes with syllables and pauses."""
    count = min(len(motion), len(speech.onsets) - 1)
    motion, pause = motion[:count], speech.pause[1 : count + 1]
    found = best(motion, speech.onsets)
    shifts = np.unique(np.linspace(2 * LAG, max(2 * LAG, count - 2 * LAG), SHIFTS).astype(int))
    null = [
        best(motion, np.concatenate([[0], np.roll(speech.onsets[1 : count + 1], each)])) for each in shifts
    ]
    pauses = motion[pause].mean() / motion[~pause].mean() if pause.any() else float("nan")
    return {"syllables": found, "above": float(np.mean(np.array(null) < found)), "pauses": float(pauses)}


if __name__ == "__main__":
    main()
