"""The generator, and the network of motion encoder and generator: features and noise in, frames out.

Shape letters: B batch, T frames, F features, E motion noise, M motion, Z generator input, H height, W width.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.models.layers import Block, ResidualPicture, Start, WholePicture
from listen_and_move.models.prediction import PredictionLayer, PredictionState
from listen_and_move.models.recurrent import MotionEncoder, MotionState

PixelNoise = Sequence[Float[Tensor, "B T 1 _ _"]]
"""One tensor per place of noise injection, standard normal; heights and widths as in `Generator.pixel_noise_shapes`."""


class NetworkState(NamedTuple):
    """All that the network remembers of the sound and its own pictures."""

    motion: MotionState
    prediction: PredictionState | None


class Generator(nn.Module):
    """Draws one picture per frame: start grid, blocks that double it, an optional prediction layer, picture.

    Source: Redondo 2023, section 3.2, residual connections.
    """

    def __init__(
        self,
        start: Start,
        blocks: Sequence[Block],
        picture: WholePicture,
        prediction: PredictionLayer | None = None,
        bottleneck: nn.Linear | None = None,
    ) -> None:
        super().__init__()
        self.bottleneck = bottleneck
        self.start = start
        self.blocks = nn.ModuleList(blocks)
        self.prediction = prediction
        self.picture = picture

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame, in pixels."""
        height, width = self.start.grid
        return height * 2 ** len(self.blocks), width * 2 ** len(self.blocks)

    @property
    def pixel_noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of the noise at every place that takes some, in order; empty without noise injection."""
        height, width = self.start.grid
        doublings = [0, *(layer for layer in range(1, len(self.blocks) + 1) for _ in range(2))]
        return () if self.start.noise is None else tuple((height * 2**times, width * 2**times) for times in doublings)

    @property
    def mean_frame(self) -> Float[Tensor, "3 H W"] | None:
        """The buffer of the mean frame, in [-1, 1], to be filled before training; None where whole pictures are drawn."""
        return self.picture.mean_frame if isinstance(self.picture, ResidualPicture) else None

    def forward(
        self,
        z: Float[Tensor, "B T Z"],
        features: Float[Tensor, "B T F"],
        state: PredictionState | None = None,
        pixel_noise: PixelNoise | None = None,
    ) -> tuple[Float[Tensor, "B T 3 H W"], PredictionState | None]:
        """Frames in [-1, 1], and the state to continue from (None without a prediction layer)."""
        x, state = self.activations(z, features, state, pixel_noise)
        return self.picture(x.flatten(0, 1)).unflatten(0, z.shape[:2]), state

    def activations(
        self,
        z: Float[Tensor, "B T Z"],
        features: Float[Tensor, "B T F"],
        state: PredictionState | None = None,
        pixel_noise: PixelNoise | None = None,
    ) -> tuple[Float[Tensor, "B T C H W"], PredictionState | None]:
        """All but the picture itself."""
        noises = self._noises(pixel_noise)
        condition = features.flatten(0, 1)
        if self.bottleneck is not None:
            condition = torch.tanh(self.bottleneck(condition))
        x = self.start(z.flatten(0, 1), noises[:1])
        for layer, block in enumerate(self.blocks):
            x = block(x, condition, noises[1 + 2 * layer : 3 + 2 * layer])
        x = x.unflatten(0, z.shape[:2])  # (B, T, C, H, W)
        return (x, None) if self.prediction is None else self.prediction(x, state)

    def _noises(self, pixel_noise: PixelNoise | None) -> list[Tensor | None]:
        if pixel_noise is None or self.start.noise is None:
            return [None] * (1 + 2 * len(self.blocks))
        shapes = [tuple(noise.shape[-2:]) for noise in pixel_noise]
        if shapes != list(self.pixel_noise_shapes):
            raise ValueError(f"pixel_noise: expected {list(self.pixel_noise_shapes)} (height, width); got {shapes}")
        return [noise.flatten(0, 1) for noise in pixel_noise]


class Network(nn.Module):
    """Listens and moves: the motion encoder and the generator, with the sound routed to each as the settings say.

    Args:
        motion_sound: motion from sound (MfS): the encoder hears [e ; f], else e.
        sound_content: sound as content (SaC): the generator draws from [m ; f], else m.
    """

    def __init__(self, motion: MotionEncoder, generator: Generator, *, motion_sound: bool, sound_content: bool) -> None:
        super().__init__()
        self.motion, self.generator = motion, generator
        self.motion_sound, self.sound_content = motion_sound, sound_content

    @property
    def pixel_noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """See `Generator.pixel_noise_shapes`."""
        return self.generator.pixel_noise_shapes

    @property
    def mean_frame(self) -> Float[Tensor, "3 H W"] | None:
        """See `Generator.mean_frame`."""
        return self.generator.mean_frame

    def forward(
        self,
        features: Float[Tensor, "B T F"],
        motion_noise: Float[Tensor, "B T E"],
        state: NetworkState | None = None,
        pixel_noise: PixelNoise | None = None,
    ) -> tuple[Float[Tensor, "B T 3 H W"], NetworkState]:
        """Frames in [-1, 1] of a window, and the state to continue from; ``pixel_noise`` None: none is injected."""
        z, motion = self._listen(features, motion_noise, state)
        frames, prediction = self.generator(z, features, None if state is None else state.prediction, pixel_noise)
        return frames, NetworkState(motion, prediction)

    def prime(
        self, features: Float[Tensor, "B T F"], motion_noise: Float[Tensor, "B T E"], state: NetworkState | None = None
    ) -> NetworkState:
        """The state after a window whose frames nobody wants; cheap without a prediction layer, which needs the pictures."""
        z, motion = self._listen(features, motion_noise, state)
        if self.generator.prediction is None:
            return NetworkState(motion, None)
        _, prediction = self.generator.activations(z, features, None if state is None else state.prediction)
        return NetworkState(motion, prediction)

    def _listen(self, features: Tensor, motion_noise: Tensor, state: NetworkState | None) -> tuple[Tensor, MotionState]:
        tokens = torch.cat([motion_noise, features], dim=-1) if self.motion_sound else motion_noise
        motion, memory = self.motion(tokens, None if state is None else state.motion)
        return (torch.cat([motion, features], dim=-1) if self.sound_content else motion), memory
