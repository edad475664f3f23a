"""Frames that tests of evaluation measure, and what they look for in them."""

import json
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.runs import RunFolder


@dataclass
class Held:
    """Frames in memory that note the largest number read at once."""

    pictures: np.ndarray
    largest: int = 0

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, first: int, last: int) -> np.ndarray:
        assert 0 <= first < last <= len(self), f"frames {first} to {last} of {len(self)}"
        self.largest = max(self.largest, last - first)
        return self.pictures[first:last]


def noise(seed: int, count: int, height: int = 16, width: int = 18) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def swinging(seed: int, count: int, height: int = 24, width: int = 30) -> np.ndarray:
    """A bright block that wanders at random on a textured ground: most of the picture stands still."""
    random = np.random.default_rng(seed)
    ground = np.random.default_rng(99).integers(40, 120, (height, width, 3), dtype=np.uint8)
    frames = np.repeat(ground[None], count, 0)
    for frame, (y, x) in zip(frames, random.integers(0, (height - 8, width - 8), (count, 2)), strict=True):
        frame[y : y + 8, x : x + 8] = 220
    return frames


def ignored(doing: str, done: int, total: int) -> None:
    """A watcher that looks away."""


def copied(run: Path, folder: Path, **clip: object) -> RunFolder:
    """A copy of a run whose clip has other settings, such as another part held out."""
    copy = RunFolder(Path(shutil.copytree(run, folder / "run")))
    settings = json.loads(copy.config_file.read_text())
    settings["clip"] |= clip
    copy.config_file.write_text(json.dumps(settings))
    return copy


def another_take(path: Path, seconds: float = 1.6, width: int = 96, height: int = 64) -> Path:
    """A video of the same kind of scene that no model has seen: 25 fps."""
    notes, fps = melody(5, seconds), Fraction(25)
    with VideoWriter(
        path, width=width, height=height, fps=fps, sound=Waveform(render_sound(notes, seconds), 48_000)
    ) as writer:
        for frame in render_frames(notes, seconds, fps, width, height):
            writer.write(frame)
    return path
