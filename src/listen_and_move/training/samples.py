"""What the held-out part shows during training: a few figures, and real beside generated frames as a video.

Letters: T frames, H height, W width.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from listen_and_move.clock import exact, frame_time
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip, as_pixels
from listen_and_move.inference.animator import BLOCK
from listen_and_move.inference.noise import frame_noise
from listen_and_move.media.soundtrack import SoundTrack
from listen_and_move.media.video import VideoWriter
from listen_and_move.metrics.frame import psnr
from listen_and_move.metrics.sync import correlation, difference_correlation, motion_energy, motion_ratio
from listen_and_move.models.generator import Network

MOST_FRAMES = 200
"""Longer held-out parts are judged by their beginning: a validation takes seconds."""
WARM_UP = 64
"""Frames before the held-out part on which the state is primed."""


@torch.no_grad()
def play(network: Network, clip: Clip, config: Config, frames: range) -> UInt8[np.ndarray, "T H W 3"]:
    """The network's picture for some frames of the clip, after hearing what comes before them."""
    learning = network.training
    network.eval()
    device = next(network.parameters()).device
    shapes, seed = network.pixel_noise_shapes, config.training.seed
    state, drawn = None, []
    start = max(0, frames.start - WARM_UP)
    for first in range(start, frames.stop, BLOCK):
        span = range(first, min(first + BLOCK, frames.stop))
        features = clip.features[span.start : span.stop][None].to(device)
        motion_noise, pixel_noise = frame_noise(span, seed, config.motion.noise, shapes, device)
        picture, state = network(features, motion_noise, state, pixel_noise)
        drawn.append(as_pixels(picture[0]).cpu().numpy())
    network.train(learning)  # without an average it is the network in training that plays
    return np.concatenate(drawn)[frames.start - start :]


def held_out(clip: Clip) -> range:
    """The frames to judge by; empty when nothing is held out."""
    return clip.held_out[:MOST_FRAMES]


def figures(generated: UInt8[np.ndarray, "T H W 3"], real: UInt8[np.ndarray, "T H W 3"]) -> dict[str, float]:
    """How well the generated frames follow the real ones (see `metrics.sync`)."""
    return {
        "dcor": difference_correlation(generated, real),
        "motion_correlation": correlation(motion_energy(generated), motion_energy(real)),
        "motion_ratio": motion_ratio(generated, real),
        "psnr": psnr(generated, real),
    }


def validate(network: Network, clip: Clip, config: Config) -> dict[str, float]:
    """The figures of the held-out part; none when it is too short to move."""
    frames = held_out(clip)
    if len(frames) < 3:
        return {}
    real = clip.frames[frames.start : frames.stop].cpu().numpy()
    return figures(play(network, clip, config, frames), real)


def write_sample(path: Path, network: Network, clip: Clip, config: Config, video: Path) -> None:
    """Real (left) beside generated (right) frames of the held-out part, with their sound."""
    frames = held_out(clip)
    if len(frames) < 3:
        return
    generated, fps = play(network, clip, config, frames), config.clip.rate
    real = clip.frames[frames.start : frames.stop].cpu().numpy()
    begin = exact(config.clip.start) + frame_time(frames.start, fps)
    sound = SoundTrack(video, start=begin, end=begin + frame_time(len(frames), fps))
    height, width = real.shape[1:3]
    with VideoWriter(path, width=2 * width, height=height, fps=fps, sound=sound, overwrite=True) as writer:
        for pair in zip(real, generated, strict=True):
            writer.write(np.concatenate(pair, axis=1))
