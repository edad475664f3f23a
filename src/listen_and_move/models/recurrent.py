"""Recurrent parts: the motion encoder and the convolutional GRUs; and operations on recurrent states.

Shape letters: B batch, T frames, S size of a motion token, C channels, H height, W width. A state is a
NamedTuple of tensors, batch first; None is the state before any sound, which equals zeros everywhere.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from listen_and_move.models.activation import leaky

State = TypeVar("State")


class MotionState(NamedTuple):
    """State of the encoder: per layer its last hidden vectors, oldest first."""

    memory: tuple[Float[Tensor, "batch dilation size"], ...]
    last: Float[Tensor, "batch 1 size"] | None = None
    """The last motion token, where it is fed back."""


class DilatedGRU(nn.Module):
    """A GRU whose frame t continues from frame t - dilation; parameters as in torch.nn.GRUCell."""

    def __init__(self, size: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        bound = 1 / math.sqrt(size)
        self.weight_ih = nn.Parameter(torch.empty(3 * size, size).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(3 * size, size).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(3 * size).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(3 * size).uniform_(-bound, bound))

    def forward(
        self, tokens: Float[Tensor, "B T S"], memory: Float[Tensor, "B dilation S"]
    ) -> tuple[Float[Tensor, "B T S"], Float[Tensor, "B dilation S"]]:
        """Returns the hidden vectors of all frames, and the last of them as the new memory."""
        input_gates = F.linear(tokens, self.weight_ih, self.bias_ih)
        hidden: list[Tensor] = []
        # Frames of one group do not depend on each other, so one product computes all of them.
        for group in input_gates.split(self.dilation, dim=1):
            moved = self._step(group, memory[:, : group.shape[1]])
            memory = torch.cat([memory[:, group.shape[1] :], moved], dim=1)
            hidden.append(moved)
        return torch.cat(hidden, dim=1), memory

    def _step(self, input_gates: Tensor, hidden: Tensor) -> Tensor:
        reset, update, candidate = input_gates.chunk(3, dim=-1)
        reset_h, update_h, candidate_h = F.linear(hidden, self.weight_hh, self.bias_hh).chunk(3, dim=-1)
        candidate = torch.tanh(candidate + torch.sigmoid(reset + reset_h) * candidate_h)
        return candidate + torch.sigmoid(update + update_h) * (hidden - candidate)


class MotionEncoder(nn.Module):
    """Motion from sound: a residual, multi-scale, dilated recurrent network (Redondo 2023, section 3.1).

    Layer l continues from dilation^l frames ago, in the paper 2^l; with several layers the next one, and the
    output, get LeakyReLU((h + input) / sqrt 2).
    """

    def __init__(self, size: int, layers: int, dilation: int = 2) -> None:
        super().__init__()
        self.size, self.dilations = size, [dilation**layer for layer in range(layers)]
        self.layers = nn.ModuleList(DilatedGRU(size, each) for each in self.dilations)

    def forward(
        self, tokens: Float[Tensor, "B T S"], state: MotionState | None = None
    ) -> tuple[Float[Tensor, "B T S"], MotionState]:
        """Returns the motion tokens of a window, and the state to continue from."""
        memories = self._silence(tokens) if state is None else state.memory
        kept: list[Tensor] = []
        for layer, memory in zip(self.layers, memories, strict=True):
            hidden, memory = layer(tokens, memory)
            tokens = leaky((hidden + tokens) / math.sqrt(2)) if len(self.layers) > 1 else hidden
            kept.append(memory)
        return tokens, MotionState(tuple(kept))

    def _silence(self, tokens: Tensor) -> tuple[Tensor, ...]:
        return tuple(tokens.new_zeros(len(tokens), each, self.size) for each in self.dilations)


class FeedbackMotionEncoder(MotionEncoder):
    """A motion encoder that runs frame by frame and feeds its last token back (as Lee et al. 2022).

    Its input is LeakyReLU(W token + b) + the last motion token.

    Source: Redondo 2023, published code, after "Sound-Guided Semantic Video Generation" (ECCV 2022).
    """

    def __init__(self, size: int, layers: int, dilation: int = 2) -> None:
        super().__init__(size, layers, dilation)
        self.sound = nn.Linear(size, size)

    def forward(
        self, tokens: Float[Tensor, "B T S"], state: MotionState | None = None
    ) -> tuple[Float[Tensor, "B T S"], MotionState]:
        """Returns the motion tokens of a window, and the state to continue from."""
        sound_tokens, moved = leaky(self.sound(tokens)), []
        last = None if state is None else state.last
        for token in sound_tokens.split(1, dim=1):
            last, state = super().forward(token if last is None else token + last, state)
            moved.append(last)
        motion = torch.cat(moved, dim=1) if moved else tokens
        return motion, MotionState(self._silence(tokens) if state is None else state.memory, last)


MOTION_ENCODERS: dict[str, type[MotionEncoder]] = {"basic": MotionEncoder, "feedback": FeedbackMotionEncoder}


class KernelConvolution(nn.Module, ABC):
    """A convolution of odd size with an accessible kernel.

    A part of the kernel can so be applied to a part of its input.
    """

    def __init__(self, size: int, outputs: int) -> None:
        super().__init__()
        self.radius = size // 2
        self.bias = nn.Parameter(torch.zeros(outputs))

    @abstractmethod
    def kernel(self) -> Float[Tensor, "outputs inputs rows columns"]:
        """Returns the weights as one dense kernel."""

    @abstractmethod
    def apply_kernel(
        self,
        x: Float[Tensor, "B C H W"],
        kernel: Float[Tensor, "D C rows columns"],
        bias: Float[Tensor, " D"] | None = None,
    ) -> Float[Tensor, "B D H W"]:
        """Returns the convolution with the kernel or a part of it."""

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        """Returns the whole convolution."""
        return self.apply_kernel(x, self.kernel(), self.bias)


class CentredConvolution(KernelConvolution):
    """The ordinary square convolution, zeros outside the picture."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__(size, outputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size).mul_(0.02))

    def kernel(self) -> Float[Tensor, "outputs inputs rows columns"]:
        """Returns the weights as they are."""
        return self.weight

    def apply_kernel(
        self,
        x: Float[Tensor, "B C H W"],
        kernel: Float[Tensor, "D C rows columns"],
        bias: Float[Tensor, " D"] | None = None,
    ) -> Float[Tensor, "B D H W"]:
        """Returns the convolution with zeros outside the picture."""
        return F.conv2d(x, kernel, bias, padding=self.radius)


class DirectionalConvolution(KernelConvolution):
    """A triangular convolution that looks up: what moves down comes from a row j above, up to j pixels aside.

    For j = 0..(size - 1)/2 a row of 2j + 1 weights meets the row j above; zeros outside the left and right
    border, the top row repeated above the picture. For other directions the picture is turned (Redondo 2023,
    directional ConvGRU).
    """

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__(size, outputs)
        rows = (torch.randn(outputs, inputs, 2 * j + 1) for j in range(self.radius + 1))
        self.weights = nn.ParameterList(nn.Parameter(row.mul_(0.02)) for row in rows)

    def kernel(self) -> Float[Tensor, "outputs inputs rows columns"]:
        """Returns the triangle in a rectangle of zeros, (size + 1)/2 x size.

        The last row meets the output's own row.
        """
        rows = [F.pad(row, (self.radius - j, self.radius - j)) for j, row in enumerate(self.weights)]
        return torch.stack(rows[::-1], dim=2)

    def apply_kernel(
        self,
        x: Float[Tensor, "B C H W"],
        kernel: Float[Tensor, "D C rows columns"],
        bias: Float[Tensor, " D"] | None = None,
    ) -> Float[Tensor, "B D H W"]:
        """Returns the convolution, padded by the top row above and by zeros at the sides."""
        return F.conv2d(
            torch.cat([_border(x[..., :1, :], self.radius), x], dim=-2),
            kernel,
            bias,
            padding=(0, self.radius),
        )

    def both_ways(
        self, x: Float[Tensor, "N C H W"]
    ) -> tuple[Float[Tensor, "N D H W"], Float[Tensor, "N D H W"]]:
        """Returns the convolutions of x looking up and looking down, with the first C inputs of the kernel.

        Looking down equals looking up on x turned upside down. Both add up the same rows of products, only
        shifted the other way.
        """
        own, *others = (
            F.conv2d(x, row[:, : x.shape[1], None], None if j else self.bias, padding=(0, j))
            for j, row in enumerate(self.weights)
        )
        down = up = own
        for j, row in enumerate(others, start=1):
            shifted_down, shifted_up = _Shifts.apply(row, j)
            down, up = down + shifted_down, up + shifted_up
        return down, up


class _Shifts(torch.autograd.Function):
    """Rows shifted down and up, the outermost row repeated.

    The gradient is written at once: by indices each of four parts would fill a picture with zeros.
    """

    @staticmethod
    def forward(ctx: Any, rows: Float[Tensor, "N D H W"], by: int) -> tuple[Tensor, Tensor]:
        """Returns both pictures, each of the size of ``rows``."""
        ctx.by = by
        first, last = (_border(row, by) for row in (rows[..., :1, :], rows[..., -1:, :]))
        return (
            torch.cat([first, rows[..., :-by, :]], dim=-2),
            torch.cat([rows[..., by:, :], last], dim=-2),
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, down: Tensor, up: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """Returns the gradient of the rows from those of both pictures."""
        by = ctx.by
        gradient = F.pad(down[..., by:, :], (0, 0, 0, by))
        gradient[..., by:, :] += up[..., :-by, :]
        gradient[..., :1, :] += down[..., :by, :].sum(-2, keepdim=True)
        gradient[..., -1:, :] += up[..., -by:, :].sum(-2, keepdim=True)
        return gradient, None


def _border(row: Float[Tensor, "B C 1 W"], times: int) -> Float[Tensor, "B C {times} W"]:
    """Returns a row repeated; torch's own padding would convert bfloat16."""
    return row.expand(-1, -1, times, -1)


class ConvGRU(nn.Module):
    """A convolutional GRU over a window.

    h <- (1 - u) h + u tanh(O * [x, r h]), with u and r = sigmoid of U, Q * [x, h]. The convolution's outputs
    are update, reset and candidate. Its input half runs once for all frames and gates (`hear`); only the
    hidden half goes frame by frame (`follow`) (Ballas et al. 2016).
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        size: int,
        convolution: Callable[[int, int, int], KernelConvolution] = CentredConvolution,
    ) -> None:
        super().__init__()
        self.inputs, self.channels = inputs, channels
        self.convolution = convolution(inputs + channels, 3 * channels, size)

    def forward(
        self, x: Float[Tensor, "B T C H W"], hidden: Float[Tensor, "B D H W"] | None = None
    ) -> Float[Tensor, "B T D H W"]:
        """Returns the hidden maps of all frames; the last one is the state to continue from."""
        return self.follow(self.hear(x), hidden)

    def hear(self, x: Float[Tensor, "B T C H W"]) -> Float[Tensor, "B T gates H W"]:
        """Returns the input half of every gate."""
        kernel = self.convolution.kernel()[:, : self.inputs]
        return self.convolution.apply_kernel(x.flatten(0, 1), kernel, self.convolution.bias).unflatten(
            0, x.shape[:2]
        )

    def follow(
        self, input_gates: Float[Tensor, "B T gates H W"], hidden: Float[Tensor, "B D H W"] | None = None
    ) -> Float[Tensor, "B T D H W"]:
        """Returns the hidden maps from the input half."""
        if hidden is None:
            hidden = input_gates.new_zeros(len(input_gates), self.channels, *input_gates.shape[3:])
        # The candidate's kernel is applied to r h and the gates' to h, so the hidden half is two
        # convolutions.
        kernels = self.convolution.kernel()[:, self.inputs :].split([2 * self.channels, self.channels])
        maps: list[Tensor] = []
        for frame in input_gates.unbind(dim=1):
            hidden = self._step(frame, hidden, *kernels)
            maps.append(hidden)
        return torch.stack(maps, dim=1)

    def _step(self, input_gates: Tensor, hidden: Tensor, gates: Tensor, candidate: Tensor) -> Tensor:
        of_gates, of_candidate = input_gates.split([2 * self.channels, self.channels], dim=1)
        update, reset = torch.sigmoid(of_gates + self.convolution.apply_kernel(hidden, gates)).chunk(2, dim=1)
        proposal = torch.tanh(of_candidate + self.convolution.apply_kernel(reset * hidden, candidate))
        return torch.lerp(hidden, proposal.to(hidden), update.to(hidden))


def detached(state: State) -> State:
    """Returns the same state without the graph that computed it (truncated back-propagation)."""
    return mapped(Tensor.detach, state)


def row(state: State, index: int) -> State:
    """Returns the state of one item of the batch, as a batch of one."""
    return mapped(lambda tensor: tensor[index].unsqueeze(0), state)


def stacked(states: Sequence[State]) -> State:
    """Returns one state for a batch from the states of its items in order.

    An item may be None: the state before any sound.
    """
    known = next((state for state in states if state is not None), None)
    if known is None:
        return states[0]
    parts = [
        mapped(lambda tensor: torch.zeros_like(tensor[:1]), known) if state is None else state
        for state in states
    ]
    return mapped(lambda *tensors: torch.cat(tensors), *parts)


def reset(state: State, rows: Sequence[int]) -> State:
    """Returns the state with some items of the batch set to the state before any sound."""
    return mapped(lambda tensor: tensor.index_fill(0, torch.tensor(rows, device=tensor.device), 0.0), state)


def mapped(change: Callable[..., Any], first: Any, *others: Any) -> Any:
    """Returns ``change`` applied to the tensors at the same place of one or several states.

    Tuples, lists and dicts of states are mapped too.
    """
    if first is None or isinstance(first, Tensor):
        return None if first is None else change(first, *others)
    if isinstance(first, dict):
        return {name: mapped(change, first[name], *(other[name] for other in others)) for name in first}
    parts = [mapped(change, *items) for items in zip(first, *others, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
