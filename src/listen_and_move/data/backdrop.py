"""Backdrop: what stands still around moved frames, so that no border is seen.

It is the median of frames that are brought to one pose.

Letters: N frames, H height, W width.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from listen_and_move.data.poses import STANDING, Picture, Poses, matrix

FRAMES = 21
"""Number of frames of the median."""
WIDEST = 0.4
"""Largest margin of a backdrop beyond the picture, in widths of the picture."""
_ROWS = 64  # rows of which the median is taken at once: bounds memory


@dataclass(frozen=True)
class Backdrop:
    """A picture that is larger than what a camera sees at once."""

    picture: Picture
    size: tuple[int, int]
    """Width and height in pixels of the middle part, which a camera that stands still sees."""

    def seen(self, pose: Float[np.ndarray, "4"] = STANDING) -> Picture:
        """Returns what a camera sees of the backdrop.

        Args:
            pose: leads from the still picture to what the camera shows.
        """
        import cv2

        moves = matrix(pose, self.size) @ np.vstack([self._back, [0, 0, 1]])
        return np.asarray(
            cv2.warpAffine(
                self.picture, moves, self.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            ),
            np.uint8,
        )

    @property
    def _back(self) -> Float[np.ndarray, "2 3"]:
        """Returns the matrix from pixels of the backdrop to those of the still picture."""
        height, width = self.picture.shape[:2]
        return np.array([[1, 0, (self.size[0] - width) / 2], [0, 1, (self.size[1] - height) / 2]])


def chosen(count: int) -> Int[np.ndarray, " N"]:
    """Returns the numbers of the frames whose median is taken, out of ``count``."""
    return np.unique(np.linspace(0, count - 1, min(count, FRAMES)).round().astype(int))


def backdrop_of(frames: Iterable[Picture], poses: Poses, reach: float = 0.0) -> Backdrop:
    """Returns the backdrop of some frames.

    Args:
        frames: a few, of one size.
        poses: of the frames.
        reach: margin of the backdrop beyond the picture on each side, in widths of the picture.
    """
    import cv2 as opencv

    cv2: Any = opencv  # its stubs do not know scalars
    moved, known, size = [], [], (0, 0)
    for frame, pose in zip(frames, poses, strict=True):
        size = frame.shape[1], frame.shape[0]
        margin = 2 * round(min(reach, WIDEST) * size[0] / 2)
        shift = np.array([[0.0, 0.0, margin], [0.0, 0.0, margin]])
        moves, whole = matrix(pose, size) + shift, (size[0] + 2 * margin, size[1] + 2 * margin)
        moved.append(cv2.warpAffine(frame, moves, whole, flags=cv2.INTER_LINEAR))
        inside = np.full(frame.shape[:2], 255, np.uint8)
        known.append(cv2.warpAffine(inside, moves, whole, flags=cv2.INTER_LINEAR) == 255)
    rows = range(0, len(moved[0]), _ROWS)
    picture = np.concatenate(
        [
            _median(
                np.stack([each[row : row + _ROWS] for each in moved]),
                np.stack([each[row : row + _ROWS] for each in known]),
            )
            for row in rows
        ]
    )
    return Backdrop(_without_holes(picture, np.any(known, axis=0)), size)


def reach_of(poses: Poses, size: tuple[int, int]) -> float:
    """Returns how far frames lie beyond the still picture at most, in widths.

    Args:
        poses: of the frames.
        size: width and height, in pixels.
    """
    width, height = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]])
    places = np.stack([corners @ matrix(pose, size).T for pose in poses])
    beyond = max(-places.min(), (places - size).max())
    return float(max(0.0, beyond)) / width


def _median(
    frames: UInt8[np.ndarray, "N H W 3"], known: Bool[np.ndarray, "N H W"]
) -> UInt8[np.ndarray, "H W 3"]:
    """Returns the median of the known pixels at each place; any value where none is known."""
    ordered = np.sort(np.where(known[..., None], frames, 255), axis=0)
    middle = (known.sum(0) - 1).clip(min=0) // 2
    return np.take_along_axis(ordered, middle[None, ..., None], axis=0)[0]


def _without_holes(picture: Picture, known: Bool[np.ndarray, "H W"]) -> Picture:
    """Returns a picture whose unknown pixels are filled from their surroundings.

    The filling is softer the farther it is from known pixels.
    """
    import cv2 as opencv

    if known.all():
        return picture
    cv2: Any = opencv
    levels = [(picture * known[..., None].astype(np.float32), known.astype(np.float32))]
    while min(levels[-1][1].shape) > 1 and not (levels[-1][1] > 0).all():
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))
    coarse = levels[-1][0] / np.maximum(levels[-1][1], 1e-6)[..., None]
    for values, share in reversed(levels[:-1]):
        size = share.shape[1], share.shape[0]
        coarse = values + (1 - share)[..., None] * cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None], picture, np.rint(coarse).clip(0, 255)).astype(np.uint8)
