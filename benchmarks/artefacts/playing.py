"""A trained model played with its held-out sound, whose features move away from training.

Letters: N frames of the video, F numbers per frame.
"""

from collections.abc import Sequence
from math import isinf
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from benchmarks.artefacts.patches import CELLS, MARGIN, ColourRange
from listen_and_move.clock import frame_time
from listen_and_move.data.clip import file_hash
from listen_and_move.data.frame_store import Shelf
from listen_and_move.evaluation.baselines import generated_frames, temporal_spread
from listen_and_move.evaluation.course import course
from listen_and_move.evaluation.dataset import Frames, open_dataset
from listen_and_move.evaluation.frame_measures import FrameMeasures
from listen_and_move.evaluation.json_records import Json, as_json, from_json, write_json
from listen_and_move.evaluation.measures import Values
from listen_and_move.evaluation.unpaired import TrainingReference
from listen_and_move.inference.animator import Animator
from listen_and_move.json_text import parsed
from listen_and_move.media.replacing import replacing
from listen_and_move.metrics.frame import MOVING_SHARE, moving_region
from listen_and_move.runs import RunFolder

COLOURED = "coloured"
"""See `ColourRange.share`."""
MEASURED = (COLOURED, "sharpness_moving", "ssim", "distance", "newness", "flicker", "motion_ratio", "dcor")


class AtLevel(NamedTuple):
    """Figures of a model at one S/N."""

    snr_db: float | None
    """None: the sound as it is."""
    values: Values


class NoisyPlay(NamedTuple):
    """A model played at every S/N."""

    row: str
    seed: int
    levels: tuple[AtLevel, ...]
    real: Values
    """Figures of the real frames."""
    instant_s: float
    """Of the pictures, in the video."""


class PlayedFiles(NamedTuple):
    """Files that keep a played run, so that what is measured is not measured again."""

    values: Path
    pictures: Path

    @classmethod
    def of(cls, folder: Path, row: str, seed: int) -> "PlayedFiles":
        """Returns the files of a run in a folder."""
        name = f"{row}-seed{seed}"
        return cls(folder / f"{name}.json", folder / f"{name}.npy")

    def read(self, identity: Json) -> NoisyPlay | None:
        """Returns the played run; None where it is not there, or is of another model or other levels."""
        if not (self.values.is_file() and self.pictures.is_file()):
            return None
        found = parsed(self.values.read_bytes(), str(self.values))
        return from_json(NoisyPlay, found["played"]) if found["of"] == identity else None

    def write(self, identity: Json, run: NoisyPlay, pictures: UInt8[np.ndarray, "P H W 3"]) -> None:
        """Writes the pictures, then the figures."""
        self.values.unlink(missing_ok=True)
        self.values.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.pictures) as temporary, temporary.open("wb") as file:
            np.save(file, pictures)
        write_json(self.values, {"of": identity, "played": run})


def played_run(
    row: str, run: Path, video: Path, levels: Sequence[float], folder: Path, device: str
) -> NoisyPlay:
    """Plays and measures the model of a run, if that is not done yet.

    Args:
        row: of the study.
        run: folder of the run.
        video: that it learnt.
        levels: S/N in dB; infinity is the sound as it is.
        folder: keeps what was measured.
        device: auto, cpu, cuda or mps.

    Raises:
        UserError: the video is gone, or nothing of it is held out.
    """
    run_folder = RunFolder(run)
    seed, model = run_folder.config().training.seed, file_hash(run_folder.model_file)
    files = PlayedFiles.of(folder, row, seed)
    identity = as_json({"model": model, "levels": levels, "measured": MEASURED, "cells": [CELLS, MARGIN]})
    if (found := files.read(identity)) is not None:
        return found
    animator = Animator.load(run, device)
    with Shelf() as shelf:
        dataset = open_dataset(run_folder, animator.model.statistics, video, False, shelf, _quietly)
        real, span, sound = dataset.real, dataset.span, dataset.measured
        region = moving_region(temporal_spread(real, [range(len(real))]), MOVING_SHARE)
        heard = course(sound.path, animator.fps, sound.seconds(span.start), len(real), sound.track)
        measures = FrameMeasures(real, region, heard, animator.fps)
        true = measures.series(real)
        training = TrainingReference.of(dataset.learnt.frames, dataset.train, dataset.unseen)
        colours = ColourRange.of(dataset.learnt.frames, dataset.train)

        def values(frames: Frames) -> Values:
            found = measures.values(measures.series(frames), true) | training.nearest(frames)
            found |= {COLOURED: colours.share(frames)}
            return {name: found[name] for name in MEASURED}

        instant, at_levels = len(real) // 2, []
        pictures = [real.read(instant, instant + 1)]
        for level in levels:
            features = noisy(sound.features, span, dataset.train, level, seed)
            frames = generated_frames(
                animator, features, span, seed, shelf.store(*animator.size), "playing", _quietly
            )
            at_levels.append(AtLevel(None if isinf(level) else level, values(frames)))
            pictures.append(frames.read(instant, instant + 1))
        second = float(frame_time(span.start + instant, animator.fps))
        played = NoisyPlay(row, seed, tuple(at_levels), values(real), second)
    files.write(identity, played, np.concatenate(pictures))
    return played


def noisy(
    features: Float[Tensor, "N F"], span: range, train: Sequence[range], level: float, seed: int
) -> Float[Tensor, "N F"]:
    """Returns the features with white noise in a stretch.

    S/N is meant of each feature alike: the variance of that feature over the training part, by the variance
    of the noise on it. At 0 dB the noise varies as much as the feature does in training; a feature that does
    not vary there gets none. The noise is normal and new in each frame; of one seed it is the same at every
    level but for its size, and the same for all rows.

    Args:
        features: of the whole sound.
        span: the stretch, in frames.
        train: the trained parts, in frames.
        level: S/N in dB; infinity: no noise.
        seed: of the noise.
    """
    learnt = torch.cat([features[part.start : part.stop] for part in train])
    noise = torch.randn(len(span), features.shape[1], generator=torch.Generator().manual_seed(seed))
    altered = features.clone()
    altered[span.start : span.stop] += noise * learnt.std(0, correction=0) * 10 ** (-level / 20)
    return altered


def _quietly(doing: str, done: int, total: int) -> None:
    """Shows nothing."""
