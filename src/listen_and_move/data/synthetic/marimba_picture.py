"""The picture of a mallet instrument, drawn from shapes.

Lengths are in subpixels, see `drawing`.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import ceil, cos, exp, floor, pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import FloatArray
from listen_and_move.data.synthetic.drawing import Canvas, box, colours, coverage, eight_bits, norm, paint

_HUES = colours("e8505b", "f58f4a", "f4c542", "8cc25f", "3fae8f", "4d9de0", "7d71dc", "d768a8")
_SKY_TOP, _SKY_LOW, _LAMP = colours("1c2447", "4d3b66", "855c5c")
_FLOOR_FAR, _FLOOR_NEAR, _SHADE = colours("573838", "8f614d", "1a0f1a")
_WOOD, _BRASS, _YARN, _STICK = colours("a86e40", "b89e75", "faf0db", "d9b380")
_HORIZON = 0.84
_SHAKE = 0.038
"""Largest shake of a bar after one full stroke, as a share of the instrument's height."""
_SHAKES_PER_SECOND = 3.0
_MALLET_SECONDS = 0.35


class Stroke(NamedTuple):
    """What one stroke does to the picture at an instant."""

    bar: int
    """Which bar, from 0 at the left."""
    elapsed: float
    """Seconds since the stroke."""
    level: float
    """How strongly the bar still rings from it, 0 to 1."""
    velocity: float
    """How hard the stroke was, above 0 to 1."""


class Marimba(Canvas):
    """An instrument of a given size in pixels; `draw` shows it at an instant."""

    def __init__(self, width: int, height: int, bars: int = len(_HUES)) -> None:
        super().__init__(width, height)
        self.bars = bars
        self._span = (
            min(width, 1.7 * height) * self.subpixels
        )  # the instrument's width and height, in subpixels
        self._rise = min(height, 1.5 * width) * self.subpixels
        self._left = (width * self.subpixels - self._span) / 2
        self._top = (height * self.subpixels - self._rise) / 2

    def draw(self, strokes: Sequence[Stroke]) -> NDArray[np.uint8]:
        """The picture (height, width, 3) while ``strokes`` ring; without strokes always the same picture."""
        sounding = sorted({stroke.bar for stroke in strokes})
        glows = {
            bar: min(1.0, sum(stroke.level for stroke in strokes if stroke.bar == bar)) for bar in sounding
        }
        picture = self._lit(self._still, glows)
        for bar in sounding:
            shakes = [
                stroke.level * cos(2 * pi * _SHAKES_PER_SECOND * stroke.elapsed)
                for stroke in strokes
                if stroke.bar == bar
            ]
            self._draw_bar(picture, glows, bar, max(-1.2, min(1.2, sum(shakes))))
        for stroke in strokes:
            if stroke.elapsed < _MALLET_SECONDS:
                self._draw_mallet(picture, stroke)
        return eight_bits(picture)

    def _lit(
        self,
        layer: FloatArray,
        glows: Mapping[int, float],
        rows: slice = slice(None),
        columns: slice = slice(None),
    ) -> FloatArray:
        """A part of a layer in the light of the bars that glow (0..1 each)."""
        lit = layer[rows, columns].copy()
        for bar, glow in glows.items():
            light = 1 - lit
            light *= glow
            light *= self._halos[bar][rows, columns]
            lit += light
        return lit

    def columns(self, bar: int) -> tuple[int, int]:
        """First pixel column of a bar's strip of the picture, and the one after its last."""
        pitch = self._bar_pitch
        left = self._left + 0.07 * self._span + bar * pitch
        return round(left / self.subpixels), round((left + pitch) / self.subpixels)

    @property
    def _bar_pitch(self) -> float:
        return 0.86 * self._span / self.bars

    def _bar_shape(self, bar: int) -> tuple[float, float, float, float]:
        """Centre x, centre y, half width and half height of a bar at rest, in subpixels."""
        share = bar / (self.bars - 1)
        centre_x = self._left + 0.07 * self._span + (bar + 0.5) * self._bar_pitch
        return (
            centre_x,
            self._top + 0.395 * self._rise,
            0.40 * self._bar_pitch,
            (0.32 - 0.14 * share) * self._rise,
        )

    @cached_property
    def _still(self) -> FloatArray:
        picture = self._scene.copy()
        for bar in range(self.bars):
            self._draw_bar(picture, {}, bar, 0.0)
        return picture

    @cached_property
    def _scene(self) -> FloatArray:
        """Everything that never moves: wall, floor, shadows, stand, resonator tubes."""
        x, y = self.grid(slice(0, self.height), slice(0, self.width))
        scene = self._room(x, y)
        shapes = [box(x, y, *self._tube(bar), radius=0.5) for bar in range(self.bars)]
        shapes += [box(x, y, *self._bar_shape(bar), radius=0.3) for bar in range(self.bars)]
        shade = np.maximum.reduce(
            [coverage(np.roll(shape, self._shift, (0, 1)), 0.05 * self._rise) for shape in shapes]
        )
        paint(scene, 0.5 * shade, _SHADE)
        for bar in range(self.bars):
            self._paint_tube(scene, x, y, bar)
        for end in (0, self.bars - 1):
            self._paint_post(scene, x, y, end)
        for side in (-1, 1):
            self._paint_rail(scene, x, y, side)
        return np.stack([self.averaged(channel) for channel in np.moveaxis(scene, -1, 0)], -1)

    @property
    def _shift(self) -> tuple[int, int]:
        """Returns where shadows fall: down and to the right."""
        return round(0.03 * self._rise), round(0.018 * self._span)

    def _room(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Wall with the light of a lamp, floor, and the instrument's shadow on it."""
        across = (x - self._left) / self._span - 0.5  # -0.5..0.5 over the instrument
        down = (y - self._top) / self._rise
        share = np.clip(down / _HORIZON, 0, 1)[..., None]
        room = np.broadcast_to(
            (1 - share) * _SKY_TOP + share * _SKY_LOW, (*y.shape[:1], x.shape[1], 3)
        ).copy()
        lamp = np.exp(-((across / 0.42) ** 2) - ((down - 0.38) / 0.36) ** 2)
        room += lamp[..., None] * _LAMP * 0.8
        near = np.clip((down - _HORIZON) / (1 - _HORIZON), 0, 1)[..., None]
        floor_colour = (1 - near) * _FLOOR_FAR + near * _FLOOR_NEAR
        paint(room, coverage((_HORIZON - down) * self._rise) + 0 * x, floor_colour)
        shadow = np.exp(-((across / 0.40) ** 4) - ((down - 0.93) / 0.035) ** 2)
        paint(room, 0.5 * shadow, _SHADE)
        return room

    def _tube(self, bar: int) -> tuple[float, float, float, float]:
        """Centre and half sizes of a resonator tube: the longer the bar, the longer the tube."""
        centre_x, centre_y, half_width, half_height = self._bar_shape(bar)
        bottom = self._top + (0.90 - 0.19 * bar / (self.bars - 1)) * self._rise
        top = centre_y + 0.5 * half_height
        return centre_x, (top + bottom) / 2, 0.68 * half_width, (bottom - top) / 2

    def _paint_tube(self, scene: FloatArray, x: FloatArray, y: FloatArray, bar: int) -> None:
        centre_x, centre_y, half_width, half_height = self._tube(bar)
        strip = slice(max(0, floor(centre_x - half_width) - 1), ceil(centre_x + half_width) + 1)
        x = x[:, strip]
        across = np.clip((x - centre_x) / half_width, -1, 1)
        shine = 0.30 + 0.62 * (1 - (across + 0.25) ** 2 / 1.6)
        shine = shine * (1.0 - 0.25 * np.clip((y - centre_y) / half_height, -1, 1))
        cover = coverage(box(x, y, centre_x, centre_y, half_width, half_height, radius=0.6))
        paint(scene[:, strip], cover, shine[..., None] * _BRASS)

    def _paint_post(self, scene: FloatArray, x: FloatArray, y: FloatArray, end: int) -> None:
        """The wooden post beside the first or the last bar, from the upper rail to the floor."""
        centre_x, centre_y, _, half_height = self._bar_shape(end)
        centre_x += (0.66 if end else -0.66) * self._bar_pitch
        top, bottom = centre_y - 0.72 * half_height, self._top + 0.93 * self._rise
        half_width = 0.011 * self._span
        cover = coverage(box(x, y, centre_x, (top + bottom) / 2, half_width, (bottom - top) / 2, radius=0.6))
        light = 0.80 - 0.22 * np.clip((x - centre_x) / half_width, -1, 1)
        paint(scene, cover, light[..., None] * _WOOD)

    def _paint_rail(self, scene: FloatArray, x: FloatArray, y: FloatArray, side: int) -> None:
        """One of the two wooden rails below the bars, at 60 % of the way to the bars' ends."""
        (x0, y0, _, half0), (x1, y1, _, half1) = self._bar_shape(0), self._bar_shape(self.bars - 1)
        share = (x - x0) / (x1 - x0)
        middle = y0 + side * 0.6 * (half0 + share * (half1 - half0)) + share * (y1 - y0)
        half_height = 0.024 * self._rise
        away = np.abs(y - middle) - half_height
        reach = np.abs(x - (x0 + x1) / 2) - (x1 - x0) / 2 - 0.75 * self._bar_pitch
        light = 1.0 - 0.30 * np.clip((y - middle) / half_height, -1, 1)
        paint(scene, coverage(np.maximum(away, reach)), light[..., None] * _WOOD)

    def _draw_bar(self, picture: FloatArray, glows: Mapping[int, float], bar: int, shake: float) -> None:
        """Redraws a bar's strip.

        What lies behind the bar is lit by the bars that glow (0..1 each); the bar itself is moved down by a
        share of `_SHAKE`.
        """
        first, end = self.columns(bar)
        columns = slice(first, end)
        centre_x, centre_y, half_width, half_height = self._bar_shape(bar)
        reach = half_height + 1.3 * _SHAKE * self._rise
        rows = self.pixels(centre_y - reach, centre_y + reach, self.height)
        x, y = self.grid(rows, columns)
        centre_y += shake * _SHAKE * self._rise
        cover = coverage(box(x, y, centre_x, centre_y, half_width, half_height, radius=0.35))
        light = self.averaged(self._bar_light(x - centre_x, y - centre_y, half_width, half_height))
        colour = light[..., None] * 0.74 * _HUES[bar]
        colour += glows.get(bar, 0.0) * 0.85 * (0.5 * _HUES[bar] + 0.5 - colour)
        patch = self._lit(self._scene, glows, rows, columns)
        paint(patch, self.averaged(cover), colour)
        picture[rows, columns] = patch

    def _bar_light(self, x: FloatArray, y: FloatArray, half_width: float, half_height: float) -> FloatArray:
        """Light on a bar: rounded across, a bright upper and a dark lower end, and two holes for the cord."""
        down = 1.12 - 0.10 * (y / half_height)
        down += 0.18 * coverage(np.abs(y + 0.95 * half_height) - 0.03 * half_height)
        down -= 0.25 * coverage(0.93 * half_height - y, 2.0)
        light = down - 0.30 * ((x / half_width + 0.25) / 1.25) ** 2
        hole = norm(x, np.abs(y) - 0.6 * half_height) - 0.17 * half_width  # the nearer of the two
        light *= 1 - 0.55 * coverage(hole)
        return light

    @cached_property
    def _halos(self) -> list[FloatArray]:
        """Light that a fully glowing bar throws on its surroundings, (height, width, 3) each."""
        x, y = self.grid(slice(0, self.height), slice(0, self.width))
        halos = []
        for bar in range(self.bars):
            centre_x, centre_y, half_width, half_height = self._bar_shape(bar)
            distance = np.maximum(box(x, y, centre_x, centre_y, half_width, half_height, radius=0.35), 0)
            light = self.averaged(np.exp(-distance / (0.06 * self._rise)).astype(np.float32))
            halos.append(0.55 * light[..., None] * _HUES[bar])
        return halos

    def _draw_mallet(self, picture: FloatArray, stroke: Stroke) -> None:
        """The mallet that has just hit: it lifts off and fades."""
        centre_x, centre_y, _, half_height = self._bar_shape(stroke.bar)
        head = 0.036 * min(self._span, self._rise)
        lift = 0.13 * self._rise * (1 - exp(-stroke.elapsed / 0.12))
        head_y = centre_y + 0.25 * half_height - lift
        length = 5.0 * head
        rows = self.pixels(head_y - length - head, head_y + 2 * head, self.height)
        columns = self.pixels(centre_x - 2 * head, centre_x + 0.5 * length + head, self.width)
        x, y = self.grid(rows, columns)
        along = np.clip(((x - centre_x) * 0.35 - (y - head_y) * 0.94) / length, 0, 1)
        stick = norm(x - centre_x - along * 0.35 * length, y - head_y + along * 0.94 * length)
        stick -= 0.16 * head
        ball = norm(x - centre_x, y - head_y) - head
        fade = 1 - stroke.elapsed / _MALLET_SECONDS
        patch = picture[rows, columns]
        paint(patch, fade * self.averaged(coverage(stick)), _STICK)
        light = 1.0 - 0.22 * np.clip((x - centre_x + y - head_y) / (1.4 * head), -1, 1)
        colour = self.averaged(light.astype(np.float32))[..., None] * _YARN
        paint(patch, fade * self.averaged(coverage(ball)), colour)
