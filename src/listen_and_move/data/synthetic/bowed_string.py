"""A small made-up performance on a bowed string: sound and motion are computed from the same bow strokes.

How fast the bow moves is how loud the string sounds; where the bow is, is heard as well, bright at its frog
and soft towards its tip; and the pitch is what is left of the string below the finger, however the finger
slides and trembles. Every phrase ends on the lowest note with the bow at its frog, which is where both rest:
without strokes the string is exactly silent and the picture exactly still.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, pi

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array
from listen_and_move.clock import exact, sample_at
from listen_and_move.data.synthetic.bowed_string_picture import BowedString, Posture
from listen_and_move.data.synthetic.drawing import film
from listen_and_move.data.synthetic.phrases import played

OPEN_PITCH = 196.0
"""Of the whole string, in Hz: G3."""
PITCHES = (220.00, 246.94, 277.18, 329.63, 369.99, 440.00)
"""Notes in Hz: A major pentatonic, A3 to A4."""
STEP = Fraction(3, 20)
"""What the times of strokes are multiples of, in seconds: whole frames at 20 fps."""
FULL_SPEED = 1.3
"""Lengths of the bow per second at which the string is as loud as it gets."""
_TURN = 0.07
"""Seconds in which the bow comes to its speed, and to rest."""
_GLIDE = 0.10
"""Seconds in which the finger slides to its note."""
_VIBRATO_RATE, _VIBRATO_REACH = 4.0, 0.016
"""How often a second the finger trembles, and how far to each side, as a share of the string."""
_VIBRATO_BEGINS, _VIBRATO_GROWS, _VIBRATO_ENDS = 0.20, 0.20, 0.12
"""Seconds of a note until the finger trembles, until it trembles fully, and of its coming to rest."""
_BRIGHT, _DARK = 0.03, 0.34
"""How fast overtones fade, beyond those of a sawtooth, with the bow at its frog and at its tip."""
_BODY = ((290.0, 0.14, 0.9), (520.0, 0.16, 0.7), (1150.0, 0.25, 0.4), (2600.0, 0.30, 0.9))
"""Resonances of the body: frequency in Hz, width as a share of it, and gain."""
_GAIN = 0.80
"""Brings the loudest strokes to about -6 dBFS."""


@dataclass(frozen=True)
class BowStroke:
    """One note, played by one stroke of the bow."""

    time: float
    """When the bow begins to move, in seconds."""
    duration: float
    """Seconds until it has come to rest."""
    pitch: int
    """Which note, from 0 (lowest) to 5."""
    start: float
    """Where on the string the bow stands at first: 0 at its frog to 1 at its tip."""
    end: float
    """Where it stands in the end."""

    def progress(self, elapsed: Array) -> Array:
        """Share of the stroke's way that the bow has moved ``elapsed`` seconds after its beginning."""
        elapsed = np.clip(elapsed, 0.0, self.duration)
        rising = np.minimum(elapsed, _TURN)
        falling = np.maximum(elapsed - (self.duration - _TURN), 0.0)
        way = rising / 2 - _TURN / (2 * pi) * np.sin(pi * rising / _TURN)
        way += np.clip(elapsed - _TURN, 0.0, self.duration - 2 * _TURN)
        way += falling / 2 + _TURN / (2 * pi) * np.sin(pi * falling / _TURN)
        return way / (self.duration - _TURN)

    def loudness(self, elapsed: Array) -> Array:
        """How fast the bow moves, as a share of full speed: 0 before the stroke and after it."""
        near = np.minimum(elapsed, self.duration - elapsed)  # seconds to the nearer end
        edge = 0.5 - 0.5 * np.cos(pi * np.clip(near / _TURN, 0.0, 1.0))
        return abs(self.end - self.start) / (self.duration - _TURN) / FULL_SPEED * edge

    def place(self, elapsed: Array) -> Array:
        """Where the bow stands on the string, 0 to 1."""
        return self.start + (self.end - self.start) * self.progress(elapsed)

    def finger(self, elapsed: Array, before: int) -> Array:
        """Share of the string above the finger, which comes from the note ``before``."""
        share = np.clip(elapsed / _GLIDE, 0.0, 1.0)
        old, new = stopped(before), stopped(self.pitch)
        slid = old + (new - old) * share * share * (3 - 2 * share)
        grown = np.clip((elapsed - _VIBRATO_BEGINS) / _VIBRATO_GROWS, 0.0, 1.0)
        size = np.minimum(grown, np.clip((self.duration - elapsed) / _VIBRATO_ENDS, 0.0, 1.0))
        turns = _VIBRATO_RATE * np.maximum(elapsed - _VIBRATO_BEGINS, 0.0)
        return slid + _VIBRATO_REACH * size * np.sin(2 * pi * turns)


def stopped(pitch: int) -> float:
    """Share of the string above the finger that stops it for a note."""
    return 1 - OPEN_PITCH / PITCHES[pitch]


def bow_strokes(seed: int, seconds: float) -> tuple[BowStroke, ...]:
    """Returns phrases of 4 to 8 strokes, with pauses of 1 to 2 s of stillness between.

    The same seed gives the same strokes.

    Args:
        seed: any integer from 0.
        seconds: length of the performance.

    Returns:
        Strokes in the order of time, none upon another; every phrase is whole.
    """
    return played(seed, seconds, _phrase, step=STEP, still=4, pauses=range(7, 13))


def _phrase(random: np.random.Generator, time: Fraction, before: Sequence[BowStroke]) -> list[BowStroke]:
    """Returns a phrase from ``time`` on, after the strokes before it."""
    strokes: list[BowStroke] = []
    used = np.bincount([stroke.pitch for stroke in before], minlength=len(PITCHES))
    pitch, place, loudness = int(random.integers(1, len(PITCHES))), 0.0, random.uniform(0.45, 0.85)
    last = 2 * int(random.integers(2, 5)) - 1
    for number in range(last + 1):
        end = random.uniform(0.55, 1.0) if number % 2 == 0 else random.uniform(0.0, 0.3)
        if number == last:
            pitch, end = 0, 0.0
        wanted = float(np.clip(loudness + random.normal(0, 0.15), 0.3, 1.0))
        steps = round((abs(end - place) / FULL_SPEED / wanted + _TURN) / float(STEP))
        fewest = floor((abs(end - place) / FULL_SPEED + _TURN) / float(STEP)) + 1  # not above full speed
        duration = max(2, steps, fewest) * STEP
        strokes.append(BowStroke(float(time), float(duration), pitch, round(place, 3), round(end, 3)))
        used[pitch] += 1
        time, place = time + duration, round(end, 3)
        pitch = _next_pitch(random, pitch, used)
    return strokes


def _next_pitch(random: np.random.Generator, pitch: int, used: NDArray[np.integer]) -> int:
    """A near note rather than a far one, one that was rarely played rather than often, never the same."""
    weight = np.exp(-np.abs(np.arange(len(PITCHES)) - pitch) / 2.0 - (used - used.min()) / 2.0)
    weight[pitch] = 0.0
    return int(random.choice(len(PITCHES), p=weight / weight.sum()))


def render_sound(
    strokes: Sequence[BowStroke], seconds: float, sample_rate: int = 48_000
) -> NDArray[np.float32]:
    """The sound of a performance.

    Args:
        strokes: in the order of time.
        seconds: length of the sound.
        sample_rate: samples per second, from 16000.

    Returns:
        Samples (samples, 2), within -1..1; exactly 0 where no bow moves.
    """
    sound = np.zeros(sample_at(seconds, sample_rate))
    before = 0
    for stroke in strokes:
        first = sample_at(stroke.time, sample_rate)
        samples = _stroke_sound(stroke, before, sample_rate)[: max(0, len(sound) - first)]
        sound[first : first + len(samples)] += samples
        before = stroke.pitch
    return np.repeat(_GAIN * sound[:, None], 2, axis=1).astype(np.float32)


def _stroke_sound(stroke: BowStroke, before: int, sample_rate: int) -> Array:
    """A stroke: a sawtooth through the body's resonances, and the noise of the hair.

    Of its overtones there are as many as the sample rate holds, the weaker the nearer the bow is to its tip.
    """
    elapsed = np.arange(sample_at(stroke.duration, sample_rate)) / sample_rate
    pitch = OPEN_PITCH / (1 - stroke.finger(elapsed, before))
    phase = 2 * pi * np.cumsum(pitch) / sample_rate
    fading = np.exp(-_BRIGHT - (_DARK - _BRIGHT) * stroke.place(elapsed))
    frequencies = np.linspace(0, 12_000, 1201)
    body = 0.35 + sum(
        gain * np.exp(-(((frequencies - centre) / (width * centre)) ** 2)) for centre, width, gain in _BODY
    )
    sound, fade = np.zeros_like(elapsed), np.ones_like(elapsed)
    for number in range(1, int(min(10_000, 0.45 * sample_rate) / pitch.max()) + 1):
        fade *= fading
        sound += fade / number * np.interp(number * pitch, frequencies, body) * np.sin(number * phase)
    noise = np.random.default_rng(sample_at(stroke.time, 1000)).standard_normal(len(elapsed) + 24)
    hair = np.convolve(noise, np.hanning(25), "valid") - noise[12:-12] * np.hanning(25).sum() / 4
    scratch = 1 + 3 * np.exp(-elapsed / 0.05)
    return (0.55 * sound + 0.012 * hair / hair.std() * scratch) * stroke.loudness(elapsed)


def render_frames(
    strokes: Sequence[BowStroke], seconds: float, fps: Fraction, width: int, height: int
) -> Iterator[NDArray[np.uint8]]:
    """The picture of a performance, frame by frame.

    Frame ``t`` shows the instant ``t / fps`` and depends on the strokes up to that instant only.

    Args:
        strokes: in the order of time.
        seconds: length of the film; the last frame lies before it.
        fps: frames per second.
        width: width of the picture in pixels, from 32.
        height: height of the picture in pixels, from 32.

    Yields:
        Frames uint8 (height, width, 3).
    """
    instrument = BowedString(width, height)
    yield from film(lambda time: instrument.draw(posture(strokes, time)), seconds, fps)


def posture(strokes: Sequence[BowStroke], time: Fraction) -> Posture:
    """Where bow and finger are at an instant, and how strongly the string swings."""
    begun = [stroke for stroke in strokes if exact(stroke.time) <= time]
    if not begun:
        return Posture(place=0.0, finger=stopped(0), loudness=0.0)
    stroke, before = begun[-1], begun[-2].pitch if len(begun) > 1 else 0
    elapsed = np.asarray(min(float(time - exact(stroke.time)), stroke.duration))
    return Posture(
        place=float(stroke.place(elapsed)),
        finger=float(stroke.finger(elapsed, before)),
        loudness=float(stroke.loudness(elapsed)),
    )
