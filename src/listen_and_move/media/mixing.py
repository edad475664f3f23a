"""All channels of a sound as one, as it comes: what it becomes does not depend on how it is cut.

One channel is the mean of all. Where channels cancel in the mean, as in stereo with one side upside down, the
loudest of them is heard alone. Which it is follows from the sound before, so that nothing waits: energies of
the mean and of the channels are summed in steps of the sample grid, older ones counting less and less.
"""

from math import exp

import numpy as np
from jaxtyping import Float

STEPS = 50
"""Steps per second: within one step a mix goes over into another."""
MEMORY = 0.25
"""Seconds after which a step counts 1/e."""
CANCELS, HOLDS = 0.1, 0.35
"""Energy of the mean, over that of independent channels of the same energy, below which channels cancel, and
above which they no longer do. It is 1 + correlation for two equally loud ones; the lowest that was found in
21 stereo recordings is 0.395."""
FAINT = 0.25
"""A channel with less of the loudest one's energy is no longer the one to hear."""


class MonoMix:
    """Mixes the channels of one sound, block by block."""

    def __init__(self, rate: int) -> None:
        self.step = max(1, rate // STEPS)
        self.decay = exp(-self.step / (MEMORY * rate))
        self._begin(1)

    def _begin(self, channels: int) -> None:
        self.place = 0
        """Samples of the current step that are over."""
        self.heard: int | None = None
        """The channel that is heard alone in the current step; None is the mean."""
        self.before: int | None = None
        """The same of the step before, from which the current one goes over."""
        self.energies = [0.0] * (channels + 1)
        """Of each channel and, last, of the mean, in the steps that are over."""
        self.sums = [0.0] * (channels + 1)
        """The same in the current step."""

    def push(self, samples: Float[np.ndarray, "n channels"]) -> Float[np.ndarray, " n"]:
        """The next samples, any number, mixed: float32."""
        planes = np.ascontiguousarray(samples.T, np.float64)
        mean = np.add.reduce(planes) / len(planes)
        mixed = mean.astype(np.float32)
        if len(planes) == 1:
            return mixed
        if len(planes) != len(self.sums) - 1:
            self._begin(len(planes))
        at = 0
        while at < len(mixed):
            piece = slice(at, at + self.step - self.place)
            parts = [plane[piece] for plane in (*planes, mean)]
            if self.heard is not None or self.before is not None:
                mixed[piece] = self._mixed(parts)
            for place, part in enumerate(parts):
                self.sums[place] += float(np.vdot(part, part))
            self.place += len(parts[0])
            at = piece.stop
            if self.place == self.step:
                self._decide()
        return mixed

    def _mixed(self, parts: list[np.ndarray]) -> np.ndarray:
        """A part of a step, of each channel and the mean."""
        old, new = (parts[-1 if channel is None else channel] for channel in (self.before, self.heard))
        share = (np.arange(self.place, self.place + len(old)) + 0.5) / self.step
        return old + share * (new - old)

    def _decide(self) -> None:
        """Ends a step."""
        self.energies = [self.decay * old + new for old, new in zip(self.energies, self.sums, strict=True)]
        self.place, self.sums, self.before = 0, [0.0] * len(self.sums), self.heard
        *of_channels, of_mean = self.energies
        held, total, most = len(of_channels) ** 2 * of_mean, sum(of_channels), max(of_channels)
        if held > HOLDS * total:
            self.heard = None
        elif (held < CANCELS * total) if self.heard is None else (of_channels[self.heard] < FAINT * most):
            self.heard = of_channels.index(most)
