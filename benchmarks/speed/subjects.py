"""What is measured: networks of any preset and size with random weights, and random windows for them.

Speed does not depend on what was learnt, so nothing has to be trained or fetched.
"""

from typing import Any, cast

import torch
from torch import Tensor

from listen_and_move.audio.features import Statistics
from listen_and_move.config import Config
from listen_and_move.inference.animator import Animator
from listen_and_move.losses.perceptual import PERCEPTUAL_FEATURES, PerceptualLoss
from listen_and_move.models.build import build_network
from listen_and_move.models.checkpoint import Model
from listen_and_move.models.generator import Network
from listen_and_move.pretrained.tapped import TappedNetwork
from listen_and_move.pretrained.vgg16 import VGG16
from listen_and_move.settings import from_preset
from listen_and_move.training.batches import Batch
from listen_and_move.training.state import TrainingState, fresh_state
from listen_and_move.training.step import training_step


def settings(preset: str, size: int, window: int, lanes: int | None = None, **training: Any) -> Config:
    """A preset at a size, with windows of so many frames; ``lanes`` None: the preset's own."""
    changes = {"clip.size": str(size), "training.window": window} | {
        f"training.{name}": each for name, each in training.items()
    }
    return from_preset(preset, changes if lanes is None else changes | {"training.lanes": lanes})


def animator(config: Config, device: torch.device, **how: Any) -> Animator:
    """A player with random weights."""
    network = _filled(build_network(config), config).eval().requires_grad_(False)
    size = config.features.chunk_size
    statistics = Statistics(torch.zeros(size), torch.ones(size)) if config.features.standardise else None
    return Animator(Model(network, config, statistics, 0), device, **how)


class BenchmarkTraining:
    """Steps on a random window, always the same one."""

    def __init__(self, config: Config, device: torch.device) -> None:
        self.config, self.state = config, fresh_state(config, device)
        for network in (self.state.network, self.state.ema):
            if network is not None:
                _filled(network, config)
        self.perceptual = _perceptual(device) if config.losses.perceptual else None
        self.batch = _batch(self.state, config, device)

    def step(self) -> dict[str, Tensor]:
        """One training step, without the reading of losses."""
        return training_step(self.state, self.batch, self.config, self.perceptual)


def _filled(network: Network, config: Config) -> Network:
    """With as many frames remembered as the settings allow."""
    recall, kept = network.generator.memory, config.generator.recall
    if recall is not None:
        device = recall.metric_scale.device
        shape = (kept, 3, config.clip.height, config.clip.width)
        frames = torch.zeros(shape, dtype=torch.uint8, device=device).random_(0, 256)
        keys = torch.randn(9, kept, config.features.size, device=device)
        recall.fill(
            torch.ones_like(recall.metric_scale), torch.ones_like(recall.typical_distance), keys, frames
        )
    return network


def _perceptual(device: torch.device) -> PerceptualLoss:
    """VGG16 as in the paper, its weights random."""
    with torch.device(device):
        network = VGG16().eval().requires_grad_(False)
    return PerceptualLoss(cast(TappedNetwork, network), PERCEPTUAL_FEATURES["vgg16"])


def _batch(state: TrainingState, config: Config, device: torch.device) -> Batch:
    lanes, frames, (height, width) = (
        config.training.lanes,
        config.training.window,
        (config.clip.height, config.clip.width),
    )
    with torch.device(device):
        real = torch.rand(lanes, frames, 3, height, width) * 2 - 1
        features, noise = (
            torch.randn(lanes, frames, config.features.size),
            torch.rand(lanes, frames, sum(config.noise_sizes)),
        )
        pixels = [
            torch.randn(lanes, frames, 1, *shape) for shape in state.network.generator.pixel_noise_shapes
        ]
    return Batch(real, features, noise, pixels or None, None, None)
