"""The time at which pictures are shown: held in silence, and delayed.

Pictures are drawn in silence too, so that a held picture goes on where it would have been without holding.
The model has come to rest by then, so the step is small: on three real models the first step is no larger
than without holding, and a fade from one to the other only delayed it.

Letters: H height, W width.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from listen_and_move.audio.loudness import loudest
from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings
from listen_and_move.media.edit_list import ClipMoment

HYSTERESIS_DB = 6.0
"""dB above the level of holding at which a held picture goes on, so that noise does not make it flutter."""
PATIENCE = Fraction(1, 2)
"""Seconds of silence before a picture is held, so that a pause in a rhythm does not hold it.

Moving things come to rest in that time."""


class Shown(NamedTuple):
    """A picture on display."""

    picture: UInt8[np.ndarray, "H W 3"]
    moments: tuple[ClipMoment, ...]
    """Moments of the clip that the picture shows."""


class DisplayState(NamedTuple):
    """State of the display."""

    last: Shown
    """The newest picture, before the delay."""
    quiet: int
    """Frames of silence so far."""
    waiting: tuple[Shown, ...]
    """Pictures that wait for their delay, oldest first."""
    current: Shown
    """The picture on display."""


@dataclass(frozen=True)
class Display:
    """Applies the dials freeze and delay; a late frame shows the picture before it."""

    fps: Fraction
    """Frames per second."""

    def push(
        self, inputs: list[Frame], state: DisplayState | None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], DisplayState | None]:
        """Returns as many frames, each with the picture on display at its time, and the state."""
        frames = []
        for frame in inputs:
            state = self._held(frame, settings.controls.freeze, state)
            state = _delayed(settings.controls.delay_frames(self.fps), state)
            frames.append(frame._replace(**state.current._asdict()))
        return frames, state

    def finish(self, state: DisplayState | None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns nothing: pictures that wait for their delay would be shown after the sound."""
        return []

    def _held(self, frame: Frame, freeze: float | None, state: DisplayState | None) -> DisplayState:
        """Returns the state with the frame's picture, or with the last one after enough silence."""
        shown = None if frame.picture is None else Shown(frame.picture, frame.moments)
        if state is None:
            assert shown is not None, "the first frame of a sound is never late"
            state = DisplayState(shown, 0, (), shown)
        patience = ceil(PATIENCE * self.fps)
        hysteresis = HYSTERESIS_DB if state.quiet > patience else 0.0
        silent = freeze is not None and loudest(frame.samples) < freeze + hysteresis
        quiet = state.quiet + 1 if silent else 0
        return state._replace(last=state.last if shown is None or quiet > patience else shown, quiet=quiet)


def _delayed(frames: int, state: DisplayState) -> DisplayState:
    waiting = (*state.waiting, state.last)
    late = len(waiting) - frames
    current = waiting[late - 1] if late > 0 else state.current
    return state._replace(waiting=waiting[max(0, late) :], current=current)
