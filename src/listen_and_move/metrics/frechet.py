"""Distances of two sets of network features: how far generated pictures as a whole are from real ones.

Letters: N samples (frames, or windows of them), D features: 2048 of Inception for FID and KID, 400 of I3D for
FVD and KVD. Both distances depend on the number of samples: `compare_distributions` gives equal counts, what
two real sets score at that count, and no number where there are too few.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array

Features = NDArray[Any]
"""Features (N, D), any kind of number."""

_GROUPS = 10
"""Consecutive parts, each left out once, that tell how sure a kernel distance is: neighbouring frames are
near-duplicates and stay together."""
LEAST_WINDOWS = 2 * _GROUPS
"""Fewest windows for a kernel distance: two in each part, so that a part has a pair within it."""
LEAST_FRAMES = 5 * _GROUPS
"""Fewest frames: they follow each other more closely than windows do, so that five tell about as much as
two."""


def frechet_distance(a: Features, b: Features) -> float:
    """Returns the Frechet distance of the Gaussians with the mean and covariance of two sets, from 0.

    |mean a - mean b|^2 + trace(A + B - 2 (A B)^(1/2)), with unbiased covariances A and B (Heusel et al.
    2017).

    For A = F'F and B = G'G the last trace is the sum of the singular values of F G'. This needs no root of a
    matrix that few samples leave singular, and is quick where they are fewer than features. Few samples make
    the distance too large: two sets of one distribution score twice the trace of its covariance where N is
    far below D, half of it at N = D and D / 2N of it from there on, if the features are independent and
    equally spread; less if they are not.

    Args:
        a: features (N, D), at least 2 samples.
        b: others of the same D; N may differ.

    Raises:
        ValueError: too few samples, another D, or not finite.
    """
    mean_a, root_a = _mean_and_root(a)
    mean_b, root_b = _mean_and_root(b)
    _same_features(mean_a, mean_b)
    spread = (
        np.square(root_a).sum()
        + np.square(root_b).sum()
        - 2 * np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    )
    return float(np.square(mean_a - mean_b).sum() + max(0.0, spread))


def _mean_and_root(features: Features) -> tuple[Array, Array]:
    """Mean (D,) and a matrix F (at most N or D rows, D) whose F'F is the covariance."""
    features = _checked(features, 2)
    mean = features.mean(0)
    root = (features - mean) / sqrt(len(features) - 1)
    return mean, root if len(root) <= root.shape[1] else np.asarray(np.linalg.qr(root, mode="r"))


class KernelDistance(NamedTuple):
    """A kernel distance and how sure it is."""

    value: float
    """Squared maximum mean discrepancy; about 0 for sets of one distribution, below 0 in half of these
    cases."""
    standard_error: float | None
    """Its standard error; None for fewer than `LEAST_WINDOWS` samples."""


def kernel_distance(a: Features, b: Features) -> KernelDistance:
    """Returns the squared maximum mean discrepancy of two sets under the kernel (x.y / D + 1)^3.

    KID of pictures, KVD of windows (Binkowski et al. 2018). The estimate is unbiased: its mean over many
    draws does not depend on N. All pairs of samples count; published values are often means over random
    subsets of 1000, which have the same mean and more noise. The standard error is a jackknife over ten
    consecutive groups of either set; for sets of one distribution it is rather too large.

    Args:
        a: features (N, D) in the order of time, at least 2 samples.
        b: others of the same D; N may differ.

    Raises:
        ValueError: too few samples, another D, or not finite.
    """
    a, b = _checked(a, 2), _checked(b, 2)
    _same_features(a[0], b[0])
    groups = _GROUPS if min(len(a), len(b)) >= LEAST_WINDOWS else 1
    sizes_a, sizes_b = (np.array([len(group) for group in np.array_split(x, groups)]) for x in (a, b))
    sums = _kernel_sums(a, a, groups), _kernel_sums(b, b, groups), _kernel_sums(a, b, groups)

    def estimate(kept: NDArray[np.bool_]) -> float:
        """Returns the squared discrepancy of the groups that are kept."""
        aa, bb, ab = (table[np.ix_(kept, kept)].sum() for table in sums)
        n, m = int(sizes_a[kept].sum()), int(sizes_b[kept].sum())
        return float(aa / (n * (n - 1)) + bb / (m * (m - 1)) - 2 * ab / (n * m))

    value = estimate(np.ones(groups, bool))
    if groups == 1:
        return KernelDistance(value, None)
    others = np.array([estimate(np.arange(groups) != left_out) for left_out in range(groups)])
    return KernelDistance(value, sqrt((groups - 1) * float(others.var())))


def _kernel_sums(a: Array, b: Array, groups: int) -> Array:
    """Sums of the kernel over all pairs from group i of a and group j of b, (groups, groups).

    No sample pairs with itself.
    """
    sums = np.zeros((groups, groups))
    for row, group in enumerate(np.array_split(a, groups)):
        for column, other in enumerate(np.array_split(b, groups)):
            kernel = (group @ other.T / a.shape[1] + 1) ** 3
            sums[row, column] = kernel.sum() - (np.trace(kernel) if a is b and row == column else 0.0)
    return sums


Measure = Literal["frechet", "kernel"]
Protocol = Literal["equal", "paper"]


@dataclass(frozen=True, kw_only=True)
class DistributionDistance:
    """A distance of generated from real samples with all that is needed to read it."""

    measure: Measure
    counts: tuple[int, int]
    """Samples used: real, generated."""
    value: float | None = None
    """Distance of the generated from the real samples; None where there were too few, see ``note``."""
    floor: float | None = None
    """Distance of two real sets at the same counts: no generator can be expected to score less. None where it
    lacks samples."""
    standard_error: float | None = None
    """Of the kernel distance; None for the other."""
    note: str = ""
    """Why there is no number, or how it is biased; empty where there is nothing to say."""


def compare_distributions(
    real_a: Features,
    real_b: Features,
    generated: Features,
    *,
    measure: Measure,
    least: int = LEAST_FRAMES,
    protocol: Protocol = "equal",
) -> DistributionDistance:
    """Returns the distance of generated samples from real ones, beside that of real ones from each other.

    Args:
        real_a: features (N, D) of the real samples to compare with, in the order of time.
        real_b: features of other real samples, for the floor. Divide the real material in time (first and
            second half): interleaved frames are near-duplicates and would give a floor that is too low.
        generated: features of the generated samples.
        measure: the Frechet or the kernel distance.
        least: fewest samples of a set for a number: `LEAST_FRAMES` or `LEAST_WINDOWS`; the Frechet distance
            needs more than D as well, since its covariance is singular below.
        protocol: "equal" takes as many samples of each set as the smallest has, evenly spread. "paper" takes
            all of ``real_a`` and ``generated`` however few they are, which is what papers print, and biased;
            the floor is that of as many of ``real_b`` as there are generated samples.

    Raises:
        ValueError: another D, or not finite.
    """
    real_a, real_b, generated = (_checked(features, 0) for features in (real_a, real_b, generated))
    needed = 2
    if protocol == "equal":
        needed = max(least, real_a.shape[1] + 1) if measure == "frechet" else least
        count = min(len(real_a), len(real_b), len(generated))
        real_a, generated = _evenly(real_a, count), _evenly(generated, count)
    if (count := min(len(real_a), len(generated))) < needed:
        return DistributionDistance(
            measure=measure, counts=(len(real_a), len(generated)), note=_too_few(measure, count, needed)
        )
    value, error = _measured(measure, real_a, generated)
    floor = None
    if len(real_b) >= len(generated):
        floor, _ = _measured(measure, real_a, _evenly(real_b, len(generated)))
    note = _bias(measure, len(real_a), len(generated)) if protocol == "paper" else ""
    return DistributionDistance(
        measure=measure,
        counts=(len(real_a), len(generated)),
        value=value,
        floor=floor,
        standard_error=error,
        note=note,
    )


def _measured(measure: Measure, a: Array, b: Array) -> KernelDistance:
    return kernel_distance(a, b) if measure == "kernel" else KernelDistance(frechet_distance(a, b), None)


def _too_few(measure: Measure, count: int, needed: int) -> str:
    """Note on a distance that has too few samples."""
    why = {
        "frechet": (
            "with no more samples than features the covariance is singular and the distance measures "
            "their number"
        ),
        "kernel": "with fewer neither the distance nor its standard error can be told from chance",
    }[measure]
    return f"too few samples: {count}, at least {needed} are needed: {why}"


def _bias(measure: Measure, real: int, generated: int) -> str:
    """Note on how the paper's protocol is biased at these counts."""
    counts = f"the paper's protocol: {real} real and {generated} generated samples"
    if measure == "kernel":
        return f"{counts}, however few"
    return f"{counts}, however few: mostly bias where that is below some ten times the number of features"


def _same_features(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"features: expected the same D in both sets; got {len(a)} and {len(b)}")


def _evenly(features: Array, count: int) -> Array:
    """``count`` of the samples, each from the middle of one of as many equal stretches."""
    return features[(np.arange(count) * 2 + 1) * len(features) // (2 * max(1, count))]


def _checked(features: Features, least: int) -> Array:
    """Features as float64, of shape (N, D), finite, and at least so many samples."""
    features = np.asarray(features)
    if features.ndim != 2 or not np.isfinite(features).all():
        raise ValueError(
            f"features: expected finite numbers of shape (N, D); got shape {features.shape}, or not all are "
            "finite"
        )
    if len(features) < least:
        raise ValueError(f"features: expected at least {least} samples; got {len(features)}")
    return features.astype(np.float64)
