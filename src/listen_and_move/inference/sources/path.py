"""The path source: real frames of the clip, in the order that the sound and the guide ask for.

They have the source's size and rate. The path is decided at the rate of the features. Between two of its
frames the clip goes on at its own speed, so that the picture can have a higher rate. Where the path jumps,
the old stretch goes on while the new one comes: two moving pictures are morphed or dissolved, and nothing
stands still.

Letters: H height, W width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from listen_and_move.audio.loudness import ABSOLUTE_GATE, loudest
from listen_and_move.clock import exact
from listen_and_move.inference.sources.camera import STILL, CameraMode, PathCamera, View
from listen_and_move.inference.sources.stretches import Shot, Stretch, seen, shots
from listen_and_move.inference.sources.transitions import dissolved, morphed, morphs
from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings
from listen_and_move.media.edit_list import ClipMoment
from listen_and_move.models.kept_frames import KeptFrames, position_at
from listen_and_move.models.path_search import PathCue, PathSearch, PathState

PATIENCE = Fraction(1, 2)
"""Seconds of silence before a path may rest, so that a pause in a rhythm does not stop it."""
QUIETER_DB, LEAST_QUIETER_DB = 35.0, 20.0
"""dB below the training sound at which sound counts as silence.

The second counts for the noise of a quiet room on a recording."""
UNKNOWN_LEVEL = -20.0
"""dB of full scale that are taken for a training sound of unknown level."""
SHORTEST, LONGEST = Fraction(1, 10), Fraction(2, 5)
"""Seconds of a transition, which lasts as long as the picture takes to change as much by itself.

Thin fast things cross in the shortest one, and a camera that stood elsewhere glides in the longest."""
STEEPEST = 1.5
"""Slope of the steepest part of the curve by which pictures mix, over that of a straight line."""


class PathSourceState(NamedTuple):
    """State of a path source."""

    waiting: tuple[Frame, ...]
    """Frames whose place on the path is not decided yet."""
    search: PathState | None
    quiet: int
    """Frames of silence so far."""
    decided: tuple[Frame, ...]
    """Decided frames that still have pictures to come."""
    number: int | None
    """Number of the last decided training frame; None: none yet."""
    stretches: tuple[Stretch, ...]
    """Stretches that may still be seen, oldest first."""
    shown: int
    """Number of output frames so far."""
    views: tuple[View, ...] = ()
    """Views of the last two output frames."""


_BEGIN = PathSourceState((), None, 0, (), None, (), 0)


@dataclass(frozen=True, eq=False)
class PathSource:
    """Shows frames that a model keeps, along a path."""

    kept: KeptFrames
    search: PathSearch
    fps: Fraction
    """Frames per second that come in."""
    silence: Float[Tensor, " F"]
    """Features of digital silence, which a path looks for where the sound is silent."""
    level: float | None
    """Level of the training sound, in dB of full scale."""
    live: bool = False
    """Whether the sound to come is not known."""
    camera: CameraMode = "still"
    """Camera of frames that have poses."""
    beat: float | None = None
    """Frames from one beat of the clip to the next; None: beats do not count."""

    @cached_property
    def _camera(self) -> PathCamera:
        return PathCamera(self.kept, self.camera, self.live)

    def prepare(self) -> None:
        """Computes in advance what the first picture needs."""
        self._camera.prepare()

    @property
    def rate(self) -> Fraction:
        """Frames per second that come out."""
        return self.kept.about.fps

    def push(
        self, inputs: list[Frame], state: PathSourceState | None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], PathSourceState]:
        """Returns the decided frames with their pictures; late frames are decided and get no picture."""
        state = state or _BEGIN
        cues, quiet = self._cues(inputs, state.quiet, settings)
        numbers, search = self.search.push(cues, state.search)
        # Frames that wait come before the new ones.
        waiting = (
            frame._replace(late=frame.late or (frame.number > 0 and place < settings.late))
            for place, frame in enumerate(state.waiting)
        )
        state = state._replace(waiting=(*waiting, *inputs), search=search, quiet=quiet)
        return self._shown(self._decided(state, numbers.tolist(), settings))

    def finish(self, state: PathSourceState | None, settings: PlaySettings = AS_IT_IS) -> Iterator[Frame]:
        """Yields the remaining frames one by one: they are many and can be large."""
        if state is not None:
            decided = self._decided(state, self.search.finish(state.search).tolist(), settings)
            known = self._known(decided, ended=True)
            yield from self._frames(decided, known, self._views(decided, known))

    @property
    def _ahead(self) -> int:
        """Output frames that may lie in a transition to a jump that is not decided yet."""
        return 0 if self.live else ceil(LONGEST / 2 * self.rate)

    def _position(self, number: int) -> int:
        """Returns the frame at the rate of the source that is on display at the instant of an input frame."""
        return position_at(number, self.fps, self.rate)

    def _cues(self, inputs: list[Frame], quiet: int, settings: PlaySettings) -> tuple[list[PathCue], int]:
        """Returns the cues of the path, and the number of frames of silence so far."""
        threshold = nothing_heard(UNKNOWN_LEVEL if self.level is None else self.level)
        guides = [frame.guide for frame in inputs if frame.guide is not None]
        described = iter(self.kept.path.described(torch.stack(guides).cpu()) if guides else ())
        beats = None if settings.beats is None or self.beat is None else settings.beats.near(self.beat)
        cues = []
        for frame in inputs:
            guide = next(described) if frame.guide is not None else None
            nothing = settings.controls.amount == 0 or loudest(frame.samples) < threshold
            quiet = quiet + 1 if nothing else 0
            if quiet > PATIENCE * self.fps:
                cues.append(PathCue(self.silence.numpy(), None, True))
            else:
                beat = None if beats is None else beats.phase(frame.number)
                features = (frame.features if frame.compared is None else frame.compared).numpy()
                cues.append(PathCue(features, guide, False, frame.foreign, frame.stroke, beat))
        return cues, quiet

    def _decided(self, state: PathSourceState, numbers: list[int], settings: PlaySettings) -> PathSourceState:
        """Returns the state with some more training frames of the path."""
        free = settings.beats is not None
        stretches, last = list(state.stretches), state.number
        for frame, number in zip(state.waiting, numbers, strict=False):
            begin = self._position(frame.number)
            # The clip goes on from the frame before up to this instant.
            from_before = begin if self.live else max(begin - self._ahead, self._position(frame.number - 1))
            if not stretches:
                stretches.append(self._stretch(begin, frame.number, number))
            elif number == last and stretches[-1].moving:
                resting = stretches[-1].at(from_before)
                stretches.append(Stretch(from_before, resting, False, False, stretches[-1].ends))
            elif last is not None and number == last + 1 and not stretches[-1].moving:
                stretches.append(self._stretch(from_before, frame.number, number))
            elif last is not None and number == last + 2 and self._left_out(last, frame, free):
                stretches.append(self._stretch(begin, frame.number, number))
            elif last is not None and number not in (last, last + 1):
                stretch = self._stretch(begin, frame.number, number)
                seconds = self.search.apart(last, number) * STEEPEST / self.fps
                stretches.append(self._jumped(stretches[-1], stretch, seconds))
            last = number
        count = len(numbers)
        return state._replace(
            waiting=state.waiting[count:],
            decided=(*state.decided, *state.waiting[:count]),
            number=last,
            stretches=tuple(stretches),
        )

    def _left_out(self, last: int, frame: Frame, free: bool) -> bool:
        """Returns whether the path skips the frame of the clip after ``last``, for faster play."""
        ends = (self.kept.stretch(self._position(number)) for number in (last, last + 2))
        return (free or frame.foreign > 0) and len(set(ends)) == 1

    def _stretch(self, begin: int, frame: int, number: int) -> Stretch:
        """Returns the stretch that begins with a training frame."""
        # The decided frame is shown exactly at its instant: one frame later or sooner all through the stretch
        # would lose half of the sync.
        decided = self._position(number)
        position = decided + begin - self._position(frame)
        ends = self.kept.stretch(decided)
        return Stretch(begin, min(max(position, ends[0]), ends[1]), True, False, ends)

    def _jumped(self, before: Stretch, stretch: Stretch, seconds: Fraction | float) -> Stretch:
        """Returns a stretch with the transition from another stretch that it does not continue.

        Args:
            before: the stretch that is left.
            stretch: the one that comes.
            seconds: that the picture would take to change so much by itself.
        """
        length = min(max(exact(float(seconds)), SHORTEST), LONGEST) * self.rate
        half = 0 if self.live else max(1, round(length / 2))
        pair = (self._frame(position) for position in (before.at(stretch.begin), stretch.position))
        return stretch._replace(
            jump=True, morph=morphs(*pair), before=half, after=half or max(1, round(length))
        )

    def _shown(self, state: PathSourceState) -> tuple[list[Frame], PathSourceState]:
        """Returns the output frames before any jump that may still come, and the state."""
        known = self._known(state)
        views = self._views(state, known)
        frames = list(self._frames(state, known, views))
        shown = max(state.shown, known)
        first = int(shown * self.fps / self.rate)
        decided = tuple(frame for frame in state.decided if frame.number >= first)
        # The last decided frame stays, since it marks how far the path is known.
        return frames, state._replace(
            decided=decided or state.decided[-1:],
            stretches=seen(state.stretches, shown),
            shown=shown,
            views=(*state.views, *views)[-2:],
        )

    def _known(self, state: PathSourceState, ended: bool = False) -> int:
        """Returns how many output frames are final; all of them, where the sound has ended."""
        if not state.decided:
            return state.shown
        over = state.decided[-1].number + 1
        return ceil(over * self.rate / self.fps) if ended else self._position(over) - self._ahead

    def _views(self, state: PathSourceState, known: int) -> list[View]:
        """Returns the views of the camera in the output frames up to ``known``."""
        views = list(state.views)
        for number in range(state.shown, known):
            begun = [stretch for stretch in state.stretches if stretch.begin <= number]
            stretch = begun[-1] if begun else state.stretches[0]
            views.append(self._camera.after(views, partial(self._place, stretch, number)))
        return views[len(state.views) :]

    def _place(self, stretch: Stretch, number: int, ago: int) -> int:
        """Returns the kept frame that a stretch shows some frames before or after an output frame."""
        return self.kept.place(stretch.at(number + ago))

    def _frames(self, state: PathSourceState, known: int, views: Sequence[View]) -> Iterator[Frame]:
        """Yields the output frames up to ``known``, each from its view."""
        for number, view in zip(range(state.shown, known), views, strict=True):
            frame = state.decided[int(number * self.fps / self.rate) - state.decided[0].number]
            mixed = shots(state.stretches, number)
            picture = None if frame.late else self._picture(mixed, view)
            moments = tuple(self._moment(shot) for shot in mixed)
            yield frame._replace(number=number, picture=picture, moments=moments)

    def _picture(self, mixed: Sequence[Shot], view: View) -> UInt8[np.ndarray, "H W 3"]:
        """Returns the picture of an output frame."""
        picture = self._frame(mixed[0].position, view)
        for shot in mixed[1:]:
            blend = morphed if len(mixed) == 2 and shot.stretch.morph else dissolved
            picture = blend(picture, self._frame(shot.position, view), shot.share)
        return picture

    def _moment(self, shot: Shot) -> ClipMoment:
        """Returns the moment of the video that a shot shows."""
        position = int(self.kept.positions[self.kept.place(shot.position)])
        seconds, take = self.kept.about.moment(position)
        return ClipMoment(seconds, shot.share, shot.stretch.morph, take)

    def _frame(self, position: int, view: View = STILL) -> UInt8[np.ndarray, "H W 3"]:
        return self._camera.picture(self.kept.place(position), view)


def nothing_heard(level: float) -> float:
    """Returns the dB of full scale below which sound counts as silence.

    Args:
        level: of the training sound.
    """
    return min(max(level - QUIETER_DB, ABSOLUTE_GATE), level - LEAST_QUIETER_DB)
