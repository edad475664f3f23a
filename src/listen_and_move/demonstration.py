"""The demonstration: a made-up performance is learnt, then plays a melody that the model never heard.

The truth for that melody can be computed too, so the result is measured against it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from listen_and_move.data.synthetic.performance import Note, melody, render_frames, render_sound
from listen_and_move.errors import UserError
from listen_and_move.inference.generate import generate
from listen_and_move.media.picture import read_frames
from listen_and_move.media.soundtrack import SoundTrack, Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.media.wav import write_wav
from listen_and_move.metrics.sync import (
    best_lag,
    correlation,
    difference_correlation,
    motion_energy,
    motion_ratio,
)
from listen_and_move.presets import preset
from listen_and_move.provenance.label import Label
from listen_and_move.provenance.provenance import compared, computed
from listen_and_move.training.loop import train
from listen_and_move.training.trainer import TrainingProgress

PRESET = "quick"
STEPS = 600
"""Enough for eight bars, and within six minutes on two cores."""
LEARNT_SECONDS, UNHEARD_SECONDS = 30.0, 15.0
LEARNT_SEED, UNHEARD_SEED = 1, 1000  # far apart: no --seed gives the melody that is learnt
SOUND_RATE = 48_000
PICTURE_SIZE = 512
"""Side of the clip's picture, in pixels: what is shown; the model learns it at the preset's size."""
DRAWN: Mapping[str, Any] = {"clip.camera": "as-filmed", "clip.start": 0.0}
"""Settings of the clip: a program drew the film, so no camera moves, and from its beginning on it is one
scene."""


@dataclass(frozen=True)
class Demonstration:
    """Where everything is, and how well the generated picture follows the unheard melody."""

    clip: Path
    """The performance that was learnt."""
    sound: Path
    """The melody that was not."""
    run: Path
    result: Path
    """The learnt picture playing the unheard melody."""
    comparison: Path
    """The truth (left) beside what was played (right)."""
    motion_correlation: float
    """Correlation over time of motion energy, generated against truth."""
    lag_frames: int
    """Shift at which that correlation is largest; positive: the picture is late."""
    dcor: float
    """Pixel correlation of frame differences."""
    motion_ratio: float
    """Mean motion over the truth's."""
    motion_in_pauses: float
    """Mean motion while the truth is perfectly still, over the truth's mean motion."""

    def lines(self) -> list[str]:
        """The figures and the paths, for a person."""
        return [
            "generated against the truth, on a melody that the model never heard:",
            f"  correlation of motion over time   {self.motion_correlation:6.3f}   (1 is perfect)",
            f"  lag of the picture                {self.lag_frames:6d}   frames",
            f"  correlation of changing pixels    {self.dcor:6.3f}   (1 is perfect, 0 a still picture)",
            f"  amount of motion                  {self.motion_ratio:6.3f}   (1 is right)",
            f"  motion in the melody's pauses     {self.motion_in_pauses:6.3f}   (0 is still)",
            f"learnt clip:    {self.clip}",
            f"unheard melody: {self.sound}",
            f"run:            {self.run}",
            f"result:         {self.result}",
            f"truth beside result: {self.comparison}",
        ]


def demo(
    folder: Path | str = "listen-and-move-demo",
    *,
    seed: int = 0,
    steps: int | None = None,
    device: str = "auto",
    watch: Callable[[TrainingProgress], None] = lambda progress: None,
) -> Demonstration:
    """Make a clip, learn it, play an unheard melody; called again, training goes on where it stopped.

    Args:
        folder: where all files go; new, empty or of an earlier demonstration.
        seed: of the unheard melody.
        steps: training steps in total; None: `STEPS`.
        device: auto, cpu, cuda or mps.
        watch: called after every training step.

    Raises:
        UserError: the folder holds something else or cannot be written.
    """
    folder = _prepared(Path(folder))
    clip, sound = folder / "performance.mp4", folder / f"melody-{seed}.wav"
    result, comparison = folder / f"melody-{seed}.mp4", folder / f"comparison-{seed}.mp4"
    write_clip(clip)
    notes = write_melody(sound, seed)
    settings = {"training.steps": steps or STEPS, **DRAWN}
    trained = train(clip, folder / "run", preset_name=PRESET, settings=settings, device=device, watch=watch)
    generate(trained.run, sound, result, overwrite=True, device=device)
    real, generated = _write_comparison(comparison, notes, result, sound)
    return Demonstration(clip, sound, trained.run, result, comparison, **_figures(generated, real))


def write_clip(path: Path, seconds: float = LEARNT_SECONDS) -> None:
    """Write the performance to learn; one that is there is kept, so that training can go on.

    Args:
        path: of the film.
        seconds: of it.
    """
    if path.exists():
        return
    notes, fps = melody(LEARNT_SEED, seconds), _fps()
    sound = Waveform(render_sound(notes, seconds, SOUND_RATE), SOUND_RATE)
    label, side = Label(computed()), PICTURE_SIZE
    with VideoWriter(
        path, width=side, height=side, fps=fps, sound=sound, metadata=label.tags, seal=label.seal
    ) as writer:
        for frame in render_frames(notes, seconds, fps, side, side):
            writer.write(frame)


def write_melody(path: Path, seed: int = 0) -> tuple[Note, ...]:
    """Write the sound of a melody that is not learnt.

    Args:
        path: of a WAV file.
        seed: of the melody.

    Returns:
        Its notes.
    """
    notes = melody(UNHEARD_SEED + seed, UNHEARD_SECONDS)
    write_wav(path, render_sound(notes, UNHEARD_SECONDS, SOUND_RATE), SOUND_RATE)
    return notes


def _prepared(folder: Path) -> Path:
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not (folder / "performance.mp4").exists())
    ):
        raise UserError(
            f"{folder}: expected a new folder or that of a demo; it holds something else: name another"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: expected a folder that can be written; got {error.strerror}: name another"
        ) from None
    return folder


def _fps() -> Fraction:
    return preset(PRESET).clip.rate


def _small(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the frames averaged down to the model's size, at which figures are taken."""
    clip = preset(PRESET).clip
    rows, columns = PICTURE_SIZE // clip.height, PICTURE_SIZE // clip.width
    for frame in frames:
        # Added row by row, then column by column: several times as fast as a mean over both axes, and exact.
        strips = frame.reshape(clip.height, rows, -1).sum(1, dtype=np.uint32)
        cells = strips.reshape(clip.height, clip.width, columns, 3).sum(2)
        yield (cells / (rows * columns) + 0.5).astype(np.uint8)


def _figures(generated: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    made, true = motion_energy(generated), motion_energy(real)
    still = true == 0
    return {
        "motion_correlation": correlation(made, true),
        "lag_frames": best_lag(made, true, 6)[0],
        "dcor": difference_correlation(generated, real),
        "motion_ratio": motion_ratio(generated, real),
        "motion_in_pauses": float(made[still].mean() / true.mean()),
    }


def _write_comparison(
    path: Path, notes: tuple[Note, ...], result: Path, sound: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Writes the truth (left) beside what was played (right), frame by frame as both are large.

    Returns:
        The truth and what was played, at the model's size.
    """
    side = PICTURE_SIZE
    truths, results = [], []
    truth = render_frames(notes, UNHEARD_SECONDS, _fps(), side, side)
    played = read_frames(result, _fps(), width=side, height=side)
    label = Label(compared())
    with VideoWriter(
        path,
        width=2 * side,
        height=side,
        fps=_fps(),
        sound=SoundTrack(sound),
        metadata=label.tags,
        overwrite=True,
        seal=label.seal,
    ) as writer:
        for pair in zip(truth, played, strict=True):
            writer.write(np.concatenate(pair, axis=1))
            truths += _small(pair[:1])
            results += _small(pair[1:])
    return np.stack(truths), np.stack(results)
