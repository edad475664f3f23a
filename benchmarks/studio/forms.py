"""Cheaper forms of the prediction layer, to measure whether one earns its time.

The package has the full form alone. Shape letters are those of `models.prediction`. All forms take and give
what `PredictionLayer` does, so that a trial can swap them in.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.models import build
from listen_and_move.models.prediction import PredictionLayer, PredictionState
from listen_and_move.models.recurrent import (
    CentredConvolution,
    ConvGRU,
    DirectionalConvolution,
    KernelConvolution,
)

Maps = Float[Tensor, "B T C H W"]


class LowRank(nn.Module):
    """Predicts a quarter of the channels, which are combinations of all, and corrects all by the change."""

    def __init__(self, channels: int, kernel: int, directional: bool) -> None:
        super().__init__()
        rank = max(2, channels // 4)
        self.down, self.up = nn.Conv2d(channels, rank, 1), nn.Conv2d(rank, channels, 1)
        self.inner = PredictionLayer(rank, kernel, directional)

    def forward(
        self, x: Maps, state: PredictionState | None = None, recompute: bool = False
    ) -> tuple[Maps, PredictionState]:
        """As `PredictionLayer`."""
        low = self.down(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        corrected, after = self.inner(low, state, recompute)
        return x + self.up((corrected - low).flatten(0, 1)).unflatten(0, x.shape[:2]), after


class Grouped(nn.Module):
    """Four prediction layers, each of a quarter of the channels, that do not see each other."""

    def __init__(self, channels: int, kernel: int, directional: bool) -> None:
        super().__init__()
        self.groups = nn.ModuleList(PredictionLayer(channels // 4, kernel, directional) for _ in range(4))

    def forward(
        self, x: Maps, state: PredictionState | None = None, recompute: bool = False
    ) -> tuple[Maps, PredictionState]:
        """As `PredictionLayer`."""
        before = (
            [None] * 4
            if state is None
            else [PredictionState(chunk) for chunk in state.hidden.chunk(4, dim=2)]
        )
        parts = [
            group(chunk, hidden, recompute)
            for group, chunk, hidden in zip(self.groups, x.chunk(4, dim=2), before, strict=True)
        ]
        hidden = torch.cat([each.hidden for _, each in parts], dim=2)
        return torch.cat([corrected for corrected, _ in parts], dim=2), PredictionState(hidden)


class DepthwiseGRU(ConvGRU):
    """A ConvGRU in which each channel sees itself alone; the layers after it mix the channels."""

    def __init__(self, channels: int, convolution: KernelConvolution) -> None:
        nn.Module.__init__(self)
        self.inputs = self.channels = channels
        self.convolution = convolution  # 2 inputs (the channel and its past) and 3 outputs per channel

    def hear(self, x: Maps) -> Float[Tensor, "B T gates H W"]:
        """Returns the input half of every gate."""
        kernel = self.convolution.kernel()[:, :1]
        return self._each(x.flatten(0, 1), kernel, self.convolution.bias).unflatten(0, x.shape[:2])

    def follow(
        self, input_gates: Float[Tensor, "B T gates H W"], hidden: Float[Tensor, "B D H W"] | None = None
    ) -> Float[Tensor, "B T D H W"]:
        """Returns the hidden maps from the input half."""
        hidden = (
            input_gates.new_zeros(len(input_gates), self.channels, *input_gates.shape[3:])
            if hidden is None
            else hidden
        )
        gates, candidate = self.convolution.kernel()[:, 1:].split([2 * self.channels, self.channels])
        maps: list[Tensor] = []
        for frame in input_gates.unbind(dim=1):
            of_gates, of_candidate = frame.split([2 * self.channels, self.channels], dim=1)
            update, reset = torch.sigmoid(of_gates + self._each(hidden, gates)).chunk(2, dim=1)
            proposal = torch.tanh(of_candidate + self._each(reset * hidden, candidate))
            hidden = torch.lerp(hidden, proposal, update)
            maps.append(hidden)
        return torch.stack(maps, dim=1)

    def _each(self, x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
        """Returns several outputs of each channel, those of one gate together."""
        gates, radius = len(kernel) // self.channels, self.convolution.radius
        if isinstance(self.convolution, DirectionalConvolution):
            x, padding = torch.cat([x[..., :1, :].expand(-1, -1, radius, -1), x], dim=-2), (0, radius)
        else:
            padding = (radius, radius)

        def by_channel(values: Tensor) -> Tensor:
            return values.unflatten(0, (gates, self.channels)).transpose(0, 1).flatten(0, 1)

        bias = None if bias is None else by_channel(bias)
        y = F.conv2d(x, by_channel(kernel), bias, padding=padding, groups=self.channels)
        return y.unflatten(1, (self.channels, gates)).transpose(1, 2).flatten(1, 2)


class Separable(PredictionLayer):
    """Predicts every channel from itself in five directions.

    The blend of the directions mixes the channels.
    """

    def __init__(self, channels: int, kernel: int, directional: bool) -> None:
        super().__init__(channels, kernel, directional=True)
        self.centre = DepthwiseGRU(channels, CentredConvolution(2, 3 * channels, kernel))
        self.vertical = DepthwiseGRU(channels, DirectionalConvolution(2, 3 * channels, kernel))
        self.horizontal = DepthwiseGRU(channels, DirectionalConvolution(2, 3 * channels, kernel))

    def _maps(self, x: Tensor, hidden: Tensor | None) -> Tensor:
        before = [None] * 5 if hidden is None else [*hidden.unbind(1)]
        turns = [_same, _same, _upside_down, _sideways, _both]
        cells = [self.centre, self.vertical, self.vertical, self.horizontal, self.horizontal]
        assert all(cell is not None for cell in cells)
        maps = [
            turn(cell(turn(x), None if past is None else turn(past)), back=True)  # type: ignore[misc]
            for turn, cell, past in zip(turns, cells, before, strict=True)
        ]
        return torch.stack(maps, dim=2)


def _same(x: Tensor, back: bool = False) -> Tensor:
    return x


def _upside_down(x: Tensor, back: bool = False) -> Tensor:
    return x.flip(-2)


def _sideways(x: Tensor, back: bool = False) -> Tensor:
    return x.mT


def _both(x: Tensor, back: bool = False) -> Tensor:
    return x.flip(-2).mT if back else x.mT.flip(-2)


FORMS: dict[str, type[nn.Module]] = {
    "full": PredictionLayer,
    "low rank": LowRank,
    "grouped": Grouped,
    "separable": Separable,
}


@contextmanager
def form(name: str) -> Iterator[None]:
    """Builds networks with another prediction layer within the context."""
    build.PredictionLayer = FORMS[name]  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        build.PredictionLayer = PredictionLayer  # type: ignore[misc]
