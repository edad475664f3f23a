"""Types of arrays that many modules name, and the check that samples are finite."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Numbers of 64 bits: what is measured, summed and averaged."""
FloatArray = NDArray[np.floating]
"""Numbers of any floating width: samples, pictures and features as they come."""


def not_finite(samples: FloatArray) -> int | None:
    """Returns the place of the first sample that is NaN or infinite; None where all samples are finite.

    Args:
        samples: (n,) or (n, channels).
    """
    finite = np.isfinite(samples)
    if finite.all():
        return None
    return int(np.flatnonzero(~finite.reshape(len(samples), -1).all(axis=1))[0])
