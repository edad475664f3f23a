"""What can be played: a run folder, a model file or a video, each with its provenance and notes."""

from collections.abc import Sequence
from contextlib import suppress
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.audio.novelty import Repertoire
from listen_and_move.audio.room import home_fall
from listen_and_move.config import Config
from listen_and_move.data.clip import file_hash
from listen_and_move.data.source import find_source
from listen_and_move.data.suburmp import Songs
from listen_and_move.errors import Remark, UserError
from listen_and_move.inference.animator import Animator, loaded_model
from listen_and_move.inference.front_end import AudioReference
from listen_and_move.inference.look_ahead import motion_left
from listen_and_move.inference.picture_pipelines import (
    AS_LEARNT,
    PictureChoice,
    asked_size,
    chosen_picture,
    composited,
    model_pipeline,
    path_pipeline,
)
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.keeping import keep_frames
from listen_and_move.media.files import probe
from listen_and_move.models.build import build_network
from listen_and_move.models.checkpoint import Model, load_model
from listen_and_move.models.kept_frames import KeptFrames
from listen_and_move.models.optimized import Precision
from listen_and_move.progress import untold
from listen_and_move.provenance.provenance import Provenance, composed, drawn, replayed
from listen_and_move.runs import RunFolder, model_path
from listen_and_move.settings import from_preset, with_values

VIDEO_PRESET, VIDEO_SIZE = "studio", "64"
"""Preset whose features play an untrained video, and the size at which its frames are compared."""


class Playable(NamedTuple):
    """A pipeline with its provenance and notes."""

    pipeline: Pipeline
    provenance: Provenance
    """Provenance that is written into files."""
    exact: Pipeline | None = None
    """The same pipeline in float32, where this one draws in bfloat16."""
    notes: tuple[Remark, ...] = ()
    """Notes for the user."""
    clip: str = ""
    """Name of the clip whose frames are shown; empty where a network draws."""


def playable(
    model: Path,
    choice: PictureChoice = AS_LEARNT,
    *,
    paste: bool = False,
    video: Path | None = None,
    device: str = "auto",
    precision: Precision = "float32",
) -> Playable:
    """Returns the pipeline of a model, a run or a video.

    Args:
        model: a run folder, a model file or a video.
        choice: the picture that is asked for.
        paste: put the picture back into a still of the whole picture.
        video: where a run's video, or one of its takes, is now, if not where it was.
        device: auto, cpu, cuda or mps.
        precision: of the network.

    Raises:
        UserError: something cannot be read, or is not there for this picture.
    """
    if paste and choice.size != "source":
        raise UserError(
            f"size: expected source where the picture is put back into the whole one; got {choice.size}: "
            "leave it away"
        )
    if is_video(model):
        found = _of_video(model, choice)
        learnt = ([model], video_config(model, choice.track)) if paste else None
    elif choice.track is not None:
        raise UserError(
            f"picture-track: expected only where a video is played; got {choice.track} for {model}",
            "leave it away: a model has one picture",
        )
    elif choice.by_sound:
        found, learnt = _by_sound(model, choice, video), recording(model, video) if paste else None
    else:
        found = _of_model(model, choice, device, precision, paste)
        learnt = recording(model, video) if paste else None
    if learnt is None:
        return found
    (first, *_), config = learnt  # the first take, by whose picture the others are cropped
    still = Songs.find(first).stretches[0][0].picture if first.is_dir() else first
    provenance = found.provenance.pasted(file_hash(still))
    pipeline = composited(found.pipeline, still, config)
    exact = found.exact and composited(found.exact, still, config)
    return found._replace(pipeline=pipeline, exact=exact, provenance=provenance)


def inputs_of(model: Path, video: Path | None, needs_video: bool) -> list[Path]:
    """Returns the files that are read to play something; they are opened only as far as finding them needs.

    Raises:
        UserError: one is not there.
    """
    if is_video(model):
        return [model]
    return [model_path(model), *(recording(model, video)[0] if needs_video else [])]


def is_video(path: Path) -> bool:
    """Returns whether a path that is given as a model is a file with a moving picture.

    Raises:
        UserError: it is a sound, or by its name a video or a sound that cannot be read.
    """
    if not path.is_file() or path.suffix == ".safetensors":
        return False
    try:
        found = probe(path)
    except MemoryError:
        raise
    except UserError:
        if (guess_type(path.name)[0] or "").startswith(("video/", "audio/")):
            raise
        return False
    if found.video is None:
        raise UserError(f"{path}: expected a model or a video; the file holds no picture, only sound")
    return True


def _of_model(model: Path, choice: PictureChoice, device: str, precision: Precision, paste: bool) -> Playable:
    """Returns the pipeline of a model as it was learnt."""
    file, name = model_path(model), str(model)
    animator = Animator.load(model, device, precision)
    picture, kept = chosen_picture(animator, choice.picture, name)
    if kept is not None and picture == "path":
        if precision != "float32" and not kept.about.weights.guide:
            raise UserError(
                f"precision: expected only where a model draws; got {precision} for a path by sound: leave "
                "it away"
            )
        provenance = replayed(kept.about.sources, file_hash(file))
        pipeline = model_pipeline(animator, choice, name)
        notes = (*_camera_notes(choice, kept), *_look_ahead_notes(choice, pipeline, animator))
        return Playable(pipeline, provenance, notes=notes, clip=clip_name(model))
    if kept is None:
        # What is drawn is put back at its own size: the compositor keeps the detail of the still around it.
        choice = choice._replace(picture="drawn", size="model" if paste else choice.size)
    pipeline = model_pipeline(animator, choice, name)
    exact = model_pipeline(Animator.load(model, device), choice, name) if precision != "float32" else None
    without = choice.seed and not animator.config.has_noise
    notes = (Remark("this model has no noise, so the seed has no effect"),) if without else ()
    notes = (*notes, *_camera_notes(choice, None), *_look_ahead_notes(choice, pipeline, animator))
    made, seed = file_hash(file), choice.seed if animator.config.has_noise else None
    provenance = drawn(made, seed) if kept is None else composed(made, kept.about.sources, seed)
    return Playable(pipeline, provenance, exact, notes)


def _camera_notes(choice: PictureChoice, kept: KeptFrames | None) -> tuple[Remark, ...]:
    """Returns a note where a camera is asked to move and the frames have no camera motion.

    Args:
        choice: what is asked for.
        kept: the frames that are shown; None: a network draws.
    """
    if choice.camera == "still" or (kept is not None and kept.steadied):
        return ()
    if kept is None:
        return (Remark("a network draws as a camera sees that stands still: asking for more has no effect"),)
    return (Remark("these frames are shown as they were filmed in any case: asking for that has no effect"),)


def _look_ahead_notes(
    choice: PictureChoice, pipeline: Pipeline, animator: Animator | None
) -> tuple[Remark, ...]:
    """Returns a note on the cost of a look-ahead that is shorter than trained.

    Args:
        choice: what is asked for.
        pipeline: that plays it.
        animator: the model; None: nothing draws.
    """
    extractor = pipeline.front_end.reference.extractor
    frames, trained = choice.look_ahead, extractor.config.future
    if frames is None or frames >= trained:
        return ()
    sooner = f"{1000 * float((trained - frames) / extractor.fps):.0f} ms sooner"
    said = f"look-ahead of {frames} instead of {trained} frames: pictures come {sooner}"
    kept = None if animator is None else animator.model.kept
    left = None
    if animator is not None and kept is not None:
        left = motion_left(animator, kept.path.features, extractor.ahead)
    if left is None:
        return (Remark(f"{said}; what that costs is not known here"),)
    return (Remark(f"{said}; {left:.0%} of the motion drawn for the training sound is as with all of it"),)


def _of_video(video: Path, choice: PictureChoice) -> Playable:
    """Returns the pipeline of a video without any training."""
    if choice.picture == "drawn":
        raise UserError(
            f"{video}: expected a model, which draws; got a video", "train it first, or --picture path"
        )
    reference, kept = _kept_of([video], video_config(video, choice.track))
    size = asked_size(choice.size, kept.picture_size, kept.picture_size)
    told = Remark(f"{video.name}: played by its sound alone; a trained model follows better", "train it")
    pipeline = path_pipeline(reference, kept, choice, size)
    notes = (told, *_camera_notes(choice, kept), *_look_ahead_notes(choice, pipeline, None))
    return Playable(pipeline, replayed(kept.about.sources), notes=notes, clip=video.name)


def _by_sound(model: Path, choice: PictureChoice, video: Path | None) -> Playable:
    """Returns the pipeline that plays frames by sound alone, those of a model or else of its video."""
    file = model_path(model)
    loaded = loaded_model(file) if video is None else None
    if loaded is not None and loaded.kept is not None:
        extractor = FeatureExtractor(loaded.config.features, loaded.config.clip.rate, loaded.statistics)
        kept = loaded.kept
        fall = home_fall(extractor, kept.path.features, kept.path.numbers)
        reference = AudioReference(extractor, loaded.level, loaded.repertoire, fall)
        model_size = loaded.config.clip.width, loaded.config.clip.height
    else:
        videos, config = recording(model, video)
        reference, kept = _kept_of(videos, config)
        model_size = config.clip.width, config.clip.height
    size = asked_size(choice.size, model_size, kept.picture_size)
    notes = _camera_notes(choice, kept)
    pipeline = path_pipeline(reference, kept, choice, size)
    return Playable(pipeline, replayed(kept.about.sources), notes=notes, clip=clip_name(model))


def _kept_of(videos: Sequence[Path], config: Config) -> tuple[AudioReference, KeptFrames]:
    """Returns the frames of a video or of several takes, and the reference of their sound.

    The packets of the frames are in a temporary file.
    """
    source = find_source(*videos)
    clip = source.load(config, untold)
    extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    kept = keep_frames(videos[0], source.digest(), clip, config.clip, config.features, fleeting=True)
    repertoire = Repertoire.of(clip.features, clip.train, extractor)
    fall = home_fall(extractor, kept.path.features, kept.path.numbers)
    return AudioReference(extractor, clip.level, repertoire, fall), kept


def unlearnt_model(video: Path) -> Model:
    """Returns a model of a video that nothing was trained on.

    It has the frames, which a path by sound alone shows, and what the sound is like. Its network is as small
    as can be, and has learnt nothing.

    Args:
        video: the file.

    Raises:
        UserError: the video cannot be read, or has no sound.
    """
    config = video_config(video, None)
    reference, kept = _kept_of([video], config)
    config = with_values(config, {"generator.recall": 0, "generator.channels_max": 8})
    network, statistics = build_network(config), reference.extractor.statistics
    return Model(network, config.model, statistics, 0, reference.level, reference.repertoire, kept)


def video_config(video: Path, track: int | None) -> Config:
    """Returns the settings with which an untrained video is played: all of its picture.

    Args:
        video: the file.
        track: number of its picture; None: the default one.
    """
    info = probe(video, track).video
    assert info is not None, "it is a video"
    whole = {"clip.crop": f"0,0,{info.width},{info.height}", "clip.picture_track": track}
    # The camera's movement is not estimated, which takes as long as decoding: play begins at once.
    plain = {"clip.size": VIDEO_SIZE, "clip.holdout": "0", "clip.camera": "as-filmed"}
    return from_preset(VIDEO_PRESET, plain | whole)


def clip_name(model: Path) -> str:
    """Returns the name of the video that a run learnt; for a model file its own name."""
    with suppress(UserError):
        return RunFolder(model).films.video(None).name
    return model.stem


def recording(model: Path, video: Path | None = None) -> tuple[list[Path], Config]:
    """Returns the video or the takes that a run learnt, and the settings that decode them.

    Args:
        model: a run folder; with ``video`` also a model file, which does not know what it learnt from.
        video: where the video, or one of the takes, is, if it has been moved.

    Raises:
        UserError: it is not found, or another one than the run learnt.
    """
    if model.is_dir():
        return RunFolder(model).films.videos(video), RunFolder(model).config()
    if video is None:
        raise UserError(
            f"{model}: expected the run folder, whose video is needed; got a model alone",
            "add its video with --video",
        )
    settings = load_model(model).config
    return [video], Config(**vars(settings))
