"""Poses of a camera: where a frame lies in the picture of a camera that stands still.

A pose is a similarity in the plane, four numbers: shift to the right and downwards in widths of the picture,
logarithm of the scale, and angle in radians, about the middle of the picture. It leads from a place in the
frame to the place in the still picture.

Letters: T frames, H height, W width.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from listen_and_move.arrays import Array

Poses = Float[np.ndarray, "*T 4"]
Broadcast = Float[np.ndarray, "*#T 4"]
Picture = UInt8[np.ndarray, "H W 3"]

STANDING: Array = np.zeros(4)
"""The pose of a frame that lies where the still picture does."""
FEATHER = 0.03
"""Width of the soft edge of a moved frame, in widths of the picture."""
Plane = NDArray[np.complex128]
"""Places, factors and shifts in the plane of complex numbers: to the right + i downwards, in widths."""
Turns = Plane | np.complex128
"""Factors or shifts of many poses, or of one."""


def composed(second: Broadcast, first: Broadcast) -> Broadcast:
    """Returns the poses of two movements, one after the other; one of them may be the same for all."""
    (outer, shift), (inner, before) = _turns(second), _turns(first)
    return poses_of(outer * inner, outer * before + shift)


def inverse(poses: Poses) -> Poses:
    """Returns the inverse poses."""
    factor, shift = _turns(poses)
    return poses_of(1 / factor, -shift / factor)


def poses_of(factor: Turns, shift: Turns) -> Poses:
    """Returns the poses of similarities z -> factor z + shift."""
    return np.stack([shift.real, shift.imag, np.log(np.abs(factor)), np.angle(factor)], axis=-1)


def in_crop(poses: Poses, box: tuple[int, int, int, int], size: tuple[int, int]) -> Poses:
    """Returns the poses of a part of the picture, in widths of that part.

    Args:
        poses: of the whole picture.
        box: the part: left, top, right, bottom in pixels.
        size: width and height of the whole picture, in pixels.
    """
    left, top, right, bottom = box
    middle = complex((left + right - size[0]) / 2, (top + bottom - size[1]) / 2) / size[0]
    factor, shift = _turns(poses)
    return poses_of(factor, (factor * middle + shift - middle) * size[0] / (right - left))


def matrix(pose: Float[np.ndarray, "4"], size: tuple[int, int]) -> Float[np.ndarray, "2 3"]:
    """Returns the matrix of a pose, from pixels of the frame to pixels of the still picture.

    Args:
        pose: of the frame.
        size: width and height of both, in pixels.
    """
    factor, shift = _turns(pose)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    middle = (np.array(size) - 1) / 2
    return np.column_stack([turn, np.array([shift.real, shift.imag]) * size[0] + middle - turn @ middle])


def displacement(poses: Poses, ratio: float) -> Float[np.ndarray, "*T"] | np.float64:
    """Returns how far poses move the places of a picture: the root mean square, in widths.

    Args:
        poses: any number.
        ratio: height of the picture over its width.
    """
    factor, shift = _turns(poses)
    spread = (1 + ratio**2) / 12  # mean square distance of a place from the middle
    return np.sqrt(np.abs(shift) ** 2 + np.abs(factor - 1) ** 2 * spread)


def warped(
    picture: Picture, pose: Float[np.ndarray, "4"], backdrop: Picture | None = None, quick: bool = False
) -> Picture:
    """Returns a picture moved by a pose; what it does not reach is taken from a backdrop, with a soft edge.

    Args:
        picture: the frame.
        pose: of the frame.
        backdrop: what lies around it, as large; None: the frame's own border goes on.
        quick: in a third of the time, a little softer.
    """
    import cv2 as opencv

    cv2: Any = opencv  # its stubs do not know scalars
    height, width = picture.shape[:2]
    moves = matrix(pose, (width, height))
    how = cv2.INTER_LINEAR if quick else cv2.INTER_CUBIC
    moved = cv2.warpAffine(picture, moves, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE)
    if backdrop is None:
        return moved
    share = coverage(pose, (width, height))
    if share is None:
        return moved
    return cv2.blendLinear(moved, backdrop, share, 1 - share)


def coverage(pose: Float[np.ndarray, "4"], size: tuple[int, int]) -> Float[np.ndarray, "H W"] | None:
    """Returns how much of each pixel a moved frame covers; None where it covers all.

    It is 1 inside and falls to 0 at edges within the picture.

    Args:
        pose: of the frame.
        size: width and height, in pixels.
    """
    width, height = size
    moves = matrix(inverse(pose), size)
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]])
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    share = None
    for (across, down, shift), last in zip(moves, (width - 1, height - 1), strict=True):
        places = corners @ (across, down, shift)
        for sign, edge in ((1, 0), (-1, last)):
            seen = -float(
                (sign * (places - edge)).min()
            )  # pixels by which the edge has come into the picture
            if seen <= 0.5:
                continue
            feather = min(FEATHER * width, 2 * seen)
            inside = sign * np.float32(across) * columns + sign * np.float32(down) * rows
            inside = ((inside + np.float32(sign * (shift - edge))) / feather).clip(0, 1)
            share = inside if share is None else np.minimum(share, inside)
    return None if share is None else share * share * (3 - 2 * share)


def _turns(poses: Poses) -> tuple[Turns, Turns]:
    """Returns the factors and shifts of poses."""
    values = np.asarray(poses, np.float64)
    factor = np.exp(values[..., 2] + 1j * values[..., 3])
    return factor, values[..., 0] + 1j * values[..., 1]
