"""Path memory: what a path is searched by. Each training frame with its sound and a short description of it.

Letters: N training frames, F numbers per frame of sound, P principal components, Q numbers of a thumbnail,
T frames, H height, W width.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from listen_and_move.audio.beats import beats_of, find_beats
from listen_and_move.models.path_costs import CostWeights, Search
from listen_and_move.models.path_search import PathSearch, thumbnails

SIDE = 32
"""Of the thumbnails that are described, in cells: a drumstick is still seen in them."""
COMPONENTS = 64
"""Numbers of a description at most. Of the five clips that choices are made on 64 keep 96 to 99.9 % of the
variance."""
MOST_FITTED = 1024
"""Frames, evenly chosen, of which the components are found."""


class ClipBeats(NamedTuple):
    """Beats of a training sound."""

    period: float
    """In frames."""
    phases: Float[np.ndarray, " N"]
    """How far each training frame is from the beat before to the next one; nan where it is not known."""


class PathMemory(NamedTuple):
    """Every training frame of a clip, as a path sees it."""

    numbers: Int[Tensor, " N"]
    """Of the frames in the clip, at the rate of the features, rising."""
    features: Float[Tensor, "N F"]
    """Of their sound."""
    metric_scale: Float[Tensor, " F"]
    """Factor of each feature in the distance between sounds."""
    descriptions: Float[Tensor, "N P"]
    """Of the frames: principal components of their thumbnails."""
    components: Float[Tensor, "P Q"]
    """The principal components, orthonormal rows."""
    centre: Float[Tensor, " Q"]
    """Mean of the thumbnails."""

    def described(self, pictures: Float[Tensor, "T 3 H W"]) -> Float[np.ndarray, "T P"]:
        """Returns the descriptions of pictures in [-1, 1]."""
        small = torch.nn.functional.adaptive_avg_pool2d((pictures.float() + 1) / 2, SIDE).flatten(1)
        return ((small - self.centre) @ self.components.T).numpy()

    def beats(self, flux: int, fps: Fraction) -> "ClipBeats | None":
        """Returns the beats of the training sound; None where it has no steady ones.

        Args:
            flux: place in the features of how much louder the sound becomes.
            fps: frames per second.
        """
        breaks = np.flatnonzero(np.diff(self.numbers.numpy()) != 1) + 1
        parts = np.split(self.features[:, flux].double().numpy(), breaks)
        found = find_beats(max(parts, key=len), fps)
        if found is None:
            return None
        phases = []
        for part in parts:
            beats = beats_of(part, found.period)
            phases += [np.nan if beats is None else beats.phase(frame) for frame in range(len(part))]
        return ClipBeats(found.period, np.array(phases))

    def search(
        self,
        search: Search,
        weights: CostWeights,
        variety: int = 0,
        phases: Float[np.ndarray, " N"] | None = None,
    ) -> PathSearch:
        """Returns the search through these frames.

        Args:
            search: how it is looked for.
            weights: what makes a frame expensive.
            variety: seed of another path of nearly the same cost; 0: the cheapest one.
            phases: of the beats of the training sound; None: they do not count.
        """
        return PathSearch(
            self.numbers.numpy(),
            self.features.numpy(),
            self.descriptions.numpy(),
            search,
            weights,
            self.metric_scale.numpy(),
            variety,
            phases,
        )

    def without(self, hidden: Bool[Tensor, " N"]) -> "PathMemory":
        """Returns the memory without some frames."""
        kept = ~hidden
        return self._replace(
            numbers=self.numbers[kept], features=self.features[kept], descriptions=self.descriptions[kept]
        )


def path_memory(
    frames: UInt8[Tensor, "frames H W 3"],
    features: Float[Tensor, "frames F"],
    numbers: Int[Tensor, " N"],
    metric_scale: Float[Tensor, " F"],
) -> PathMemory:
    """Returns the path memory of a clip.

    Args:
        frames: of the clip, at the rate of the features.
        features: of their sound.
        numbers: of the frames that may be shown.
        metric_scale: factor of each feature in the distance between sounds.
    """
    small = torch.from_numpy(thumbnails(frames, numbers.numpy(), SIDE))
    some = small[:: -(-len(small) // MOST_FITTED)]
    centre = some.mean(0)
    _, _, components = torch.linalg.svd(some - centre, full_matrices=False)
    components = components[:COMPONENTS].contiguous()
    descriptions = (small - centre) @ components.T
    return PathMemory(numbers, features[numbers], metric_scale, descriptions, components, centre)
