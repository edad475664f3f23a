"""Pipelines for the kinds of pictures: drawn by the network, a path through frames, or composed of frames."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.config import Config, ModelConfig
from listen_and_move.errors import SettingError, UserError, shown
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.compositing import Compositor
from listen_and_move.inference.controls import Controls
from listen_and_move.inference.display import Display
from listen_and_move.inference.front_end import AudioFrontEnd, AudioReference
from listen_and_move.inference.guide import Guide
from listen_and_move.inference.look_ahead import LookAhead, hearing, live_look_ahead
from listen_and_move.inference.pipeline import Pipeline
from listen_and_move.inference.resizing import Fitter, Resizer
from listen_and_move.inference.sources.camera import CameraMode
from listen_and_move.inference.sources.composed import ComposedSource
from listen_and_move.inference.sources.path import PathSource
from listen_and_move.inference.stage import Stage
from listen_and_move.models.kept_frames import KeptFrames
from listen_and_move.models.path_costs import BY_SOUND, usual_search
from listen_and_move.models.path_memory import ClipBeats
from listen_and_move.models.region_search import RegionSearch

Picture = Literal["auto", "drawn", "path", "composed"]
PICTURES: Mapping[Picture, str] = {
    "auto": "As it was trained",
    "path": "Frames of the clip",
    "composed": "Composed of frames",
    "drawn": "Drawn by the network",
}
"""Names of the pictures, where a user chooses one."""
SMALLEST_SIDE, LARGEST_SIDE = 16, 4096
"""Smallest and largest side that a user may ask for, in pixels."""


class PictureChoice(NamedTuple):
    """A user's choice of the picture."""

    picture: Picture = "auto"
    """Kind of the picture.

    drawn: what the network draws; path: frames of the clip; composed: what the network draws, with detail of
    frames of the clip; auto: path or composed, as training chose, where a model keeps frames and was trained
    upon them, else drawn."""
    size: str = "source"
    """Size of the picture: model, source, or WIDTHxHEIGHT."""
    by_sound: bool = False
    """Whether a path follows the sound alone, which needs no model that draws."""
    seed: int = 0
    """Seed of another path of nearly the same cost; 0: the cheapest path."""
    live: bool = False
    """Whether the sound to come is not known."""
    track: int | None = None
    """Number of the picture track of a video that is played; None: the default track."""
    camera: CameraMode = "still"
    """Camera of aligned frames: still, or as-filmed, which moves as it did."""
    beats: bool = False
    """Whether the clip's beats are played on those of the sound."""
    look_ahead: int | None = None
    """Live: frames of sound that are waited for; None: as many as the model was trained to hear."""


AS_LEARNT = PictureChoice()
"""The default choice."""


class ChosenPicture(NamedTuple):
    """The picture that a model shows."""

    picture: Literal["drawn", "path", "composed"]
    kept: KeptFrames | None
    """The frames of the picture; None where the network draws."""


def chosen_picture(animator: Animator, picture: Picture, name: str) -> ChosenPicture:
    """Returns the picture that a model shows.

    Args:
        animator: the model.
        picture: what is asked for.
        name: of the model, for messages.

    Raises:
        UserError: frames are asked for, and it keeps none.
    """
    kept = animator.model.kept
    if picture == "drawn" or (picture == "auto" and (kept is None or not follows(animator.config))):
        return ChosenPicture("drawn", None)
    if kept is None:
        raise UserError(
            f"{name}: expected a model that keeps frames of its clip; this one keeps none",
            f"listen-and-move frames {name} adds them, or --picture drawn",
        )
    return ChosenPicture(kept.about.picture if picture == "auto" else picture, kept)


def follows(config: ModelConfig) -> bool:
    """Returns whether a model that keeps frames shows them unasked, being trained upon frames of the clip."""
    return config.generator.recall > 0


def model_pipeline(animator: Animator, choice: PictureChoice, name: str) -> Pipeline:
    """Returns the pipeline of a loaded model; any number of pipelines may share the model.

    Args:
        animator: the model.
        choice: the picture that is asked for.
        name: of the model, for messages.

    Raises:
        UserError: no such size, or a path is asked for, and it keeps no frames.
    """
    picture, kept = chosen_picture(animator, choice.picture, name)
    if choice.beats and picture != "path":
        raise UserError(
            f"beats: expected a path, which plays slower and faster; got a picture that is {picture}",
            "--picture path, or leave --beats away",
        )
    if kept is None:
        return _drawing_pipeline(animator, choice)
    size = asked_size(choice.size, animator.size, kept.picture_size)
    if picture == "composed":
        return composed_pipeline(animator, kept, choice, size)
    guide = None if choice.by_sound else animator
    return path_pipeline(animator.audio_reference, kept, choice, size, guide)


def path_pipeline(
    reference: AudioReference,
    kept: KeptFrames,
    choice: PictureChoice,
    size: tuple[int, int] | None = None,
    animator: Animator | None = None,
) -> Pipeline:
    """Returns a pipeline that shows frames of a clip.

    Args:
        reference: how the sound is heard.
        kept: the frames.
        choice: what is asked for.
        size: width and height; None: that of the frames.
        animator: draws the guide, where the path is led by one; None: none leads it.

    Raises:
        UserError: beats are asked for, and the clip has none.
    """
    weights = BY_SOUND if animator is None else kept.about.weights
    extractor, size = reference.extractor, size or kept.picture_size
    waited = _waited(choice, extractor, path=True)
    beats = _clip_beats(kept, extractor) if choice.beats else None
    search = kept.path.search(
        usual_search(weights, waited and waited.lag),
        weights,
        choice.seed,
        None if beats is None else beats.phases,
    )
    silence, level = extractor.silence(), reference.level
    source = PathSource(
        kept,
        search,
        extractor.fps,
        silence,
        level,
        choice.live,
        choice.camera,
        None if beats is None else beats.period,
    )
    if choice.live:
        source.prepare()
    guide: tuple[Stage, ...] = (Guide(animator.renderer),) if animator and weights.guide else ()
    check = animator.pipeline.check if guide and animator else Controls.check_replay
    return Pipeline(
        _front_end(reference, kept, waited, compares=weights.sound > 0),
        (*guide, source, *resized(kept.picture_size, size), Display(source.rate)),
        size,
        check,
        source.rate,
        waited.lag if waited else 0,
    )


def _waited(choice: PictureChoice, extractor: FeatureExtractor, path: bool = False) -> LookAhead | None:
    """Returns the look-ahead of live play; None: the whole sound is known."""
    return live_look_ahead(choice.look_ahead, extractor.config.future, path) if choice.live else None


def _front_end(
    reference: AudioReference, kept: KeptFrames | None, waited: LookAhead | None, compares: bool = False
) -> AudioFrontEnd:
    """Returns a front end with the look-ahead."""
    if waited is None:
        return AudioFrontEnd(reference, compares)
    features = None if kept is None else kept.path.features
    extractor = hearing(reference.extractor, features, waited.heard)
    return AudioFrontEnd(reference._replace(extractor=extractor), compares)


def _clip_beats(kept: KeptFrames, extractor: FeatureExtractor) -> ClipBeats:
    """Returns the beats of a clip."""
    flux = extractor.config.flux
    beats = None if flux is None else kept.path.beats(flux, extractor.fps)
    if beats is None:
        raise UserError(
            "beats: expected a clip whose sound has a steady beat; this one has none", "leave --beats away"
        )
    return beats


def composed_pipeline(
    animator: Animator, kept: KeptFrames, choice: PictureChoice, size: tuple[int, int]
) -> Pipeline:
    """Returns a pipeline that shows what a model draws, with detail of frames of its clip.

    Args:
        animator: the model.
        kept: the frames.
        choice: what is asked for.
        size: width and height.
    """
    source = ComposedSource(kept, RegionSearch(kept.path), animator.fps)
    stages = (Guide(animator.renderer), source, *resized(kept.picture_size, size), Display(source.rate))
    front_end = _front_end(animator.audio_reference, kept, _waited(choice, animator.extractor))
    return replace(animator.pipeline, front_end=front_end, stages=stages, size=size, fps=source.rate)


def resized(before: tuple[int, int], size: tuple[int, int]) -> tuple[Stage, ...]:
    """Returns the stage that scales pictures to a size; none where they have the size."""
    return () if size == before else (Resizer(size),)


def fitted(pipeline: Pipeline, size: tuple[int, int]) -> Pipeline:
    """Returns the pipeline with its pictures fitted whole into a frame of a size."""
    if pipeline.size == size:
        return pipeline
    return replace(pipeline, stages=(*pipeline.stages, Fitter(size)), size=size)


def _drawing_pipeline(animator: Animator, choice: PictureChoice) -> Pipeline:
    """Returns the pipeline of what a model draws."""
    size = asked_size(choice.size, animator.size, animator.source_size)
    stages = (*animator.pipeline.stages, *resized(animator.size, size))
    waited = _waited(choice, animator.extractor)
    front_end = _front_end(animator.audio_reference, animator.model.kept, waited)
    return replace(animator.pipeline, front_end=front_end, stages=stages, size=size)


def composited(pipeline: Pipeline, video: Path, config: Config) -> Pipeline:
    """Returns the pipeline with its pictures put back into a still of their video."""
    compositor = Compositor.of(pipeline.size, video, config.clip)
    return replace(pipeline, stages=(*pipeline.stages, compositor), size=compositor.size)


def asked_size(size: str, model: tuple[int, int], source: tuple[int, int]) -> tuple[int, int]:
    """Returns width and height in pixels of a size in words.

    Raises:
        SettingError: no such size.
    """
    if size in ("model", "source"):
        return model if size == "model" else source
    sides = size.split("x")
    if len(sides) == 2 and all(side.isascii() and side.isdigit() and len(side) < 6 for side in sides):
        width, height = map(int, sides)
        if all(SMALLEST_SIDE <= side <= LARGEST_SIDE and side % 2 == 0 for side in (width, height)):
            return width, height
    raise SettingError(
        f"size: expected model, source, or even numbers of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels such as "
        f"1280x720; got {shown(size)}"
    )
