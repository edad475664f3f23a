"""Beats: the pulse of a sound, so that the beats of a clip can be played on the beats of a song.

The period is the lag at which the flux correlates with itself most, and the beats are the row of strong flux
whose intervals are nearest to the period (Ellis 2007, Beat Tracking by Dynamic Programming).

Letters: T frames, B beats.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

SHORTEST, USUAL, LONGEST = 0.25, 0.5, 1.5
"""Seconds of a period: 240, 120 and 40 beats a minute. Periods far from the usual one are less likely."""
OCTAVES = 0.9
"""Standard deviation of periods around the usual one, in octaves."""
MULTIPLES = 4
"""Periods over which a pulse has to continue."""
STEADY, CHANCE = 0.06, 3.5
"""Least correlation of a beat, and its least number of standard deviations above noise.

The correlation is of the flux with itself, in the mean over `MULTIPLES`. Rubato and an organ have up to .06,
drums and dances .1 to .8. The standard deviation is that of the same figure of noise."""
EVEN = 60.0
"""Weight of an interval's distance from the period, against the strength of the flux."""
WEAKEST, STRONGEST = -1.0, 3.0  # of the flux, in spreads over its mean


class Beats(NamedTuple):
    """Beats of a sound."""

    period: float
    """Period in frames, a fraction."""
    places: Float[np.ndarray, " B"]
    """Frames of the beats, at least two, rising; halfway between two frames where a beat is halved."""

    def phase(self, frame: int) -> float:
        """Returns how far a frame is between two beats, from 0 at a beat to below 1 at the next.

        Before the first and after the last beat, beats are taken to go on.
        """
        here = int(np.clip(np.searchsorted(self.places, frame, side="right") - 1, 0, len(self.places) - 2))
        before, after = self.places[here : here + 2]
        return float((frame - before) / (after - before) % 1)

    def near(self, period: float) -> "Beats":
        """Returns the beats doubled or halved so that their period is nearest to another period."""
        beats = self
        while beats.period > period * 2**0.5:
            places = np.interp(
                np.arange(0, len(beats.places) - 0.75, 0.5), np.arange(len(beats.places)), beats.places
            )
            beats = Beats(beats.period / 2, places)
        while beats.period < period / 2**0.5 and len(beats.places) >= 4:
            beats = Beats(beats.period * 2, beats.places[::2])
        return beats


def find_beats(flux: Float[np.ndarray, " T"], fps: Fraction) -> Beats | None:
    """Returns the beats of a sound; None where it has no steady ones.

    Args:
        flux: how much louder the sound becomes in each frame.
        fps: frames per second.
    """
    period = _period(flux, float(fps))
    return None if period is None else beats_of(flux, period)


def beats_of(flux: Float[np.ndarray, " T"], period: float) -> Beats | None:
    """Returns the beats of a sound whose period is known; None where there are not two of them.

    Args:
        flux: how much louder the sound becomes in each frame.
        period: in frames.
    """
    places = _places(flux, period) if len(flux) else np.zeros(0)
    return Beats(period, places) if len(places) >= 2 else None


def _period(flux: Float[np.ndarray, " T"], fps: float) -> float | None:
    """Returns the period in frames; None where there is none."""
    count, lags = len(flux), np.arange(2, round(LONGEST * fps) + 2)
    if count < 2 * MULTIPLES * SHORTEST * fps or not np.ptp(flux):
        return None
    heard = flux - flux.mean()
    reach = min(int(0.7 * count), MULTIPLES * len(lags))  # longer lags would rest on too few frames
    own = np.array([(heard[lag:] @ heard[: count - lag]) / (count - lag) for lag in range(reach)])
    own = own / own[0]
    later = [own[lag : MULTIPLES * lag + 1 : lag] for lag in lags.tolist()]
    strength = np.array([each.mean() if len(each) else 0.0 for each in later])
    spread = np.array([1 / max(1, len(each)) ** 0.5 for each in later]) / count**0.5
    likely = np.exp(-0.5 * (np.log2(lags / fps / USUAL) / OCTAVES) ** 2)
    likely[(lags < SHORTEST * fps) | (strength < np.maximum(STEADY, CHANCE * spread))] = 0
    best = int(np.argmax(strength * likely))
    if not likely[best]:
        return None
    if not 0 < best < len(lags) - 1:
        return float(lags[best])
    before, here, after = strength[best - 1 : best + 2]
    bend = before - 2 * here + after
    return float(lags[best] + (np.clip(0.5 * (before - after) / bend, -0.5, 0.5) if bend < 0 else 0))


def _places(flux: Float[np.ndarray, " T"], period: float) -> Float[np.ndarray, " B"]:
    """Returns the frames of the row of beats with the strongest flux and the most even intervals."""
    strong = np.clip((flux - flux.mean()) / (flux.std() or 1.0), WEAKEST, STRONGEST)
    total, came_from = strong.copy(), np.full(len(flux), -1)
    intervals = np.arange(max(1, round(period / 2)), round(2 * period) + 1)
    uneven = EVEN * np.log(intervals / period) ** 2
    for place in range(len(flux)):
        some = intervals[intervals <= place]
        values = total[place - some] - uneven[: len(some)]
        if len(some) and values.max() > 0:
            total[place] += values.max()
            came_from[place] = place - some[np.argmax(values)]
    ending = len(flux) - min(len(flux), round(period))
    places = [ending + int(np.argmax(total[ending:]))]
    while came_from[places[-1]] >= 0:
        places.append(int(came_from[places[-1]]))
    return np.array(places[::-1], np.float64)
