"""Measures the pictures that foreign sounds give.

Pictures are measured as they are written, at the size of the model and 20 frames a second. Each sound is
played twice: as it is, and brought into the clip's sound world.

    python -m benchmarks.foreign RUN [RUN ...] --sounds FOLDER [--clips 40] [--seconds 8] [--adapt 0 auto]
        [--results FILE]

Measured are paths of runs that learnt one video.

Figures of each sound: share of the clip that is used (of as many frames as the sound has), jumps a second,
motion over that of the training part, the best correlation of motion with onsets within 200 ms, the share of
shifted sounds below it, the novelty of the unchanged sound, and how far the sound was taken as foreign.
Figure of all sounds together: the share of shifts at which their mean correlation is less than it is
unshifted. Beside them stand the same figures of the clip's own sound in its held-out part, and the motion in
silence and in room noise. Where the clip has a steady beat, the sounds that have one are played on beats as
well: `beats` says how near the beats of the clip are to those of the sound, 1 on them, 0 by chance, -1
between them.
"""

import json
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.studio.foreign import chosen, kind, runs_and_sounds
from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.matching import Adapt, parse_adapt
from listen_and_move.data.source import find_source
from listen_and_move.evaluation.course import course
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.picture_pipelines import PictureChoice
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.playable import playable, recording
from listen_and_move.inference.sound_check import SoundCheck, listen
from listen_and_move.inference.stage import Frame
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.alignment import lagged_correlation
from listen_and_move.metrics.sync import motion_energy
from listen_and_move.models.path_memory import ClipBeats, PathMemory
from listen_and_move.progress import untold

RATE = Fraction(20)
LAG = 4
"""Frames, before or after, by which motion may be shifted against onsets."""
SHIFTS = 60
ROOM_DB = -60.0
Values = dict[str, Any]
SHOWN = ("used", "jumps", "motion", "onsets", "above", "novelty", "foreign", "beats", "seconds")


def main() -> None:
    """Play every run with the same sounds."""
    parser = runs_and_sounds(__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--adapt", nargs="+", default=["0", "auto"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: Values = {"machine": machine(), "seconds": options.seconds, "runs": {}}
    print("| run | adapt | " + " | ".join(SHOWN) + " | above .95 | together | silence | room |", flush=True)
    sounds = chosen(options.sounds, options.clips)
    for run in options.runs:
        player = Player.of(run, options.seconds)
        rows = found["runs"][run.name] = {"own": player.own()}
        _together([rows["own"]])
        print(_line(run.name, "own sound", [rows["own"]]), flush=True)
        for adapt in options.adapt:
            clips = [
                {"sound": sound.name, "kind": kind(sound), **player.played(sound, parse_adapt(adapt))}
                for sound in sounds
            ]
            together = _together(clips)
            rows[adapt] = {"together": together, "clips": clips, **player.quiet(parse_adapt(adapt))}
            print(_line(run.name, adapt, clips, rows[adapt]), flush=True)
        steady = [sound for sound in sounds if player.has_beats(sound)] if player.beats else []
        for name, beats in (("auto", False), ("auto, --beats", True)) if steady else ():
            each = Player.of(run, options.seconds, beats)
            clips = [{"sound": sound.name, **each.played(sound, "auto")} for sound in steady]
            rows[f"{name}, sounds with beats"] = {"together": _together(clips), "clips": clips}
            print(_line(run.name, f"{name}, {len(steady)} with beats", clips), flush=True)
        if options.results:
            options.results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _together(clips: list[Values]) -> float:
    """Returns the share of shifts at which all sounds correlate less, in the mean, than they do unshifted.

    The correlations with shifts are removed from ``clips``.
    """
    shifted = [clip.pop("shifted") for clip in clips]
    count = max(map(len, shifted))
    whole = np.array([values for values in shifted if len(values) == count])
    found = [clip["onsets"] for clip, values in zip(clips, shifted, strict=True) if len(values) == count]
    return float(np.mean(whole.mean(0) < np.mean(found)))


def _line(run: str, adapt: str, clips: list[Values], quiet: Values | None = None) -> str:
    """Returns the means as a row of a table."""
    cells = [f"{np.mean([clip[name] for clip in clips]):.3f}" for name in SHOWN]
    clear = f"{np.mean([clip['above'] > 0.95 for clip in clips]):.2f}"
    still = [f"{quiet[name]:.4f}" for name in ("together", "silence", "room")] if quiet else [""] * 3
    return f"| {run} | {adapt} | " + " | ".join([*cells, clear, *still]) + " |"


class Player(NamedTuple):
    """A run that is played."""

    pipeline: Pipeline
    video: Path
    held_out: tuple[Fraction, Fraction]
    """Held-out part of the video, in seconds."""
    usual: float
    """Motion of the training part."""
    frames: int
    """Frames of the training part, at `RATE`."""
    seconds: int
    """Seconds of each sound that are played."""
    path: PathMemory
    beats: ClipBeats | None
    """Beats of the clip."""
    on_beats: bool
    """Whether the clip's beats are played on those of the sound."""

    @classmethod
    def of(cls, run: Path, seconds: int, on_beats: bool = False) -> "Player":
        """Returns the player of a run."""
        (video,), config = recording(run)
        clip = find_source(video).load(config, untold)
        parts = [clip.frames[span.start : span.stop].numpy() for span in clip.train]
        usual = np.concatenate(
            [motion_energy(part[:: max(1, round(config.clip.rate / RATE))]) for part in parts]
        ).mean()
        frames = round(sum(len(part) for part in parts) * RATE / config.clip.rate)
        held, start = clip.held_out[0], Fraction(config.clip.start)
        span = (start + held.start / config.clip.rate, start + held.stop / config.clip.rate)
        pipeline = playable(
            run, PictureChoice(picture="path", size="model", beats=on_beats), device="cpu"
        ).pipeline
        kept = Animator.load(run, "cpu").model.kept
        assert kept is not None
        assert config.features.flux is not None, "paths of the presets studio and quick"
        beats = kept.path.beats(config.features.flux, config.clip.rate)
        return cls(pipeline, video, span, float(usual), frames, seconds, kept.path, beats, on_beats)

    def has_beats(self, sound: Path) -> bool:
        """Returns whether a sound has a steady beat."""
        blocks = partial(read_sound, sound, SAMPLE_RATE, start=0, end=self.seconds)
        return listen(blocks, self.pipeline.front_end.reference, beats=True).beats is not None

    def own(self) -> Values:
        """Returns the figures of the clip's own sound, in the part that was held out."""
        return self._figures(self.video, *self.held_out, "auto")

    def played(self, sound: Path, adapt: Adapt) -> Values:
        """Returns the figures of a sound."""
        return self._figures(sound, Fraction(0), Fraction(self.seconds), adapt)

    def quiet(self, adapt: Adapt) -> Values:
        """Returns the motion in silence and in room noise, from the second second on."""
        samples = 6 * SAMPLE_RATE
        noise = 10 ** (ROOM_DB / 20) * np.random.default_rng(0).standard_normal(samples)
        found = {}
        for name, sound in (("silence", np.zeros(samples)), ("room", noise)):
            frames, _ = self._frames(lambda sound=sound: [sound.astype(np.float32)], adapt)
            found[name] = float(motion_energy(self._pictures(frames)[2 * int(RATE) :]).mean()) / self.usual
        return found

    def _figures(self, sound: Path, start: Fraction, end: Fraction, adapt: Adapt) -> Values:
        begun = perf_counter()
        frames, check = self._frames(lambda: read_sound(sound, SAMPLE_RATE, start=start, end=end), adapt)
        seconds = perf_counter() - begun
        motion = motion_energy(self._pictures(frames))
        onsets = course(sound, RATE, start, len(motion) + 1).onsets[1:]
        best = _best(motion, onsets)
        shifts = np.unique(np.linspace(2 * LAG, max(2 * LAG, len(motion) - 2 * LAG), SHIFTS).astype(int))
        null = [_best(motion, np.roll(onsets, shift)) for shift in shifts]
        moments = np.array([round(float(frame.moments[-1].seconds * self.pipeline.fps)) for frame in frames])
        steps = np.diff(moments)
        used = len({int(moment * RATE / self.pipeline.fps) for moment in moments})
        return {
            "used": used / min(self.frames, len(motion) + 1),
            "jumps": float(((steps < 0) | (steps > 3)).mean() * self.pipeline.fps),
            "motion": float(motion.mean()) / self.usual,
            "onsets": best,
            "above": float(np.mean(np.array(null) < best)),
            "shifted": null,
            "novelty": float("nan") if check.novelty is None else float(np.mean(check.novelty)),
            "foreign": 0.0 if check.matching is None else check.matching.strength,
            "beats": self._on_beats(frames, check),
            "seconds": seconds,
        }

    def _on_beats(self, frames: list[Frame], check: SoundCheck) -> float:
        """Returns how near the beats of the clip are to those of the sound; nan where either has no beat."""
        if self.beats is None or check.beats is None:
            return float("nan")
        fps = self.pipeline.front_end.reference.extractor.fps
        known = dict(zip(self.path.numbers.tolist(), self.beats.phases.tolist(), strict=True))
        beats, apart = check.beats.near(self.beats.period), []
        for number in range(int(len(frames) * fps / self.pipeline.fps)):
            moment = frames[int(number * self.pipeline.fps / fps)].moments[-1]
            apart.append(known.get(round(float(moment.seconds * fps)), np.nan) - beats.phase(number))
        return float(np.nanmean(np.cos(2 * np.pi * np.array(apart))))

    def _frames(
        self, sound: Callable[[], Iterable[np.ndarray]], adapt: Adapt
    ) -> tuple[list[Frame], SoundCheck]:
        """Returns the frames of a sound, and what its sound check found."""
        check = listen(sound, self.pipeline.front_end.reference, "match", adapt, beats=True)
        settings = check.settings()._replace(**({} if self.on_beats else {"beats": None}))
        return list(self.pipeline.play(sound(), settings)), check

    def _pictures(self, frames: list[Frame]) -> np.ndarray:
        """Returns the pictures on display at `RATE`."""
        count = int(len(frames) * RATE / self.pipeline.fps)
        shown = [frames[int(place * self.pipeline.fps / RATE)].picture for place in range(count)]
        return np.stack([picture for picture in shown if picture is not None])


def _best(motion: np.ndarray, onsets: np.ndarray) -> float:
    """Returns the best correlation within the lag."""
    return float(lagged_correlation(motion, onsets, LAG)[1].max())


if __name__ == "__main__":
    main()
