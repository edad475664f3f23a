"""The pipeline from sound to picture: stages in a row, each with its own state.

    samples -> AudioFrontEnd -> Guide -> picture source -> Display -> Compositor -> frames

One record per frame flows through the stages, and each fills its part. Files, live play and the page run the
same stages: a file asks for all frames, live play pushes block after block. However the sound is cut, the
frames are the same.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import ceil
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.inference.ahead import ahead
from listen_and_move.inference.controls import Controls
from listen_and_move.inference.front_end import AudioFrontEnd
from listen_and_move.inference.guide import Guide
from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings, Stage, pictures
from listen_and_move.models.rendering import BLOCK

BLOCKS_AHEAD = 2
"""Blocks of sound whose features are computed while the stages after the front end work."""

AT_ONCE = 4
"""Frames that go from stage to stage together in a file.

With 32, as the network draws them, pictures of 1080p would take 300 MB in each stage."""

PipelineState = tuple[Any, ...]
"""State of each stage, in order."""


@dataclass(frozen=True)
class Pipeline:
    """Stages in a row."""

    front_end: AudioFrontEnd
    """First stage, which takes samples."""
    stages: tuple[Stage, ...]
    """Stages that take frames, in order."""
    size: tuple[int, int]
    """Width and height of the pictures, in pixels."""
    check: Callable[[Controls], None]
    """Raises SettingError for a dial that does not apply."""
    fps: Fraction
    """Frames per second that come out; the front end may make fewer."""
    held_back: int = 0
    """Frames of the front end for which a live path waits before it decides."""

    @property
    def until_shown(self) -> Fraction:
        """Seconds that a picture may begin before the instant of the frame that decides it.

        It is above 0 where more frames come out than the front end makes.
        """
        share = (self.fps / self.front_end.reference.extractor.fps).denominator
        return Fraction(share - 1, share) / self.fps

    def push(
        self,
        samples: Float[np.ndarray, " samples"],
        state: PipelineState | None = None,
        settings: PlaySettings = AS_IT_IS,
    ) -> tuple[list[Frame], PipelineState]:
        """Returns the frames that the next samples complete, and the state to continue from.

        Args:
            samples: float32 at 64 kHz, any number.
            state: as the last push returned it; None begins.
            settings: how the sound is played from here on.
        """
        audio, *others = self._begun(state)
        late = int(settings.late * self.front_end.reference.extractor.fps / self.fps)
        settings = settings._replace(late=late)
        waiting = 0 if state is None else self.held_back
        frames, audio = self.front_end.push(samples, audio, settings._replace(late=max(0, late - waiting)))
        states = [audio]
        for stage, before in zip(self.stages, others, strict=True):
            frames, after = stage.push(frames, before, settings)
            states.append(after)
        return frames, tuple(states)

    def finish(self, state: PipelineState | None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns the remaining frames at the end of the sound, which silence follows."""
        audio, *others = self._begun(state)
        frames = self.front_end.finish(audio, settings)
        for stage, before in zip(self.stages, others, strict=True):
            frames, after = stage.push(frames, before, settings)
            frames = [*frames, *stage.finish(after, settings)]
        return frames

    def frames(
        self, sound: Iterable[np.ndarray], settings: PlaySettings = AS_IT_IS
    ) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        """Yields the pictures of a whole sound; memory does not grow with it.

        Frame t belongs to the instant t / fps; their number is ceil(duration x fps).

        Args:
            sound: float32 blocks (samples,) at 64 kHz, of any length.
            settings: how it is played.

        Raises:
            SettingError: a dial that does not apply here.
        """
        return (picture for frame in self.play(sound, settings) for picture in pictures([frame]))

    def play(self, sound: Iterable[np.ndarray], settings: PlaySettings = AS_IT_IS) -> Iterator[Frame]:
        """Yields the frames of a whole sound with all their fields; `frames` yields their pictures alone.

        Args:
            sound: float32 blocks (samples,) at 64 kHz, of any length.
            settings: how it is played.

        Raises:
            SettingError: a dial that does not apply here.
        """
        self.check(settings.controls)
        # Only a network gains from many frames at once.
        count = BLOCK if isinstance(self.stages[0], Guide) else AT_ONCE
        block = ceil(count * SAMPLE_RATE / self.front_end.reference.extractor.fps)
        frame_blocks = self.front_end.all(_grouped(sound, block), settings)
        flow: Iterable[list[Frame]] = ahead(frame_blocks, BLOCKS_AHEAD)  # computed while later stages draw
        for stage in self.stages:
            flow = _through(stage, flow, settings)
        for frames in flow:
            yield from frames

    def _begun(self, state: PipelineState | None) -> PipelineState:
        return (None,) * (1 + len(self.stages)) if state is None else state


def _through(stage: Stage, inputs: Iterable[list[Frame]], settings: PlaySettings) -> Iterator[list[Frame]]:
    """Yields the outputs of a stage for each of the inputs, and at last its rest.

    Few frames come at a time, as they can be large.
    """
    state = None
    for each in inputs:
        frames, state = stage.push(each, state, settings)
        yield from _few(frames)
    yield from _few(stage.finish(state, settings))


def _few(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Yields the same frames, at most `AT_ONCE` at a time."""
    remaining = iter(frames)
    while few := list(islice(remaining, AT_ONCE)):
        yield few


def _grouped(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Yields the same sound in blocks of ``size`` samples; the last one may be shorter."""
    waiting: list[np.ndarray] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= size:
            joined = np.concatenate(waiting)
            whole = len(joined) - len(joined) % size
            yield from np.split(joined[:whole], range(size, whole, size))
            waiting = [joined[whole:]]
    if waiting:
        yield np.concatenate(waiting)
