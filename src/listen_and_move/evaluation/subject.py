"""What an evaluation looks at: the video that was learnt, and the part that is measured, of it or of another
video."""

from dataclasses import dataclass, replace
from pathlib import Path

from listen_and_move.config import ClipConfig
from listen_and_move.data.clip import file_hash, split
from listen_and_move.data.frame_store import Shelf
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import Part, Video, Watch, decode
from listen_and_move.inference.animator import Animator
from listen_and_move.media.files import probe
from listen_and_move.runs import RunFolder

HELD_OUT, TRAINING = "held-out part", "training part"
LEAST_FRAMES = 8
"""Fewer frames say nothing about motion."""


@dataclass(frozen=True)
class Subject:
    """The learnt video, and the one that is measured; they may be the same."""

    learnt: Video
    train: tuple[range, ...]
    shown: Video
    span: range
    name: str
    """What is measured, in words."""
    unseen: Part
    """Real frames that were never trained on; may be empty."""

    @property
    def real(self) -> Part:
        """The frames that are measured."""
        return Part(self.shown.frames, self.span)

    @property
    def longest(self) -> range:
        """The longest training part."""
        return max(self.train, key=len)


def choose(
    folder: RunFolder, animator: Animator, video: Path | None, training: bool, shelf: Shelf, watch: Watch
) -> Subject:
    """Decode what is needed.

    Args:
        folder: the run.
        animator: its model.
        video: where the run's video is now, or another one to measure on.
        training: measure on the training part.
        shelf: takes the frames.
        watch: told what is being done.

    Raises:
        UserError: a video is missing or unreadable, or nothing is held out.
    """
    config = folder.config()
    statistics = animator.model.statistics
    other = video is not None and probe(video) is not None and file_hash(video) != folder.video_hash()
    learnt = decode(
        _learnt(folder, None if other else video, other),
        config.clip,
        config.features,
        statistics,
        shelf,
        watch,
    )
    train, held_out = split(len(learnt.frames), config.clip)
    if other and video is not None:
        shown = decode(video, _whole(video, config.clip), config.features, statistics, shelf, watch)
        span = range(len(shown.frames))
        if len(span) < LEAST_FRAMES:
            raise UserError(
                f"{video}: expected at least {LEAST_FRAMES} frames; got {len(span)}: give a longer video"
            )
        return Subject(learnt, train, shown, span, video.stem, Part(shown.frames, span))
    if training:
        return Subject(learnt, train, learnt, max(train, key=len), TRAINING, Part(learnt.frames, held_out))
    if len(held_out) < LEAST_FRAMES:
        raise UserError(
            f"{folder.path}: expected a held-out part of at least {LEAST_FRAMES} frames; got "
            f"{len(held_out)}: train with "
            "--holdout, give another take with --video, or measure on what was trained with --training"
        )
    return Subject(learnt, train, learnt, held_out, HELD_OUT, Part(learnt.frames, held_out))


def _learnt(folder: RunFolder, video: Path | None, other: bool) -> Path:
    try:
        return folder.video(video)
    except UserError as error:
        if not other:
            raise
        raise UserError(
            f"{str(error).partition(': give')[0]}; the baselines are made of it: put it back there first"
        ) from None


def _whole(video: Path, clip: ClipConfig) -> ClipConfig:
    """The whole of another video, with the run's crop where the picture is large enough for it."""
    info, box = probe(video).video, clip.box
    fits = info is not None and box is not None and box[2] <= info.width and box[3] <= info.height
    return replace(clip, start=0.0, end=None, crop=clip.crop if fits else "", holdout="0")
