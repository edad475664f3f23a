"""The picture of a face that speaks: its jaw, its lips and its brows move.

Lengths are shares of the picture's smaller side, see `drawing`.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import FloatArray
from listen_and_move.data.synthetic.drawing import (
    EVERYWHERE,
    Bounds,
    UnitCanvas,
    blend,
    capsule,
    colours,
    eight_bits,
    ellipse,
    norm,
)

_WALL_TOP, _WALL_LOW, _LAMP = colours("d9795d", "f0b183", "ffe3b0")
_SKIN, _SKIN_DARK, _BLUSH, _SHADE = colours("d99a70", "8c4f38", "d8674f", "3a1712")
_HAIR, _HAIR_LIGHT, _CLOTH, _CLOTH_LIGHT = colours("311a22", "8a4a3c", "1f3350", "3d5f86")
_LIP, _LIP_DARK, _LIP_LIGHT = colours("b8434a", "7d2431", "e88a86")
_INSIDE, _TONGUE, _TEETH = colours("35090f", "c65a5e", "fbf5ea")
_WHITE, _IRIS, _IRIS_LIGHT, _PUPIL = colours("fbf6f0", "3d6b57", "8fbf8a", "0e0d10")
_CENTRE, _MOUTH = 0.5, 0.655
"""Where the middle of the closed mouth is."""
_JAW_DROP = 0.055
_SIDES = (-1, 1)


class Expression(NamedTuple):
    """What is seen at an instant."""

    opening: float
    """How far the jaw is open, 0 to 1."""
    spread: float
    """How the lips are: -1 round, 0 at rest, 1 spread."""
    raised: float
    """How far the brows are raised, 0 to 1."""


class Face(UnitCanvas):
    """A face of a given size in pixels; `draw` shows it at an instant."""

    def draw(self, expression: Expression) -> NDArray[np.uint8]:
        """The picture (height, width, 3) of an expression."""
        picture = self._still.copy()
        self._lay_jaw(picture, expression.opening * _JAW_DROP)
        self._lay_brows(picture, expression.raised)
        self._lay_mouth(picture, expression)
        return eight_bits(picture)

    @cached_property
    def _still(self) -> FloatArray:
        """Everything that never moves: wall, shoulders, neck, hair, eyes, nose."""
        scene = np.zeros((self.height, self.width, 3), np.float32)
        self.lay(scene, EVERYWHERE, lambda x, y: 0 * x + 0 * y - 1, _wall)
        self.lay(
            scene,
            EVERYWHERE,
            lambda x, y: _hair_behind(x - 0.02, y - 0.02),
            _SHADE,
            opacity=0.35,
            softness=0.06,
        )
        self.lay(scene, EVERYWHERE, _hair_behind, _hair_colour)
        neck = lambda x, y: np.abs(x - _CENTRE) - 0.105 - 0.6 * np.maximum(y - 0.86, 0) ** 1.5
        self.lay(scene, Bounds(0.3, 0.7, 0.7, 1.1), neck, lambda x, y: 0.82 * _skin(x, y))
        cloth = lambda x, y: ellipse(x, y, _CENTRE, 1.13, 0.47, 0.22)
        collar = lambda x, y: ellipse(x, y, _CENTRE, 0.90, 0.115, 0.055)
        self.lay(scene, EVERYWHERE, lambda x, y: np.maximum(cloth(x, y), -collar(x, y)), _cloth)
        rim = lambda x, y: np.maximum(np.abs(collar(x, y)) - 0.009, 0.905 - y)
        self.lay(scene, Bounds(0.3, 0.85, 0.7, 1.0), rim, _CLOTH_LIGHT)
        self.lay(scene, EVERYWHERE, lambda x, y: _face(x, y, 0.0), _skin)
        for side in _SIDES:
            self._lay_eye(scene, side)
        self._lay_nose(scene)
        self._lay_fringe(scene)
        return scene

    def _lay_eye(self, scene: FloatArray, side: int) -> None:
        x0, y0 = _CENTRE + side * 0.112, 0.425
        near = Bounds(x0 - 0.09, y0 - 0.09, x0 + 0.09, y0 + 0.08)
        socket = lambda x, y: ellipse(x, y, x0, y0 - 0.012, 0.068, 0.042)
        self.lay(scene, near, socket, 0.62 * _SKIN, opacity=0.55, softness=0.05)
        eye = lambda x, y: _lens(x, y, x0, y0, 0.055, 0.033, 0.031, 1.7)
        self.lay(
            scene, near, eye, lambda x, y: (1.0 - 3.5 * np.clip(y0 - y, 0, 1) + 0 * x)[..., None] * _WHITE
        )
        inside = lambda shape: lambda x, y: np.maximum(shape(x, y), eye(x, y))
        iris = inside(lambda x, y: norm(x - x0, y - y0 + 0.001) - 0.0265)
        glow = lambda x, y: np.clip((y - y0 + 0.03) / 0.06, 0, 1)[..., None] + 0 * x[..., None]
        self.lay(scene, near, iris, lambda x, y: _IRIS + glow(x, y) * (_IRIS_LIGHT - _IRIS))
        self.lay(scene, near, inside(lambda x, y: norm(x - x0, y - y0 + 0.001) - 0.0125), _PUPIL)
        self.lay(scene, near, lambda x, y: norm(x - x0 + 0.009, y - y0 + 0.011) - 0.0065, _WHITE)
        lid = lambda x, y: np.maximum(np.abs(eye(x, y)) - 0.0055, y - y0 + 0.006)
        self.lay(scene, near, lid, _HAIR)
        corner, end = (x0 + side * 0.048, y0 - 0.012), (x0 + side * 0.068, y0 - 0.026)
        self.lay(scene, near, lambda x, y: capsule(x, y, corner, end, 0.005, 0.0015), _HAIR)
        fold = lambda x, y: np.maximum(
            np.abs(_lens(x, y, x0, y0, 0.062, 0.052, 0.05, 1.8)) - 0.002, y - y0 + 0.018
        )
        self.lay(scene, near, fold, _SKIN_DARK, opacity=0.55, softness=0.004)

    def _lay_nose(self, scene: FloatArray) -> None:
        near = Bounds(0.40, 0.40, 0.60, 0.62)
        side = lambda x, y: capsule(x, y, (0.522, 0.45), (0.538, 0.545), 0.006, 0.020)
        self.lay(scene, near, side, _SKIN_DARK, opacity=0.35, softness=0.03)
        under = lambda x, y: ellipse(x, y, _CENTRE, 0.578, 0.046, 0.013)
        self.lay(scene, near, under, _SKIN_DARK, opacity=0.5, softness=0.018)
        ball = lambda x, y: ellipse(x, y, 0.494, 0.545, 0.024, 0.020)
        self.lay(scene, near, ball, 1.22 * _SKIN, opacity=0.5, softness=0.025)
        ridge = lambda x, y: capsule(x, y, (0.492, 0.42), (0.493, 0.53), 0.006)
        self.lay(scene, near, ridge, 1.2 * _SKIN, opacity=0.4, softness=0.015)
        for hole in _SIDES:
            nostril = lambda x, y, hole=hole: ellipse(x, y, _CENTRE + hole * 0.021, 0.574, 0.0105, 0.0055)
            self.lay(scene, near, nostril, _SHADE, opacity=0.75, softness=0.004)

    def _lay_fringe(self, scene: FloatArray) -> None:
        """The hair upon the forehead and beside the cheeks."""

        def shape(x: FloatArray, y: FloatArray) -> FloatArray:
            forehead = ellipse(x, y, _CENTRE + 0.015, 0.50, 0.228, 0.285)
            cheeks = ellipse(x, y, _CENTRE, 0.60, 0.250, 0.25)
            return np.maximum(_crown(x, y), -blend(forehead, cheeks, 0.05))

        near = Bounds(0.1, 0.0, 0.9, 0.8)
        self.lay(scene, near, lambda x, y: shape(x, y - 0.016), _SKIN_DARK, opacity=0.5, softness=0.03)
        self.lay(scene, near, shape, _hair_colour)

    def _lay_jaw(self, picture: FloatArray, drop: float) -> None:
        """The lower half of the face, and the shadow that the chin throws on the neck."""
        shadow = lambda x, y: np.maximum(_face(x + 0.0, y - 0.05, drop), np.abs(x - _CENTRE) - 0.103)
        self.lay(picture, Bounds(0.38, 0.76, 0.62, 0.93), shadow, _SHADE, opacity=0.45, softness=0.03)
        jaw = lambda x, y: np.maximum(_face(x, y, drop), 0.60 - y)
        self.lay(picture, Bounds(0.22, 0.60, 0.78, 0.92), jaw, _skin)

    def _lay_brows(self, picture: FloatArray, raised: float) -> None:
        for side in _SIDES:
            inner = (_CENTRE + side * 0.058, 0.345 - 0.020 * raised)
            arch = (_CENTRE + side * 0.118, 0.332 - 0.036 * raised)
            outer = (_CENTRE + side * 0.168, 0.350 - 0.028 * raised)
            left, right = min(inner[0], outer[0]), max(inner[0], outer[0])
            brow = lambda x, y, inner=inner, arch=arch, outer=outer: np.minimum(
                capsule(x, y, inner, arch, 0.0085, 0.0095), capsule(x, y, arch, outer, 0.0095, 0.003)
            )
            bounds = Bounds(left - 0.02, 0.27, right + 0.02, 0.38)
            self.lay(picture, bounds, brow, 1.4 * _HAIR, opacity=0.88, softness=0.006)

    def _lay_mouth(self, picture: FloatArray, expression: Expression) -> None:
        """Lips, and between them teeth, tongue and the dark."""
        opening, spread = expression.opening, expression.spread
        half = 0.104 + 0.042 * spread * (1 if spread > 0 else 1.15) - 0.010 * opening
        roundness = max(0.0, -spread)
        up, low = 0.002 + 0.034 * opening + 0.012 * roundness, 0.002 + 0.108 * opening + 0.010 * roundness
        thick_up, thick_low = 0.024 + 0.008 * roundness, 0.031 + 0.008 * roundness
        corner = 0.011 + 0.010 * max(0.0, spread)  # how far the corners are above the middle
        near = Bounds(_CENTRE - 0.21, _MOUTH - 0.11, _CENTRE + 0.21, _MOUTH + low + 0.11)
        power = 1.55 + 0.4 * roundness + 0.25 * opening

        def bent(x: FloatArray, y: FloatArray) -> FloatArray:
            return y + corner * np.minimum(((x - _CENTRE) / half) ** 2, 2.0)

        def inner(x: FloatArray, y: FloatArray) -> FloatArray:
            return _lens(x, bent(x, y), _CENTRE, _MOUTH, half, up, low, power)

        def outer(x: FloatArray, y: FloatArray) -> FloatArray:
            bow = 0.007 * np.exp(-(((x - _CENTRE) / 0.022) ** 2))  # the dip in the middle of the upper lip
            dipped = bent(x, y) - bow * (y < _MOUTH)
            return _lens(x, dipped, _CENTRE, _MOUTH, half + 0.021, up + thick_up, low + thick_low, power)

        def lip(x: FloatArray, y: FloatArray) -> FloatArray:
            down = bent(x, y) - _MOUTH
            upper = np.clip((-down - up) / thick_up, 0, 1)
            lower = np.clip((down - low) / thick_low, 0, 1)
            shine = np.exp(-(((lower - 0.45) / 0.22) ** 2) - ((x - _CENTRE + 0.015) / (0.5 * half)) ** 2)
            light = np.where(down < 0, 0.25 + 0.35 * upper, 0.85 - 0.5 * lower)[..., None]
            colour = _LIP_DARK + light * (_LIP - _LIP_DARK) * 1.15
            return colour + (0.75 * shine * (down > 0))[..., None] * (_LIP_LIGHT - colour)

        chin = _MOUTH + low + thick_low + 0.026
        below = lambda x, y: ellipse(x, y, _CENTRE, chin, 0.075, 0.014)
        self.lay(picture, near, below, _SKIN_DARK, opacity=0.45, softness=0.03)
        ball = lambda x, y: ellipse(x, y, _CENTRE - 0.012, chin + 0.045, 0.05, 0.02)
        lower = Bounds(0.35, chin - 0.03, 0.65, chin + 0.12)
        self.lay(picture, lower, ball, 1.15 * _SKIN, opacity=0.35, softness=0.05)
        self.lay(picture, near, lambda x, y: outer(x, y) - 0.006, _SKIN_DARK, opacity=0.35, softness=0.02)
        self.lay(picture, near, outer, lip)
        self.lay(picture, near, inner, _INSIDE)
        inside = lambda shape: lambda x, y: np.maximum(shape(x, y), inner(x, y))
        tongue = lambda x, y: ellipse(x, y, _CENTRE, _MOUTH + low + 0.012, 0.62 * half, 0.055)
        self.lay(
            picture,
            near,
            inside(tongue),
            _TONGUE,
            opacity=min(1.0, 4.0 * opening) * (1 - 0.7 * roundness),
            softness=0.006,
        )
        teeth_low = _MOUTH - up + 0.034
        arch = lambda x, y: ellipse(x, y, _CENTRE, _MOUTH - up, 0.90 * half, 0.055)
        teeth = lambda x, y: np.maximum(y - teeth_low, arch(x, y))
        shown = min(1.0, opening / 0.08) * (1 - 0.9 * roundness)
        self.lay(picture, near, inside(teeth), _tooth_colour, opacity=shown, softness=0.004)
        for side in _SIDES:
            x0, y0 = _CENTRE + side * (half + 0.006), _MOUTH - corner
            dimple = lambda x, y, x0=x0, y0=y0: ellipse(x, y, x0, y0, 0.010, 0.009)
            self.lay(picture, near, dimple, _SKIN_DARK, opacity=0.45, softness=0.014)


def _lens(
    x: FloatArray,
    y: FloatArray,
    centre_x: float,
    centre_y: float,
    half_width: float,
    up: float,
    low: float,
    power: float,
) -> FloatArray:
    """Distance from a shape between two arcs, ``up`` above its middle and ``low`` below.

    Its corners are the sharper the smaller ``power`` is (2: round).
    """
    across, down = np.abs(x - centre_x) / half_width, y - centre_y
    height = np.where(down < 0, np.float32(up), np.float32(low))
    down = down / height
    slope = norm(power * across ** (power - 1) / half_width, 2 * down / height)
    return (across**power + down * down - 1) / np.maximum(slope, 1e-3)


def _face(x: FloatArray, y: FloatArray, drop: float) -> FloatArray:
    """Outline of the face with its jaw dropped."""
    skull = ellipse(x, y, _CENTRE, 0.40, 0.262, 0.29)
    jaw = ellipse(x, y, _CENTRE, 0.55 + 0.5 * drop, 0.222, 0.265 + 0.5 * drop)
    return blend(skull, jaw, 0.08)


def _skin(x: FloatArray, y: FloatArray) -> FloatArray:
    """Skin in the light of a lamp at the upper left, with blush on the cheeks."""
    lamp = np.exp(-(((x - 0.42) / 0.20) ** 2) - ((y - 0.42) / 0.33) ** 2)
    edge = np.clip((((x - 0.47) / 0.30) ** 2 + ((y - 0.47) / 0.42) ** 2) - 0.35, 0, 1)
    light = (0.92 + 0.20 * lamp - 0.42 * edge)[..., None]
    colour = light * _SKIN
    for side in _SIDES:
        cheek = np.exp(-(((x - _CENTRE - side * 0.15) / 0.065) ** 2) - ((y - 0.565) / 0.05) ** 2)
        colour = colour + 0.35 * cheek[..., None] * (_BLUSH - colour)
    return colour


def _tooth_colour(x: FloatArray, y: FloatArray) -> FloatArray:
    gaps = 1 - 0.10 * np.exp(-((((((x - _CENTRE) / 0.024 + 0.5) % 1) - 0.5) / 0.06) ** 2))
    return (gaps * (1.0 - 5 * np.abs(x - _CENTRE) ** 1.5) + 0 * y)[..., None] * _TEETH


def _wall(x: FloatArray, y: FloatArray) -> FloatArray:
    share = np.clip(y, 0, 1)[..., None] + 0 * x[..., None]
    lamp = np.exp(-(((x - 0.25) / 0.45) ** 2) - ((y - 0.25) / 0.45) ** 2)
    wall = _WALL_TOP + share * (_WALL_LOW - _WALL_TOP)
    return wall + 0.55 * lamp[..., None] * (_LAMP - wall)


def _hair_behind(x: FloatArray, y: FloatArray) -> FloatArray:
    """Outline of hair that ends below the chin."""
    lengths = ellipse(np.abs(x - _CENTRE), y, 0.165, 0.60, 0.165, 0.215)
    return blend(_crown(x, y), lengths, 0.12)


def _crown(x: FloatArray, y: FloatArray) -> FloatArray:
    return ellipse(x, y, _CENTRE, 0.395, 0.315, 0.325)


def _hair_colour(x: FloatArray, y: FloatArray) -> FloatArray:
    """Hair with strands, combed from a parting, and a band of light across them."""
    radius = norm((x - _CENTRE) / 0.315, (y - 0.42) / 0.325)
    band = np.exp(-(((radius - 0.86) / 0.10) ** 2)) * np.clip(0.66 - y, 0, 0.4) * 2.4
    angle = np.arctan2(x - 0.46, 0.80 - y)
    strands = 0.5 * np.sin(61 * angle) * np.sin(27 * angle + 1) + 0.5 * np.sin(117 * angle + 0.5)
    light = band * (0.8 + 0.3 * strands) * np.clip(1.25 - 1.3 * (x - 0.2), 0.3, 1) + 0.10 + 0.10 * strands
    return _HAIR + light[..., None] * (_HAIR_LIGHT - _HAIR)


def _cloth(x: FloatArray, y: FloatArray) -> FloatArray:
    lamp = np.exp(-(((x - 0.30) / 0.25) ** 2) - ((y - 0.95) / 0.10) ** 2)
    return _CLOTH + 0.7 * lamp[..., None] * (_CLOTH_LIGHT - _CLOTH)
