"""Transitions from one picture to another: a morph by optical flow, or a dissolve.

A dissolve is shown where the flow explains too little.

No trained network takes part.

Letters: H height, W width, h, w of the pictures that flow is found in.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

FLOW_SIDE = 320
"""Longer side in pixels of the pictures in which flow is found.

DIS (Kroeger et al. 2016) takes 2 ms there and 50 to 300 at 1080p, and its flow is enlarged."""
EXPLAINED = 0.6
"""Most of the difference of two pictures that a morph may leave over; else it would show both, bent."""
_NOTHING = 1.0
"""Mean difference, of 255, below which a morph has nothing to explain."""

Picture = UInt8[np.ndarray, "H W 3"]


def dissolved(before: Picture, after: Picture, share: float) -> Picture:
    """Returns the mean of two pictures.

    Args:
        before: the picture that is left.
        after: the picture that comes.
        share: of the latter, 0 to 1.
    """
    import cv2

    return np.asarray(cv2.addWeighted(before, 1 - share, after, share, 0), np.uint8)


def morphed(before: Picture, after: Picture, share: float) -> Picture:
    """Returns the mean of two pictures, each bent towards the other one.

    Args:
        before: the picture that is left.
        after: the picture that comes.
        share: of the latter, 0 to 1.
    """
    there, back = _flows(_small(before), _small(after))
    return dissolved(_bent(before, share * there), _bent(after, (1 - share) * back), share)


def morphs(before: Picture, after: Picture) -> bool:
    """Returns whether a morph half-way brings two pictures together."""
    one, other = _small(before), _small(after)
    apart = _difference(one, other)
    if apart < _NOTHING:
        return False
    there, back = _flows(one, other)
    left = _difference(_bent(one, 0.5 * there), _bent(other, 0.5 * back))
    return left <= EXPLAINED * apart


def _small(picture: Picture) -> UInt8[np.ndarray, "h w"]:
    """Returns a picture in grey, at the size in which flow is found."""
    import cv2

    height, width = picture.shape[:2]
    shrunk = min(1.0, FLOW_SIDE / max(height, width))
    size = max(16, round(width * shrunk)), max(16, round(height * shrunk))
    shrunken = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(shrunken, cv2.COLOR_RGB2GRAY), np.uint8)


def _flows(
    one: UInt8[np.ndarray, "h w"], other: UInt8[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, "h w 2"], Float[np.ndarray, "h w 2"]]:
    """Returns the flow from one picture to the other, and back, in pixels of these pictures."""
    import cv2

    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return dis.calc(one, other, None), dis.calc(other, one, None)


def _bent(
    picture: UInt8[np.ndarray, "H W *channels"], flow: Float[np.ndarray, "h w 2"]
) -> UInt8[np.ndarray, "H W *channels"]:
    """Returns a picture whose pixels are moved along a flow, which may be of a smaller picture."""
    import cv2 as opencv

    cv2: Any = opencv  # its stubs know neither maps of two channels nor scalars
    height, width = picture.shape[:2]
    scale = (width / flow.shape[1], height / flow.shape[0])
    # Flow is smooth, so the flow at a pixel's new place stands for that at its old place.
    whole = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    places = cv2.subtract(_grid(width, height), cv2.multiply(whole, (*scale, 0, 0)))
    return np.asarray(cv2.remap(picture, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


@lru_cache(maxsize=2)
def _grid(width: int, height: int) -> Float[np.ndarray, "H W 2"]:
    """Returns the place of each pixel: column and row."""
    rows, columns = np.indices((height, width), np.float32)
    return np.stack([columns, rows], axis=-1)


def _difference(one: UInt8[np.ndarray, "h w"], other: UInt8[np.ndarray, "h w"]) -> float:
    """Returns the mean absolute difference of two grey pictures, of 255.

    Only the tenth of the pixels that differ most counts.
    """
    apart = np.abs(one.astype(np.int16) - other).ravel()
    return float(np.partition(apart, -len(apart) // 10)[-len(apart) // 10 :].mean())
