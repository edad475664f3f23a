"""What the network drew, with the detail of remembered frames: for pictures whose parts move independently.

Regions are chosen at the rate of the guide. Until its next frame the clip goes on at its own speed, so that
the picture can have a higher rate.

Letters: H height, W width.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from listen_and_move.inference.sources.camera import PathCamera
from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings
from listen_and_move.models.composition import composition
from listen_and_move.models.kept_frames import KeptFrames, position_at
from listen_and_move.models.region_search import Regions, RegionSearch


class ComposedSourceState(NamedTuple):
    """State of a composed source."""

    regions: Regions | None
    """Of the last frame that was drawn."""
    last: Frame
    """The last frame that came in."""


@dataclass(frozen=True, eq=False)
class ComposedSource:
    """Shows guides composed of frames that a model keeps."""

    kept: KeptFrames
    search: RegionSearch
    fps: Fraction
    """Frames per second that come in."""

    @property
    def rate(self) -> Fraction:
        """Frames per second that come out."""
        return self.kept.about.fps

    def push(
        self, inputs: list[Frame], state: ComposedSourceState | None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], ComposedSourceState | None]:
        """Returns the frames up to the next guide, with their pictures; late ones stay without."""
        frames: list[Frame] = []
        for frame in inputs:
            regions = None if state is None else state.regions
            if frame.guide is not None:
                regions = self.search.step(frame.guide.cpu(), regions)
            state = ComposedSourceState(regions, frame)
            frames += self._shown(state, self._begin(frame.number + 1))
        return frames, state

    def finish(self, state: ComposedSourceState | None, settings: PlaySettings = AS_IT_IS) -> Iterator[Frame]:
        """Yields the frames that are left: during the last one that came in."""
        if state is not None:
            over = state.last.number + 1
            begin, end = self._begin(over), ceil(over * self.rate / self.fps)
            yield from self._shown(state, end, begin)

    @cached_property
    def _camera(self) -> PathCamera:
        """Stands still, as the network draws."""
        return PathCamera(self.kept, "still")

    def _begin(self, number: int) -> int:
        """Returns the first output frame of an input frame: the one on display at its instant."""
        return position_at(number, self.fps, self.rate)

    def _shown(self, state: ComposedSourceState, end: int, begin: int | None = None) -> Iterator[Frame]:
        """Yields output frames that show the last frame.

        Args:
            state: with that frame.
            end: the first output frame after them.
            begin: the first of them; None: of all that show that frame.
        """
        frame, regions = state.last, state.regions
        for number in range(self._begin(frame.number) if begin is None else begin, end):
            picture = None
            if frame.guide is not None and regions is not None:
                passed = number - position_at(frame.number, self.fps, self.rate)
                parts = self._frames(regions, passed)
                picture = composition(parts, [*regions.masks], frame.guide, regions.agreement)
            yield frame._replace(number=number, picture=picture)

    def _frames(self, regions: Regions, passed: int) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        """Yields the kept frames of regions, so many output frames after they were chosen."""
        for row, moving in zip(regions.rows, regions.moving, strict=True):
            position = position_at(int(self.search.memory.numbers[row]), self.fps, self.rate)
            ends = self.kept.stretch(position)
            seen = min(max(position + passed * int(moving), ends[0]), ends[1])
            yield self._camera.picture(self.kept.place(seen))
