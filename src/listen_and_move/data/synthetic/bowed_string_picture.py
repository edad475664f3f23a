"""The picture of a bowed string: a cello's neck and body, a hand that stops the string and one that bows it.

Lengths are shares of the picture's smaller side, see `drawing`.
"""

from collections.abc import Callable
from functools import cached_property
from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import FloatArray
from listen_and_move.data.synthetic.drawing import (
    EVERYWHERE,
    Bounds,
    Colour,
    UnitCanvas,
    around,
    blend,
    capsule,
    colours,
    eight_bits,
    ellipse,
    norm,
)

_WALL_TOP, _WALL_LOW, _LAMP = colours("12262e", "24505a", "8a7a52")
_VARNISH, _VARNISH_EDGE, _EBONY, _MAPLE = colours("b5612a", "5c2410", "1d1716", "dba85e")
_STRING, _SILVER, _HAIR, _STICK, _SHADE = colours("c9c2b0", "d7d9de", "f3ead2", "7c3b1e", "0a0f12")
_SKIN, _SKIN_SHADE, _SLEEVE, _SLEEVE_SHADE = colours("e3ab83", "9c5a3f", "7a2f46", "3d1428")
_HUES = np.stack(colours("ff6b5e", "ffb24d", "ffe066", "a6e06a", "5fd6c0", "6bb0ff"))
"""Light of the string from its lowest to its highest note."""
_CENTRE, _NUT, _BRIDGE, _CONTACT = 0.5, 0.02, 0.86, 0.725
"""Where the string is, and how far down it begins, ends and is bowed."""
_HAIR_LENGTH = 0.60
_TILT = -0.10
"""Angle of the bow in radians; it swings by as much on its way to the tip."""
_SWING = 0.014
"""Largest deflection of the string."""


class Posture(NamedTuple):
    """What is seen at an instant."""

    place: float
    """Where the bow stands on the string: 0 at its frog to 1 at its tip."""
    finger: float
    """Share of the string above the finger."""
    loudness: float
    """How strongly the string swings, 0 to 1."""


class BowedString(UnitCanvas):
    """An instrument of a given size in pixels; `draw` shows it at an instant."""

    def draw(self, posture: Posture) -> NDArray[np.uint8]:
        """The picture (height, width, 3) at a posture."""
        picture = self._still.copy()
        touch = _NUT + (_BRIDGE - _NUT) * posture.finger
        self._lay_light(picture, touch, posture)
        self._lay_string(picture, touch, posture.loudness)
        self._lay_stopping_hand(picture, touch)
        self._lay_bow(picture, posture.place)
        return eight_bits(picture)

    @cached_property
    def _still(self) -> FloatArray:
        """Everything that never moves: wall, body, neck, bridge and the strings that are not played."""
        scene = np.zeros((self.height, self.width, 3), np.float32)
        self.lay(scene, EVERYWHERE, lambda x, y: 0 * x + 0 * y - 1, _wall)
        shadow = lambda x, y: _body(x - 0.02, y - 0.025)
        self.lay(scene, Bounds(0.0, 0.3, 1.0, 1.2), shadow, _SHADE, opacity=0.6, softness=0.06)
        self.lay(scene, EVERYWHERE, _body, _VARNISH_EDGE)
        self.lay(scene, EVERYWHERE, lambda x, y: _body(x, y) + 0.007, _varnish)
        purfling = lambda x, y: np.abs(_body(x, y) + 0.021) - 0.0016
        self.lay(scene, EVERYWHERE, purfling, _VARNISH_EDGE, opacity=0.8)
        for side in (-1, 1):
            self._lay_sound_hole(scene, side)
        self._lay_bridge(scene)
        self._lay_neck(scene)
        return scene

    def _lay_sound_hole(self, scene: FloatArray, side: int) -> None:
        """One of the two holes in the shape of an f."""

        def shape(x: FloatArray, y: FloatArray) -> FloatArray:
            across, down = (x - _CENTRE) * side - 0.118, y - 0.80
            bend = across - 0.016 * np.sin(np.clip(down / 0.085, -1, 1) * pi)
            stem = np.maximum(np.abs(bend) - 0.0045, np.abs(down) - 0.088)
            eyes = np.minimum(
                norm(across + 0.012, down + 0.088) - 0.0105, norm(across - 0.014, down - 0.09) - 0.0125
            )
            return blend(stem, eyes, 0.008)

        left = _CENTRE + side * 0.118
        self.lay(scene, Bounds(left - 0.05, 0.68, left + 0.05, 0.93), shape, _SHADE, opacity=0.92)

    def _lay_neck(self, scene: FloatArray) -> None:
        def board(x: FloatArray, y: FloatArray) -> FloatArray:
            half = 0.033 + 0.022 * y
            return np.maximum(np.abs(x - _CENTRE) - half, y - 0.60)

        def light(x: FloatArray, y: FloatArray) -> FloatArray:
            across = (x - _CENTRE) / 0.05
            return (1.25 + 1.5 * np.exp(-(((across + 0.45) / 0.30) ** 2)) + 0 * y)[..., None] * _EBONY

        bounds = Bounds(0.38, -0.5, 0.62, 0.64)
        self.lay(
            scene, bounds, lambda x, y: board(x - 0.012, y - 0.012), _SHADE, opacity=0.55, softness=0.025
        )
        self.lay(scene, bounds, lambda x, y: board(x, y) - 0.006, _edge_light)
        self.lay(scene, bounds, board, light)
        for place in (-0.032, 0.016, 0.032):
            string = lambda x, y, place=place: np.maximum(
                np.abs(x - _CENTRE - place * (0.62 + 0.5 * y)) - 0.0012, y - 0.95
            )
            self.lay(scene, Bounds(0.4, -0.5, 0.6, 1.2), string, _STRING, opacity=0.75)

    def _lay_bridge(self, scene: FloatArray) -> None:
        def shape(x: FloatArray, y: FloatArray) -> FloatArray:
            top = _BRIDGE - 0.012 + 1.2 * (x - _CENTRE) ** 2
            solid = np.maximum(
                np.abs(x - _CENTRE) - 0.062 - 0.2 * (y - _BRIDGE), np.abs(y - top - 0.03) - 0.03
            )
            arch = norm((x - _CENTRE) / 1.5, y - _BRIDGE - 0.055) - 0.022
            return np.maximum(solid, -arch)

        def light(x: FloatArray, y: FloatArray) -> FloatArray:
            return (1.12 - 4.5 * np.clip(y - _BRIDGE, -0.02, 0.06) + 0 * x)[..., None] * _MAPLE

        bounds = Bounds(0.40, 0.82, 0.60, 0.96)
        self.lay(scene, bounds, lambda x, y: shape(x - 0.01, y - 0.014), _SHADE, opacity=0.5, softness=0.02)
        self.lay(scene, bounds, shape, light)
        tail = lambda x, y: np.maximum(np.abs(x - _CENTRE) - 0.048 + 0.03 * (y - 0.93), 0.945 - y)
        self.lay(scene, Bounds(0.42, 0.86, 0.58, 1.3), tail, 1.5 * _EBONY)

    def _lay_light(self, picture: FloatArray, touch: float, posture: Posture) -> None:
        """The glow of the string that swings, in the colour of its note."""
        if posture.loudness == 0:
            return
        place = np.clip((posture.finger - 0.10) / 0.55, 0, 1) * (len(_HUES) - 1)
        low = min(int(place), len(_HUES) - 2)
        hue = (_HUES[low] + (place - low) * (_HUES[low + 1] - _HUES[low])).astype(np.float32)
        rows = self._reach(touch - 0.2, _BRIDGE + 0.12, self._top, self.height)
        columns = self._reach(_CENTRE - 0.3, _CENTRE + 0.3, self._left, self.width)
        x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5
        x, y = self._unit(x, y, 1)
        away = norm(x - _CENTRE, np.maximum(np.maximum(touch - y, y - _BRIDGE), 0))
        glow = 0.45 * np.exp(-away / 0.055) * np.clip((0.3 - away) / 0.1, 0, 1)
        glow *= np.clip((0.12 - (y - _BRIDGE)) / 0.06, 0, 1) * np.clip((y - touch + 0.2) / 0.1, 0, 1)
        patch = picture[rows, columns]
        patch += (posture.loudness * glow)[..., None] * hue * (1.15 - patch)

    def _lay_string(self, picture: FloatArray, touch: float, loudness: float) -> None:
        """The string that is played, from the nut to the bridge, widened where it swings."""
        swing = _SWING * loudness
        bounds = Bounds(_CENTRE - 0.035, -0.5, _CENTRE + 0.01, 0.95)
        place = lambda y: _CENTRE - 0.016 * (0.62 + 0.5 * y)
        if swing:

            def blur(x: FloatArray, y: FloatArray) -> FloatArray:
                share = np.clip((y - touch) / (_BRIDGE - touch), 0, 1)
                return np.maximum(np.abs(x - place(y)) - swing * np.sin(pi * share) - 0.001, touch - y)

            self.lay(picture, bounds, blur, _HAIR, opacity=0.45)
        line = lambda x, y: np.maximum(np.abs(x - place(y)) - 0.0019, y - 0.95)
        self.lay(picture, bounds, line, _HAIR, opacity=1.0 - 0.5 * loudness)

    def _lay_stopping_hand(self, picture: FloatArray, touch: float) -> None:
        """The hand on the neck, its finger upon the string at ``touch``, and the arm that brings it."""
        tip = (_CENTRE + 0.002, touch)
        knuckle, wrist, elbow = (0.60, touch - 0.022), (0.70, touch + 0.035), (1.12, 0.62 + 0.35 * touch)
        fingers = [
            (tip, knuckle, 0.0185, 0.023),
            ((0.553, touch + 0.044), (0.615, touch + 0.018), 0.018, 0.023),
            ((0.556, touch + 0.083), (0.622, touch + 0.052), 0.017, 0.022),
            ((0.562, touch - 0.046), (0.61, touch - 0.036), 0.018, 0.022),
        ]

        def hand(x: FloatArray, y: FloatArray) -> FloatArray:
            palm = capsule(x, y, (0.64, touch + 0.008), wrist, 0.052, 0.044)
            return blend(palm, capsule(x, y, wrist, _towards(wrist, elbow, 0.2), 0.042, 0.042), 0.03)

        def whole(x: FloatArray, y: FloatArray) -> FloatArray:
            shape = hand(x, y)
            for start, end, thin, thick in fingers:
                shape = blend(shape, capsule(x, y, start, end, thin, thick), 0.012)
            return shape

        near = Bounds(0.44, touch - 0.12, 0.86, touch + 0.2)
        self.lay(picture, near, lambda x, y: whole(x - 0.008, y - 0.016), _SHADE, opacity=0.4, softness=0.03)
        skin = _shaded(_SKIN, _SKIN_SHADE, touch - 0.05, touch + 0.14)
        self.lay(picture, near, hand, skin)
        for start, end, thin, thick in [*fingers[2:0:-1], fingers[3], fingers[0]]:
            self._lay_finger(picture, start, end, thin, thick)
        self._lay_sleeve(picture, _towards(wrist, elbow, 0.12), elbow, 0.062, 0.098)

    def _lay_finger(
        self,
        picture: FloatArray,
        start: tuple[float, float],
        end: tuple[float, float],
        thin: float,
        thick: float,
    ) -> None:
        """A finger from its tip to its knuckle, darker at its edge so that it stands out from the next."""
        bounds = around(start, end, margin=thick)
        shape = lambda x, y: capsule(x, y, start, end, thin, thick)
        fade = lambda x, y: np.maximum(shape(x, y), x - end[0] - thick * 0.2)
        self.lay(picture, bounds, fade, 0.72 * _SKIN, softness=0.004)
        lit = lambda x, y: capsule(x, y - -0.003, start, end, thin - 0.004, thick - 0.004)
        self.lay(picture, bounds, lit, 1.05 * _SKIN, softness=0.007)
        nail = lambda x, y: ellipse(x, y, start[0] + 0.002, start[1] - 0.005, 0.010, 0.007)
        self.lay(picture, bounds, nail, 0.5 * _SKIN + 0.5 * _HAIR, opacity=0.8)

    def _lay_bow(self, picture: FloatArray, place: float) -> None:
        """The bow with its hand; its hair touches the string at ``place`` of its length."""
        angle = _TILT * (1 - 2.0 * place)
        along, down = (cos(angle), sin(angle)), (-sin(angle), cos(angle))

        def at(length: float, below: float) -> tuple[float, float]:
            """A point of the bow: along it from the frog, and below its hair."""
            reach = length - place * _HAIR_LENGTH - 0.02
            return (
                _CENTRE + reach * along[0] + below * down[0],
                _CONTACT + reach * along[1] + below * down[1],
            )

        frog, tip, end = at(0.0, 0.0), at(_HAIR_LENGTH + 0.06, 0.0), at(_HAIR_LENGTH + 0.075, 0.030)
        screw, middle = at(-0.10, 0.036), at((_HAIR_LENGTH + 0.06) / 2, 0.024)
        bounds = around(screw, middle, end, margin=0.012)

        def stick(x: FloatArray, y: FloatArray) -> FloatArray:
            return np.minimum(
                capsule(x, y, screw, middle, 0.0085, 0.0072), capsule(x, y, middle, end, 0.0072, 0.0055)
            )

        hair = lambda x, y: capsule(x, y, frog, tip, 0.0062)
        shadow = lambda x, y: capsule(x - 0.006, y - 0.03, screw, end, 0.010)
        self.lay(picture, around(screw, end, margin=0.055), shadow, _SHADE, opacity=0.35, softness=0.025)
        self.lay(picture, around(frog, tip, margin=0.01), hair, _HAIR)
        self.lay(picture, bounds, stick, _STICK)
        self.lay(picture, bounds, lambda x, y: stick(x, y + 0.003) + 0.005, 1.9 * _STICK, opacity=0.8)
        head = lambda x, y: capsule(x, y, tip, end, 0.010, 0.0055)
        self.lay(picture, around(tip, end, margin=0.012), head, 1.25 * _STICK)
        block, eye = at(-0.05, 0.016), at(-0.03, 0.016)
        near = around(block, frog, margin=0.03)
        self.lay(picture, near, lambda x, y: capsule(x, y, block, frog, 0.021), 1.6 * _EBONY)
        self.lay(picture, near, lambda x, y: norm(x - eye[0], y - eye[1]) - 0.008, _SILVER)
        self._lay_bowing_hand(picture, at(-0.055, 0.012), at(-0.20, 0.075))

    def _lay_bowing_hand(
        self, picture: FloatArray, grip: tuple[float, float], wrist: tuple[float, float]
    ) -> None:
        """The hand that holds the frog at ``grip``, and its arm."""
        elbow = (-0.42 + 0.3 * wrist[0], 0.62 + 0.35 * wrist[1])
        near = Bounds(wrist[0] - 0.12, grip[1] - 0.12, grip[0] + 0.1, wrist[1] + 0.12)
        knuckles = (grip[0] - 0.062, grip[1] + 0.012)

        def hand(x: FloatArray, y: FloatArray) -> FloatArray:
            return capsule(x, y, knuckles, wrist, 0.046, 0.043)

        self.lay(picture, near, hand, _shaded(_SKIN, _SKIN_SHADE, grip[1] - 0.06, wrist[1] + 0.06))
        for number in range(4):
            across = grip[0] - 0.075 + 0.029 * number
            start = (across + 0.022, grip[1] + 0.034 - 0.004 * number)
            knuckle = (across, grip[1] - 0.020 + 0.006 * abs(number - 1))
            self._lay_finger(picture, start, knuckle, 0.0155, 0.019)
        self._lay_sleeve(picture, _towards(wrist, elbow, 0.02), elbow, 0.058, 0.094)

    def _lay_sleeve(
        self,
        picture: FloatArray,
        cuff: tuple[float, float],
        elbow: tuple[float, float],
        thin: float,
        thick: float,
    ) -> None:
        """A sleeve from its cuff to the elbow, lit from above."""
        shape = lambda x, y: capsule(x, y, cuff, elbow, thin, thick)
        bounds = around(cuff, elbow, margin=thick + 0.04)
        self.lay(picture, bounds, lambda x, y: shape(x - 0.01, y - 0.02), _SHADE, opacity=0.35, softness=0.03)

        def light(x: FloatArray, y: FloatArray) -> FloatArray:
            inside = np.clip(-shape(x, y) / thin, 0, 1)
            above = np.clip(-shape(x, y + 0.6 * thin) / thin, 0, 1)
            share = np.clip(0.35 * inside + 0.75 * above, 0, 1)[..., None]
            return _SLEEVE_SHADE + share * (_SLEEVE - _SLEEVE_SHADE)

        self.lay(picture, bounds, shape, light)


def _towards(start: tuple[float, float], end: tuple[float, float], share: float) -> tuple[float, float]:
    """The point at a share of the way from one to another."""
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _shaded(
    light: Colour, dark: Colour, top: float, bottom: float
) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """A colour that darkens from ``top`` to ``bottom``."""

    def colour(x: FloatArray, y: FloatArray) -> FloatArray:
        share = np.clip((y - top) / (bottom - top), 0, 1)[..., None] + 0 * x[..., None]
        return light + share * (dark - light)

    return colour


def _wall(x: FloatArray, y: FloatArray) -> FloatArray:
    """A wall, lighter further down, and the light of a lamp upon it."""
    share = np.clip(y, 0, 1)[..., None] + 0 * x[..., None]
    lamp = np.exp(-(((x - 0.36) / 0.42) ** 2) - ((y - 0.30) / 0.42) ** 2)
    return _WALL_TOP + share * (_WALL_LOW - _WALL_TOP) + 0.55 * lamp[..., None] * _LAMP


def _edge_light(x: FloatArray, y: FloatArray) -> FloatArray:
    return (1.0 - 6 * (x - _CENTRE) + 0 * y)[..., None] * 0.55 * _MAPLE


def _body(x: FloatArray, y: FloatArray) -> FloatArray:
    """Outline of the body: two bouts, and a waist between."""
    across = np.abs(x - _CENTRE)
    upper = ellipse(across, y, 0.0, 0.55, 0.255, 0.165)
    lower = ellipse(across, y, 0.0, 1.10, 0.36, 0.24)
    waist = np.maximum(across - 0.192 - 2.2 * (y - 0.765) ** 2, np.abs(y - 0.80) - 0.17)
    return blend(blend(upper, lower, 0.05), waist, 0.03)


def _varnish(x: FloatArray, y: FloatArray) -> FloatArray:
    """Varnished wood: light from the upper left, darker towards the edge, with the grain of spruce."""
    across = x - _CENTRE
    lamp = np.exp(-(((across + 0.10) / 0.22) ** 2) - ((y - 0.60) / 0.30) ** 2)
    rim = np.clip(-_body(x, y) / 0.07, 0, 1)
    grain = 0.025 * np.sin(310 * across + 2.2 * np.sin(5 * y)) + 0.02 * np.sin(97 * across + 1.1)
    light = 0.62 + 0.30 * rim + 0.42 * lamp + grain * rim
    return light[..., None] * _VARNISH
