"""How loud a sound is, and the one gain that makes it as loud as the sound that a model learnt from.

The level is gated twice, after ITU-R BS.1770-4 (2015), so that pauses do not count: blocks below an absolute
gate are left out, then those far below the mean of the rest; the latter again until none is left to leave
out, so that a quieter copy of a sound, whose tails fall below the absolute gate, is quieter by just that
much. The band that the listener hears is measured, so that neither an offset nor a hum below it counts.
Powers are kept as a histogram, so memory does not grow with the sound.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, inf, log10
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from listen_and_move.audio.features import HIGHEST_HZ, HOP, LOWEST_HZ, SAMPLE_RATE
from listen_and_move.errors import UserError, shown

Gain = float | Literal["running"]
"""Gain in dB; "running" follows the sound slowly, for sound whose future is not known."""
BLOCK = 5440
"""Samples of one level measurement: 85 ms. Blocks overlap by half."""
STEP = BLOCK // 2
ABSOLUTE_GATE = -57.0
"""dB of full scale: quieter blocks do not count. Room noise at -60 dB stays below it, with its fluctuations.
"""
RELATIVE_GATE = 10.0
"""Blocks this many dB below the mean of those above the absolute gate count as pauses and tails."""
LARGEST_GAIN = 20.0
"""Largest gain of a match in dB, up or down."""
LARGEST_FIXED_GAIN = 60.0
"""Largest gain in dB, up or down, that a user may set."""
MEMORY_SECONDS, SLOWNESS_SECONDS = 10.0, 3.0
"""Constants of the running gain: seconds of sound that it measures, and its time constant (63 % of the way).

It rests in pauses."""
BIN = 0.1  # dB
BINS = 1000  # from the absolute gate upwards; louder blocks count in the last bin


class LevelState(NamedTuple):
    """State of a level measurement."""

    samples: Float[np.ndarray, " samples"]
    """Samples at the beginning of the next block."""
    counts: Float[np.ndarray, " bins"]
    """Number of blocks above the absolute gate, by their level."""
    powers: Float[np.ndarray, " bins"]
    """Sum of the powers of those blocks, by their level."""


NOTHING = LevelState(np.zeros(0, np.float32), np.zeros(BINS), np.zeros(BINS))
"""The state before any sound."""


def measured(samples: Float[np.ndarray, " samples"], state: LevelState = NOTHING) -> LevelState:
    """Returns the state after the next samples at 64 kHz, of any number."""
    samples = np.concatenate([state.samples, samples])
    while len(samples) >= BLOCK:
        state = _added(float(band_power(samples[:BLOCK])), state)
        samples = samples[STEP:]
    return state._replace(samples=samples.copy())


def level_of(state: LevelState) -> float | None:
    """Returns the level of the sound so far in dB of full scale.

    It is None where no block was above the absolute gate.
    """
    if not state.counts.any():
        return None
    gate = 0
    while (higher := _bin(_mean(state, gate) - RELATIVE_GATE)) > gate:
        gate = higher
    return _mean(state, gate)


def gated_level(blocks: Iterable[Float[np.ndarray, " samples"]]) -> float | None:
    """Returns the level of a whole sound at 64 kHz in dB of full scale.

    It is None where no block passes the absolute gate.

    The sound comes in blocks of any length, and silence follows it. A full-scale sine has -3.
    """
    state = NOTHING
    for block in blocks:
        state = measured(block, state)
    return level_of(measured(np.zeros(BLOCK, np.float32), state))


def matching_gain(level: float | None, trained_level: float | None) -> float:
    """Returns the gain in dB that brings a sound to the training sound's level, at most 20 up or down.

    It is 0 where either has no level.
    """
    if level is None or trained_level is None:
        return 0.0
    return max(-LARGEST_GAIN, min(LARGEST_GAIN, trained_level - level))


def parse_gain(text: str) -> Gain | Literal["match"]:
    """Returns a gain from a user's text: match, running, or a number of dB.

    Raises:
        UserError: it is none of them.
    """
    if text == "match" or text == "running":
        return text
    try:
        return checked_gain(float(text))
    except ValueError:
        raise UserError(
            f"gain: expected match, running or a number of dB, such as 6 or -3.5; got {shown(text)}"
        ) from None


def checked_gain(gain: Gain) -> Gain:
    """Returns the gain itself if it is valid.

    Raises:
        UserError: no gain that makes sense.
    """
    if gain == "running" or (not isinstance(gain, str) and abs(gain) <= LARGEST_FIXED_GAIN):
        return gain
    raise UserError(
        f"gain: expected -{LARGEST_FIXED_GAIN:g} to {LARGEST_FIXED_GAIN:g} dB, or running; got {gain}"
    )


class GainState(NamedTuple):
    """State between blocks of sound that is played with a gain."""

    level: LevelState
    """Level measurement of a running gain."""
    sample_count: int
    """Samples so far."""
    gains: tuple[float, float]
    """dB at the last step and at the next step; the gain goes linearly from one to the other."""


@dataclass(frozen=True)
class Leveller:
    """Plays sound with a gain.

    The gain is fixed, or begins at 0 dB and follows the level of the sound so far.
    """

    gain: Gain
    trained_level: float | None
    """dB of the training sound; None: not known, and a running gain stays at its beginning."""

    def __post_init__(self) -> None:
        checked_gain(self.gain)

    def applied(
        self, sound: Iterable[Float[np.ndarray, " samples"]]
    ) -> Iterator[Float[np.ndarray, " samples"]]:
        """Yields the blocks of a sound with the gain."""
        state = None
        for block in sound:
            louder, state = self.push(block, state)
            yield louder

    def push(
        self, samples: Float[np.ndarray, " samples"], state: GainState | None = None
    ) -> tuple[Float[np.ndarray, " samples"], GainState]:
        """Returns the next samples at 64 kHz, of any number, with the gain; no sample is held back.

        A state may go on with another gain, which is then reached within 85 ms.
        """
        if state is None:
            begin = 0.0 if self.gain == "running" else self.gain
            state = GainState(NOTHING, 0, (begin, begin))
        parts = [samples[:0]]
        while len(samples):
            place = state.sample_count % STEP
            piece, samples = samples[: STEP - place], samples[STEP - place :]
            parts.append(_ramped(piece, place, state.gains))
            state = self._updated_state(piece, state._replace(sample_count=state.sample_count + len(piece)))
        return np.concatenate(parts), state

    def _updated_state(self, piece: np.ndarray, state: GainState) -> GainState:
        """Returns the state after a piece of a step, with the gain from the next step on."""
        level, now, ended = state.level, state.gains[1], state.sample_count % STEP == 0
        if self.gain != "running":
            return GainState(NOTHING, state.sample_count, (now, self.gain)) if ended else state
        level = level._replace(samples=np.concatenate([level.samples, piece]))
        if not ended:
            return state._replace(level=level)
        if len(level.samples) < BLOCK:
            return GainState(level, state.sample_count, (now, now))
        power, level = float(band_power(level.samples[:BLOCK])), level._replace(samples=level.samples[STEP:])
        return (
            self._followed(power, level, now, state.sample_count)
            if _sounds(power)
            else GainState(level, state.sample_count, (now, now))
        )

    def _followed(self, power: float, level: LevelState, now: float, sample_count: int) -> GainState:
        """Returns the state after a step.

        The measurement forgets a little of the past, and the gain goes some of its way.
        """
        kept, slow = (exp(-STEP / SAMPLE_RATE / seconds) for seconds in (MEMORY_SECONDS, SLOWNESS_SECONDS))
        level = _added(power, level._replace(counts=kept * level.counts, powers=kept * level.powers))
        target = now if self.trained_level is None else matching_gain(level_of(level), self.trained_level)
        return GainState(level, sample_count, (now, slow * now + (1 - slow) * target))


def _ramped(piece: np.ndarray, place: int, gains: tuple[float, float]) -> Float[np.ndarray, " samples"]:
    first, last = (10 ** (gain / 20) for gain in gains)
    return (piece * (first + (last - first) * (place + np.arange(len(piece))) / STEP)).astype(np.float32)


def band_power(windows: Float[np.ndarray, "*n samples"]) -> Float[np.ndarray, "*n"] | np.float64:
    """Returns the mean square of each window in the band of the features.

    It is computed by Parseval's theorem, with a Hann window.
    """
    length = windows.shape[-1]
    hann, band = _band(length)
    spectra = np.fft.rfft(windows * hann)[..., band]
    return 2 * np.square(np.abs(spectra)).sum(-1) / (length * np.square(hann).sum())


@lru_cache(maxsize=8)
def _band(length: int) -> tuple[Float[np.ndarray, " samples"], slice]:
    """Returns a Hann window of ``length`` samples, and the bins of its spectrum that lie in the band."""
    return np.hanning(length + 1)[:-1], slice(*band_bins(length))


def band_bins(length: int) -> tuple[int, int]:
    """Returns the first bin of the features' band in a spectrum, and the bin after its last.

    Args:
        length: samples of the window.
    """
    first, last = (round(hertz * length / SAMPLE_RATE) for hertz in (LOWEST_HZ, HIGHEST_HZ))
    return first, last


def loudest(samples: Float[np.ndarray, " samples"]) -> float:
    """Returns the level of the loudest 20 ms in dB of full scale; -inf for digital silence.

    Silence follows the sound. Only the band of the features counts. A full-scale sine has -3.
    """
    count = max(1, ceil(len(samples) / HOP) - 1)
    padded = np.pad(samples, (0, max(0, (count + 1) * HOP - len(samples))))
    return _decibels(
        float(band_power(np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP]).max())
    )


def _added(power: float, state: LevelState) -> LevelState:
    if not _sounds(power):
        return state
    counts, powers, place = state.counts.copy(), state.powers.copy(), _bin(_decibels(power))
    counts[place] += 1
    powers[place] += power
    return state._replace(counts=counts, powers=powers)


def _sounds(power: float) -> bool:
    return _decibels(power) >= ABSOLUTE_GATE


def _mean(state: LevelState, gate: int) -> float:
    """Returns the level of the blocks from a bin on."""
    return _decibels(state.powers[gate:].sum() / state.counts[gate:].sum())


def _bin(level: float) -> int:
    return max(0, min(BINS - 1, int((level - ABSOLUTE_GATE) / BIN)))


def _decibels(power: float) -> float:
    return 10 * log10(power) if power > 0 else -inf
