"""The prediction layer for playing on a CPU, in memory that a window allocates once.

The sums are those of `PredictionLayer`. Instead of turning pictures, the kernels of each direction are turned
once. The input half of all gates becomes the gates in place, and hidden maps are written where the blend
reads them.

Shape letters: B batch, T frames, D recurrent predictions, C channels of the activations, S of each
prediction, H height, W width.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.models.prediction import PredictionLayer, PredictionState, frames_at_once
from listen_and_move.models.recurrent import ConvGRU, DirectionalConvolution


class OptimizedPrediction(nn.Module):
    """A prediction layer that only plays, without gradients."""

    def __init__(self, layer: PredictionLayer) -> None:
        super().__init__()
        self.channels, self.width = layer.channels, layer.centre.channels
        self.hears: nn.ModuleList = nn.ModuleList([_HearsCentre(layer.centre)])
        self.follows = nn.ModuleList([_Follows(layer.centre)])
        for cell, sideways in ((layer.vertical, False), (layer.horizontal, True)):
            if cell is not None:
                self.hears.append(_HearsBothWays(cell, sideways))
                self.follows.extend(_Follows(cell, sideways, back) for back in (False, True))
        self.blend = layer.blend

    def forward(
        self, x: Float[Tensor, "B T C H W"], state: PredictionState | None = None, recompute: bool = False
    ) -> tuple[Float[Tensor, "B T C H W"], PredictionState]:
        """Returns the corrected activations, and the state to continue from.

        ``recompute`` has no effect, since there are no gradients.
        """
        # All maps of a window share memory that is allocated once: allocating and freeing took longer than
        # the sums.
        batch, frames, _, *size = x.shape
        at_once, predictions = min(frames, frames_at_once(x)), len(self.follows)
        input_gates = x.new_empty(batch, at_once, predictions, 3 * self.width, *size)
        maps = x.new_empty(batch, at_once, predictions, self.width, *size)
        hidden = torch.zeros_like(maps[:, 0]) if state is None else state.hidden
        corrected = torch.empty_like(x)
        for piece, target in zip(x.split(at_once, dim=1), corrected.split(at_once, dim=1), strict=True):
            length = piece.shape[1]
            self._hear(piece, input_gates[:, :length])
            for frame in range(length):
                self._follow(input_gates[:, frame], hidden, maps[:, frame])
                hidden = maps[:, frame]
            prediction, mask = self._blended(maps[:, :length]).split([self.channels, 1], dim=2)
            torch.lerp(prediction, piece, mask.sigmoid(), out=target)
        return corrected, PredictionState(hidden)

    def _hear(self, x: Float[Tensor, "B T C H W"], input_gates: Float[Tensor, "B T D gates H W"]) -> None:
        """Writes the input half of every gate of every prediction."""
        place = 0
        for hears in self.hears:
            place += hears(x, input_gates[:, :, place:])

    def _follow(
        self,
        gates: Float[Tensor, "B D gates H W"],
        hidden: Float[Tensor, "B D S H W"],
        after: Float[Tensor, "B D S H W"],
    ) -> None:
        """Writes the hidden maps after one frame; the input half is overwritten."""
        both, candidate = gates.split([2 * self.width, self.width], dim=2)
        for place, follow in enumerate(self.follows):
            both[:, place] += follow(hidden[:, place], follow.gates)
        update, reset = both.sigmoid_().chunk(2, dim=2)
        reset *= hidden
        for place, follow in enumerate(self.follows):
            candidate[:, place] += follow(reset[:, place], follow.candidate)
        torch.lerp(hidden, _tanh_(candidate), update, out=after)

    def _blended(self, maps: Float[Tensor, "B T D S H W"]) -> Float[Tensor, "B T blended H W"]:
        joined = maps.flatten(2, 3)
        return joined if self.blend is None else _points(joined, self.blend.weight, self.blend.bias)


class _HearsCentre(nn.Module):
    """The input half of the ordinary ConvGRU."""

    def __init__(self, cell: ConvGRU) -> None:
        super().__init__()
        self.radius, self.bias = cell.convolution.radius, cell.convolution.bias
        self.kernel = _kept(cell.convolution.kernel()[:, : cell.inputs])

    def forward(self, x: Float[Tensor, "B T C H W"], input_gates: Float[Tensor, "B T D gates H W"]) -> int:
        """Writes to the first place; returns the number of written places."""
        input_gates[:, :, 0] = F.conv2d(
            x.flatten(0, 1), self.kernel, self.bias, padding=self.radius
        ).unflatten(0, x.shape[:2])
        return 1


class _HearsBothWays(nn.Module):
    """The input half of two opposite motions, down and up, or right and left.

    Both have the same rows of products, shifted one way and the other.
    """

    def __init__(self, cell: ConvGRU, sideways: bool) -> None:
        super().__init__()
        assert isinstance(cell.convolution, DirectionalConvolution)
        self.bias, self.along = cell.convolution.bias, -1 if sideways else -2
        rows = (row[:, : cell.inputs, None] for row in cell.convolution.weights)
        self.rows = nn.ParameterList(_kept(row.mT if sideways else row) for row in rows)

    def forward(self, x: Float[Tensor, "B T C H W"], input_gates: Float[Tensor, "B T D gates H W"]) -> int:
        """Writes to the first two places; returns the number of written places."""
        on, back = input_gates[:, :, 0], input_gates[:, :, 1]
        on[:] = back[:] = _points(x, self.rows[0], self.bias)
        pictures, length = x.flatten(0, 1), x.shape[self.along]
        for shift, row in enumerate(self.rows[1:], start=1):
            border, padding = (
                ((shift, shift, 0, 0), (shift, 0)) if self.along == -1 else ((0, 0, shift, shift), (0, shift))
            )
            products = F.conv2d(F.pad(pictures, border, mode="replicate"), row, padding=padding).unflatten(
                0, x.shape[:2]
            )
            on += products.narrow(self.along, 0, length)
            back += products.narrow(self.along, 2 * shift, length)
        return 2


class _Follows(nn.Module):
    """The hidden half of a cell in one direction, on a picture that is not turned."""

    def __init__(self, cell: ConvGRU, sideways: bool = False, back: bool = False) -> None:
        super().__init__()
        kernel, radius = cell.convolution.kernel()[:, cell.inputs :], cell.convolution.radius
        self.border, self.padding = (0, 0, 0, 0), (radius, radius)
        if isinstance(cell.convolution, DirectionalConvolution):
            kernel = kernel.flip(-2) if back else kernel
            kernel = kernel.mT if sideways else kernel
            before, after = (0, radius) if back else (radius, 0)
            self.border = (before, after, 0, 0) if sideways else (0, 0, before, after)
            self.padding = (radius, 0) if sideways else (0, radius)
        self.gates, self.candidate = map(_kept, kernel.split([2 * cell.channels, cell.channels]))

    def forward(
        self, x: Float[Tensor, "B S H W"], kernel: Float[Tensor, "O S rows columns"]
    ) -> Float[Tensor, "B O H W"]:
        """Returns the convolution with padding.

        The padding is the outermost row repeated where motion comes from, and zeros elsewhere.
        """
        bordered = F.pad(x, self.border, mode="replicate") if any(self.border) else x
        return F.conv2d(bordered, kernel, padding=self.padding)


def _kept(weights: Tensor) -> nn.Parameter:
    return nn.Parameter(weights.contiguous(), requires_grad=False)


def _points(
    x: Float[Tensor, "*N C H W"], weight: Float[Tensor, "D C 1 1"], bias: Tensor | None
) -> Float[Tensor, "*N D H W"]:
    """Returns a 1x1 convolution, computed as a matrix product."""
    assert bias is not None
    return torch.matmul(weight.flatten(1), x.flatten(-2)).add_(bias[:, None]).unflatten(-1, x.shape[-2:])


def _tanh_(x: Tensor) -> Tensor:
    """Returns the hyperbolic tangent, and may overwrite x.

    On a CPU torch computes the sigmoid several times as fast.
    """
    if x.device.type != "cpu":
        return x.tanh_()
    # tanh(x) = 2 sigmoid(2 x) - 1, in float32: bfloat16 would lose the digits near 1.
    return x.to(torch.promote_types(x.dtype, torch.float32)).mul_(2).sigmoid_().mul_(2).sub_(1).to(x)
