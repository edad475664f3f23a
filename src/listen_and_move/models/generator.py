"""The generator, and the network of motion encoder and generator: features and noise in, frames out.

Shape letters: B batch, T frames, F features, E motion noise, M motion, Z generator input, H height, W width.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from listen_and_move.models.layers import (
    BatchNorm,
    Block,
    Pasts,
    ResidualPicture,
    Start,
    WholePicture,
    recomputed,
    upsampled,
)
from listen_and_move.models.memory import FrameMemory, ReferenceEncoder, ReferenceGate
from listen_and_move.models.prediction import PredictionLayer, PredictionState
from listen_and_move.models.recurrent import MotionEncoder, MotionState
from listen_and_move.precision import autocast_bfloat16

PixelNoise = Sequence[Float[Tensor, "B T 1 _ _"]]
"""One tensor per place of noise injection, standard normal; heights and widths as in
`Generator.pixel_noise_shapes`."""


class PictureState(NamedTuple):
    """What the generator remembers of its own pictures."""

    prediction: tuple[PredictionState, ...] = ()
    """One per prediction layer, the coarsest first."""
    pasts: tuple[Pasts, ...] = ()
    """Of a 3-D generator: of the start, then of each block."""


class NetworkState(NamedTuple):
    """All that the network remembers of the sound and its own pictures."""

    motion: MotionState
    picture: PictureState


class Generator(nn.Module):
    """Draws one picture per frame: start grid, blocks that double it, prediction layers after some of them,
    picture.

    With skip connections every block also draws a picture of its size; they are doubled and added up before
    the tanh.

    Source: Redondo 2023, section 3.2.
    """

    def __init__(
        self,
        start: Start,
        blocks: Sequence[Block],
        picture: WholePicture,
        predictions: Mapping[int, PredictionLayer] | None = None,
        bottleneck: nn.Linear | None = None,
        recall: FrameMemory | None = None,
        look: ReferenceEncoder | None = None,
        mix: ReferenceGate | None = None,
        sketches: Sequence[nn.Conv2d] = (),
    ) -> None:
        super().__init__()
        self.recompute = False
        """Whether activations are computed again for the gradients instead of being kept."""
        self.bottleneck = bottleneck
        self.recall, self.look, self.mix = recall, look, mix
        self.start = start
        self.blocks = nn.ModuleList(blocks)
        self.predictions = nn.ModuleDict({str(block): layer for block, layer in (predictions or {}).items()})
        self.sketches = nn.ModuleList(sketches)
        self.picture = picture

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame, in pixels."""
        height, width = self.start.grid
        return height * 2 ** len(self.blocks), width * 2 ** len(self.blocks)

    @property
    def pixel_noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of the noise at every place that takes some, in order; empty without noise
        injection."""
        height, width = self.start.grid
        doublings = [0, *(layer for layer in range(1, len(self.blocks) + 1) for _ in range(2))]
        return (
            ()
            if self.start.noise is None
            else tuple((height * 2**times, width * 2**times) for times in doublings)
        )

    @property
    def remembers(self) -> bool:
        """Whether a picture depends on those before it."""
        return len(self.predictions) > 0 or self.start.over_time is not None

    @property
    def mean_frame(self) -> Float[Tensor, "3 H W"] | None:
        """The buffer of the mean frame, in [-1, 1], to be filled before training; None where whole pictures
        are drawn."""
        return self.picture.mean_frame if isinstance(self.picture, ResidualPicture) else None

    def forward(
        self,
        z: Float[Tensor, "B T Z"],
        features: Float[Tensor, "B T F"],
        state: PictureState | None = None,
        pixel_noise: PixelNoise | None = None,
        memory_mask: Bool[Tensor, "B K"] | None = None,
        gate_bias: Float[Tensor, "B 1 1"] | None = None,
    ) -> tuple[Float[Tensor, "B T 3 H W"], PictureState]:
        """Frames in [-1, 1], and the state to continue from; ``lean``: more of the best frame that is
        recalled."""
        frames, numbers = z.shape[1], self.start.convolution.weight.dtype
        before = PictureState() if state is None else state
        noises = self._noises(pixel_noise)
        condition = features.flatten(0, 1)
        if self.bottleneck is not None:
            condition = torch.tanh(self.bottleneck(condition))
        recalled = (
            []
            if self.recall is None
            else [each.flatten(0, 1) for each in self.recall(features, memory_mask, gate_bias)]
        )
        told = self.look(*(each.to(numbers) for each in recalled)) if self.look is not None else []
        x, past = self.start(z.flatten(0, 1).to(numbers), noises[:1], frames, *before.pasts[:1])
        pasts, predictions, sketch = [past], [], None
        for layer, block in enumerate(self.blocks):
            if layer and told:
                x = x + told[layer - 1]
            draw, noise = self._run(block), noises[1 + 2 * layer : 3 + 2 * layer]
            x, past = draw(x, condition, noise, frames, *before.pasts[layer + 1 : layer + 2])
            pasts.append(past)
            if str(layer) in self.predictions:
                hidden = before.prediction[len(predictions)] if before.prediction else None
                x, prediction = self.predictions[str(layer)](
                    x.unflatten(0, (-1, frames)), hidden, self.recompute
                )
                x = x.flatten(0, 1)
                predictions.append(prediction)
            if layer < len(self.sketches):
                drawn = self.sketches[layer](x)
                sketch = upsampled(drawn if sketch is None else sketch + drawn)
        x, sketch = x.to(z), None if sketch is None else sketch.to(z)
        gate_biases = None if gate_bias is None else gate_bias.repeat_interleave(frames, dim=0)[..., None]
        base = None if self.mix is None else self.mix(x, *recalled, gate_biases)
        picture = self.picture(x, base, sketch).unflatten(0, z.shape[:2])
        return picture, PictureState(tuple(predictions), tuple(pasts) if any(pasts) else ())

    def _run(self, block: nn.Module) -> Callable[..., tuple[Tensor, Pasts]]:
        """The block, or what does the same and keeps its input alone; not where it counts its calls, as batch
        norms do."""
        counts = any(isinstance(norm, BatchNorm) for norm in block.modules())
        return recomputed(block) if self.recompute and torch.is_grad_enabled() and not counts else block

    def _noises(self, pixel_noise: PixelNoise | None) -> list[Tensor | None]:
        if pixel_noise is None or self.start.noise is None:
            return [None] * (1 + 2 * len(self.blocks))
        shapes = [tuple(noise.shape[-2:]) for noise in pixel_noise]
        if shapes != list(self.pixel_noise_shapes):
            raise ValueError(
                f"pixel_noise: expected {list(self.pixel_noise_shapes)} (height, width); got {shapes}"
            )
        return [noise.flatten(0, 1) for noise in pixel_noise]


class Network(nn.Module):
    """Listens and moves: the motion encoder and the generator, with the sound routed to each as the settings
    say.

    Args:
        motion_sound: motion from sound (MfS): the encoder hears [e ; f], else e.
        sound_content: sound as content (SaC): the generator draws from [m ; f], else m.
        content_noise: how many of the last noise numbers go to the generator, beside those, instead of the
            encoder.
    """

    def __init__(
        self,
        motion: MotionEncoder,
        generator: Generator,
        *,
        motion_sound: bool,
        sound_content: bool,
        content_noise: int = 0,
    ) -> None:
        super().__init__()
        self.motion, self.generator = motion, generator
        self.motion_sound, self.sound_content, self.content_noise = motion_sound, sound_content, content_noise

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
        noise: Float[Tensor, "B T E"],
        state: NetworkState | None = None,
        pixel_noise: PixelNoise | None = None,
        memory_mask: Bool[Tensor, "B K"] | None = None,
    ) -> tuple[Float[Tensor, "B T 3 H W"], NetworkState]:
        """Frames in [-1, 1] of a window, and the state to continue from.

        ``pixel_noise`` None: none is injected; ``banned``: remembered frames that may not be recalled.
        """
        z, motion = self.listen(features, noise, state)
        frames, picture = self.generator(
            z, features, None if state is None else state.picture, pixel_noise, memory_mask
        )
        return frames, NetworkState(motion, picture)

    def prime(
        self,
        features: Float[Tensor, "B T F"],
        noise: Float[Tensor, "B T E"],
        state: NetworkState | None = None,
    ) -> NetworkState:
        """The state after a window whose frames nobody wants; cheap where the generator does not remember its
        pictures."""
        z, motion = self.listen(features, noise, state)
        if not self.generator.remembers:
            return NetworkState(motion, PictureState())
        _, picture = self.generator(z, features, None if state is None else state.picture)
        return NetworkState(motion, picture)

    def listen(
        self,
        features: Float[Tensor, "B T F"],
        noise: Float[Tensor, "B T E"],
        state: NetworkState | None = None,
        content: Float[Tensor, "B T F"] | None = None,
    ) -> tuple[Float[Tensor, "B T Z"], MotionState]:
        """What the generator draws from, and the encoder's state; ``content``: what SaC hears, None: the
        features too."""
        e, noise = noise.split([noise.shape[-1] - self.content_noise, self.content_noise], dim=-1)
        tokens = torch.cat([e, features], dim=-1) if self.motion_sound else e
        with autocast_bfloat16(features.device, False):  # small, and what is rounded here is remembered
            motion, memory = self.motion(tokens, None if state is None else state.motion)
        heard = features if content is None else content
        return torch.cat([motion, *([heard] if self.sound_content else []), noise], dim=-1), memory
