"""When a difference between two rows of a study is told from the chance of their seeds.

Three seeds a row carry little. Two things have to hold: each run of one row is better than each run of the
other, and Welch's 95 % interval of the difference of the means leaves 0 out. The first assumes nothing of
how runs scatter, but chance brings it in 1 of 10 comparisons of three and three; the second asks that rows
lie far apart for how much they scatter, but takes runs as normal. Where both have to hold, chance brings a
verdict in 3.5 of 100 comparisons of three and three (`chance`), and a difference of four times the spread of
single runs is told 9 times of 10, one of twice the spread 4 times of 10. That is said of each comparison by
itself: those that share a row are wrong together.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

LEAST_SEEDS = 3
"""Fewer runs of a row tell nothing: of two and two each row is the better one in 1 of 3 comparisons."""
LEVEL = 0.95
"""Of Welch's interval."""
_DRAWS = 400_000


def direction(
    first: Float[np.ndarray, "*many seeds"], second: Float[np.ndarray, "*many others"]
) -> Int[np.ndarray, "*many"]:
    """Returns 1 where the first row has the larger values, -1 where the second has, 0: cannot be told.

    Args:
        first: a value for each seed of a row.
        second: likewise of another row, of as many seeds or not.
    """
    if min(first.shape[-1], second.shape[-1]) < LEAST_SEEDS:
        return np.zeros(first.shape[:-1], np.int64)
    above, below = first.min(-1) > second.max(-1), first.max(-1) < second.min(-1)
    difference, half = welch(first, second)
    return (above.astype(np.int64) - below) * (np.abs(difference) > half)


def welch(
    first: Float[np.ndarray, "*many seeds"], second: Float[np.ndarray, "*many others"]
) -> tuple[Float[np.ndarray, "*many"], Float[np.ndarray, "*many"]]:
    """Returns the difference of the means, and half the width of its interval (Welch 1947).

    Args:
        first: at least two values of a row.
        second: likewise of another row.
    """
    rows = (first, second)
    errors = [row.var(-1, ddof=1) / row.shape[-1] for row in rows]
    squares = sum(np.square(error) / (row.shape[-1] - 1) for error, row in zip(errors, rows, strict=True))
    both = np.square(errors[0] + errors[1])
    freedom = np.divide(both, squares, out=np.ones_like(both), where=squares > 0)  # equal runs: no width
    half = stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(errors[0] + errors[1])
    return first.mean(-1) - second.mean(-1), half


@cache
def chance(first: int, second: int) -> float:
    """Returns how often rows that do not differ are told apart, one way or the other.

    It is counted in rows of normal values, `_DRAWS` times.

    Args:
        first: seeds of a row.
        second: of the other one.
    """
    random = np.random.default_rng(0)
    values = [random.standard_normal((_DRAWS, seeds)) for seeds in (first, second)]
    return float(np.mean(direction(*values) != 0))
