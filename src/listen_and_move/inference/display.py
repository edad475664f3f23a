"""When the pictures that were drawn are shown: held in silence, and later than the sound.

Pictures are drawn in silence too, so that one that is held goes on where it would have been. What it heard
last had time to come to rest before, so that is near: on three real models the first step is no larger than
without holding, and a fade from one to the other only made it later.

Letters: T frames, H height, W width.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor, inf, log10
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.audio.features import HIGHEST_HZ, HOP, LOWEST_HZ, SAMPLE_RATE, FeatureExtractor
from listen_and_move.clock import frame_sample
from listen_and_move.inference.controls import Controls

HYSTERESIS_DB = 6.0
"""A held picture goes on at a level so much higher than the one at which it stopped: noise does not make it
flutter."""
PATIENCE = Fraction(1, 2)
"""Seconds of silence before the picture is held: a pause in a rhythm is none, and what moves comes to rest
first."""
_WINDOW = np.hanning(2 * HOP + 1)[:-1]  # 20 ms: the shortest thing that any model hears
_BAND = slice(*(round(hertz * 2 * HOP / SAMPLE_RATE) for hertz in (LOWEST_HZ, HIGHEST_HZ)))


class HeardState(NamedTuple):
    """What is kept of the sound between blocks."""

    samples: Float[np.ndarray, " samples"]
    """From the instant of the next frame on."""
    frame: int
    """The next frame."""


UNHEARD = HeardState(np.zeros(0, np.float32), 0)
"""Nothing heard yet."""


def frame_sounds(
    samples: Float[np.ndarray, " samples"],
    frames: int,
    extractor: FeatureExtractor,
    state: HeardState = UNHEARD,
) -> tuple[list[Float[np.ndarray, " reach"]], HeardState]:
    """The sound of each of the next frames, from its instant to as far as it hears; it ends where the sound
    ends.

    So a picture that is held goes on before the sound that it must meet. Hear the next samples at 64 kHz, any
    number; ``frames``: how many frames they complete, as the listener says.
    """
    samples, begin = (
        np.concatenate([state.samples, samples]),
        frame_sample(state.frame, extractor.fps, SAMPLE_RATE),
    )
    reach = floor(extractor.look_ahead * SAMPLE_RATE) - 1  # an instant is rounded by up to half a sample
    starts = [
        frame_sample(state.frame + each, extractor.fps, SAMPLE_RATE) - begin for each in range(frames + 1)
    ]
    sounds = [samples[start : start + reach] for start in starts[:-1]]
    return sounds, HeardState(samples[starts[-1] :].copy(), state.frame + frames)


def loudest(sound: Float[np.ndarray, " samples"]) -> float:
    """The level of the loudest 20 ms in dB of full scale, silence behind the sound; -inf for digital silence.

    Only the band that is listened to counts. A full-scale sine has -3.
    """
    count = max(1, ceil(len(sound) / HOP) - 1)
    padded = np.pad(sound, (0, max(0, (count + 1) * HOP - len(sound))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP]
    spectra = np.fft.rfft(windows * _WINDOW)[:, _BAND]
    power = 2 * np.square(np.abs(spectra)).sum(1).max() / (2 * HOP * np.square(_WINDOW).sum())
    return 10 * log10(power) if power > 0 else -inf


class ShownState(NamedTuple):
    """What is kept between frames."""

    picture: UInt8[np.ndarray, "H W 3"]
    """The last one, before the delay."""
    quiet: int
    """Frames of silence so far."""
    waiting: tuple[UInt8[np.ndarray, "H W 3"], ...]
    """Pictures that are to come, oldest first."""
    current: UInt8[np.ndarray, "H W 3"]
    """The one on display."""


def shown(
    frames: Iterable[UInt8[np.ndarray, "H W 3"]],
    sounds: Iterable[Float[np.ndarray, " reach"]],
    controls: Controls,
    fps: Fraction,
    state: ShownState | None = None,
) -> tuple[list[UInt8[np.ndarray, "H W 3"]], ShownState | None]:
    """As many pictures as frames: the next ones to be seen; and the state to continue from.

    Args:
        frames: as they are drawn, in silence too.
        sounds: of each frame, see `frame_sounds`.
        controls: freeze and delay.
        fps: frames per second.
        state: where to go on.
    """
    seen: list[np.ndarray] = []
    for frame, sound in zip(frames, sounds, strict=True):
        state = ShownState(frame, 0, (), frame) if state is None else state
        state = _held(frame, sound, controls.freeze, fps, state)
        state = _delayed(controls.delay_frames(fps), state)
        seen.append(state.current)
    return seen, state


def _held(
    frame: UInt8[np.ndarray, "H W 3"],
    sound: np.ndarray,
    freeze: float | None,
    fps: Fraction,
    state: ShownState,
) -> ShownState:
    """The next picture: the frame, or the one before where there has been silence for long enough."""
    patience = ceil(PATIENCE * fps)
    hysteresis = HYSTERESIS_DB if state.quiet > patience else 0.0
    silent = freeze is not None and loudest(sound) < freeze + hysteresis
    quiet = state.quiet + 1 if silent else 0
    return state._replace(picture=state.picture if quiet > patience else frame, quiet=quiet)


def _delayed(frames: int, state: ShownState) -> ShownState:
    waiting = (*state.waiting, state.picture)
    late = len(waiting) - frames
    return state._replace(
        waiting=waiting[max(0, late) :], current=waiting[late - 1] if late > 0 else state.current
    )
