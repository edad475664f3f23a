"""Validation on the held-out part: a few measures, and a video of real beside generated frames.

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
    """Returns the network's pictures for some frames of the clip.

    Args:
        network: in any mode, which stays.
        clip: the decoded clip.
        config: the run's settings, whose seed draws the noise.
        frames: frame numbers; the network hears what comes before them.
    """
    training = network.training
    network.eval()
    pictures = np.concatenate(list(played(network, clip.features, frames, config, config.training.seed)))
    network.train(training)  # without EMA the network in training is the one that plays
    return pictures


def held_out(clip: Clip) -> range:
    """Returns the frame numbers to validate on; empty where nothing is held out."""
    return clip.held_out[:MOST_FRAMES]


def figures(generated: UInt8[np.ndarray, "T H W 3"], real: UInt8[np.ndarray, "T H W 3"]) -> dict[str, float]:
    """Measures how well the generated frames follow the real ones.

    Args:
        generated: frames, 0..255.
        real: as many frames of that size.

    Returns:
        The measures of `metrics.sync` and `metrics.frame`, by name.
    """
    return {
        "dcor": difference_correlation(generated, real),
        "motion_correlation": correlation(motion_energy(generated), motion_energy(real)),
        "motion_ratio": motion_ratio(generated, real),
        "sharpness_moving": sharpness_ratio(generated, real, MOVING_SHARE),
        "psnr": psnr(generated, real),
    }


def validate(network: Network, clip: Clip, config: Config) -> dict[str, float]:
    """Measures the network on the held-out part.

    Args:
        network: to validate.
        clip: the decoded clip.
        config: the run's settings.

    Returns:
        The `figures`; none where the held-out part has fewer than 3 frames, too few to correlate changes.
    """
    frames = held_out(clip)
    if len(frames) < 3:
        return {}
    return figures(play(network, clip, config, frames), _real(clip, frames))


def write_sample(path: Path, network: Network, clip: Clip, config: Config) -> None:
    """Writes real (left) beside generated (right) frames of the held-out part, with their sound.

    Args:
        path: the video file; nothing is written where the held-out part has fewer than 3 frames.
        network: to draw with.
        clip: the decoded clip.
        config: the run's settings.
    """
    frames = held_out(clip)
    if len(frames) < 3:
        return
    generated, real = play(network, clip, config, frames), _real(clip, frames)
    sound = None if clip.sound is None else clip.sound(frames)
    height, width = real.shape[1:3]
    with VideoWriter(
        path, width=2 * width, height=height, fps=config.clip.rate, sound=sound, overwrite=True
    ) as writer:
        for pair in zip(real, generated, strict=True):
            writer.write(np.concatenate(pair, axis=1))


def _real(clip: Clip, frames: range) -> UInt8[np.ndarray, "T H W 3"]:
    return clip.frames[frames.start : frames.stop].cpu().numpy()
