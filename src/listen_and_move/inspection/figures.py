"""What an inspection measures of a video."""

from dataclasses import dataclass

from listen_and_move.arrays import Array
from listen_and_move.config import ClipConfig
from listen_and_move.media.files import VideoInfo
from listen_and_move.metrics.coupling import Coupling
from listen_and_move.scenes import RATE

Box = tuple[int, int, int, int]
SAMPLE_RATE = 16_000
"""Samples per second of the analysis."""
CAMERA, CAMERA_AT_TIMES = 0.6, 2.5
"""Shift of the picture in % of its width per second from which the camera moves: in the middle, and at the
fastest tenth."""
SHORTEST_GAP = 0.1
"""Seconds; a sound that is missing for less is not worth a word."""


@dataclass(frozen=True)
class Figures:
    """Measures of a video; times in seconds of the video."""

    start: float
    """Where the part that was looked at begins."""
    end: float
    changes: tuple[tuple[str, float, float, float], ...]
    """Cuts, transitions and overlays: kind, instant, first instant touched, first instant after it."""
    scenes: tuple[tuple[float, float], ...]
    """First and last instant of each scene, in the order of time."""
    span: tuple[float, float]
    """The longest scene; the figures of motion belong to it."""
    train_seconds: float
    """What of that part remains for training beside the held-out share."""
    motion: float
    """Mean change of a pixel from frame to frame at 20 fps, 0..1."""
    moving_share: float
    """Share of the picture that moves, 0..1."""
    camera: float
    """Shift of the picture as a whole in % of its width per second: the median."""
    camera_at_times: float
    """The same at the fastest tenth of the time."""
    wander: float
    """How far the camera wanders, in % of the width: root mean square over the beginning of that part."""
    camera_left: float
    """Share of the picture's change over time that is left where it is aligned by what stands still; 1: it is
    not, as the camera stands or there is nothing to hold on to."""
    light: float | None
    """How far the light slowly goes from the usual, in stops: root mean square over the same time; None:
    neither camera nor light were looked at."""
    light_left: float
    """Share of the picture's change over time that is left where that is taken out; 1: it is not."""
    peak_db: float | None
    """Largest sample in dBFS; None: there is no sound."""
    silence: float
    """Share of silent frames, 0..1."""
    coupling: Coupling | None
    """How motion and sound go together; None: nothing to compare."""
    box: Box
    """The crop that would be used, in pixels of the video."""
    motion_in_box: float
    """Share of the motion that lies inside the crop."""
    suggested_box: Box | None
    """A better crop."""
    loudness: Array
    """dB per frame at 20 fps."""
    gaps: tuple[tuple[float, float], ...]
    """Where the picture has no sound: first and last instant."""

    @property
    def cuts(self) -> tuple[float, ...]:
        """Instants of cuts and transitions."""
        return tuple(moment for kind, moment, _, _ in self.changes if kind != "overlay")

    @property
    def aligned(self) -> bool:
        """Whether a new model learns frames that are aligned by what stands still."""
        return self.camera_left < 1

    @property
    def looked_at(self) -> bool:
        """Whether camera and light were looked at."""
        return self.light is not None

    @property
    def relit(self) -> bool:
        """Whether a new model learns frames from which slow changes of light are taken out."""
        return self.light_left < 1

    @property
    def camera_moves(self) -> bool:
        """Whether the camera moves."""
        return self.aligned or camera_moves(self.camera, self.camera_at_times)

    @property
    def silent(self) -> bool:
        """Whether there is nothing to hear."""
        return self.peak_db is None or self.peak_db < -60


def camera_moves(usual: float, at_times: float) -> bool:
    """Returns whether a camera moves, from the speed of the picture as a whole in % of its width per second.

    Args:
        usual: median of the speed.
        at_times: speed at the fastest tenth of the time.
    """
    return usual >= CAMERA or at_times >= CAMERA_AT_TIMES


def train_looks(figures: Figures, video: VideoInfo, clip: ClipConfig) -> bool:
    """Whether a training looks for the same scenes: in all of the video, where no part is named."""
    looked_at_all = figures.end > video.duration - SHORTEST_GAP
    return clip.start == 0 and clip.end is None and looked_at_all


def milliseconds(coupling: Coupling) -> int:
    """Returns by how many milliseconds motion and sound are apart."""
    return round(abs(coupling.lag) * 1000 / RATE)
