"""Sound as it might have been: louder, duller, in noise, in a room; so that a model does not learn one recording's colour.

Letters: N chunks, C columns, B mel bands.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

GAIN_DB, TILT_DB = 6.0, 12.0
"""Largest change of loudness, and of the highest band against the lowest, at strength 1."""
LEAST_SNR_DB, MOST_SNR_DB = 5.0, 35.0
"""Loudness of the sound above the noise."""
NOISY = 0.5
"""Share of windows with noise at strength 1."""
ECHOING = 0.25
"""Share of windows with an echo at strength 1."""
LEAST_ECHO_S, MOST_ECHO_S = 0.2, 1.0
"""Time in which an echo fades by 60 dB."""
FAINTEST_ECHO_DB, LOUDEST_ECHO_DB = -12.0, 3.0
"""Loudness of the whole echo against the sound itself."""

_QUIETER_DB = 20.0  # by how much the quietest room is quieter


def disturbed(
    power: Float[Tensor, "N C B"], loudness: float, rate: float, strength: float, generator: torch.Generator
) -> Float[Tensor, "N C B"]:
    """The mel power of the same sound, recorded otherwise; one draw for all of it.

    Sound, echo and noise add in power, and a filter multiplies each band: true on average over a band, which is all that
    the features see. ``loudness`` is the track's mean power per band, ``rate`` its chunks per second; ``strength`` 0 changes
    nothing.
    """
    gain, tilt, noise_tilt, snr, noisy, echoing, seconds, echo = torch.rand(8, generator=generator).tolist()
    slope = torch.linspace(-0.5, 0.5, power.shape[-1])
    colour = strength * (GAIN_DB * (2 * gain - 1) + TILT_DB * (2 * tilt - 1) * slope)
    if echoing < strength * ECHOING:
        share = 10 ** ((FAINTEST_ECHO_DB + (LOUDEST_ECHO_DB - FAINTEST_ECHO_DB) * echo) / 10)
        power = power + share * echoed(power, (LEAST_ECHO_S + (MOST_ECHO_S - LEAST_ECHO_S) * seconds) * rate)
    if noisy < strength * NOISY:
        level = -(LEAST_SNR_DB + (MOST_SNR_DB - LEAST_SNR_DB) * snr) + TILT_DB * (2 * noise_tilt - 1) * slope
        power = power + loudness * _gain(level) * torch.empty_like(power).exponential_(generator=generator)
    return power * _gain(colour)


def echoed(power: Float[Tensor, "N C B"], length: float) -> Float[Tensor, "N 1 B"]:
    """The echo of a sound, as loud in all as the sound: it fades by 60 dB in ``length`` chunks."""
    fading = 10 ** (-6 * torch.arange(min(math.ceil(length), len(power))) / length)
    tail = torch.nn.functional.pad(power.mean(1).T, (len(fading) - 1, 0))[:, None]  # B, 1, N + past
    echo = torch.nn.functional.conv1d(tail, (fading / fading.sum()).flip(0)[None, None])
    return echo[:, 0].T[:, None]


def room(columns: Sequence[int], bands: int, loudest_db: float, generator: torch.Generator) -> Float[Tensor, "N C B"]:
    """The mel power of a quiet room: noise of random colour, at most so loud; one time in four none at all.

    Args:
        columns: chunks, and columns of each.
        bands: mel bands.
        loudest_db: mean mel power of the loudest noise, in dB.
        generator: of everything random.
    """
    level, tilt, digital = torch.rand(3, generator=generator).tolist()
    if digital < 0.25:
        return torch.zeros(*columns, bands)
    colour = loudest_db - _QUIETER_DB * level + TILT_DB * (tilt - 1) * torch.linspace(0, 1, bands)
    return _gain(colour) * torch.empty(*columns, bands).exponential_(generator=generator)


def _gain(decibels: Tensor) -> Tensor:
    return 10 ** (decibels / 10)
