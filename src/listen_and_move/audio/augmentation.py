"""Audio augmentation: sound that is louder, duller or noisier than it was recorded.

So a model does not learn the colour of one recording.

Letters: N chunks, C columns, B mel bands.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

GAIN_DB, TILT_DB = 6.0, 12.0
"""Largest change of loudness, and of the highest band against the lowest, at strength 1."""
LEAST_SNR_DB, MOST_SNR_DB = 5.0, 35.0
"""Least and largest loudness of the sound above the noise, in dB."""
NOISY = 0.5
"""Share of windows that get noise at strength 1."""
ROOM_DB = -47.0
"""Mean mel power of white noise at -60 dBFS: the loudest quiet room."""

_QUIETER_DB = 20.0  # by how much the quietest room is quieter


def augmented_power(
    power: Float[Tensor, "N C B"], loudness: float, strength: float, generator: torch.Generator
) -> Float[Tensor, "N C B"]:
    """Returns the mel power of the same sound in another recording; all of it gets one random draw.

    Sound and noise add in power, and a filter multiplies each band, which is true on average over a band, and
    averages are all that the features see. ``loudness`` is the track's mean power per band; at ``strength`` 0
    the power is unchanged.
    """
    gain, tilt, noise_tilt, snr, noisy = torch.rand(5, generator=generator).tolist()
    slope = torch.linspace(-0.5, 0.5, power.shape[-1])
    colour = strength * (GAIN_DB * (2 * gain - 1) + TILT_DB * (2 * tilt - 1) * slope)
    if noisy < strength * NOISY:
        level = -(LEAST_SNR_DB + (MOST_SNR_DB - LEAST_SNR_DB) * snr) + TILT_DB * (2 * noise_tilt - 1) * slope
        power = power + loudness * _gain(level) * torch.empty_like(power).exponential_(generator=generator)
    return power * _gain(colour)


def room_tone(columns: Sequence[int], bands: int, generator: torch.Generator) -> Float[Tensor, "N C B"]:
    """Returns the mel power of a quiet room.

    It is noise of random colour, at most as loud as `ROOM_DB`; one time in four it is silence.

    Args:
        columns: number of chunks, and columns of each.
        bands: mel bands.
        generator: source of all random numbers.
    """
    level, tilt, digital = torch.rand(3, generator=generator).tolist()
    if digital < 0.25:
        return torch.zeros(*columns, bands)
    colour = ROOM_DB - _QUIETER_DB * level + TILT_DB * (tilt - 1) * torch.linspace(0, 1, bands)
    return _gain(colour) * torch.empty(*columns, bands).exponential_(generator=generator)


def _gain(decibels: Tensor) -> Tensor:
    return 10 ** (decibels / 10)
