"""What can be learnt: a video with its sound, or the songs of a Sub-URMP folder."""

from pathlib import Path
from typing import Protocol

from listen_and_move.config import ClipConfig, Config
from listen_and_move.data.clip import Box, Clip, Progress, VideoFile
from listen_and_move.data.suburmp import Songs


class Source(Protocol):
    """Something to learn."""

    def box(self, clip: ClipConfig) -> Box:
        """The crop in its pixels, as given or chosen: left, top, right, bottom."""
        ...

    def digest(self) -> str:
        """sha256 of all that it is."""
        ...

    def load(self, config: Config, progress: Progress) -> Clip:
        """Decode it; ``progress`` is called with frames done and expected."""
        ...


def find(path: Path) -> Source:
    """The source at a path: a folder is Sub-URMP, anything else a video file.

    Raises:
        UserError: a folder of another layout.
    """
    return Songs.find(path) if path.is_dir() else VideoFile(path)
