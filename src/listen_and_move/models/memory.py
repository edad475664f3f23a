"""What was seen when it sounded like this: real frames blended by the likeness of their sounds, and a look at
the blend.

Letters: B batch, T frames, N pictures (batch x frames), K remembered frames, V versions of their sounds, F
features, C channels, H height, W width.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from listen_and_move.models.layers import PointConvolution, leaky
from listen_and_move.precision import autocast_bfloat16

SHARP, BLURRED, CERTAIN = 20.0, 3.0, 8.0
"""The best frame is chosen by a power of the weights in the blend: 20 where a sound is as near as usual, less
by the 8th power of how much farther it is, 3 far away: in noise, one frame is a gamble."""

GATE_BIAS = 0.5
"""Log-odds by which playing takes a pixel from the best frame more than learning does. Learning compares
pixel by pixel, and what is nearest so is smoother than any real picture (Blau & Michaeli 2018). Chosen on
five clips: docs/results.md."""

PIECE = 2048
"""How many values of all remembered frames are turned into float at a time on a CPU, where they then stay in
its cache."""


class FrameMemory(nn.Module):
    """Remembers training frames with their sounds, and blends those that sounded most alike.

    Weights are softmax(-|scale (features - heard)|): kernel regression (Nadaraya 1964, Watson 1964) with an
    exponential kernel. They are positive and sum to 1, so whatever the sound is, what is recalled stays
    within what was seen. Far from all that was heard the distances are large and alike, and the blend would
    stand still: there they count as many times more as the nearest is farther than usual. Each frame may be
    remembered with several versions of its sound, whose weights add up.
    Nothing here is learnt by the training steps: `training.memory_fitting` fills it before the first one.
    """

    scale: Tensor
    reach: Tensor
    heard: Tensor
    frames: Tensor

    def __init__(self, features: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("reach", torch.ones(()))
        self.register_buffer("heard", torch.zeros(1, 1, features))
        self.register_buffer("frames", torch.zeros(1, 3, *size, dtype=torch.uint8))
        self.register_load_state_dict_pre_hook(_resized)

    def remember(
        self,
        scale: Float[Tensor, " F"],
        reach: Float[Tensor, ""],
        heard: Float[Tensor, "V K F"],
        frames: UInt8[Tensor, "K 3 H W"],
    ) -> None:
        """Take in sounds and their frames, instead of what was remembered before; ``reach``: the usual
        nearest distance."""
        self.scale, self.reach, self.heard, self.frames = scale, reach, heard, frames

    def forward(
        self,
        features: Float[Tensor, "B T F"],
        memory_mask: Bool[Tensor, "B K"] | None = None,
        gate_bias: Float[Tensor, "B 1 1"] | None = None,
    ) -> tuple[Float[Tensor, "B T 3 H W"], Float[Tensor, "B T 3 H W"]]:
        """Pictures in [-1, 1]: the blend, and one nearly of the best frame alone, which is sharp, where the
        sound is familiar.

        ``banned`` frames are left out: in training, those that the window itself shows. ``lean``: far from
        all that was learnt, the best frame stands out by 2 to this times as high a power, at most as near it.
        """
        with autocast_bfloat16(features.device, False):  # distances and pictures need all their digits
            return self._blended(
                features,
                memory_mask,
                BLURRED if gate_bias is None else (BLURRED * gate_bias.exp2()).clamp(max=SHARP),
            )

    def _blended(
        self, features: Tensor, memory_mask: Tensor | None, far: Tensor | float
    ) -> tuple[Tensor, Tensor]:
        heard = (self.heard * self.scale).flatten(0, 1).expand(len(features), -1, -1)
        # Not by way of |a|^2 + |b|^2 - 2 ab, whose rounding depends on how many frames come at once, and
        # would be seen.
        distance = torch.cdist(features * self.scale, heard, compute_mode="donot_use_mm_for_euclid_dist")
        distance = distance.unflatten(-1, self.heard.shape[:2])  # B, T, V, K
        if memory_mask is not None:
            distance = distance.masked_fill(memory_mask[:, None, None], torch.inf)
        nearest = distance.flatten(2).amin(-1)[..., None, None]
        distance = distance * (nearest / self.reach).clamp(min=1)
        weights = torch.softmax(-distance.flatten(2), dim=-1).view_as(distance).sum(2)  # B, T, K
        certainty = (self.reach / nearest[..., 0]).clamp(max=1) ** CERTAIN
        sharper = (weights / weights.amax(-1, keepdim=True)) ** (far + (SHARP - far) * certainty)
        both = torch.cat([weights, sharper / sharper.sum(-1, keepdim=True)])
        # Weights sum to 1: to bring the blends to [-1, 1] is to bring the frames there, and the blends are
        # fewer.
        values = self.frames.flatten(1)
        pieces = values.split(PIECE if values.device.type == "cpu" else values.shape[1], dim=1)
        pictures = (
            torch.cat([both.flatten(0, 1) @ piece.to(both) for piece in pieces], dim=1).div_(127.5).sub_(1)
        )
        blend, best = pictures.unflatten(0, both.shape[:2]).unflatten(-1, self.frames.shape[1:]).chunk(2)
        return blend, best


def _resized(recall: nn.Module, tensors: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    """Before loading: how much is remembered is known by the file alone."""
    heard, frames = (tensors.get(prefix + name) for name in ("heard", "frames"))
    if not isinstance(recall, FrameMemory) or heard is None or frames is None:
        return  # torch says what is missing
    if heard.ndim == 3 and min(heard.shape) > 0 and heard.shape[1] == len(frames):
        recall.heard = recall.heard.new_zeros(*heard.shape[:2], *recall.heard.shape[2:])
        recall.frames = recall.frames.new_zeros(len(frames), *recall.frames.shape[1:])


class ReferenceGate(nn.Module):
    """Takes each pixel from the blend or from the best frame, or from between them; half of each at the
    start.

    In evaluation mode it leans to the best frame by `LEAN`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.share = PointConvolution(channels, 1)

    def forward(
        self,
        x: Float[Tensor, "N C H W"],
        blend: Float[Tensor, "N 3 H W"],
        best: Float[Tensor, "N 3 H W"],
        gate_bias: Float[Tensor, "N 1 1 1"] | None = None,
    ) -> Float[Tensor, "N 3 H W"]:
        """What the picture is drawn upon, by the generator's last activations; ``lean``: more log-odds for
        the best frame."""
        odds = self.share(x).to(blend) + (0.0 if self.training else GATE_BIAS)
        return torch.lerp(blend, best, torch.sigmoid(odds if gate_bias is None else odds + gate_bias))


class ReferenceEncoder(nn.Module):
    """Looks at what was recalled: what the generator's blocks are told of it, each at the size of its input.

    Args:
        widths: channels from the last block's input to the second one's: large pictures first.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(*pair, 3, stride=2, padding=1) for pair in pairwise([6, *widths])
        )
        self.told = nn.ModuleList(nn.Conv2d(width, width, 1) for width in widths)

    def forward(
        self, blend: Float[Tensor, "N 3 H W"], best: Float[Tensor, "N 3 H W"]
    ) -> list[Float[Tensor, "N C _ _"]]:
        """What to add to the inputs of the blocks from the second on."""
        x, found = torch.cat([blend, best], dim=1), []
        for convolution, told in zip(self.convolutions, self.told, strict=True):
            x = leaky(convolution(x))
            found.append(told(x))
        return found[::-1]
