"""What the held-out part shows during training: a few figures, and real beside generated frames as a video.

Letters: T frames, H height, W width.
"""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.media.video import VideoWriter
from listen_and_move.metrics.frame import MOVING_SHARE, psnr, sharpness_ratio
from listen_and_move.metrics.sync import correlation, difference_correlation, motion_energy, motion_ratio
from listen_and_move.models.generator import Network
from listen_and_move.models.rendering import played

MOST_FRAMES = 200
"""Longer held-out parts are judged by their beginning: a validation takes seconds."""


def play(network: Network, clip: Clip, config: Config, frames: range) -> UInt8[np.ndarray, "T H W 3"]:
    """The network's picture for some frames of the clip, after hearing what comes before them."""
    learning = network.training
    network.eval()
    drawn = np.concatenate(list(played(network, clip.features, frames, config, config.training.seed)))
    network.train(learning)  # without an average it is the network in training that plays
    return drawn


def held_out(clip: Clip) -> range:
    """The frames to judge by; empty when nothing is held out."""
    return clip.held_out[:MOST_FRAMES]


def figures(generated: UInt8[np.ndarray, "T H W 3"], real: UInt8[np.ndarray, "T H W 3"]) -> dict[str, float]:
    """How well the generated frames follow the real ones (see `metrics.sync` and `metrics.frame`)."""
    return {
        "dcor": difference_correlation(generated, real),
        "motion_correlation": correlation(motion_energy(generated), motion_energy(real)),
        "motion_ratio": motion_ratio(generated, real),
        "sharpness_moving": sharpness_ratio(generated, real, MOVING_SHARE),
        "psnr": psnr(generated, real),
    }


def validate(network: Network, clip: Clip, config: Config) -> dict[str, float]:
    """The figures of the held-out part; none when it is too short to move."""
    frames = held_out(clip)
    if len(frames) < 3:
        return {}
    real = clip.frames[frames.start : frames.stop].cpu().numpy()
    return figures(play(network, clip, config, frames), real)


def write_sample(path: Path, network: Network, clip: Clip, config: Config) -> None:
    """Real (left) beside generated (right) frames of the held-out part, with their sound."""
    frames = held_out(clip)
    if len(frames) < 3:
        return
    generated, fps = play(network, clip, config, frames), config.clip.rate
    real = clip.frames[frames.start : frames.stop].cpu().numpy()
    sound = None if clip.sound is None else clip.sound(frames)
    height, width = real.shape[1:3]
    with VideoWriter(path, width=2 * width, height=height, fps=fps, sound=sound, overwrite=True) as writer:
        for pair in zip(real, generated, strict=True):
            writer.write(np.concatenate(pair, axis=1))
