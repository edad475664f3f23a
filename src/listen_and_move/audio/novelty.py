"""Novelty: the distance of a sound from the training sound, measured on features.

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
"""Most chunks of the training sound that are kept."""
FAR = 2.5
"""Mean novelty of a second from which on it is far from the training sound.

Of 20 real clips, each fifth held out in turn, never a quarter of the held-out seconds is far; with 63 foreign
sounds more than that is far in 27 to 41 % of the pairs, depending on the features."""
FAR_SHARE = 0.25
"""Share of far seconds from which on a sound is worth a warning."""
_LEAST_SHARE = 0.1
_AT_ONCE = 4096  # frames: bounds memory


class Repertoire(NamedTuple):
    """Chunks of the training sound."""

    chunks: Float[Tensor, "K chunk"]
    """Chunks, standardised where the extractor does so; the first is that of silence, which is never new."""
    distance: Float[Tensor, ""]
    """The mean distance of a training chunk to the nearest kept chunk that is at least a second away."""

    @classmethod
    def of(
        cls, features: Float[Tensor, "N F"], train: tuple[range, ...], extractor: FeatureExtractor
    ) -> "Repertoire":
        """Returns the repertoire of a clip.

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
        # Otherwise every other sound would be infinitely new to a sound that repeats itself exactly.
        least = _LEAST_SHARE * distances.mean()
        distance = torch.maximum(nearest.mean(), least) if len(nearest) else distances.mean()
        silence = extractor.whole(torch.zeros(1))[:, : extractor.config.chunk_size]
        return cls(torch.cat([silence, chunks]), distance if distance > 0 else torch.ones(()))


def novelty(features: Float[Tensor, "T F"], repertoire: Repertoire) -> Float[Tensor, " T"]:
    """Returns the distance of each frame's own chunk to the nearest training chunk.

    1 is the distance of training chunks from each other.

    0 for silence and for what was kept. Context is left out: the numbers of a frame begin with its own chunk.
    """
    own_chunks = features[:, : repertoire.chunks.shape[1]]
    nearest = [_distances(block, repertoire.chunks).amin(1) for block in own_chunks.split(_AT_ONCE)]
    return torch.cat(nearest) / repertoire.distance


def by_second(values: Float[Tensor, " T"], fps: Fraction) -> Float[np.ndarray, " S"]:
    """Returns means over each second; less than half a second at the end counts with the second before."""
    last = max(0, floor(len(values) / fps + Fraction(1, 2)) - 1)
    seconds = torch.tensor([min(floor(frame / fps), last) for frame in range(len(values))], dtype=torch.long)
    return (torch.bincount(seconds, values.double()) / torch.bincount(seconds)).numpy()


def _distances(a: Float[Tensor, "T chunk"], b: Float[Tensor, "K chunk"]) -> Float[Tensor, "T K"]:
    return torch.cdist(
        a, b, compute_mode="donot_use_mm_for_euclid_dist"
    )  # so that equal chunks have exactly 0
