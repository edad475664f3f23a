"""Measures how well ghosts are told from real frames on real clips.

The figures calibrate `listen_and_move.metrics.ghosts`.

    python -m benchmarks.ghosts CLIP [CLIP ...] [--out benchmarks/results/ghosts.json]

A clip is a run folder, or a video that no run has learnt. The known frames are those of the training part at
the model's rate. Four kinds of frames are judged: all frames of the held-out part, which no threshold was
fitted to; all training frames at the film's own rate; half-and-half blends of two training frames, with these
two left out of the known ones; and blends of two held-out frames that differ as clearly, where there are any.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from listen_and_move.evaluation.film import Film
from listen_and_move.metrics.ghosts import (
    MOST_KNOWN,
    GhostDetector,
    apart,
    clear_difference,
    cut_blocks,
    smoothed_grey,
)
from listen_and_move.runs import RunFolder
from listen_and_move.settings import from_preset

BLENDS = 100
PRESET = "studio"
"""The preset that says which part of a video without a run is taken and held out."""
SEED = 1
"""Seed of the blends, other than the seed of the blends that the threshold was fitted to."""


class GhostCalibration(NamedTuple):
    """Shares of the frames of a clip that were judged rightly."""

    clip: str
    known: int
    threshold: float
    set_by_real_passed: float
    set_by_blends_caught: float
    held_out_frames: int
    held_out_passed: float
    training_frames: int
    training_frames_passed: float
    training_blends: int
    training_blends_caught: float | None
    held_out_blends: int
    held_out_blends_caught: float | None


def calibration(clip: Path) -> GhostCalibration:
    """Returns how well ghosts are told in the clip of a run, or in a video."""
    with TemporaryDirectory() as scratch:
        if clip.is_dir():
            return _calibration(Film.of_run(RunFolder(clip), Path(scratch)))
        return _calibration(Film.of_clip(clip, from_preset(PRESET, {}).clip))


def _calibration(film: Film) -> GhostCalibration:
    known, step = film.thumbnails(film.train, MOST_KNOWN)
    detector = GhostDetector.of(known, near=max(1, round(1 / step)))
    assert detector is not None, "these clips are long enough"
    real, _ = film.thumbnails(film.held_out, 10**6)
    shown = _all_shown(film)
    pairs = detector.clear_pairs(SEED, BLENDS)
    held_pairs = _clear(detector, real)
    return GhostCalibration(
        film.source.name,
        len(known),
        round(detector.check.threshold, 3),
        round(detector.check.real_passed, 3),
        round(detector.check.blends_caught, 3),
        len(real),
        round(1 - float(detector.ghosts(real).mean()), 3),
        len(shown),
        round(1 - float(detector.ghosts(shown).mean()), 3),
        len(pairs),
        _caught(detector, known, pairs, known_themselves=True),
        len(held_pairs),
        _caught(detector, real, held_pairs),
    )


def _all_shown(film: Film) -> UInt8[np.ndarray, "T H W 3"]:
    """Returns all training frames, also those between the known ones."""
    parts = (part.reduced(film.reduced_size, film.rate) for part in film.train)
    return np.stack([frame for part in parts for frame in part])


def _clear(detector: GhostDetector, real: UInt8[np.ndarray, "T H W 3"]) -> NDArray[np.int64]:
    """Returns pairs of held-out frames that differ at least as much as the median pair of known frames."""
    found = apart(cut_blocks(smoothed_grey(real), detector.places, detector.side))
    clear = np.argwhere(np.triu(found >= clear_difference(apart(detector.blocks)), 1))
    return np.random.default_rng(SEED).permutation(clear)[:BLENDS]


def _caught(
    detector: GhostDetector,
    frames: UInt8[np.ndarray, "T H W 3"],
    pairs: NDArray[np.int64],
    known_themselves: bool = False,
) -> float | None:
    """Returns the share of blends of some frames that are recognised; None where there are no pairs."""
    if not len(pairs):
        return None
    blends = frames[pairs].astype(np.float32).mean(1).round().astype(np.uint8)
    told = [
        detector.ghosts(blend[None], pair if known_themselves else ())[0]
        for blend, pair in zip(blends, pairs.tolist(), strict=True)
    ]
    return round(float(np.mean(told)), 3)


def main() -> None:
    """Measures some clips, and writes a table of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = []
    for clip in given.clips:
        found.append(calibration(clip)._asdict())
        print(json.dumps(found[-1]), flush=True)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
