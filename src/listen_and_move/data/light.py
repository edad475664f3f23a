"""Slow changes of light: automatic exposure and white balance of a camera, estimated from what stands still.

Light is three numbers, of red, green and blue: the logarithm to base 2 of how much brighter a frame is than
the usual one, in stops of linear light. Each pixel is compared with its own usual value; the median over the
pixels that change least is the light of a frame, so that neither a body nor a lamp in the picture counts.
What lasts less than a second or so (flicker, flashes) is no slow change. Whether the light of the whole
picture changed is seen by the result: pixels change less once the changes are taken out.

Letters: M frames at the rate that is shown, N of them that are looked at, P pixels, H height, W width.
"""

from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.arrays import Array
from listen_and_move.data.frame_store import FrameStore
from listen_and_move.data.poses import Picture, Poses, matrix

STEADY_LIGHT: Array = np.zeros(3)
"""The light of a frame that is as bright as usual."""
UNSEEN = 0.03
"""Root mean square change in stops below which nobody sees it."""
BARELY = 0.002
"""Change in stops that alters no value of a picture."""
FARTHEST = 2.0
"""Largest change in stops of an exposure; a larger one is a film that begins in the dark."""
EXPLAINED = 0.62
"""Most of the picture's change that may be left when the light is taken out.

With more, the light did not change, or not much beside what moves (of twenty clips 0.49 and 0.52 where it
did, 0.72 and more elsewhere)."""
SLOW = Fraction(2)
"""Seconds over which changes are averaged."""
BRIEF = Fraction(1)
"""Seconds of the median that comes before: what lasts half as long is left out."""
LOOKS = 8
"""Frames a second that are examined, about."""
SIDE = 64
"""Longer side of the pictures that are examined, in pixels."""
DARK, BRIGHT = 20, 236
"""Values between which a pixel tells the light, being neither noise nor clipped."""
QUIETER = 1 / 3
"""Share of the pixels, those that change least, that tell the light."""
_LOOKED_AT = 240  # frames, evenly chosen, that give the usual value of a pixel and its change
_TOLD = 0.6  # share of the frames in which a pixel has to lie between DARK and BRIGHT
_LEAST = 50  # fewest such pixels
_ROUNDS = 3
_TOE = 0.04045  # sRGB, IEC 61966-2-1


class LightChange(NamedTuple):
    """Estimated change of the light."""

    sway: float = 0.0
    """Root mean square distance from the usual light, in stops."""
    left: float = 1.0
    """Share of the picture's change over time that is left when the light is taken out; 1 where it is not."""
    stops: Float[np.ndarray, "M 3"] | None = None
    """Stops of each frame; None: the light is steady, or cannot be told."""


def relit(picture: Picture, stops: Float[np.ndarray, "3"]) -> Picture:
    """Returns a picture in another light; clipped pixels stay white.

    Args:
        picture: any.
        stops: by which it becomes brighter, in each colour.
    """
    import cv2

    if np.abs(stops).max() < BARELY:
        return picture
    linear = _linear(np.arange(256.0))[:, None] * 2.0 ** np.asarray(stops)
    table = np.where(linear > (_TOE / 12.92), 1.055 * linear.clip(1e-9) ** (1 / 2.4) - 0.055, 12.92 * linear)
    values = 255 * table
    # Above BRIGHT a pixel is clipped, or nearly: from there on values blend into white.
    share = ((np.arange(256) - BRIGHT) / (255 - BRIGHT)).clip(0, 1)[:, None]
    values = np.where(share > 0, np.maximum(values, values[BRIGHT] + share * (255 - values[BRIGHT])), values)
    return np.asarray(cv2.LUT(picture, np.rint(values.clip(0, 255)).astype(np.uint8)[:, None]), np.uint8)


def light_of(frames: FrameStore, rate: Fraction, poses: Poses | None) -> LightChange:
    """Returns how the light changed.

    Args:
        frames: small ones of the whole picture.
        rate: per second.
        poses: of the camera; None: it stands.
    """
    numbers = range(0, len(frames), max(1, round(rate / LOOKS)))
    if len(numbers) < 3:
        return LightChange()
    values = np.stack([_reduced(frames, number, poses) for number in numbers])
    chosen = np.unique(np.linspace(0, len(values) - 1, _LOOKED_AT).astype(int))
    tells = ((values[chosen] >= DARK) & (values[chosen] <= BRIGHT)).all(2).mean(0) > _TOLD
    if tells.sum() < _LEAST:
        return LightChange()
    values = values[:, tells]
    stops = np.zeros((len(values), 3))
    for _ in range(_ROUNDS):
        usual = np.nanmedian(_stops(values[chosen]) - stops[chosen, None], axis=0)
        off = np.nanmedian(np.abs(_stops(values[chosen]) - stops[chosen, None] - usual).mean(2), axis=0)
        quiet = off <= np.quantile(off, QUIETER)
        stops = _slow(_over(values[:, quiet], usual[quiet]), rate / numbers.step)
        stops -= np.median(stops, axis=0)
    sway = float(np.sqrt(np.mean(stops**2)))
    if sway < UNSEEN or np.abs(stops).max() > FARTHEST:
        return LightChange(sway)
    together = max(1, round(BRIEF * rate / numbers.step * len(chosen) / len(values)))
    if together >= len(chosen):  # too short to tell slow changes from fast ones
        return LightChange(sway)
    left = _left(values[chosen], stops[chosen], together)
    if left > EXPLAINED:
        return LightChange(sway, left)
    every = np.arange(len(frames))
    return LightChange(sway, left, np.stack([np.interp(every, numbers, each) for each in stops.T], axis=-1))


def _reduced(frames: FrameStore, number: int, poses: Poses | None) -> UInt8[np.ndarray, "P 3"]:
    """Returns the pixels of a frame, aligned and small; black where the frame shows nothing."""
    import cv2

    picture = frames.read(number, number + 1)[0]
    height, width, _ = picture.shape
    if poses is not None:
        picture = cv2.warpAffine(picture, matrix(poses[number], (width, height)), (width, height))
    shrunk = min(1.0, SIDE / max(width, height))
    size = max(1, round(width * shrunk)), max(1, round(height * shrunk))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8).reshape(-1, 3)


def _linear(values: Array) -> Array:
    """Returns linear light of values from 0 to 255, by sRGB."""
    share = values / 255
    return np.where(share > _TOE, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)


def _stops(values: UInt8[np.ndarray, "*P 3"]) -> Float[np.ndarray, "*P 3"]:
    """Returns the light of pixels in stops; NaN where a pixel does not tell it."""
    table = np.full(256, np.nan)
    table[DARK : BRIGHT + 1] = np.log2(_linear(np.arange(DARK, BRIGHT + 1.0)))
    return table[values]


def _over(values: UInt8[np.ndarray, "N P 3"], usual: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "N 3"]:
    """Returns by how much frames are brighter than usual.

    A frame that does not tell is taken to be as those around it.
    """
    told = np.all(np.any((values >= DARK) & (values <= BRIGHT), axis=1), axis=1)
    over = [np.nanmedian(_stops(frame) - usual, axis=0) for frame in values[told]]
    numbers = np.arange(len(values))
    return np.stack([np.interp(numbers, numbers[told], each) for each in np.stack(over).T], axis=-1)


def _slow(stops: Float[np.ndarray, "N 3"], rate: Fraction) -> Float[np.ndarray, "N 3"]:
    """Returns the slow part of a change: running medians, then straight lines fitted around each frame.

    The lines follow the change up to both ends.

    Args:
        stops: of frames in their order.
        rate: frames per second.
    """
    half, reach = round(BRIEF * rate / 2), max(1, ceil(SLOW * rate / 2))
    count, places = len(stops), np.arange(len(stops))
    calm = np.stack([np.median(stops[max(0, at - half) : at + half + 1], axis=0) for at in places])
    found = []
    for at in places:
        near = np.arange(max(0, at - reach), min(count, at + reach + 1))
        weights = np.cos(np.pi / 2 * (near - at) / (reach + 1))  # of squares: the root of a Hann window
        lines = np.stack([weights, weights * (near - at)], axis=-1)
        found.append(np.linalg.lstsq(lines, weights[:, None] * calm[near], rcond=None)[0][0])
    return np.stack(found)


def _left(values: UInt8[np.ndarray, "N P 3"], stops: Float[np.ndarray, "N 3"], together: int) -> float:
    """Returns the share of the change of the quieter pixels that is left when the light is taken out.

    Args:
        values: of frames in their order.
        stops: their light.
        together: frames over which pixels are averaged, so that noise and what moves fast count less.
    """
    steady = np.stack([relit(frame[None], -light)[0] for frame, light in zip(values, stops, strict=True)])
    change, rest = (
        _change(np.where(values.all(2), each.mean(2), np.nan), together) for each in (values, steady)
    )
    return rest / max(change, 1e-6)


def _change(values: Float[np.ndarray, "N P"], together: int) -> float:
    """Returns the mean distance of the quieter pixels from their usual value.

    The distance is not squared, as flashes are rare.
    """
    told = np.isfinite(values)
    sums, counts = (_running(each, together) for each in (np.where(told, values, 0.0), told.astype(float)))
    calm = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    off = np.nanmean(np.abs(calm - np.nanmedian(calm, axis=0)), axis=0)
    return float(np.nanquantile(off, QUIETER))


def _running(values: Float[np.ndarray, "N P"], together: int) -> Float[np.ndarray, "M P"]:
    """Returns the running sums of ``together`` frames, where there are as many."""
    begins = range(len(values) - together + 1)
    return np.stack([values[begin : begin + together].sum(0) for begin in begins])
