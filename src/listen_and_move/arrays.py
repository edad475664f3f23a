"""Types of arrays that many modules name."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Numbers of 64 bits: what is measured, summed and averaged."""
FloatArray = NDArray[np.floating]
"""Numbers of any floating width: samples, pictures and features as they come."""
