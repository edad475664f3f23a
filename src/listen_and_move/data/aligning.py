"""Alignment: learnt frames are brought to one pose of the camera, and to one light.

Letters: H height, W width of a frame, M frames at the rate that is shown.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from listen_and_move.config import ClipConfig
from listen_and_move.data.camera import CameraMotion, camera_motion
from listen_and_move.data.light import relit
from listen_and_move.data.poses import in_crop, warped
from listen_and_move.media.conversion import Box
from listen_and_move.media.files import probe
from listen_and_move.progress import Progress, untold

_FINER = 2  # size of the moved picture over that of a frame, so that moving costs no sharpness


@dataclass(frozen=True)
class Aligner:
    """Cuts frames out of the whole picture as if camera and light were steady.

    Each frame is taken where the crop would lie if the camera stood still, in the usual light.
    """

    motion: CameraMotion
    clip: ClipConfig
    box: Box
    """The crop in pixels of the video."""
    whole: Box
    """The picture in pixels of the video."""

    @classmethod
    def of(
        cls,
        video: Path,
        clip: ClipConfig,
        box: Box,
        progress: Progress = untold,
    ) -> "Aligner | None":
        """Returns the aligner of a video; None where frames are learnt as they were filmed.

        Args:
            video: the file.
            clip: which part of it, and whether it is to be aligned.
            box: the crop in pixels of the video.
            progress: called with frames done and expected.
        """
        if clip.camera == "as-filmed":
            return None
        motion = camera_motion(video, clip, progress)
        info = probe(video, clip.picture_track).video
        assert info is not None, "its camera was looked at"
        whole = (0, 0, info.width, info.height)
        return cls(motion, clip, box, whole) if motion.changes else None

    @property
    def part(self) -> Box:
        """The part of the picture to decode, in pixels of the video: all of it, where frames are moved."""
        return self.box if self.motion.poses is None else self.whole

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels to which that part is scaled: no larger than it was filmed."""
        if self.motion.poses is None:
            return self.clip.width, self.clip.height
        finer = min(1.0, _FINER * self.clip.width / (self.box[2] - self.box[0]))
        return round(self.whole[2] * finer), round(self.whole[3] * finer)

    @property
    def crop_poses(self) -> Float[np.ndarray, "M 4"] | None:
        """The poses of the crop; None where frames are not moved."""
        poses = self.motion.poses
        return None if poses is None else in_crop(poses, self.box, self.whole[2:])

    def aligned(
        self, picture: UInt8[np.ndarray, "rows columns 3"], number: int
    ) -> UInt8[np.ndarray, "H W 3"]:
        """Returns an aligned frame.

        Args:
            picture: the decoded part, at the size.
            number: of the frame in the clip, at its rate.
        """
        import cv2

        picture = relit(picture, -self.motion.light_at(number, self.clip.rate))
        if self.motion.poses is None:
            return picture
        scale = self.size[0] / self.whole[2]
        left, top, right, bottom = (round(side * scale) for side in self.box)
        moved = warped(picture, self.motion.at(number, self.clip.rate), self._backdrop)
        shown = (self.clip.width, self.clip.height)
        return np.asarray(cv2.resize(moved[top:bottom, left:right], shown, interpolation=cv2.INTER_AREA))

    @cached_property
    def _backdrop(self) -> UInt8[np.ndarray, "rows columns 3"]:
        import cv2 as opencv

        cv2: Any = opencv
        assert self.motion.backdrop is not None
        return cv2.resize(self.motion.backdrop.seen(), self.size, interpolation=cv2.INTER_CUBIC)
