"""FID and KID of a model that plays unpaired sounds: of each clip, and of all clips together.

The vectors of frames stay on disk beside the results, so that an interrupted run goes on without looking at
its frames again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from listen_and_move.evaluation.baselines import Picked, blocks
from listen_and_move.evaluation.dataset import Frames
from listen_and_move.evaluation.network_measures import MOST_VECTORS, distribution_result, spread_evenly
from listen_and_move.evaluation.results import DistributionResult
from listen_and_move.media.replacing import replacing
from listen_and_move.metrics.frechet import LEAST_FRAMES, Measure, compare_distributions
from listen_and_move.pretrained.extract import inception_features

Vectors = NDArray[np.float32]
KINDS: Mapping[str, Measure] = {"FID": "frechet", "KID": "kernel"}


@dataclass(frozen=True)
class Distances:
    """Vectors of real frames to compare generated ones with, and the folder where vectors are kept."""

    network: Any
    """`load("inception-fid")`; None: vectors are kept, and no frames are looked at."""
    folder: Path
    halves: tuple[Vectors, Vectors]
    """Of all real frames, held out or not, in two halves of time: the first to compare with, both for the
    floor."""

    @classmethod
    def of(cls, network: Any, real: Frames, folder: Path, name: str) -> "Distances":
        """Returns the distances to the real frames, whose vectors are computed or read.

        Args:
            network: `load("inception-fid")`.
            real: all frames of the real video.
            folder: where vectors are kept.
            name: tells the vectors of this video from those of others.
        """
        vectors = _kept(folder / f"real-{name}.npy", lambda: _vectors(network, real, MOST_VECTORS))
        return cls._halved(network, folder, vectors)

    @classmethod
    def kept(cls, folder: Path) -> "Distances | None":
        """Returns the distances of clips whose vectors are kept; None where they are not.

        Args:
            folder: where the vectors are, those of the real frames too.
        """
        found = next(folder.glob("real-*.npy"), None)
        return None if found is None else cls._halved(None, folder, np.load(found))

    @classmethod
    def _halved(cls, network: Any, folder: Path, vectors: Vectors) -> "Distances":
        return cls(network, folder, (vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :]))

    def file(self, clip: str) -> Path:
        """Returns the file where the vectors of a clip are kept."""
        return self.folder / f"{clip}.npy"

    def of_clip(self, clip: str, frames: Frames) -> list[DistributionResult]:
        """Returns FID and KID of one clip, or why there is none: a clip of some seconds has few frames.

        Args:
            clip: its key.
            frames: generated.
        """
        return self._compared(
            _kept(self.file(clip), lambda: _vectors(self.network, frames, LEAST_FRAMES)), "clip"
        )

    def of_all(self, clips: Sequence[str]) -> list[DistributionResult]:
        """Returns FID and KID of all clips together, given their keys."""
        most = max(1, MOST_VECTORS // len(clips))
        kept = (np.load(self.file(clip), mmap_mode="r") for clip in clips)
        return self._compared(
            np.concatenate([vectors[spread_evenly(len(vectors), most)] for vectors in kept]), "all clips"
        )

    def _compared(self, generated: Vectors, row: str) -> list[DistributionResult]:
        return [
            distribution_result(title, row, compare_distributions(*self.halves, generated, measure=kind))
            for title, kind in KINDS.items()
        ]


def _vectors(network: Any, frames: Frames, most: int) -> Vectors:
    """Vectors of at most so many frames, spread evenly, (N, 2048)."""
    places = spread_evenly(len(frames), most)
    return inception_features(network, blocks(Picked(frames, places), [range(len(places))])).astype(
        np.float32
    )


def _kept(file: Path, looked_at: Callable[[], Vectors]) -> Vectors:
    """Vectors in a file; if there is none, they are made and put there."""
    if not file.exists():
        with replacing(file) as temporary:
            np.save(temporary, looked_at())
    return np.load(file)
