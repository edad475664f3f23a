"""A loaded model that plays sound: features, recurrent state and network in one place, block by block.

Letters: T frames, H height, W width.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from listen_and_move.config import ModelConfig
from listen_and_move.data.clip import as_pixels
from listen_and_move.errors import UserError
from listen_and_move.features import SAMPLE_RATE, Listener
from listen_and_move.inference.noise import frame_noise
from listen_and_move.modelfile import Model, load_model
from listen_and_move.models.generator import NetworkState
from listen_and_move.runs import RunFolder

BLOCK = 32
"""Frames drawn at once: bounds memory, and keeps the network busy."""


class Animator:
    """A model, loaded once, that turns any number of sounds into pictures."""

    def __init__(self, model: Model, device: torch.device | None = None) -> None:
        self.model = model
        self.device = device or torch.device("cpu")
        self.network = model.network.to(self.device)
        self.listener = Listener(model.config.features, model.config.clip.rate, model.statistics)

    @classmethod
    def load(cls, path: Path | str, device: str = "auto") -> "Animator":
        """Load a run folder or a model file.

        Raises:
            UserError: there is no model, or it cannot be read.
        """
        return cls(load_model(model_path(Path(path))), choose_device(device))

    @property
    def config(self) -> ModelConfig:
        """What the model is."""
        return self.model.config

    @property
    def fps(self) -> Fraction:
        """Frames per second."""
        return self.config.clip.rate

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame, in pixels."""
        return self.config.clip.width, self.config.clip.height

    def frames(self, sound: Iterable[np.ndarray], seed: int = 0) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        """The picture to a sound at 64 kHz, given in blocks of any length; memory does not grow with the sound.

        Frame t belongs to the instant t / fps; their number is ceil(duration x fps).
        """
        state, done = None, 0
        for features in self._heard(sound):
            for part in features.split(BLOCK):
                frames, state = self.draw(part, state, done, seed)
                done += len(part)
                yield from frames

    def _heard(self, sound: Iterable[np.ndarray]) -> Iterator[Float[Tensor, "T F"]]:
        """Features of the whole sound, about a block of frames at a time."""
        state = None
        for piece in _grouped(sound, ceil(BLOCK * SAMPLE_RATE / self.fps)):
            features, state = self.listener.push(torch.from_numpy(piece), state)
            yield features
        yield self.listener.finish(state)

    @torch.inference_mode()
    def draw(
        self, features: Float[Tensor, "T F"], state: NetworkState | None, first: int, seed: int = 0
    ) -> tuple[UInt8[np.ndarray, "T H W 3"], NetworkState | None]:
        """Frames ``first`` to first + T, and the state to continue from."""
        if not len(features):
            return np.zeros((0, self.size[1], self.size[0], 3), np.uint8), state
        span = range(first, first + len(features))
        noise = frame_noise(span, seed, self.config.motion.noise, self.network.pixel_noise_shapes, self.device)
        frames, state = self.network(features[None].to(self.device), noise[0], state, noise[1])
        return as_pixels(frames[0]).cpu().numpy(), state


def _grouped(blocks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Small blocks joined until they are at least so many samples long."""
    waiting: list[np.ndarray] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= size:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def model_path(path: Path) -> Path:
    """The model file of a run folder, or the file itself.

    Raises:
        UserError: nothing there, or a run that has no model yet.
    """
    if not path.exists():
        raise UserError(f"{path}: expected a run folder or a model.safetensors; there is none: check the name")
    if path.is_file():
        return path
    model = RunFolder(path).model_file
    if not model.exists():
        raise UserError(f"{path}: expected a run folder with a model; there is no {model.name} in it yet: train first")
    return model


def choose_device(name: str) -> torch.device:
    """The device of that name; auto takes the best there is.

    Raises:
        UserError: it is not there.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(device for device in ("cuda", "mps", "cpu") if available[device]))
    kind = name.partition(":")[0]
    if not available.get(kind, False):
        usable = ", ".join(device for device, there in available.items() if there)
        raise UserError(f"device: expected auto or one that this machine has ({usable}); got {name}")
    return torch.device(name)
