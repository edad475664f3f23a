"""How far a sound is from all that a model has heard, as the model hears it.

Letters: T frames, N frames of a clip, K chunks that are kept, F numbers per frame, S seconds.
"""

from fractions import Fraction
from math import floor
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.features import FeatureExtractor

KEPT = 512
"""Chunks of the training sound that are kept, at most."""
FAR = 2.5
"""A second of a larger mean novelty is far from what was learnt. Of 20 real clips, each fifth held out in
turn, never a quarter of the held-out seconds is; with 63 foreign sounds more than that is in 27 to 41 % of
the pairs, depending on the features."""
FAR_SHARE = 0.25
"""A sound with this share of such seconds is worth a warning."""
_LEAST_SHARE = 0.1
_AT_ONCE = 4096  # frames: bounds memory


class Repertoire(NamedTuple):
    """What the training sound was like."""

    chunks: Float[Tensor, "K chunk"]
    """Chunks of it, standardised where the listener does so, and that of silence, which is never new."""
    distance: Float[Tensor, ""]
    """The mean distance of a training chunk to the nearest of them that is at least a second away."""

    @classmethod
    def of(
        cls, features: Float[Tensor, "N F"], train: tuple[range, ...], extractor: FeatureExtractor
    ) -> "Repertoire":
        """What is kept of a clip.

        Args:
            features: of all its frames.
            train: those that are learnt.
            extractor: that made the features.
        """
        places = np.concatenate([np.arange(span.start, span.stop) for span in train])
        train_chunks = features[places, : extractor.config.chunk_size]
        some = np.unique(
            np.linspace(0, len(train_chunks) - 1, min(len(train_chunks), KEPT)).round().astype(int)
        )
        chunks = train_chunks[some]
        away = torch.from_numpy(np.abs(places[:, None] - places[some]) >= extractor.fps)
        distances = _distances(train_chunks, chunks)
        nearest = distances.masked_fill(~away, torch.inf).amin(1)
        nearest = nearest[nearest.isfinite()]
        # A sound that repeats itself exactly would make everything else infinitely new.
        least = _LEAST_SHARE * distances.mean()
        distance = torch.maximum(nearest.mean(), least) if len(nearest) else distances.mean()
        silence = extractor.whole(torch.zeros(1))[:, : extractor.config.chunk_size]
        return cls(torch.cat([silence, chunks]), distance if distance > 0 else torch.ones(()))


def novelty(features: Float[Tensor, "T F"], repertoire: Repertoire) -> Float[Tensor, " T"]:
    """Distance of each frame's own chunk to the nearest one heard in training: 1 is as far as those are from
    each other.

    0 for silence and for what was kept. Context is left out: the numbers of a frame begin with its own chunk.
    """
    own_chunks = features[:, : repertoire.chunks.shape[1]]
    nearest = [_distances(block, repertoire.chunks).amin(1) for block in own_chunks.split(_AT_ONCE)]
    return torch.cat(nearest) / repertoire.distance


def by_second(values: Float[Tensor, " T"], fps: Fraction) -> Float[np.ndarray, " S"]:
    """Means over each second; less than half a second at the end counts with the one before."""
    last = max(0, floor(len(values) / fps + Fraction(1, 2)) - 1)
    seconds = torch.tensor([min(floor(frame / fps), last) for frame in range(len(values))], dtype=torch.long)
    return (torch.bincount(seconds, values.double()) / torch.bincount(seconds)).numpy()


def _distances(a: Float[Tensor, "T chunk"], b: Float[Tensor, "K chunk"]) -> Float[Tensor, "T K"]:
    return torch.cdist(
        a, b, compute_mode="donot_use_mm_for_euclid_dist"
    )  # so that equal chunks have exactly 0
