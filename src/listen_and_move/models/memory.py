"""Frame memory: training frames are retrieved by their sound (kernel regression).

The picture is drawn upon the retrieved frames.

Letters: B batch, T frames, N pictures (batch x frames), K remembered frames, V versions of their sounds,
F features, C channels, H height, W width.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from listen_and_move.models.activation import leaky
from listen_and_move.models.layers import PointConvolution
from listen_and_move.precision import autocast_bfloat16

SHARP, BLURRED, CERTAIN = 20.0, 3.0, 8.0
"""Exponents that raise the blend's weights to those of nearly the best frame alone.

The exponent is SHARP at the typical distance, falls by the power CERTAIN of how much farther the sound is,
and is BLURRED far away: in noise, one single frame is a gamble."""

PLAYING_BIAS = 0.5
"""Log-odds of the best frame that playing adds to those of training.

Training compares pixel by pixel, and the picture that is nearest so is smoother than any real one (Blau &
Michaeli 2018). Chosen on five clips: docs/experiments/studio.md."""

PIECE = 2048
"""Values of all remembered frames that are converted to float at a time on a CPU, where they fit its cache.
"""


class FrameMemory(nn.Module):
    """Remembers training frames (values) by the features of their sounds (keys), and retrieves similar ones.

    Weights are softmax(-|metric_scale (features - keys)|): kernel regression (Nadaraya 1964, Watson 1964)
    with an exponential kernel. Weights are positive and sum to 1, so whatever the sound is, a blend stays
    within the frames. Far from all keys the distances are large and alike, and the blend would stand still:
    there distances count as many times more as the nearest one exceeds the typical one. A frame may have
    several keys (versions of its sound), whose weights add up.

    No gradient reaches this module: `training.memory_fitting` fills it before the first step.

    Args:
        features: F, numbers per frame of sound.
        size: height and width of a frame, in pixels.
    """

    metric_scale: Tensor
    typical_distance: Tensor
    keys: Tensor
    values: Tensor

    def __init__(self, features: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("metric_scale", torch.ones(features))
        self.register_buffer("typical_distance", torch.ones(()))
        self.register_buffer("keys", torch.zeros(1, 1, features))
        self.register_buffer("values", torch.zeros(1, 3, *size, dtype=torch.uint8))
        self.register_load_state_dict_pre_hook(_resize)

    def fill(
        self,
        metric_scale: Float[Tensor, " F"],
        typical_distance: Float[Tensor, ""],
        keys: Float[Tensor, "V K F"],
        values: UInt8[Tensor, "K 3 H W"],
    ) -> None:
        """Replaces the content.

        Args:
            metric_scale: factor of each feature in the distance.
            typical_distance: usual distance of a training sound to the nearest other one.
            keys: features of each frame's sound, in V versions.
            values: the frames.
        """
        self.metric_scale, self.typical_distance, self.keys, self.values = (
            metric_scale,
            typical_distance,
            keys,
            values,
        )

    def forward(
        self,
        features: Float[Tensor, "B T F"],
        memory_mask: Bool[Tensor, "B K"] | None = None,
        sharpness: Float[Tensor, "B 1 1"] | None = None,
    ) -> tuple[Float[Tensor, "B T 3 H W"], Float[Tensor, "B T 3 H W"]]:
        """Returns two pictures per frame of sound, in [-1, 1]: the blend, and nearly the best frame alone.

        Args:
            features: of the sound.
            memory_mask: frames that may not be retrieved: in training, those that the window itself shows.
            sharpness: log2 of a factor of BLURRED: far from all keys the best frame stands out more or less.
        """
        # Distances and pictures need float32.
        with autocast_bfloat16(features.device, False):
            weights, certainty = self._weights(features, memory_mask)
            blurred = BLURRED if sharpness is None else (BLURRED * sharpness.exp2()).clamp(max=SHARP)
            best = (weights / weights.amax(-1, keepdim=True)) ** (blurred + (SHARP - blurred) * certainty)
            return self._blend(weights, best / best.sum(-1, keepdim=True))

    def _weights(
        self, features: Tensor, memory_mask: Tensor | None
    ) -> tuple[Float[Tensor, "B T K"], Float[Tensor, "B T 1"]]:
        """Returns the weights of the frames, and how near the sound is.

        The nearness is 1 within the typical distance and falls to 0 far away.
        """
        keys = (self.keys * self.metric_scale).flatten(0, 1).expand(len(features), -1, -1)
        # The rounding of |a|^2 + |b|^2 - 2 ab would visibly depend on how many frames come at once.
        distance = torch.cdist(
            features * self.metric_scale, keys, compute_mode="donot_use_mm_for_euclid_dist"
        )
        distance = distance.unflatten(-1, self.keys.shape[:2])  # B, T, V, K
        if memory_mask is not None:
            distance = distance.masked_fill(memory_mask[:, None, None], torch.inf)
        nearest = distance.flatten(2).amin(-1)[..., None, None]
        distance = distance * (nearest / self.typical_distance).clamp(min=1)
        weights = torch.softmax(-distance.flatten(2), dim=-1).view_as(distance).sum(2)
        return weights, (self.typical_distance / nearest[..., 0]).clamp(max=1) ** CERTAIN

    def _blend(self, *weights: Float[Tensor, "B T K"]) -> tuple[Tensor, Tensor]:
        """Returns the frames blended by each of two sets of weights."""
        # Products with numbers below the smallest normal one take a CPU up to ten times as long.
        both = F.threshold(torch.cat(weights), torch.finfo(weights[0].dtype).tiny, 0.0)
        # Weights sum to 1, so scaling to [-1, 1] can follow the blend: blends are fewer than frames.
        values = self.values.flatten(1)
        pieces = values.split(PIECE if values.device.type == "cpu" else values.shape[1], dim=1)
        pictures = torch.cat([both.flatten(0, 1) @ piece.to(both) for piece in pieces], dim=1)
        pictures = pictures.div_(127.5).sub_(1)
        blend, best = pictures.unflatten(0, both.shape[:2]).unflatten(-1, self.values.shape[1:]).chunk(2)
        return blend, best


def _resize(memory: nn.Module, tensors: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    """Resizes the memory before loading, since only the file says how many frames there are."""
    keys, values = (tensors.get(prefix + name) for name in ("keys", "values"))
    if not isinstance(memory, FrameMemory) or keys is None or values is None:
        return  # torch reports missing tensors
    if keys.ndim == 3 and min(keys.shape) > 0 and keys.shape[1] == len(values):
        memory.keys = memory.keys.new_zeros(*keys.shape[:2], *memory.keys.shape[2:])
        memory.values = memory.values.new_zeros(len(values), *memory.values.shape[1:])


class ReferenceGate(nn.Module):
    """Chooses each pixel of the reference: from the blend, from the best frame, or between them.

    At the start both have one half.

    Args:
        channels: C of the generator's last activations.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.logits = PointConvolution(channels, 1)

    def forward(
        self,
        x: Float[Tensor, "N C H W"],
        blend: Float[Tensor, "N 3 H W"],
        best: Float[Tensor, "N 3 H W"],
        bias: Float[Tensor, "N 1 1 1"] | None = None,
    ) -> Float[Tensor, "N 3 H W"]:
        """Returns the reference, [-1, 1]; ``bias``: log-odds added for the best frame."""
        logits = self.logits(x).to(blend)
        return torch.lerp(blend, best, torch.sigmoid(logits if bias is None else logits + bias))


class ReferenceEncoder(nn.Module):
    """Encodes the retrieved frames into residuals for the generator's blocks, each at the size of its input.

    Args:
        widths: channels from the last block's input to the second one's: large pictures first.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(*pair, 3, stride=2, padding=1) for pair in pairwise([6, *widths])
        )
        self.residuals = nn.ModuleList(nn.Conv2d(width, width, 1) for width in widths)

    def forward(
        self, blend: Float[Tensor, "N 3 H W"], best: Float[Tensor, "N 3 H W"]
    ) -> list[Float[Tensor, "N C _ _"]]:
        """Returns the residuals for the inputs of the blocks from the second one on."""
        x, residuals = torch.cat([blend, best], dim=1), []
        for convolution, residual in zip(self.convolutions, self.residuals, strict=True):
            x = leaky(convolution(x))
            residuals.append(residual(x))
        return residuals[::-1]
