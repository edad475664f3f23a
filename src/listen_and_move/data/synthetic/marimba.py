"""A small made-up performance on a marimba: sound and motion are computed from the same notes.

One function, `ring`, is both the loudness of a struck bar and the size of its motion, so that what is seen
follows from what is heard. Nothing moves before a stroke, and a bar that has rung out is exactly silent and
exactly still.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, pi

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array
from listen_and_move.clock import exact, sample_at
from listen_and_move.data.synthetic.drawing import film
from listen_and_move.data.synthetic.marimba_picture import Marimba, Stroke

PITCHES = (392.00, 523.25, 587.33, 659.26, 783.99, 880.00, 1046.50, 1318.51)
"""Fundamental of each bar in Hz, G4 to E6 pentatonic.

Any two sound well together, and each has its own mel band."""
BARS = len(PITCHES)
STEP = Fraction(3, 20)
"""Shortest distance of two strokes in seconds: whole frames at 20 fps."""
_PARTIALS = ((1.0, 1.0, 1.0), (3.98, 0.28, 2.2), (9.9, 0.07, 4.5))
"""Frequency, strength and speed of decay of a bar's partials relative to its fundamental (a bar tuned like a
marimba's)."""
_PEAK = 0.20
"""Peak of a single full stroke; two of them on the tail of others come to about -6 dBFS."""
_REST = 0.01
"""Share of a stroke's strength at which a bar comes to rest."""


@dataclass(frozen=True)
class Note:
    """One stroke on one bar."""

    time: float
    """When the mallet hits, in seconds."""
    bar: int
    """Which bar, from 0 (longest, lowest) to 7."""
    velocity: float
    """How hard, above 0 to 1."""


def ring(bar: int, elapsed: Array) -> Array:
    """Returns how strongly a bar still rings ``elapsed`` seconds after a full stroke.

    It is 1 at first, and exactly 0 before the stroke and at rest.
    """
    level = (np.exp(-elapsed / _decay(bar)) - _REST) / (1 - _REST)
    return np.where((elapsed >= 0) & (elapsed < ring_time(bar)), level, 0.0)


def ring_time(bar: int) -> float:
    """Returns the seconds from a stroke until the bar is at rest.

    They are 1.4 for the longest bar and 0.9 for the shortest.
    """
    return -_decay(bar) * float(np.log(_REST))


def _decay(bar: int) -> float:
    return 0.30 - 0.10 * bar / (BARS - 1)


def melody(seed: int, seconds: float) -> tuple[Note, ...]:
    """Returns phrases of 6 to 12 strokes with pauses of 1 to 2 s of stillness between.

    The same seed gives the same melody.

    Args:
        seed: any integer from 0.
        seconds: length of the performance.

    Returns:
        Notes in the order of time; a chord is two notes at the same time.
    """
    random = np.random.default_rng(seed)
    notes: list[Note] = []
    used = np.zeros(BARS)
    time = 4 * STEP  # the picture is seen still before the first stroke
    while time < seconds:
        phrase, time = _phrase(random, time, used)
        notes += phrase
        at_rest = max(exact(note.time) + Fraction(ring_time(note.bar)) for note in phrase)
        still = at_rest + Fraction(random.uniform(1.05, 1.8))
        time = STEP * ceil(still / STEP)
    return tuple(note for note in notes if note.time < seconds)


def _phrase(random: np.random.Generator, time: Fraction, used: Array) -> tuple[list[Note], Fraction]:
    """Returns a phrase from ``time`` on, and its end; ``used`` counts the strokes per bar and is updated."""
    notes: list[Note] = []
    bar = int(random.integers(BARS))
    loudness = random.uniform(0.45, 0.95)
    for place in range(int(random.integers(6, 13))):
        accent = 0.12 if place % 3 == 0 else -0.08
        velocity = float(np.clip(loudness + accent + random.normal(0, 0.12), 0.2, 1.0))
        bars = [bar]
        if random.random() < 0.15:
            bars.append(bar + 2 if bar + 2 < BARS else bar - 2)
        for struck in bars:
            notes.append(Note(round(float(time), 2), struck, round(velocity, 3)))
            used[struck] += 1
        time += STEP * int(random.choice([1, 2, 2, 2, 3, 3, 4]))
        bar = _next_bar(random, bar, used)
    return notes, time


def _next_bar(random: np.random.Generator, bar: int, used: Array) -> int:
    """Returns the next bar of a phrase.

    Near bars and rarely struck bars are preferred, so that every bar gets its turn.
    """
    distance = np.abs(np.arange(BARS) - bar)
    weight = np.exp(-distance / 2.0) * np.exp(-(used - used.min()) / 2.0)
    weight[bar] *= 0.4
    return int(random.choice(BARS, p=weight / weight.sum()))


def render_sound(notes: Sequence[Note], seconds: float, sample_rate: int = 48_000) -> NDArray[np.float32]:
    """Returns the sound of a performance.

    Args:
        notes: strokes in any order.
        seconds: length of the sound.
        sample_rate: samples per second, from 16000.

    Returns:
        Samples (samples, 2), left and right, within -1..1 whatever is played; exactly 0 where no bar rings.
    """
    sound = np.zeros((sample_at(seconds, sample_rate), 2))
    strokes = [_stroke_sound(bar, sample_rate) for bar in range(BARS)]
    for note in notes:
        first = sample_at(note.time, sample_rate)
        left = np.cos(pi / 4 * (0.5 + note.bar / (BARS - 1)))  # low bars stand to the left
        samples = strokes[note.bar][: max(0, len(sound) - first), None] * note.velocity
        sound[first : first + len(samples)] += samples * [left, np.sqrt(1 - left**2)]
    return _limited(sound).astype(np.float32)


def _stroke_sound(bar: int, sample_rate: int) -> Array:
    """Returns the sound of a full stroke on a bar, mono.

    Higher partials decay faster, and the soft knock of the mallet is added.
    """
    elapsed = np.arange(ceil(ring_time(bar) * sample_rate)) / sample_rate
    sound = np.zeros_like(elapsed)
    for ratio, strength, speed in _PARTIALS:
        frequency = ratio * PITCHES[bar]
        if frequency < 0.45 * sample_rate:
            sound += strength * ring(bar, elapsed) ** speed * np.sin(2 * pi * frequency * elapsed)
    noise = np.random.default_rng(bar).standard_normal(len(elapsed))
    knock = np.convolve(noise, np.hanning(sample_rate // 3000))[: len(elapsed)]
    sound += 0.12 * knock / knock.std() * np.exp(-elapsed / 0.006)
    attack = np.minimum(1.0, (elapsed + 1 / sample_rate) / 0.001)
    return sound * attack * _PEAK * 2**0.5


def _limited(sound: Array) -> Array:
    """Returns samples up to 0.6 unchanged, and louder ones compressed so that they stay below 1."""
    over = np.maximum(np.abs(sound) - 0.6, 0.0)
    return np.sign(sound) * (np.minimum(np.abs(sound), 0.6) + 0.4 * np.tanh(over / 0.4))


def render_frames(
    notes: Sequence[Note], seconds: float, fps: Fraction, width: int, height: int
) -> Iterator[NDArray[np.uint8]]:
    """Yields the picture of a performance, frame by frame.

    Frame ``t`` shows the instant ``t / fps`` and depends on the notes up to that instant only.

    Args:
        notes: strokes in any order.
        seconds: length of the film; the last frame lies before it.
        fps: frames per second.
        width: width of the picture in pixels, from 32.
        height: height of the picture in pixels, from 32.

    Yields:
        Frames uint8 (height, width, 3).
    """
    instrument = Marimba(width, height, BARS)
    yield from film(lambda time: instrument.draw(_strokes(notes, time)), seconds, fps)


def _strokes(notes: Sequence[Note], time: Fraction) -> list[Stroke]:
    """Returns what each note still does to the picture at an instant.

    Notes that lie ahead or have rung out do nothing.
    """
    strokes = []
    for note in notes:
        elapsed = float(time - exact(note.time))
        if 0 <= elapsed < ring_time(note.bar):
            level = note.velocity * float(ring(note.bar, np.asarray(elapsed)))
            strokes.append(Stroke(note.bar, elapsed, level, note.velocity))
    return strokes
