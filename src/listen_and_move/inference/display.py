"""When pictures are shown: held in silence, and later than the sound.

Pictures are drawn in silence too, so that one that is held goes on where it would have been. The last sound
had time to come to rest before, so that is near: on three real models the first step is no larger than
without holding, and a fade from one to the other only made it later.

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
"""A held picture goes on at a level so much higher than the one at which it stopped: noise does not make it
flutter."""
PATIENCE = Fraction(1, 2)
"""Seconds of silence before a picture is held: a pause in a rhythm is none, and what moves comes to rest
first."""


class Shown(NamedTuple):
    """What is on display."""

    picture: UInt8[np.ndarray, "H W 3"]
    moments: tuple[ClipMoment, ...]
    """Of the clip, which the picture shows."""


class DisplayState(NamedTuple):
    """State of the display."""

    last: Shown
    """What came last, before the delay."""
    quiet: int
    """Frames of silence so far."""
    waiting: tuple[Shown, ...]
    """What is to come, oldest first."""
    current: Shown
    """What is on display."""


@dataclass(frozen=True)
class Display:
    """Applies the dials freeze and delay; a late frame shows the picture before it."""

    fps: Fraction
    """Frames per second."""

    def push(
        self, inputs: list[Frame], state: DisplayState | None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], DisplayState | None]:
        """Returns as many frames, each with the picture that is on display then, and the state to continue
        from.
        """
        frames = []
        for frame in inputs:
            state = self._held(frame, settings.controls.freeze, state)
            state = _delayed(settings.controls.delay_frames(self.fps), state)
            frames.append(frame._replace(**state.current._asdict()))
        return frames, state

    def finish(self, state: DisplayState | None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns nothing: what waits for its delay would be shown after the sound."""
        return []

    def _held(self, frame: Frame, freeze: float | None, state: DisplayState | None) -> DisplayState:
        """The next picture: the frame's, or the one before where there has been silence for long enough."""
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
