"""One trial: train on four fifths of a clip, play the fifth that was held out, and measure it.

Letters: T frames that are held out.
"""

import json
import math
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.audio.loudness import gated_level, matching_gain
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip, load_clip
from listen_and_move.evaluation.network_measures import available
from listen_and_move.evaluation.shifts import products
from listen_and_move.inference.animator import Animator
from listen_and_move.keeping import training_frames
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.coherence import flicker
from listen_and_move.metrics.frame import (
    MOVING_SHARE,
    laplacian_energies,
    moving_region,
    psnr,
    ssim,
    unit_range,
)
from listen_and_move.metrics.sync import motion_energy
from listen_and_move.models.generator import Network
from listen_and_move.models.path_costs import PLAIN, VITERBI
from listen_and_move.models.path_search import PathSearch, thumbnails
from listen_and_move.models.rendering import played
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.loop import train
from listen_and_move.training.trainer import TrainingProgress

Row = dict[str, Any]
FOLDS = 5
STILLS = {"mean frame": None, "replay": PLAIN, "smooth replay": VITERBI}
"""Rows that need no training."""


class Held(np.ndarray):
    """Frames in memory with the interface of frames on disk, which are read part by part."""

    def read(self, first: int, last: int) -> np.ndarray:
        """Returns frames ``first`` to ``last``."""
        return np.asarray(self[first:last])


def settings_of(values: Mapping[str, Any], fold: int, base: str) -> Config:
    """Returns the preset with changes, and one fifth held out, or more where the changes say so."""
    return with_values(preset(base), {"clip.holdout": _fifth(fold), **values})


def _fifth(fold: int) -> str:
    return f"{fold / FOLDS:g}-{(fold + 1) / FOLDS:g}"


def model_row(
    video: Path,
    fold: int,
    seed: int,
    values: Mapping[str, Any],
    base: str,
    keep: Path | None,
    minutes: float | None,
) -> Row:
    """Trains a model and returns its measures on the fifth that it has not seen.

    ``keep``: where its run folder stays. ``minutes``: how long it trains, instead of its number of steps.
    """
    quiet = {"training.validate_every": 100, "training.sample_every": 10**6, "training.save_every": 10**6}
    config = settings_of({**values, **quiet, "training.seed": seed}, fold, base)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        changes = {**values, **quiet, "training.seed": seed, "clip.holdout": config.clip.holdout}
        watch = _Clock(minutes * 60 if minutes else math.inf)
        result = train(video, keep or Path(folder) / "run", preset_name=base, settings=changes, watch=watch)
        seconds = time.process_time() - begun
        size = (result.run / "model.safetensors").stat().st_size
        log = [json.loads(line) for line in (result.run / "metrics.jsonl").read_text().splitlines()]
        animator = Animator.load(result.run)
    measured_part = load_clip(video, with_values(config, {"clip.holdout": _fifth(fold)})).held_out
    clip = replace(load_clip(video, config), held_out=measured_part)
    network = animator.network
    generated = _played(network, clip.features, clip, config)
    if not (result.finished or watch.over):
        raise KeyboardInterrupt  # a row of a run cut short would mislead
    curve = [
        [line["step"], line["held_out/dcor"], line["held_out/sharpness_moving"]]
        for line in log
        if "held_out/dcor" in line
    ]
    row = {"curve": curve, "train_s": seconds, "steps_done": result.step, "model_mb": size / 1e6} | measured(
        generated, clip
    )
    row |= {
        f"dcor_{name}": _dcor(_played(network, features, clip, config), clip)
        for name, features in altered(video, clip, config)
    }
    return row | _still(network, clip, config)


class _Clock:
    """Interrupts a training, as Ctrl-C does, some seconds of processor time after its first step."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.begun, self.over = seconds, math.inf, False

    def __call__(self, progress: TrainingProgress) -> None:
        now = time.process_time()
        self.begun = min(self.begun, now if progress.step else math.inf)
        if now >= self.begun + self.seconds and not self.over:
            self.over = True
            signal.raise_signal(signal.SIGINT)


def baseline_row(name: str, video: Path, fold: int, values: Mapping[str, Any], base: str) -> Row:
    """Returns the measures of a still, or of a replay of training frames."""
    config = settings_of(values, fold, base)
    clip = load_clip(video, config)
    search = STILLS[name]
    if search is None:
        picture = ((clip.mean_frame.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
        return measured(np.repeat(picture[None], len(clip.held_out[0]), 0), clip)
    numbers = training_frames(clip.train).numpy()
    path = PathSearch(numbers, clip.features[numbers].numpy(), thumbnails(clip.frames, numbers), search)
    places = path.whole(clip.features[clip.held_out[0].start : clip.held_out[0].stop])
    return measured(clip.frames.numpy()[places], clip)


def measured(generated: np.ndarray, clip: Clip) -> Row:
    """Returns the measures of held-out pictures, as sums, so that several fifths can be pooled."""
    real = _real(clip)
    sums = products(generated.view(Held), real.view(Held))
    region = moving_region(unit_range(real).std(0, dtype=np.float64).mean(-1), MOVING_SHARE)
    networks = available(torch.device("cpu"), min(real.shape[1:3])).perceptual
    return {
        "frames": len(real),
        "products": list(sums[:3]),
        "shifted": list(sums.shifted),
        "dcor": sums.dcor,
        "dcor_excess": sums.dcor - float(sums.null.mean()),
        "detail": [float(laplacian_energies(video, region).mean()) for video in (generated, real)],
        "motion": [float(motion_energy(video).mean()) for video in (generated, real)],
        "flicker": [float(flicker(video).mean()) for video in (generated, real)],
        "ssim": ssim(generated, real),
        "psnr": psnr(generated, real),
        **{name: float(network(generated, real).mean()) for name, network in networks.items()},
    }


def altered(video: Path, clip: Clip, config: Config) -> list[tuple[str, Tensor]]:
    """Returns features of the clip's sound as other microphones might have recorded it.

    The sound is played as `generate` does. All versions but the last are brought to the level of the training
    sound by one gain.
    """
    extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    sound = torch.from_numpy(np.concatenate(list(read_sound(video, SAMPLE_RATE))))
    level = sound.square().mean().sqrt()
    noise = torch.randn(len(sound), generator=torch.Generator().manual_seed(0))
    versions = {
        "noise": sound + level * 10 ** (-10 / 20) * noise,
        "bright": tilted(sound, 12.0),
        "dull": tilted(sound, -12.0),
        "room": reverberated(sound),
        "quiet": sound * 10 ** (-10 / 20),
    }
    for name, each in versions.items():
        gain = matching_gain(gated_level(each.numpy()[None]), clip.level)
        versions[name] = each * 10 ** (gain / 20)
    versions["quiet_unmatched"] = sound * 10 ** (-10 / 20)
    return [(name, extractor.whole(each)[: len(clip.features)]) for name, each in versions.items()]


def reverberated(sound: Tensor, seconds: float = 0.5) -> Tensor:
    """Returns the sound in a room.

    The room's response is noise that fades by 60 dB in ``seconds``, in all as loud as the direct sound.
    """
    length = round(seconds * SAMPLE_RATE)
    tail = torch.randn(length, generator=torch.Generator().manual_seed(1)) * 10 ** (
        -3 * torch.arange(length) / length
    )
    size = len(sound) + length
    echo = torch.fft.irfft(torch.fft.rfft(sound, n=size) * torch.fft.rfft(tail / tail.norm(), n=size), n=size)
    return sound + echo[: len(sound)]


def tilted(sound: Tensor, decibels: float) -> Tensor:
    """Returns a sound that is louder towards the top.

    The change is minus half of ``decibels`` at 125 Hz and plus half of it at 7500 Hz.
    """
    spectrum = torch.fft.rfft(sound.double())
    frequency = torch.linspace(0, SAMPLE_RATE / 2, len(spectrum)).clamp(125, 7500)
    share = torch.log2(frequency / 125) / np.log2(7500 / 125) - 0.5
    return torch.fft.irfft(spectrum * 10 ** (decibels * share / 20), n=len(sound)).float()


def _played(network: Network, features: Tensor, clip: Clip, config: Config) -> np.ndarray:
    return np.concatenate(list(played(network, features, clip.held_out[0], config)))


def _real(clip: Clip) -> np.ndarray:
    return clip.frames[clip.held_out[0].start : clip.held_out[0].stop].numpy()


def _dcor(generated: np.ndarray, clip: Clip) -> float:
    sums = products(generated.view(Held), _real(clip).view(Held))
    return sums.dcor - float(sums.null.mean())


def _still(network: Network, clip: Clip, config: Config) -> Row:
    """Returns the motion in silence and in room noise (-60 dBFS), over that of the training part."""
    moving = np.mean(
        [
            motion_energy(clip.frames[span.start : span.stop].numpy()).mean()
            for span in clip.train
            if len(span) > 1
        ]
    )
    hiss = 1e-3 * torch.randn(4 * SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    extractor = FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    row = {}
    for name, sound in {"silence": torch.zeros_like(hiss), "room_noise": hiss}.items():
        features = extractor.whole(sound)
        frames = np.concatenate(
            list(played(network, features, range(20, len(features)), config))
        )  # the start is forgotten
        row[f"motion_in_{name}"] = float(motion_energy(frames).mean() / moving)
    return row
