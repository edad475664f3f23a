"""Shapes with soft edges, painted over each other into a picture.

Letters: S subpixels per pixel and side. Shapes are signed distances (negative inside); every edge is soft
over one subpixel and S x S subpixels are averaged, so that a shake of a tenth of a pixel is still seen.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import count
from math import ceil, floor
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import FloatArray
from listen_and_move.clock import exact, frame_time

Colour: TypeAlias = NDArray[np.float32]
Shape: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]
"""The distance from a shape at x (1, columns) and y (rows, 1): (rows, columns)."""


class Bounds(NamedTuple):
    """A part of the picture, in shares of its smaller side: (0, 0) to (1, 1) is the square in its middle."""

    left: float
    top: float
    right: float
    bottom: float


def around(*places: tuple[float, float], margin: float) -> Bounds:
    """What lies between places and up to ``margin`` beyond them."""
    across, down = [place[0] for place in places], [place[1] for place in places]
    return Bounds(min(across) - margin, min(down) - margin, max(across) + margin, max(down) + margin)


EVERYWHERE = Bounds(-99.0, -99.0, 99.0, 99.0)


class Canvas:
    """Where the subpixels of a picture of a given size lie."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.subpixels = 4 if width * height <= 256 * 256 else 2

    def pixels(self, first: float, last: float, limit: int) -> slice:
        """Pixels that hold the subpixels from ``first`` to ``last``, within the picture."""
        size = self.subpixels
        return slice(max(0, floor(first / size)), min(limit, ceil(last / size) + 1))

    def grid(self, rows: slice, columns: slice) -> tuple[FloatArray, FloatArray]:
        """Subpixel centres: x (1, columns * S) and y (rows * S, 1)."""
        size = self.subpixels
        x = np.arange(columns.start * size, columns.stop * size, dtype=np.float32) + 0.5
        y = np.arange(rows.start * size, rows.stop * size, dtype=np.float32) + 0.5
        return x[None, :], y[:, None]

    def averaged(self, values: FloatArray) -> FloatArray:
        """Subpixels (h * S, w * S) -> pixels (h, w)."""
        size = self.subpixels  # adding slices is several times as fast as a mean over two short axes
        rows = [sum(values[row::size, column::size] for column in range(size)) for row in range(size)]
        return sum(rows) / np.float32(size * size)


class UnitCanvas(Canvas):
    """A canvas whose lengths are shares of the picture's smaller side.

    They begin at the upper left corner of the square in the picture's middle.
    """

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width, height)
        self._side = np.float32(min(width, height))
        self._left, self._top = np.float32((width - self._side) / 2), np.float32((height - self._side) / 2)

    def lay(
        self,
        picture: FloatArray,
        bounds: Bounds,
        shape: Shape,
        colour: FloatArray | Callable[[FloatArray, FloatArray], FloatArray],
        *,
        opacity: float = 1.0,
        softness: float = 0.0,
    ) -> None:
        """Paint a shape over a picture, in place.

        Args:
            picture: (height, width, 3), 0..1.
            bounds: where the shape may be seen; nothing outside is painted.
            shape: its distance.
            colour: of the shape, the same everywhere or (rows, columns, 3) by place.
            opacity: 0..1.
            softness: width of the shape's edge where that is more than a subpixel.
        """
        columns = self._reach(bounds.left, bounds.right, self._left, self.width)
        rows = self._reach(bounds.top, bounds.bottom, self._top, self.height)
        if columns.start >= columns.stop or rows.start >= rows.stop:
            return
        fine = self._unit(*self.grid(rows, columns), self.subpixels)
        edge = max(softness, 1 / (float(self._side) * self.subpixels))
        share = self.averaged(coverage(np.broadcast_to(shape(*fine), (fine[1].size, fine[0].size)), edge))
        if callable(colour):
            x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5
            y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5
            colour = colour(*self._unit(x, y, 1))
        paint(picture[rows, columns], np.float32(opacity) * share, colour)

    def _unit(self, x: FloatArray, y: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
        """Centres of pixels (or subpixels, ``size`` per pixel) in shares of the smaller side."""
        return (x / size - self._left) / self._side, (y / size - self._top) / self._side

    def _reach(self, first: float, last: float, offset: np.floating, limit: int) -> slice:
        """Pixels between two places, and one more on each side for soft edges."""
        side = float(self._side)
        start = floor(first * side + float(offset)) - 1
        return slice(max(0, start), min(limit, ceil(last * side + float(offset)) + 1))


def colours(*codes: str) -> list[Colour]:
    """Colours from their codes RRGGBB, 0..1."""
    return [
        np.array([int(code[place : place + 2], 16) / 255 for place in (0, 2, 4)], np.float32)
        for code in codes
    ]


def eight_bits(picture: FloatArray) -> NDArray[np.uint8]:
    """A picture 0..1, which is used up, as bytes."""
    np.clip(picture, 0, 1, out=picture)
    picture *= 255
    return np.rint(picture, out=picture).astype(np.uint8)


def film(
    draw: Callable[[Fraction], NDArray[np.uint8]], seconds: float, fps: Fraction
) -> Iterator[NDArray[np.uint8]]:
    """Yields what ``draw`` shows at the instant of each frame; the last lies before ``seconds``."""
    for index in count():
        time = frame_time(index, fps)
        if time >= exact(seconds):
            return
        yield draw(time)


def box(
    x: FloatArray,
    y: FloatArray,
    centre_x: float,
    centre_y: float,
    half_width: float,
    half_height: float,
    *,
    radius: float,
) -> FloatArray:
    """Distance from a box with round corners; ``radius`` as a share of the smaller half side."""
    corner = radius * min(half_width, half_height)
    away_x = np.abs(x - centre_x) - half_width + corner
    away_y = np.abs(y - centre_y) - half_height + corner
    inside = np.maximum(away_x, away_y)
    np.minimum(inside, 0, out=inside)
    distance = norm(np.maximum(away_x, 0), np.maximum(away_y, 0))
    distance += inside
    distance -= corner
    return distance


def ellipse(
    x: FloatArray, y: FloatArray, centre_x: float, centre_y: float, half_width: float, half_height: float
) -> FloatArray:
    """Distance from an ellipse: exact at its edge to first order, which is where it is seen."""
    across, down = (x - centre_x) / half_width, (y - centre_y) / half_height
    radius = norm(across, down)
    slope = norm(across / half_width, down / half_height)
    return radius * (radius - 1) / np.maximum(slope, 1e-6)


def capsule(
    x: FloatArray,
    y: FloatArray,
    start: tuple[float, float],
    end: tuple[float, float],
    radius: float,
    end_radius: float | None = None,
) -> FloatArray:
    """Distance from a stick with round ends, which may taper from ``radius`` to ``end_radius``."""
    (x0, y0), (x1, y1) = start, end
    along_x, along_y = x1 - x0, y1 - y0
    share = ((x - x0) * along_x + (y - y0) * along_y) / max(along_x**2 + along_y**2, 1e-9)
    share = np.clip(share, 0, 1)
    thick = radius if end_radius is None else radius + share * (end_radius - radius)
    return norm(x - x0 - share * along_x, y - y0 - share * along_y) - thick


def blend(first: FloatArray, second: FloatArray, reach: float) -> FloatArray:
    """Distance from two shapes that flow into each other over ``reach``."""
    near = np.maximum(reach - np.abs(first - second), 0) / reach
    return np.minimum(first, second) - near * near * (reach / 4)


def norm(x: FloatArray, y: FloatArray) -> FloatArray:
    """Length of (x, y); several times as fast as ``np.hypot``, and no square here is too large."""
    square = x * x + y * y
    return np.sqrt(square, out=square)


def coverage(distance: FloatArray, softness: float = 1.0) -> FloatArray:
    """How much of a subpixel a shape covers, 0..1; ``softness``: width of its edge."""
    cover = 0.5 - distance / softness
    return np.clip(cover, 0, 1, out=cover)


def paint(picture: FloatArray, cover: FloatArray, colour: FloatArray) -> None:
    """Lay a colour over a picture (h, w, 3) where ``cover`` (h, w) says so, in place."""
    picture += cover[..., None] * (colour - picture)
