"""Addition of training frames to a run folder, and to a model that has none."""

from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.data.source import find_source
from listen_and_move.errors import UserError
from listen_and_move.keeping import keep_frames
from listen_and_move.models.checkpoint import Model, load_model, read_frames_file, save_model
from listen_and_move.models.kept_frames import write_with_frames
from listen_and_move.progress import Progress, untold
from listen_and_move.runs import RunFolder, model_path
from listen_and_move.training.memory_fitting import remembered_frames
from listen_and_move.training.picture_fitting import with_fitted_picture

SAME = 4.0
"""Most mean difference, of 255, between decoded frames and the same frames in a model.

Decoders differ by less than 1."""


class AddedFrames(NamedTuple):
    """The result of an addition."""

    model: Path
    """The model file with the frames."""
    described: str
    """The added frames in words: seconds, size of the picture, bytes."""


def add_frames(
    model: Path | str,
    video: Path | str | None = None,
    *,
    keep: Literal["source", "small"] = "source",
    progress: Progress = untold,
) -> AddedFrames:
    """Adds the training frames of a video to the model that learnt it; trains nothing.

    With them the model plays a path.

    Args:
        model: a run folder or a model file, which is replaced by one with the frames.
        video: that was learnt; of a run folder None takes the run's own.
        keep: source: as large as they are filmed; small: no side longer than 480 pixels.
        progress: called with frames done and expected.

    Raises:
        UserError: the model or the video cannot be read, or it is not the video that the model learnt.
    """
    path = Path(model)
    file, place = model_path(path), None if video is None else Path(video)
    found = load_model(file)
    if path.is_dir():
        folder, config = RunFolder(path), RunFolder(path).config()
        videos = folder.films.videos() if place is None else [folder.films.video(place)]
    elif place is None:
        raise UserError(f"{path}: expected the video that it learnt; got a model alone", "name its video too")
    else:
        videos, config = [place], Config(**vars(found.config))
    source = find_source(*videos)
    clip = source.load(config, untold)
    if not path.is_dir():
        _check_learnt(videos[0], found, clip, config)
    memory = found.network.generator.memory
    kept = keep_frames(
        videos[0],
        source.digest(),
        clip,
        config.clip,
        config.features,
        small=keep == "small",
        metric_scale=None if memory is None else memory.metric_scale,
        progress=progress,
    )
    kept = with_fitted_picture(found.network, clip, config, kept)
    if path.is_dir():
        write_with_frames(RunFolder(path).frames_file, {}, {}, kept)
    save_model(file, found._replace(kept=kept))
    return AddedFrames(file, kept.described())


def keep_training_frames(
    folder: RunFolder,
    config: Config,
    clip: Clip,
    video: Path,
    video_hash: str,
    progress: Progress,
) -> None:
    """Writes the frames that the model will keep into the run folder, unless they are there.

    Args:
        folder: of the run.
        config: the run's settings.
        clip: the decoded clip.
        video: that it was decoded from.
        video_hash: sha256 of its content.
        progress: called with frames done and expected.

    Raises:
        UserError: the picture is too large to be kept.
    """
    keep = config.training.keep
    if keep == "none":
        folder.frames_file.unlink(missing_ok=True)
        return
    small = keep == "small"
    with suppress(UserError):  # missing or damaged frames are made anew
        if read_frames_file(folder.frames_file, config.features.size).about.small == small:
            return
    kept = keep_frames(video, video_hash, clip, config.clip, config.features, small=small, progress=progress)
    write_with_frames(folder.frames_file, {}, {}, kept)


def _check_learnt(video: Path, model: Model, clip: Clip, config: Config) -> None:
    """Raises UserError where the frames that a model remembers, or their mean, are not those of a video."""
    generator = model.network.generator
    if generator.memory is not None:
        numbers = remembered_frames(clip, config)
        values = generator.memory.values[: len(numbers)].float()
        theirs = clip.frames[numbers].movedim(-1, 1).float()
        apart = float((values - theirs).abs().mean()) if values.shape == theirs.shape else torch.inf
    elif generator.mean_frame is not None:
        apart = float((generator.mean_frame - clip.mean_frame).abs().mean()) * 127.5
    else:
        return  # the model holds nothing to compare
    if not apart <= SAME:
        raise UserError(f"{video}: expected the video that this model learnt; its frames are others")
