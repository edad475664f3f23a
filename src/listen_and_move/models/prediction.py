"""Video prediction: the activations of a frame, predicted from the frame before.

They are mixed with the activations that come from the sound.

Shape letters: B batch, T frames, C channels, H height, W width, D recurrent predictions, S channels of each.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.models.layers import recomputed
from listen_and_move.models.recurrent import ConvGRU, DirectionalConvolution

CACHED = 2**19
"""Activations whose recurrent maps, about 20 for each, fit into a cache of some ten megabytes."""


RECOMPUTED = 4
"""Frames that are recomputed at once."""


class PredictionState(NamedTuple):
    """The hidden maps: one, or the five of centre, down, up, right and left, each stored upright."""

    hidden: Float[Tensor, "B D S H W"]


class PredictionLayer(nn.Module):
    """Recurrent predictions of the activations, and a mask that says where to trust them.

    Plain: one ConvGRU of C + 1 channels. Directional: an ordinary ConvGRU and four that follow motion down,
    up, right and left, joined to C + 1 channels. The last channel is the mask a; the result is a x + (1 - a)
    prediction.

    Source: Redondo 2023, section 3.3.
    """

    def __init__(self, channels: int, kernel: int, directional: bool) -> None:
        super().__init__()
        self.channels = channels
        width = channels if directional else channels + 1
        self.centre = ConvGRU(channels, width, kernel)
        # Both signs of a direction share weights: they are two pictures of one batch, one of which is turned.
        self.vertical = ConvGRU(channels, width, kernel, DirectionalConvolution) if directional else None
        self.horizontal = ConvGRU(channels, width, kernel, DirectionalConvolution) if directional else None
        self.blend = nn.Conv2d(5 * channels, channels + 1, 1) if directional else None

    def forward(
        self, x: Float[Tensor, "B T C H W"], state: PredictionState | None = None, recompute: bool = False
    ) -> tuple[Float[Tensor, "B T C H W"], PredictionState]:
        """Returns the corrected activations, and the state to continue from.

        ``recompute``: keep the activations of a few frames at a time, and recompute the others for the
        gradients.
        """
        again = recompute and torch.is_grad_enabled()
        correct = recomputed(self._corrected) if again else self._corrected
        pieces: list[Tensor] = []
        for piece in x.split(RECOMPUTED if again else frames_at_once(x), dim=1):
            corrected, state = correct(piece, state)
            pieces.append(corrected)
        assert state is not None, "a window of at least one frame"
        return torch.cat(pieces, dim=1) if len(pieces) > 1 else pieces[0], state

    def _corrected(self, x: Tensor, state: PredictionState | None) -> tuple[Tensor, PredictionState]:
        hidden = None if state is None else state.hidden
        maps = self._maps(x, hidden)  # (B, T, D, S, H, W)
        joined = maps.flatten(2, 3)  # (B, T, D S, H, W)
        if self.blend is not None:
            joined = self.blend(joined.flatten(0, 1)).unflatten(0, x.shape[:2])
        prediction, mask = joined.split([self.channels, 1], dim=2)
        return prediction + torch.sigmoid(mask) * (x - prediction), PredictionState(maps[:, -1])

    def _maps(self, x: Tensor, hidden: Tensor | None) -> Tensor:
        centre = self.centre(x, None if hidden is None else hidden[:, 0])
        if self.vertical is None or self.horizontal is None:
            return centre.unsqueeze(2)
        vertical = _both_signs(self.vertical, x, None if hidden is None else hidden[:, 1:3])
        turned = None if hidden is None else hidden[:, 3:5].mT
        horizontal = [maps.mT for maps in _both_signs(self.horizontal, x.mT, turned)]
        return torch.stack([centre, *vertical, *horizontal], dim=2)


def frames_at_once(x: Float[Tensor, "B T C H W"]) -> int:
    """Returns the number of frames that are computed together.

    It is all frames where gradients are needed or a GPU computes; else so few that their maps fit the CPU's
    cache.
    """
    wanted = x.device.type != "cpu" or torch.is_grad_enabled()
    return x.shape[1] if wanted else max(1, CACHED // x[:, 0].numel())


def _both_signs(
    cell: ConvGRU, x: Float[Tensor, "B T C H W"], hidden: Float[Tensor, "B 2 C H W"] | None
) -> tuple[Tensor, Tensor]:
    """Returns the maps of an upward-looking cell, for motion down and up.

    For motion up the picture is turned upside down.
    """
    assert isinstance(cell.convolution, DirectionalConvolution)
    down, up = (each.unflatten(0, x.shape[:2]) for each in cell.convolution.both_ways(x.flatten(0, 1)))
    start = None if hidden is None else torch.cat([hidden[:, 0], hidden[:, 1].flip(-2)])
    down, up = cell.follow(torch.cat([down, up.flip(-2)]), start).chunk(2)
    return down, up.flip(-2)
