"""Sources of a clip: a video, several takes of one scene, or the songs of a Sub-URMP folder."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from listen_and_move.config import ClipConfig, Config
from listen_and_move.data.clip import Box, Clip, file_hash, load_clip, resolved_box
from listen_and_move.data.suburmp import Songs
from listen_and_move.data.takes import Takes
from listen_and_move.progress import Progress


class ClipSource(NamedTuple):
    """Something to learn, as the three functions that training needs."""

    box: Callable[[ClipConfig], Box]
    """Returns the crop in pixels, as given or chosen: left, top, right, bottom."""
    digest: Callable[[], str]
    """Returns the sha256 of the content."""
    load: Callable[[Config, Progress], Clip]
    """Decodes the clip; its progress is called with frames done and expected."""


def find_source(path: Path, *others: Path) -> ClipSource:
    """Returns the source at a path: a folder is Sub-URMP, anything else a video file.

    Args:
        path: of the source.
        others: more takes of the same scene.

    Raises:
        UserError: a folder of another layout, or takes that are none.
    """
    if others:
        takes = Takes.find((path, *others))
        return ClipSource(takes.box, takes.digest, takes.load)
    if path.is_dir():
        songs = Songs.find(path)
        return ClipSource(songs.box, songs.digest, songs.load)
    return ClipSource(partial(resolved_box, path), partial(file_hash, path), partial(load_clip, path))
