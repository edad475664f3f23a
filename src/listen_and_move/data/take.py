"""One of several films that are learnt as one clip."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from listen_and_move.clock import frame_time
from listen_and_move.media.conversion import Box


class Take(NamedTuple):
    """One of the files that a clip is made of, where it is made of several."""

    path: Path
    box: Box
    """The crop in its own pixels."""
    begin: Fraction
    """The instant of the clip at which the file begins, in seconds: that of a frame that is shown."""
    frames: range
    """Those of the clip that are its own."""

    def seconds(self, frame: int, fps: Fraction) -> Fraction:
        """Returns the instant of a frame of the clip in the file, in seconds."""
        return frame_time(frame, fps) - self.begin
