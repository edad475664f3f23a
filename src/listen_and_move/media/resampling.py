"""Resampling of one channel of sound as it comes; the result does not depend on how the sound is cut.

Files and live sound go the same way, so that the same samples give the same picture.
"""

from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Any

import av
import numpy as np
from jaxtyping import Float

LOWEST_RATE, HIGHEST_RATE = 1000, 1_000_000
"""Lowest and highest sample rate of a sound."""
_PROBE = 1 << 13  # samples: more than the longest filter needs to begin


class Resampler:
    """Resamples a sound to another rate, ceil(samples x rate to / rate from) samples in all.

    Only the delay of the filter is held back, see `delay`. A resampler has a state, and serves one sound.
    """

    def __init__(self, rate_from: int, rate_to: int) -> None:
        self.rate_from, self.rate_to = rate_from, rate_to
        self.input_count, self.given = 0, 0
        self.filter = (
            None if rate_from == rate_to else av.AudioResampler(format="flt", layout="mono", rate=rate_to)
        )

    def push(self, samples: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
        """Takes the next samples, any number, and returns the samples that they complete."""
        self.input_count += len(samples)
        if self.filter is None or not len(samples):
            return samples
        new = self._filtered(audio_frame(samples[:, None], self.rate_from))[: self._wanted() - self.given]
        self.given += len(new)
        return new

    def finish(self) -> Float[np.ndarray, " m"]:
        """Returns the remaining samples when the sound has ended."""
        if self.filter is None or not self.input_count:
            return np.zeros(0, np.float32)
        missing = self._wanted() - self.given
        rest = self._filtered(None)[:missing]
        self.given += missing
        return np.pad(rest, (0, missing - len(rest)))  # the filter may hold back the very last sample

    def _wanted(self) -> int:
        return ceil(Fraction(self.input_count * self.rate_to, self.rate_from))

    def _filtered(self, frame: Any) -> np.ndarray:
        assert self.filter is not None
        return np.concatenate(
            [np.zeros(0, np.float32), *(piece.to_ndarray()[0] for piece in self.filter.resample(frame))]
        )


@lru_cache(maxsize=8)
def delay(rate_from: int, rate_to: int) -> Fraction:
    """Returns the seconds of sound that the filter holds back until more comes: half of its own length."""
    samples = np.zeros(_PROBE, np.float32)
    return Fraction(_PROBE, rate_from) - Fraction(len(Resampler(rate_from, rate_to).push(samples)), rate_to)


def audio_frame(samples: Float[np.ndarray, "n channels"], rate: int, layout: str = "mono") -> Any:
    """Returns samples as a frame of PyAV. For the modules of this folder."""
    values = np.ascontiguousarray(samples.reshape(1, -1), dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(values, format="flt", layout=layout)
    frame.sample_rate = rate
    return frame
