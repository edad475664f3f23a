"""A small made-up performance of a mouth that speaks: sound and motion come from the same articulation.

How far the jaw opens is the first formant, how far the lips are spread or rounded the second, and closed
lips muffle what is above; the brows rise with the voice. Every phrase ends with closed lips and a voice that
has fallen to its lowest: without syllables the mouth is exactly silent and the picture exactly still.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array
from listen_and_move.clock import sample_at
from listen_and_move.data.synthetic.drawing import film
from listen_and_move.data.synthetic.mouth_picture import Expression, Face
from listen_and_move.data.synthetic.phrases import played

STEP = Fraction(1, 20)
"""What the times of syllables are multiples of, in seconds: whole frames at 20 fps."""
LOWEST_PITCH, HIGHEST_PITCH = 140.0, 250.0
"""Range of the voice, in Hz."""
_CLOSING, _CLOSED, _OPENED = 0.06, 0.13, 0.23
"""Seconds of a syllable until the consonant's shape is reached, is left, and the vowel's is reached."""
_ENDING = 0.18
"""Seconds in which a phrase's last vowel dies away and the lips close."""
_FADED = 0.75
"""Level of a vowel at its end, as a share of that at its beginning."""
_CONTROL_RATE = 500
"""Places a second at which the formants are computed; between them they are straight lines."""
_HIGHEST_OVERTONE = 6000.0
_EVENNESS = 0.7
"""How far vowels are brought to the same level: 0 as the formants make them, 1 all alike."""
_GAIN = 0.16
"""Gain that brings the loudest vowels to about -6 dBFS."""


class Lips(NamedTuple):
    """How far the jaw is open, 0 to 1, and how the lips are: -1 round, 0 at rest, 1 spread."""

    opening: float
    spread: float


VOWELS: Mapping[str, Lips] = {
    "a": Lips(1.0, 0.1),
    "e": Lips(0.55, 0.6),
    "i": Lips(0.25, 1.0),
    "o": Lips(0.55, -0.65),
    "u": Lips(0.22, -1.0),
}


class Consonant(NamedTuple):
    """What a consonant looks and sounds like; levels are shares of a full vowel's."""

    lips: Lips
    voice: float
    """Level of the voice behind it."""
    noise: float
    """Level of its noise."""
    burst: float = 0.0
    """Level of the noise with which it opens."""
    band: tuple[float, float] = (500.0, 3500.0)
    """Where its noise and its burst lie, in Hz."""


CONSONANTS: Mapping[str, Consonant] = {
    "m": Consonant(Lips(0.0, 0.0), 0.45, 0.0),
    "b": Consonant(Lips(0.0, 0.0), 0.12, 0.0, burst=0.5),
    "f": Consonant(Lips(0.07, 0.2), 0.0, 0.10, band=(1200.0, 7000.0)),
    "s": Consonant(Lips(0.14, 0.6), 0.0, 0.20, band=(4200.0, 7500.0)),
}


@dataclass(frozen=True)
class Syllable:
    """A consonant and a vowel."""

    time: float
    """When the lips begin to form the consonant, in seconds."""
    duration: float
    """Seconds until the next syllable begins, or the lips are closed."""
    consonant: str
    vowel: str
    pitch: float
    """Of the vowel, in Hz."""
    loudness: float
    """Of the vowel, above 0 to 1."""
    last: bool
    """Whether the phrase ends with it."""


class Articulation(NamedTuple):
    """What a mouth does at some instants, one number for each."""

    opening: Array
    spread: Array
    pitch: Array
    """In Hz."""
    voice: Array
    """Level of the voice, 0 to 1."""


def syllables(seed: int, seconds: float) -> tuple[Syllable, ...]:
    """Returns phrases of 5 to 9 syllables with pauses of 1 to 1.8 s between.

    The same seed gives the same syllables.

    Args:
        seed: any integer from 0.
        seconds: length of the performance.

    Returns:
        Syllables in the order of time, none upon another; every phrase is whole.
    """
    return played(seed, seconds, _phrase, step=STEP, still=12, pauses=range(20, 37))


def _phrase(random: np.random.Generator, time: Fraction, before: Sequence[Syllable]) -> list[Syllable]:
    """Returns a phrase from ``time`` on, after the syllables before it."""
    phrase: list[Syllable] = []
    length, loudness = int(random.integers(5, 10)), random.uniform(0.6, 0.9)
    for number in range(length):
        last = number == length - 1
        duration = (int(random.integers(7, 11)) + (4 if last else 0)) * STEP
        level = float(np.clip(loudness + random.normal(0, 0.12), 0.4, 1.0))
        height = 0.75 - 0.45 * number / length + random.uniform(-0.2, 0.25)  # a voice falls as it goes on
        pitch = LOWEST_PITCH + (HIGHEST_PITCH - LOWEST_PITCH) * float(np.clip(height, 0.05, 1.0))
        spoken = [*before, *phrase]
        consonant = _seldom(random, CONSONANTS, [syllable.consonant for syllable in spoken])
        vowel = _seldom(random, VOWELS, [syllable.vowel for syllable in spoken])
        phrase.append(
            Syllable(float(time), float(duration), consonant, vowel, round(pitch, 1), round(level, 3), last)
        )
        time += duration
    return phrase


def _seldom(random: np.random.Generator, names: Mapping[str, object], used: Sequence[str]) -> str:
    """One of the names, more likely one that was seldom used."""
    weight = np.array([np.exp(-float(used.count(name))) for name in names])
    return str(random.choice(list(names), p=weight / weight.sum()))


def articulation(spoken: Sequence[Syllable], times: Array) -> Articulation:
    """What the mouth does at some instants, in seconds."""
    tracks: list[list[tuple[float, float]]] = [
        [(0.0, 0.0)],
        [(0.0, 0.0)],
        [(0.0, LOWEST_PITCH)],
        [(0.0, 0.0)],
    ]
    for syllable in spoken:
        begin, end = syllable.time, syllable.time + syllable.duration
        consonant, vowel = CONSONANTS[syllable.consonant], VOWELS[syllable.vowel]
        voice = syllable.loudness * (0.6 + 0.4 * vowel.opening)
        closed = syllable.loudness * consonant.voice
        formed, left, opened = begin + _CLOSING, begin + _CLOSED, begin + _OPENED
        values = [
            (consonant.lips.opening, vowel.opening, 1.0, 0.0),
            (consonant.lips.spread, vowel.spread, 1.0, 0.0),
            (None, syllable.pitch, 1.0, LOWEST_PITCH),
            (closed, voice, _FADED, 0.0),
        ]
        for track, (early, late, faded, rest) in zip(tracks, values, strict=True):
            track.append((begin, track[-1][1]))
            if early is not None:
                track += [(formed, early), (left, early)]
            reached = left + 0.05 if track is tracks[3] else opened
            track.append((reached, late))
            held = end - _ENDING if syllable.last else end
            track.append((held, late * faded))
            if syllable.last:
                track.append((end, rest))
    return Articulation(*(_eased(track, times) for track in tracks))


def _eased(track: Sequence[tuple[float, float]], times: Array) -> Array:
    """The values at some instants of a track of (time, value), which moves smoothly from each to the next."""
    places, values = np.array(track).T
    number = np.clip(np.searchsorted(places, times, "right") - 1, 0, len(places) - 1)
    after = np.minimum(number + 1, len(places) - 1)
    width = np.maximum(places[after] - places[number], 1e-9)
    share = np.clip((times - places[number]) / width, 0.0, 1.0)
    share = 0.5 - 0.5 * np.cos(pi * share)
    return values[number] + share * (values[after] - values[number])


def render_sound(
    spoken: Sequence[Syllable], seconds: float, sample_rate: int = 48_000
) -> NDArray[np.float32]:
    """The sound of a performance.

    Args:
        spoken: syllables in the order of time.
        seconds: length of the sound.
        sample_rate: samples per second, from 16000.

    Returns:
        Samples (samples, 2), within -1..1; exactly 0 in pauses.
    """
    sound = np.zeros(sample_at(seconds, sample_rate))
    times = np.arange(len(sound)) / sample_rate
    if spoken:
        sound += _voice(spoken, times, sample_rate)
        for syllable in spoken:
            _add_noise(sound, syllable, sample_rate)
    return np.repeat(_GAIN * sound[:, None], 2, axis=1).astype(np.float32)


def _voice(spoken: Sequence[Syllable], times: Array, sample_rate: int) -> Array:
    """Glottal pulses, whose overtones fall as their numbers rise, through the formants."""
    control = np.arange(0, times[-1] + 2 / _CONTROL_RATE, 1 / _CONTROL_RATE)
    mouth, at_samples = articulation(spoken, control), articulation(spoken, times)
    phase = 2 * pi * np.cumsum(at_samples.pitch) / sample_rate
    sounding = at_samples.voice > 0
    times, phase = times[sounding], phase[sounding]
    highest = min(_HIGHEST_OVERTONE, 0.45 * sample_rate)
    numbers = np.arange(1, int(highest / LOWEST_PITCH) + 1)[:, None]
    frequencies = numbers * mouth.pitch
    overtones = _resonance(frequencies, mouth) / numbers * np.clip((highest - frequencies) / 200, 0, 1)
    overtones /= np.sqrt((np.abs(overtones) ** 2).sum(0)) ** _EVENNESS
    voice = np.zeros_like(phase)
    for number, overtone in zip(numbers[:, 0], overtones, strict=True):
        voice += (np.interp(times, control, overtone) * np.exp(1j * number * phase)).imag
    whole = np.zeros(len(sounding))
    whole[sounding] = voice * at_samples.voice[sounding]
    return whole


def _resonance(frequencies: Array, mouth: Articulation) -> NDArray[np.complexfloating]:
    """Response of a mouth at frequencies (overtones, instants) in Hz."""
    first = 280.0 + 560.0 * mouth.opening
    second = 1350.0 * np.exp(0.6 * mouth.spread)
    third = 2700.0 + 250.0 * mouth.spread
    response = np.ones_like(frequencies) + 0j
    for formant, width in ((first, 90.0), (second, 130.0), (third, 220.0), (3900.0, 350.0)):
        ratio = frequencies / formant
        response /= 1 - ratio**2 + 1j * ratio * width / formant
    # Each formant alone falls above itself; what the source and the lips add evens that out.
    tilt = (1 + (frequencies / 700.0) ** 2) ** 0.5
    muffled = 0.12 + 0.88 * np.clip(mouth.opening / 0.15, 0.0, 1.0)
    return response * tilt * np.where(frequencies < 500.0, 1.0, muffled)


def _add_noise(sound: Array, syllable: Syllable, sample_rate: int) -> None:
    """Add the noise of a syllable's consonant, in place."""
    consonant = CONSONANTS[syllable.consonant]
    first = sample_at(syllable.time, sample_rate)
    length = min(sample_at(0.25, sample_rate), len(sound) - first)
    if length <= 0 or not (consonant.noise or consonant.burst):
        return
    elapsed = np.arange(length) / sample_rate
    random = np.random.default_rng(sample_at(syllable.time, 1000))
    spectrum = np.fft.rfft(random.standard_normal(length))
    frequencies = np.fft.rfftfreq(length, 1 / sample_rate)
    low, high = consonant.band
    spectrum *= np.exp(-np.maximum(0, low - frequencies) / (0.15 * low))
    spectrum *= np.exp(-np.maximum(0, frequencies - high) / (0.10 * high))
    noise = np.fft.irfft(spectrum, length)
    noise /= noise.std()
    steady = np.clip(elapsed / 0.03, 0, 1) * np.clip((_CLOSED + 0.04 - elapsed) / 0.05, 0, 1)
    since = elapsed - _CLOSED
    burst = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.012), 0) * np.clip(
        (0.25 - elapsed) / 0.02, 0, 1
    )
    level = consonant.noise * steady + consonant.burst * burst
    sound[first : first + length] += 1.5 * (0.4 + 0.6 * syllable.loudness) * level * noise


def render_frames(
    spoken: Sequence[Syllable], seconds: float, fps: Fraction, width: int, height: int
) -> Iterator[NDArray[np.uint8]]:
    """The picture of a performance, frame by frame.

    Frame ``t`` shows the instant ``t / fps`` and depends on the syllables up to that instant only.

    Args:
        spoken: syllables in the order of time.
        seconds: length of the film; the last frame lies before it.
        fps: frames per second.
        width: width of the picture in pixels, from 32.
        height: height of the picture in pixels, from 32.

    Yields:
        Frames uint8 (height, width, 3).
    """
    face = Face(width, height)
    yield from film(lambda time: face.draw(expression(spoken, time)), seconds, fps)


def expression(spoken: Sequence[Syllable], time: Fraction) -> Expression:
    """What is seen at an instant."""
    mouth = articulation(spoken, np.array([float(time)]))
    raised = (mouth.pitch[0] - LOWEST_PITCH) / (HIGHEST_PITCH - LOWEST_PITCH)
    return Expression(float(mouth.opening[0]), float(mouth.spread[0]), float(raised))
