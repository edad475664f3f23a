"""Distances between points, and the smallest of many numbers.

Letters: N points, P numbers of a point, C and D points of two sets.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

_PAIRED = 512  # most points of which all pairs are measured for a unit


class Points(NamedTuple):
    """Points relative to their mean, prepared for fast distances.

    The mean keeps the rounding of `distances` small; with the squared lengths, the distances of one point to
    all of them need a single product of a matrix and a vector.
    """

    mean: Float[np.ndarray, " P"]
    centred: Float[np.ndarray, "N P"]
    squares: Float[np.ndarray, " N"]
    """Squared lengths of the centred points."""

    @classmethod
    def of(cls, points: Float[np.ndarray, "N P"]) -> "Points":
        """Returns prepared points."""
        mean = points.mean(0)
        centred = points - mean
        return cls(mean, centred, np.square(centred).sum(1))

    def squared_distances(self, point: Float[np.ndarray, " P"]) -> Float[np.ndarray, " N"]:
        """Returns the squared distance of each point to another one."""
        centred = point - self.mean
        return np.maximum(self.squares + np.square(centred).sum() - 2 * (self.centred @ centred), 0)


def cheapest(costs: Float[np.ndarray, " N"], count: int) -> Int[np.ndarray, " D"]:
    """Returns the indices of the smallest costs in rising order, the first of equal ones first.

    Only these costs are sorted.
    """
    if count >= len(costs):
        return np.argsort(costs, kind="stable")
    few = np.flatnonzero(costs <= np.partition(costs, count - 1)[count - 1])
    return few[np.argsort(costs[few], kind="stable")][:count]


def distances(a: Float[np.ndarray, "C P"], b: Float[np.ndarray, "D P"]) -> Float[np.ndarray, "C D"]:
    """Returns the Euclidean distance of all pairs, by way of |a - b|^2 = |a|^2 + |b|^2 - 2 ab."""
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


def mean_distance(points: Float[np.ndarray, "N P"]) -> float:
    """Returns the mean distance of all pairs among at most 512 points, evenly chosen; 1 where all are equal.

    The mean and not the median, which is 0 for a clip that is silent or still most of the time.
    """
    some = points[:: -(-len(points) // _PAIRED)]
    pairs = len(some) * (len(some) - 1)
    return float(distances(some, some).sum() / pairs) if pairs and not (points == points[0]).all() else 1.0
