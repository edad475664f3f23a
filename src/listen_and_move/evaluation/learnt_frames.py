"""The frames of what a run learnt, at the size of its model: of one video, all takes, or all songs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from listen_and_move.audio.features import Statistics
from listen_and_move.config import Config
from listen_and_move.data.clip import split
from listen_and_move.data.frame_store import FrameStore, Shelf
from listen_and_move.data.source import find_source
from listen_and_move.data.take import take_names
from listen_and_move.evaluation.baselines import Picked
from listen_and_move.evaluation.dataset import Frames, FrameSpan, Watch, decode


@dataclass(frozen=True)
class LearntFrames:
    """Real frames that a run learnt, and those held out."""

    name: str
    """Of the files."""
    frames: FrameStore
    """Of the clip; between takes or songs they show nothing."""
    train: tuple[range, ...]
    """Places of the trained parts."""
    unseen: Frames
    """What was held out; may be empty."""
    filmed: Frames
    """All that was filmed."""

    @classmethod
    def of(
        cls, videos: Sequence[Path], config: Config, statistics: Statistics | None, shelf: Shelf, watch: Watch
    ) -> "LearntFrames":
        """Returns the frames of a run, decoded.

        Args:
            videos: that the run learnt.
            config: its settings.
            statistics: of the features that its model was trained with; None where it has none.
            shelf: takes the frames.
            watch: told the progress.

        Raises:
            UserError: a video cannot be read.
        """
        name = ", ".join(take_names(videos))
        if len(videos) == 1 and not videos[0].is_dir():
            video = decode(videos[0], config.clip, config.features, statistics, shelf, watch)
            train, held_out = split(len(video.frames), config.clip)
            return cls(name, video.frames, train, FrameSpan(video.frames, held_out), video.frames)
        clip = find_source(*videos).load(config, lambda done, total: watch("decoding", done, total))
        store = shelf.store(config.clip.width, config.clip.height)
        store.append(clip.frames.numpy())
        filmed = _places(clip.stretches or [take.frames for take in clip.takes])
        unseen = np.setdiff1d(filmed, _places(clip.train))
        return cls(name, store, clip.train, Picked(store, unseen), Picked(store, filmed))


def _places(spans: Sequence[range]) -> NDArray[np.int64]:
    return np.concatenate([np.array(span, np.int64) for span in spans])
