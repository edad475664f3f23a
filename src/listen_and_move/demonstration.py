"""The demonstration: a made-up performance is learnt, then plays a score that the model never heard.

The truth for that score can be computed too, so the result is measured against it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from listen_and_move.data.synthetic.performances import (
    DEFAULT_PERFORMANCE,
    PERFORMANCES,
    SyntheticPerformance,
)
from listen_and_move.errors import UserError, shown
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
"""Enough for each kind of performance, and within six minutes on two cores."""
LEARNT_SECONDS, UNHEARD_SECONDS = 30.0, 15.0
LEARNT_SEED, UNHEARD_SEED = 1, 1000  # far apart: no --seed gives the score that is learnt
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
    """The sound that was not."""
    run: Path
    result: Path
    """The learnt picture playing the unheard sound."""
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
    unheard: str = "melody"
    """What the unheard score is called."""

    def lines(self) -> list[str]:
        """The figures and the paths, for a person."""
        pauses, unheard = f"motion in the {self.unheard}'s pauses", f"unheard {self.unheard}:"
        return [
            f"generated against the truth, on a {self.unheard} that the model never heard:",
            f"  correlation of motion over time   {self.motion_correlation:6.3f}   (1 is perfect)",
            f"  lag of the picture                {self.lag_frames:6d}   frames",
            f"  correlation of changing pixels    {self.dcor:6.3f}   (1 is perfect, 0 a still picture)",
            f"  amount of motion                  {self.motion_ratio:6.3f}   (1 is right)",
            f"  {pauses:<32}  {self.motion_in_pauses:6.3f}   (0 is still)",
            f"learnt clip:    {self.clip}",
            f"{unheard:<15} {self.sound}",
            f"run:            {self.run}",
            f"result:         {self.result}",
            f"truth beside result: {self.comparison}",
        ]


def demo(
    folder: Path | str | None = None,
    *,
    performance: str = DEFAULT_PERFORMANCE,
    seed: int = 0,
    steps: int | None = None,
    device: str = "auto",
    watch: Callable[[TrainingProgress], None] = lambda progress: None,
) -> Demonstration:
    """Make a clip, learn it, play an unheard score; called again, training goes on where it stopped.

    Args:
        folder: where all files go; new, empty or of an earlier demonstration of the same performance. None:
            listen-and-move-demo here, with the name of a performance other than the default after it.
        performance: which kind, a name of `PERFORMANCES`.
        seed: of the unheard score.
        steps: training steps in total; None: `STEPS`.
        device: auto, cpu, cuda or mps.
        watch: called after every training step.

    Raises:
        UserError: there is no such performance, or the folder holds something else or cannot be written.
    """
    kind = _kind(performance)
    folder = _prepared(Path(folder or _default_folder(performance)), kind.clip)
    clip, sound = folder / kind.clip, folder / f"{kind.unheard}-{seed}.wav"
    result, comparison = folder / f"{kind.unheard}-{seed}.mp4", folder / f"comparison-{seed}.mp4"
    write_clip(clip, performance=performance)
    score = write_unheard(sound, seed, performance)
    settings = {"training.steps": steps or STEPS, **DRAWN}
    trained = train(clip, folder / "run", preset_name=PRESET, settings=settings, device=device, watch=watch)
    generate(trained.run, sound, result, overwrite=True, device=device)
    truth = kind.frames(score, UNHEARD_SECONDS, _fps(), PICTURE_SIZE, PICTURE_SIZE)
    real, generated = _write_comparison(comparison, truth, result, sound)
    figures = _figures(generated, real)
    return Demonstration(clip, sound, trained.run, result, comparison, **figures, unheard=kind.unheard)


def write_clip(path: Path, seconds: float = LEARNT_SECONDS, performance: str = DEFAULT_PERFORMANCE) -> None:
    """Write the performance to learn; one that is there is kept, so that training can go on.

    Args:
        path: of the film.
        seconds: of it.
        performance: which kind, a name of `PERFORMANCES`.
    """
    if path.exists():
        return
    kind, fps = _kind(performance), _fps()
    score = kind.score(LEARNT_SEED, seconds)
    sound = Waveform(kind.sound(score, seconds, SOUND_RATE), SOUND_RATE)
    label, side = Label(computed()), PICTURE_SIZE
    with VideoWriter(path, width=side, height=side, fps=fps, sound=sound, label=label) as writer:
        for frame in kind.frames(score, seconds, fps, side, side):
            writer.write(frame)


def write_unheard(path: Path, seed: int = 0, performance: str = DEFAULT_PERFORMANCE) -> tuple[Any, ...]:
    """Write the sound of a score that is not learnt.

    Args:
        path: of a WAV file.
        seed: of the score.
        performance: which kind, a name of `PERFORMANCES`.

    Returns:
        The score.
    """
    kind = _kind(performance)
    score = kind.score(UNHEARD_SEED + seed, UNHEARD_SECONDS)
    write_wav(path, kind.sound(score, UNHEARD_SECONDS, SOUND_RATE), SOUND_RATE)
    return score


def _kind(name: str) -> SyntheticPerformance[Any]:
    if name not in PERFORMANCES:
        raise UserError(f"performance: expected one of {', '.join(PERFORMANCES)}; got {shown(name)}")
    return PERFORMANCES[name]


def _default_folder(performance: str) -> str:
    return "listen-and-move-demo" + (f"-{performance}" if performance != DEFAULT_PERFORMANCE else "")


def _prepared(folder: Path, clip: str) -> Path:
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / clip).exists())):
        raise UserError(
            f"{folder}: expected a new folder or that of the same demo; it holds something else: name another"
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
    path: Path, truth: Iterator[np.ndarray], result: Path, sound: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Writes the truth (left) beside what was played (right), frame by frame as both are large.

    Returns:
        The truth and what was played, at the model's size.
    """
    side = PICTURE_SIZE
    truths, results = [], []
    played = read_frames(result, _fps(), width=side, height=side)
    with VideoWriter(
        path,
        width=2 * side,
        height=side,
        fps=_fps(),
        sound=SoundTrack(sound),
        label=Label(compared()),
        overwrite=True,
    ) as writer:
        for pair in zip(truth, played, strict=True):
            writer.write(np.concatenate(pair, axis=1))
            truths += _small(pair[:1])
            results += _small(pair[1:])
    return np.stack(truths), np.stack(results)
