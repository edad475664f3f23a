"""The camera of a path: still, or moving as it did in the clip, with the light of the clip.

A moving camera goes on smoothly across jumps, and so does the light.

Frames are kept as they were filmed, each with its pose and light. A view is the pose that leads from the
picture of a camera that stands still to what is shown, and the light in which it is shown. Pictures that are
shown together are brought to one view, and what a frame does not reach is taken from what stands still in the
others, so that no border is seen.

Letters: H height, W width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import exp
from typing import Literal

import numpy as np
from jaxtyping import Float

from listen_and_move.data.backdrop import Backdrop, backdrop_of, chosen, reach_of
from listen_and_move.data.light import STEADY_LIGHT, relit
from listen_and_move.data.poses import STANDING, Picture, composed, displacement, inverse, warped
from listen_and_move.models.kept_frames import KeptFrames

CameraMode = Literal["still", "as-filmed"]
View = Float[np.ndarray, "7"]
"""A pose, and light in stops over the usual."""
STILL: View = np.concatenate([STANDING, STEADY_LIGHT])
"""The view of a camera that stands still, in steady light."""
CALM = Fraction(1, 2)
"""Seconds in which a camera after a jump approaches its own movement, about as fast as hands move one."""
UNSEEN = 0.1
"""Shift in pixels below which a picture is not moved."""


@dataclass(frozen=True, eq=False)
class PathCamera:
    """Shows kept frames from the view of a camera."""

    kept: KeptFrames
    mode: CameraMode
    live: bool = False
    """Whether there is little time for each picture."""

    def after(self, views: Sequence[View], place: Callable[[int], int]) -> View:
        """Returns the view of the next frame.

        It nears that of the frame itself as a door with a damper does its frame, beginning at the speed at
        which the camera moved, so that there is no jerk where the path jumps.

        Args:
            views: of the frames before, oldest first, as many as there are; the last two count.
            place: which kept frame is shown now (0), one frame ago (-1), or two (-2), if the path had always
                gone as it goes now.
        """
        own = [self._own(place(ago)) for ago in (0, -1, -2)]
        if len(views) < 2:
            return own[0]
        decay = exp(-1 / (CALM * self.kept.about.fps))
        return own[0] + 2 * decay * (views[-1] - own[1]) - decay**2 * (views[-2] - own[2])

    def _own(self, place: int) -> View:
        """Returns the view in which a kept frame was filmed."""
        if self.mode == "still":
            return STILL
        poses, light = self.kept.poses, self.kept.light
        pose = STANDING if poses is None else inverse(poses[place])
        return np.concatenate([pose, STEADY_LIGHT if light is None else light[place]])

    def picture(self, place: int, view: View = STILL) -> Picture:
        """Returns a kept frame as seen in a view."""
        picture = self._lit(place, view)
        if self.kept.poses is None:
            return picture
        pose = composed(view[:4], self.kept.poses[place])
        width, height = self.kept.picture_size
        if displacement(pose, height / width) * width < UNSEEN:
            return picture
        return warped(picture, pose, self._around(view), quick=self.live)

    def prepare(self) -> None:
        """Computes in advance what the first moved picture needs."""
        if self.kept.poses is not None:
            self._around(STILL)

    def _lit(self, place: int, view: View) -> Picture:
        """Returns a kept frame in the light of a view."""
        picture, light = self.kept.reader.frame(place), self.kept.light
        return picture if light is None else relit(picture, view[4:] - light[place])

    def _around(self, view: View) -> Picture:
        if self.mode == "still":
            return self._still
        return relit(self._backdrop.seen(view[:4]), view[4:])

    @cached_property
    def _still(self) -> Picture:
        return self._backdrop.seen()

    @cached_property
    def _backdrop(self) -> Backdrop:
        poses = self.kept.poses
        assert poses is not None, "frames are moved"
        numbers = chosen(len(poses))
        frames = (self._lit(int(number), STILL) for number in numbers)
        return backdrop_of(frames, poses[numbers], reach_of(poses, self.kept.picture_size))
