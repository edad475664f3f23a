"""One of several films that are learnt as one clip."""

from collections.abc import Sequence
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
    gain: float = 0.0
    """With which its sound is as loud as that of the first take, in dB."""

    def seconds(self, frame: int, fps: Fraction) -> Fraction:
        """Returns the instant of a frame of the clip in the file, in seconds."""
        return frame_time(frame, fps) - self.begin


def take_names(paths: Sequence[Path]) -> list[str]:
    """Returns the names of different files, each with as many of its folders as tell it from the others."""
    places, names = [path.absolute().parts for path in paths], [path.name for path in paths]
    for length in range(2, max(map(len, places), default=0) + 1):
        if len({*names}) == len(names):
            break
        names = ["/".join(place[-length:]) for place in places]
    return names
