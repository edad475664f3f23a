"""The settings of a run: those of a preset or of the run itself, with changes.

When a run goes on, only some of them may change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from listen_and_move.config import Config
from listen_and_move.errors import UserError
from listen_and_move.presets import DEFAULT_PRESET
from listen_and_move.runs import RunFolder
from listen_and_move.settings import from_preset, with_values

CHANGEABLE = frozenset(
    f"training.{name}"
    for name in ("steps", "save_every", "validate_every", "sample_every", "recompute", "keep")
)
"""Settings that may change when a run goes on, since none of them alters what a step computes."""
PART = ("clip.start", "clip.end")
"""Settings that choose the part of the video."""


def default_run(video: Path) -> Path:
    """Returns the default run folder of a video."""
    return Path("runs") / video.absolute().stem


def run_config(folder: RunFolder, preset_name: str | None, settings: Mapping[str, Any]) -> Config:
    """Returns the settings to train with: those of the run or, for a new one, of the preset; with changes.

    Args:
        folder: of the run, which may not exist yet.
        preset_name: the row of settings to start from; None: the run's own, or the default preset.
        settings: changes, by dotted name.

    Raises:
        UserError: the run was begun with other settings.
    """
    stored = folder.config() if folder.exists() else None
    if stored is not None:  # a part that was chosen by its scene need not be named again
        settings = {name: getattr(stored.clip, name.removeprefix("clip.")) for name in PART} | dict(settings)
    if stored is not None and preset_name is None:
        config = with_values(stored, dict(settings))
    else:
        config = from_preset(preset_name or DEFAULT_PRESET, dict(settings))
    if stored is not None:
        box = config.clip.box or stored.clip.box
        config = config if box is None else cropped(config, box)
        if "clip.camera" not in settings or stored.clip.camera == "as-filmed":  # as estimated at the start
            config = with_camera(config, stored.clip.camera)
        _check_same(folder, stored, config)
    return config


def cropped(config: Config, box: tuple[int, int, int, int]) -> Config:
    """Returns the settings with the crop as four numbers, so that equal crops are equal texts."""
    return replace(config, clip=replace(config.clip, crop=",".join(map(str, box))))


def with_camera(config: Config, camera: Literal["still", "as-filmed"]) -> Config:
    """Returns the settings with another treatment of the camera."""
    return replace(config, clip=replace(config.clip, camera=camera))


def _check_same(folder: RunFolder, stored: Config, config: Config) -> None:
    """Raises UserError where a setting that decides what is learnt differs from the run's."""
    for section, group in vars(stored).items():
        for name, value in vars(group).items():
            got = getattr(getattr(config, section), name)
            if got != value and f"{section}.{name}" not in CHANGEABLE:
                raise UserError(
                    f"{folder.path}: expected the settings it was begun with, {section}.{name} = {value}; "
                    f"got {got}",
                    "leave the setting away to go on, or choose another --run",
                )


def has_scenes(videos: Sequence[Path], settings: Mapping[str, Any]) -> bool:
    """Returns whether scenes are searched: in one film, if neither scene nor part is named.

    Args:
        videos: that are learnt.
        settings: that were named, by dotted name.
    """
    return len(videos) == 1 and not videos[0].is_dir() and settings.keys().isdisjoint(PART)


def check_part(videos: Sequence[Path], settings: Mapping[str, Any], scene: int | None) -> None:
    """Refuses a scene where there are none, or beside another choice of the part.

    Args:
        videos: that are learnt; at least one.
        settings: that were named, by dotted name.
        scene: that was named; None: none.

    Raises:
        UserError: it makes no sense.
    """
    if not videos:
        raise UserError("train: expected a video to learn; got none: name at least one file")
    if scene is None:
        return
    if len(videos) > 1 or videos[0].is_dir():
        got = f"{len(videos)} takes" if len(videos) > 1 else "a folder of songs"
        raise UserError(f"scene: expected one film with scenes; got {got}", "leave --scene away")
    if not settings.keys().isdisjoint(PART):
        raise UserError(
            f"scene: expected a scene, or where to begin and to end; got {scene} and the other too",
            "leave --scene, or --start and --end, away",
        )


def check_same_video(folder: RunFolder, videos: Sequence[Path], video_hash: str) -> None:
    """Refuses another video than a run learns, or other takes.

    Args:
        folder: of the run.
        videos: that were named.
        video_hash: sha256 of their content.

    Raises:
        UserError: it is another one.
    """
    films = folder.films
    if films.video_hash != video_hash:
        named = " and ".join(map(str, videos))
        order = f"takes that this run learns, in this order: {', '.join(map(str, films.places))}"
        learnt = order if films.takes else "video that this run learns"
        other = "are others" if len(videos) > 1 else "is another one"
        raise UserError(f"{folder.path}: expected the {learnt}; {named} {other}", "choose another --run")
