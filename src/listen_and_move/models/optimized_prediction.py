"""The prediction layer for playing on a CPU, with channels last and in few passes over memory.

The sums are those of `PredictionLayer`. Instead of turning pictures, the kernels of each direction are turned
once. Channels lie last, since convolutions of few channels are faster so, above all in bfloat16, and a 1x1
convolution is a product of matrices; each prediction goes through its gates alone, so that a sum is still
in the cache when the next step reads it.

Shape letters: B batch, T frames, D recurrent predictions, C channels of the activations, S of each
prediction, H height, W width.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.models.prediction import PredictionLayer, PredictionState
from listen_and_move.models.recurrent import ConvGRU, DirectionalConvolution

Maps = Float[Tensor, "B H W _"]
"""Maps with channels last."""


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
        self.blend = None if layer.blend is None else _Blend(layer.blend, len(self.follows))

    def forward(
        self, x: Float[Tensor, "B T C H W"], state: PredictionState | None = None, recompute: bool = False
    ) -> tuple[Float[Tensor, "B T C H W"], PredictionState]:
        """Returns the corrected activations, and the state to continue from.

        ``recompute`` has no effect, since there are no gradients.
        """
        batch, frames, _, *size = x.shape
        shape = (len(self.follows), batch, *size, self.width)
        # Hidden maps are (D, B, H, W, S) here; two rooms in turn, so that a state that came in stays itself.
        hidden = x.new_zeros(shape) if state is None else state.hidden.permute(1, 0, 3, 4, 2).contiguous()
        room = [torch.empty_like(hidden) for _ in range(min(frames, 2))]
        corrected = x.new_empty(batch, frames, *size, self.channels)
        for frame in range(frames):
            heard = x[:, frame].permute(0, 2, 3, 1).contiguous()
            input_gates = (each for hears in self.hears for each in hears(heard))
            after = room[frame % 2]
            for follow, gates, before, target in zip(self.follows, input_gates, hidden, after, strict=True):
                follow(gates, before, target)
            hidden = after
            blended = after[0] if self.blend is None else self.blend(after)
            prediction, mask = blended.split([self.channels, 1], dim=-1)
            torch.lerp(prediction, heard, mask.sigmoid(), out=corrected[:, frame])
        return corrected.permute(0, 1, 4, 2, 3), PredictionState(hidden.permute(1, 0, 4, 2, 3))


class _HearsCentre(nn.Module):
    """The input half of the ordinary ConvGRU."""

    def __init__(self, cell: ConvGRU) -> None:
        super().__init__()
        self.radius, self.bias = cell.convolution.radius, _kept(_candidate_doubled(cell.convolution.bias))
        self.kernel = _kept(_candidate_doubled(cell.convolution.kernel()[:, : cell.inputs]))

    def forward(self, x: Maps) -> list[Maps]:
        """Returns the gates of the one prediction."""
        return [_convolution(x, self.kernel, self.bias, (self.radius, self.radius))]


class _HearsBothWays(nn.Module):
    """The input half of two opposite motions, down and up, or right and left.

    Both have the same rows of products, shifted one way and the other.
    """

    def __init__(self, cell: ConvGRU, sideways: bool) -> None:
        super().__init__()
        assert isinstance(cell.convolution, DirectionalConvolution)
        self.along = 2 if sideways else 1
        own, *others = (_candidate_doubled(row[:, : cell.inputs, None]) for row in cell.convolution.weights)
        self.weight, self.bias = _kept(own[..., 0, 0]), _kept(_candidate_doubled(cell.convolution.bias))
        self.rows = nn.ParameterList(_kept(row.mT if sideways else row) for row in others)

    def forward(self, x: Maps) -> list[Maps]:
        """Returns the gates of both predictions."""
        on = F.linear(x, self.weight, self.bias)
        back, length = on.clone(), x.shape[self.along]
        for shift, row in enumerate(self.rows, start=1):
            border, padding = (
                ((shift, shift, 0, 0), (shift, 0)) if self.along == 2 else ((0, 0, shift, shift), (0, shift))
            )
            products = _convolution(x, row, None, padding, border)
            on += products.narrow(self.along, 0, length)
            back += products.narrow(self.along, 2 * shift, length)
        return [on, back]


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
        self.parts = [2 * cell.channels, cell.channels]
        self.gates, self.candidate = map(_kept, _candidate_doubled(kernel).split(self.parts))

    def forward(self, input_gates: Maps, hidden: Maps, after: Maps) -> None:
        """Writes the hidden maps after a frame.

        Args:
            input_gates: the input half.
            hidden: before the frame.
            after: where the maps go.
        """
        both, candidate = input_gates.split(self.parts, dim=-1)
        update, reset = (self._half(hidden, self.gates) + both).sigmoid_().chunk(2, dim=-1)
        candidate = self._half(reset * hidden, self.candidate).add_(candidate)
        torch.lerp(hidden, _tanh_of_half_(candidate), update, out=after)

    def _half(self, x: Maps, kernel: Tensor) -> Maps:
        return _convolution(x, kernel, None, self.padding, self.border)


class _Blend(nn.Module):
    """The 1x1 convolution of all predictions, joined."""

    def __init__(self, blend: nn.Conv2d, predictions: int) -> None:
        super().__init__()
        weights = blend.weight.flatten(1).chunk(predictions, dim=1)
        assert blend.bias is not None
        self.weights = nn.ParameterList(_kept(each.T) for each in weights)
        self.bias = blend.bias

    def forward(self, maps: Float[Tensor, "D B H W S"]) -> Maps:
        """Returns the predicted activations and the mask."""
        rows = maps.flatten(1, 3)
        blended = torch.addmm(self.bias, rows[0], self.weights[0])
        for each, weights in zip(rows[1:], self.weights[1:], strict=True):
            blended.addmm_(each, weights)
        return blended.unflatten(0, maps.shape[1:4])


def _kept(weights: Tensor) -> nn.Parameter:
    return nn.Parameter(weights.contiguous(), requires_grad=False)


def _convolution(
    x: Maps,
    kernel: Float[Tensor, "D C rows columns"],
    bias: Float[Tensor, " D"] | None,
    padding: tuple[int, int],
    border: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Float[Tensor, "B _ _ D"]:
    """Returns the convolution, of a picture that is larger by its border.

    ``border`` repeats the outermost rows, ``padding`` adds zeros.
    """
    pictures = x.permute(0, 3, 1, 2)
    bordered = F.pad(pictures, border, mode="replicate") if any(border) else pictures
    return F.conv2d(bordered, kernel, bias, padding=padding).permute(0, 2, 3, 1)


def _candidate_doubled(weights: Tensor) -> Tensor:
    """Returns weights of a cell's three gates, (3 S, ...), those of the candidate times 2.

    This is exact in floating point, see `_tanh_of_half_`.
    """
    update, reset, candidate = weights.chunk(3)
    return torch.cat([update, reset, 2 * candidate])


def _tanh_of_half_(x: Tensor) -> Tensor:
    """Returns tanh(x / 2), and may overwrite x.

    It is 2 sigmoid(x) - 1, which a CPU computes several times as fast as torch's hyperbolic tangent, in
    float32: bfloat16 would lose the digits near 1.
    """
    share = x.to(torch.promote_types(x.dtype, torch.float32)).sigmoid_()
    return torch.add(share.new_tensor(-1.0), share, alpha=2, out=share).to(x)
