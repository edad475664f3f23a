"""Dataset of an evaluation of a run that learnt several takes: all of them are learnt, one is measured."""

from pathlib import Path

from listen_and_move.data.clip import split
from listen_and_move.data.frame_store import Shelf
from listen_and_move.data.takes import Takes
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import (
    HELD_OUT,
    LEAST_FRAMES,
    TRAINING,
    Dataset,
    FrameSpan,
    Video,
    Watch,
)
from listen_and_move.runs import RunFolder


def open_takes(folder: RunFolder, video: Path | None, training: bool, shelf: Shelf, watch: Watch) -> Dataset:
    """Returns the dataset of a run that learnt several takes.

    Args:
        folder: the run.
        video: the take that is measured; None: the first one.
        training: measure on its training part.
        shelf: takes the frames.
        watch: told the progress.

    Raises:
        UserError: a take is gone, the video is none of them, or nothing is held out.
    """
    config, paths = folder.config(), folder.films.videos(video)
    place = 0 if video is None else paths.index(video)
    clip = Takes(tuple(paths)).load(config, lambda done, total: watch("decoding", done, total))
    take, store = clip.takes[place], shelf.store(config.clip.width, config.clip.height)
    store.append(clip.frames.numpy())
    measured = Video(take.path, -take.begin, config.clip.rate, store, clip.features, config.clip.track)
    _, held_out = split(len(take.frames), config.clip)
    held_out = take.frames[held_out.start : held_out.stop]
    if len(held_out) < LEAST_FRAMES and not training:
        raise UserError(
            f"{take.path}: expected a held-out part of at least {LEAST_FRAMES} frames; got {len(held_out)}",
            "train with --holdout, or measure on what was trained with --training",
        )
    learnt = max((span for span in clip.train if span.start in take.frames), key=len)
    name, span = (TRAINING, learnt) if training else (HELD_OUT, held_out)
    others = ", ".join(path.name for path in paths if path != take.path)
    return Dataset(
        measured,
        clip.train,
        measured,
        span,
        name,
        FrameSpan(store, held_out),
        (f"{name} of the other takes ({others}): --video measures another one",),
        f"{name} of {take.path.stem}" if place else "",
    )
