"""Stages that scale pictures to a size."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings


@dataclass(frozen=True)
class Resizer:
    """Enlarges pictures by bicubic interpolation, or averages where they shrink; has no state."""

    size: tuple[int, int]
    """Width and height of the output, in pixels."""

    def push(
        self, inputs: list[Frame], state: None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], None]:
        """Returns the frames with resized pictures."""
        return [
            frame if frame.picture is None else frame._replace(picture=self.resized(frame.picture))
            for frame in inputs
        ], state

    def finish(self, state: None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns nothing: no frame is held back."""
        return []

    def resized(self, picture: UInt8[np.ndarray, "rows columns 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """Returns a picture at the size."""
        import cv2

        shrinks = self.size[0] < picture.shape[1]
        way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(picture, self.size, interpolation=way), np.uint8)


@dataclass(frozen=True)
class Fitter:
    """Shows whole pictures in a frame of another shape; has no state.

    They are as large as they fit, in the middle, with black around them.
    """

    size: tuple[int, int]
    """Width and height of the frame, in pixels."""

    def push(
        self, inputs: list[Frame], state: None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], None]:
        """Returns the frames with fitted pictures."""
        return [
            frame if frame.picture is None else frame._replace(picture=self.fitted(frame.picture))
            for frame in inputs
        ], state

    def finish(self, state: None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns nothing: no frame is held back."""
        return []

    def fitted(self, picture: UInt8[np.ndarray, "rows columns 3"]) -> UInt8[np.ndarray, "H W 3"]:
        """Returns a picture in the frame."""
        (width, height), (rows, columns) = self.size, picture.shape[:2]
        scale = min(width / columns, height / rows)
        inner = max(1, round(columns * scale)), max(1, round(rows * scale))
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        frame = np.zeros((height, width, 3), np.uint8)
        frame[top : top + inner[1], left : left + inner[0]] = Resizer(inner).resized(picture)
        return frame
