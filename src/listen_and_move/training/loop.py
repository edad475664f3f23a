"""From videos to a run folder: what is learnt of them, from the first step or from the last save."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch

from listen_and_move.config import Config, TrainingConfig
from listen_and_move.data.clip import Clip
from listen_and_move.data.source import find_source
from listen_and_move.data.windows import lanes
from listen_and_move.distribution.processes import Processes, joined, local_device
from listen_and_move.errors import DamageWarning, Remark, UserError
from listen_and_move.losses.perceptual import PerceptualLoss
from listen_and_move.precision import choose_device, products, reused_memory
from listen_and_move.runs import RunFolder, write_text
from listen_and_move.scenes import choose_scene
from listen_and_move.settings import from_json, to_json
from listen_and_move.training.adding_frames import keep_training_frames
from listen_and_move.training.holding import held
from listen_and_move.training.run_settings import (
    check_part,
    check_same_video,
    cropped,
    default_run,
    has_scenes,
    run_config,
    with_camera,
)
from listen_and_move.training.trainer import Trainer, TrainingProgress, TrainingResult, Watcher


def train(
    video: Path | str | Sequence[Path | str],
    run: Path | str | None = None,
    *,
    preset_name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    scene: int | None = None,
    device: str = "auto",
    watch: Watcher = lambda progress: None,
) -> TrainingResult:
    """Trains on a video, in a run folder; a run that exists there goes on.

    Processes that `torchrun` started train it together. Each has the video; the first one alone reads and
    writes the run folder, and calls ``watch``.

    Args:
        video: any file with picture and sound, several takes of one scene (see `data.takes`), or a folder of
            Sub-URMP (see `data.suburmp`).
        run: the run folder; runs/NAME-OF-VIDEO by default, of several the first.
        preset_name: the row of settings to start from; ``studio`` for a new run.
        settings: changes to the preset, such as ``{"training.steps": 2000, "clip.size": "128"}``.
        scene: number of the scene of the video that is learnt, from 1 on; None: the longest one, or the part
            that the settings name.
        device: auto, cpu, cuda or mps.
        watch: called after every step.

    Returns:
        How the training ended.

    Raises:
        UserError: the video cannot be learnt, the run is of another video or other settings, another training
            of it is under way, the weights of the perceptual loss are not there, or another process of this
            training has ended.
        ToldElsewhere: another process of this training raised the error that ended it.
    """
    videos = [Path(each) for each in ([video] if isinstance(video, (str, Path)) else video)]
    settings = settings or {}
    with joined() as processes, ExitStack() as alone:
        check_part(videos, settings, scene)
        folder = RunFolder(default_run(videos[0]) if run is None else Path(run))
        place = local_device(choose_device(device))
        if not processes.first:
            return _helped(videos, folder, place, processes)
        begun = folder.exists()
        if begun:
            alone.enter_context(held(folder))
        else:
            folder.check_new()
        config = run_config(folder, preset_name, settings)
        losses = config.losses
        processes = processes.with_lanes(config.training.lanes)
        # Weights that are missing are reported here, before the video is decoded for minutes.
        perceptual = PerceptualLoss.load(losses.perceptual_network, place) if losses.perceptual else None
        source = find_source(*videos)
        if len(videos) > 1:  # each take would be aligned to a pose of its own
            config = with_camera(config, "as-filmed")
        config = cropped(config, source.box(config.clip))
        video_hash = source.digest()
        if begun:
            check_same_video(folder, videos, video_hash)
        steps = config.training.steps

        def looking(done: int, total: int) -> None:
            watch(TrainingProgress(0, steps, {}, 0.0, looked=(done, total)))

        if begun:
            folder.films.check_scene(scene)
        elif scene is not None or has_scenes(videos, settings):
            chosen = choose_scene(videos[0], config.clip, scene, looking)
            config, scene = replace(config, clip=chosen.clip), chosen.number
            if chosen.note:
                watch(TrainingProgress(0, steps, {}, 0.0, note=chosen.note))

        processes.text(to_json(config))

        def decoding(done: int, total: int) -> None:
            watch(TrainingProgress(0, steps, {}, 0.0, (done, total)))

        clip = source.load(config, decoding)
        config = _as_found(config, clip)
        usable = lanes(clip.train, config.training.lanes, config.training.window)
        if not begun and (note := _not_learnt(clip, usable, config.training)):
            watch(TrainingProgress(0, steps, {}, 0.0, note=note))
        if begun:
            write_text(folder.config_file, to_json(config))
        else:  # what cannot be learnt leaves no folder
            alone.enter_context(held(folder))
            folder.create(config, videos, video_hash, str(place), scene)
        try:
            keep_training_frames(folder, config, clip, videos[0], video_hash, decoding)
        except UserError:
            if not begun:
                rmtree(folder.path, ignore_errors=True)
            raise
        return _run(folder, config, clip, perceptual, place, watch, processes)


def _helped(
    videos: Sequence[Path], folder: RunFolder, device: torch.device, processes: Processes
) -> TrainingResult:
    """Trains a run that the first process begins and writes."""
    config = from_json(Config, processes.text())
    processes = processes.with_lanes(config.training.lanes)
    losses = config.losses
    perceptual = PerceptualLoss.load(losses.perceptual_network, device) if losses.perceptual else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)  # the first one tells
        clip = find_source(*videos).load(config, _unwatched)
    return _run(folder, _as_found(config, clip), clip, perceptual, device, _unwatched, processes)


def _run(
    folder: RunFolder,
    config: Config,
    clip: Clip,
    perceptual: PerceptualLoss | None,
    device: torch.device,
    watch: Watcher,
    processes: Processes,
) -> TrainingResult:
    with products(exact=config.training.speed == "exact"), reused_memory(not config.training.recompute):
        return Trainer(folder, config, clip, perceptual, device, watch, processes).run()


def _not_learnt(clip: Clip, usable: Sequence[Sequence[range]], config: TrainingConfig) -> Remark | None:
    """Returns a note on frames to train on in which no window fits, as in short songs; None: there are none.

    Args:
        clip: that is learnt.
        usable: parts of each lane in which windows fit.
        config: tells whether windows are taken from lanes, or from anywhere.
    """
    anywhere = [span for span in clip.train if len(span) >= config.window]
    spans = anywhere if config.sampler == "random" else [span for lane in usable for span in lane]
    total = sum(map(len, clip.train))
    left = total - sum(map(len, spans))
    if not left:
        return None
    return Remark(
        f"{left} of {total} frames to train on lie in parts shorter than a window ({config.window}) and are "
        "not learnt",
        "a smaller --training.window learns more",
    )


def _as_found(config: Config, clip: Clip) -> Config:
    """Returns the settings without looking for a camera, where none was found.

    So the run is the one that it would be as filmed.
    """
    return with_camera(config, "as-filmed") if clip.poses is None and clip.light is None else config


def _unwatched(*progress: object) -> None:
    """Tells nobody of the progress."""
