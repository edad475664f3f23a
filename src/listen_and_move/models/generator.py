"""The generator, and the network of motion encoder and generator: features and noise in, frames out.

Shape letters: B batch, T frames, F features, E motion noise, M motion, Z generator input, H height, W width.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from listen_and_move.models.layers import (
    Block,
    Pasts,
    ResidualPicture,
    Start,
    WholePicture,
    recomputed,
    upsampled,
)
from listen_and_move.models.memory import PLAYING_BIAS, FrameMemory, ReferenceEncoder, ReferenceGate
from listen_and_move.models.norms import BatchNorm
from listen_and_move.models.prediction import PredictionLayer, PredictionState
from listen_and_move.models.recurrent import MotionEncoder, MotionState
from listen_and_move.precision import autocast_bfloat16

PixelNoise = Sequence[Float[Tensor, "B T 1 _ _"]]
"""Standard normal noise, one tensor per place of noise injection.

Heights and widths are those of `Generator.pixel_noise_shapes`."""


class PictureState(NamedTuple):
    """Recurrent state of the generator."""

    prediction: tuple[PredictionState, ...] = ()
    """State of each prediction layer, the coarsest first."""
    pasts: tuple[Pasts, ...] = ()
    """Pasts of the start and of each block of a 3-D generator."""


class Smoothed(NamedTuple):
    """Last inputs of the generator after smoothing."""

    z: Float[Tensor, "B 1 Z"]
    norm: Float[Tensor, "B 1 F"]


class NetworkState(NamedTuple):
    """Recurrent state of the whole network."""

    motion: MotionState
    picture: PictureState
    smoothed: Smoothed | None = None
    """Smoothed inputs; None where the generator's inputs are not smoothed, as in training."""


class RoutedFeatures(NamedTuple):
    """Sound features for each of the three routes, which differ where the routes have different gains."""

    motion: Float[Tensor, "B T F"]
    """Input of the motion encoder (MfS)."""
    content: Float[Tensor, "B T F"]
    """Input of the generator beside the motion tokens (SaC)."""
    norm: Float[Tensor, "B T F"]
    """Condition of the norms (acIN), and query of the frame memory."""


class Reference(NamedTuple):
    """Remembered frames that the picture is drawn upon."""

    blend: Float[Tensor, "N 3 H W"]
    best: Float[Tensor, "N 3 H W"]
    residuals: Sequence[Tensor]
    """Residuals for the inputs of the blocks from the second one on."""


class Generator(nn.Module):
    """Draws one picture per frame.

    Its parts are the start grid, blocks that double it, prediction layers after some of them, and the
    picture. With skip connections every block also draws a picture of its size (a sketch); sketches are
    doubled and added up before the tanh.

    Source: Redondo 2023, section 3.2.

    Args:
        start: from a vector to the start grid.
        blocks: each doubles the size.
        picture: from activations to RGB.
        predictions: recurrent layers by the index of the block that they follow.
        bottleneck: narrows the features that condition the norms.
        memory: remembered frames; with it come ``reference_encoder`` and ``gate``.
        reference_encoder: encodes the retrieved frames for the blocks.
        gate: chooses among the retrieved frames, pixel by pixel.
        sketches: with skip connections, RGB outputs of all blocks but the last.
    """

    def __init__(
        self,
        start: Start,
        blocks: Sequence[Block],
        picture: WholePicture,
        predictions: Mapping[int, PredictionLayer] | None = None,
        bottleneck: nn.Linear | None = None,
        memory: FrameMemory | None = None,
        reference_encoder: ReferenceEncoder | None = None,
        gate: ReferenceGate | None = None,
        sketches: Sequence[nn.Conv2d] = (),
    ) -> None:
        super().__init__()
        self.recompute = False
        """Whether activations are computed again for the gradients instead of being kept."""
        # The order of these lines is the order of the weights in optimiser states on disk, and of their first
        # draw.
        self.bottleneck = bottleneck
        self.memory, self.reference_encoder, self.gate = memory, reference_encoder, gate
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
        """Height and width of the noise at every place of noise injection, in order; empty without any."""
        height, width = self.start.grid
        doublings = [0, *(layer for layer in range(1, len(self.blocks) + 1) for _ in range(2))]
        return (
            ()
            if self.start.noise is None
            else tuple((height * 2**times, width * 2**times) for times in doublings)
        )

    @property
    def is_recurrent(self) -> bool:
        """Whether a picture depends on those before it."""
        return len(self.predictions) > 0 or self.start.over_time is not None

    @property
    def mean_frame(self) -> Float[Tensor, "3 H W"] | None:
        """Buffer of the mean frame, [-1, 1], to be filled before training.

        None where whole pictures are drawn.
        """
        return self.picture.mean_frame if isinstance(self.picture, ResidualPicture) else None

    def forward(
        self,
        z: Float[Tensor, "B T Z"],
        features: Float[Tensor, "B T F"],
        state: PictureState | None = None,
        pixel_noise: PixelNoise | None = None,
        memory_mask: Bool[Tensor, "B K"] | None = None,
        sharpness: Float[Tensor, "B 1 1"] | None = None,
    ) -> tuple[Float[Tensor, "B T 3 H W"], PictureState]:
        """Returns frames in [-1, 1], and the state to continue from.

        Args:
            z: motion tokens, sound content and content noise.
            features: of the sound: acIN's condition and the memory's query.
            state: of the frame before the first one.
            pixel_noise: None injects none.
            memory_mask: remembered frames that may not be retrieved.
            sharpness: None draws as in training; else as in playing, with more (above 0) or less of the best
                frame.
        """
        reference = self.retrieve(features, memory_mask, sharpness)
        x, sketch, state = self.decode(z, self.condition(features), reference, state, pixel_noise)
        if reference is None or self.gate is None:
            base = None
        else:
            bias = None if sharpness is None else sharpness + PLAYING_BIAS
            per_frame = None if bias is None else bias.repeat_interleave(z.shape[1], dim=0)[..., None]
            base = self.gate(x, reference.blend, reference.best, per_frame)
        return self.picture(x, base, sketch).unflatten(0, z.shape[:2]), state

    def condition(self, features: Float[Tensor, "B T F"]) -> Float[Tensor, "N K"]:
        """Returns the condition of the norms: the features, through the bottleneck where there is one."""
        condition = features.flatten(0, 1)
        return condition if self.bottleneck is None else torch.tanh(self.bottleneck(condition))

    def retrieve(
        self,
        features: Float[Tensor, "B T F"],
        memory_mask: Bool[Tensor, "B K"] | None = None,
        sharpness: Float[Tensor, "B 1 1"] | None = None,
    ) -> Reference | None:
        """Returns the remembered frames with similar sounds, encoded for the blocks; None without memory."""
        if self.memory is None or self.reference_encoder is None:
            return None
        blend, best = (each.flatten(0, 1) for each in self.memory(features, memory_mask, sharpness))
        numbers = self.start.convolution.weight.dtype
        return Reference(blend, best, self.reference_encoder(blend.to(numbers), best.to(numbers)))

    def decode(
        self,
        z: Float[Tensor, "B T Z"],
        condition: Float[Tensor, "N K"],
        reference: Reference | None,
        state: PictureState | None,
        pixel_noise: PixelNoise | None,
    ) -> tuple[Float[Tensor, "N C H W"], Float[Tensor, "N 3 H W"] | None, PictureState]:
        """Returns the last activations, the sum of the sketches, and the state to continue from.

        The sum is None without sketches.
        """
        frames, before = z.shape[1], PictureState() if state is None else state
        residuals = iter([None, *(reference.residuals if reference is not None else ())])
        hiddens, pasts, noises = iter(before.prediction), iter(before.pasts), self._noises(pixel_noise)
        sketchers = iter(self.sketches)
        x, past = self.start(
            z.flatten(0, 1).to(self.start.convolution.weight.dtype), next(noises), frames, next(pasts, ())
        )
        kept, predictions, sketch = [past], [], None
        for place, block in enumerate(self.blocks):
            residual = next(residuals, None)
            x = x if residual is None else x + residual
            x, past = self._run(block)(x, condition, next(noises), frames, next(pasts, ()))
            kept.append(past)
            if str(place) in self.predictions:
                # The mask decides per pixel where the recurrent prediction replaces the activations, so the
                # layer comes after the norms.
                layer = self.predictions[str(place)]
                x, prediction = layer(x.unflatten(0, (-1, frames)), next(hiddens, None), self.recompute)
                x = x.flatten(0, 1)
                predictions.append(prediction)
            if (sketcher := next(sketchers, None)) is not None:
                layer_sketch = sketcher(x)
                sketch = upsampled(layer_sketch if sketch is None else sketch + layer_sketch)
        after = PictureState(tuple(predictions), tuple(kept) if any(kept) else ())
        return x.to(z), None if sketch is None else sketch.to(z), after

    def _run(self, block: nn.Module) -> Callable[..., tuple[Tensor, Pasts]]:
        """Returns the block, or where activations are recomputed the block with only its input kept.

        A block with batch norms is never recomputed, since these count their calls.
        """
        counts = any(isinstance(norm, BatchNorm) for norm in block.modules())
        return recomputed(block) if self.recompute and torch.is_grad_enabled() and not counts else block

    def _noises(self, pixel_noise: PixelNoise | None) -> Iterator[Sequence[Tensor | None]]:
        """Yields the noise of the start, then that of each block."""
        if pixel_noise is None or self.start.noise is None:
            return iter([[None], *([None, None] for _ in self.blocks)])
        shapes = [tuple(noise.shape[-2:]) for noise in pixel_noise]
        if shapes != list(self.pixel_noise_shapes):
            raise ValueError(
                f"pixel_noise: expected {list(self.pixel_noise_shapes)} (height, width); got {shapes}"
            )
        first, *others = [noise.flatten(0, 1) for noise in pixel_noise]
        return iter([[first], *map(list, zip(others[::2], others[1::2], strict=True))])


class Network(nn.Module):
    """Motion encoder and generator, with the sound routed to each as the settings say.

    Args:
        motion: the motion encoder.
        generator: the generator.
        motion_sound: motion from sound (MfS): the encoder's input is [e ; f], else e.
        sound_content: sound as content (SaC): the generator's input is [m ; f], else m.
        content_noise: how many of the last noise numbers go to the generator, beside those, not to the
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
        self.motion_sound, self.sound_content = motion_sound, sound_content
        self.content_noise = content_noise

    def forward(
        self,
        features: RoutedFeatures | Float[Tensor, "B T F"],
        noise: Float[Tensor, "B T E"],
        state: NetworkState | None = None,
        pixel_noise: PixelNoise | None = None,
        memory_mask: Bool[Tensor, "B K"] | None = None,
        *,
        sharpness: Float[Tensor, "B 1 1"] | None = None,
        smoothing: Float[Tensor, "B 1 1"] | None = None,
    ) -> tuple[Float[Tensor, "B T 3 H W"], NetworkState]:
        """Returns the frames of a window, [-1, 1], and the state to continue from.

        Args:
            features: what each route hears, or what all three hear.
            noise: of motion, then of content.
            state: of the frame before the window.
            pixel_noise: None injects none.
            memory_mask: remembered frames that may not be retrieved.
            sharpness: see `Generator.forward`.
            smoothing: see `listen`.
        """
        z, norm, next_state = self.listen(features, noise, state, smoothing)
        frames, picture = self.generator(z, norm, next_state.picture, pixel_noise, memory_mask, sharpness)
        return frames, next_state._replace(picture=picture)

    def prime(
        self,
        features: RoutedFeatures | Float[Tensor, "B T F"],
        noise: Float[Tensor, "B T E"],
        state: NetworkState | None = None,
    ) -> NetworkState:
        """Returns the state after a window whose frames are not needed.

        It is cheap without a recurrent generator.
        """
        z, norm, next_state = self.listen(features, noise, state)
        if not self.generator.is_recurrent:
            return next_state
        return next_state._replace(picture=self.generator(z, norm, next_state.picture)[1])

    def listen(
        self,
        features: RoutedFeatures | Float[Tensor, "B T F"],
        noise: Float[Tensor, "B T E"],
        state: NetworkState | None = None,
        smoothing: Float[Tensor, "B 1 1"] | None = None,
    ) -> tuple[Float[Tensor, "B T Z"], Float[Tensor, "B T F"], NetworkState]:
        """Returns the generator's input, the features for its norms, and the state without a new picture.

        Args:
            features: what each route hears, or what all three hear.
            noise: of motion, then of content.
            state: of the frame before the window.
            smoothing: share of the last input that is kept from frame to frame, from 0 to below 1; the
                encoder runs at full speed, only its output and the norms' features are smoothed. None: never
                smoothed.
        """
        sound = features if isinstance(features, RoutedFeatures) else RoutedFeatures(*(3 * [features]))
        e, content_noise = noise.split([noise.shape[-1] - self.content_noise, self.content_noise], dim=-1)
        tokens = torch.cat([e, sound.motion], dim=-1) if self.motion_sound else e
        with autocast_bfloat16(noise.device, False):  # cheap, and rounding would stay in the state
            motion, memory = self.motion(tokens, None if state is None else state.motion)
        content = [sound.content] if self.sound_content else []
        z, norm = torch.cat([motion, *content, content_noise], dim=-1), sound.norm
        smoothed = None
        if smoothing is not None:
            last = None if state is None else state.smoothed
            last = Smoothed(z[:, :1], norm[:, :1]) if last is None else last
            z, norm = smooth(z, last.z, smoothing), smooth(norm, last.norm, smoothing)
            smoothed = Smoothed(z[:, -1:], norm[:, -1:])
        picture = PictureState() if state is None else state.picture
        return z, norm, NetworkState(memory, picture, smoothed)


def smooth(
    x: Float[Tensor, "B T C"], last: Float[Tensor, "B 1 C"], kept: Float[Tensor, "B 1 1"]
) -> Float[Tensor, "B T C"]:
    """Returns a one-pole low-pass of x.

    y[t] = kept y[t - 1] + (1 - kept) x[t], with y[-1] = ``last``; kept 0 returns x.
    """
    if not kept.any():
        return x
    smoothed: list[Tensor] = []
    for frame in x.split(1, dim=1):
        last = torch.lerp(frame, last, kept)
        smoothed.append(last)
    return torch.cat(smoothed, dim=1)
