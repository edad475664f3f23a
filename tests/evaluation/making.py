"""Frames that tests of evaluation measure, and what they look for in them."""

from dataclasses import dataclass

import numpy as np


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
