"""Recurrent parts: laws of state, and the fast forms against plain ones written frame by frame."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from listen_and_move.models.recurrent import (
    CentredConvolution,
    ConvGRU,
    DilatedGRU,
    DirectionalConvolution,
    KernelConvolution,
    MotionEncoder,
    MotionState,
    detached,
    reset,
    row,
    stacked,
)

FRAMES = 7
Kernel = Callable[[int, int, int], KernelConvolution]


def motion_encoder(layers: int) -> MotionEncoder:
    torch.manual_seed(layers)
    return MotionEncoder(5, layers).double()


def tokens(batch: int = 2, frames: int = FRAMES) -> Tensor:
    return torch.randn(batch, frames, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def cell(kind: Kernel, size: int = 3) -> ConvGRU:
    torch.manual_seed(size)
    module = ConvGRU(4, 3, size, kind).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def maps(batch: int = 2) -> Tensor:
    return torch.randn(
        batch, FRAMES, 4, 6, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )


def plain_motion(encoder: MotionEncoder, x: Tensor) -> Tensor:
    """Frame by frame, torch.nn.GRUCell."""
    for layer in encoder.layers:
        assert isinstance(layer, DilatedGRU)
        hidden = [x.new_zeros(len(x), 5)] * layer.dilation
        for token in x.unbind(1):
            weights = {
                name: getattr(layer, name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            gru = torch.nn.GRUCell(5, 5).double()
            hidden.append(torch.func.functional_call(gru, weights, (token, hidden[-layer.dilation])))
        h = torch.stack(hidden[layer.dilation :], dim=1)
        x = F.leaky_relu((h + x) / math.sqrt(2), 0.2) if len(encoder.layers) > 1 else h
    return x


def plain_convolution(module: KernelConvolution, x: Tensor) -> Tensor:
    """The directional convolution as the sum of shifted one-dimensional ones."""
    if isinstance(module, CentredConvolution):
        return F.conv2d(x, module.weight, module.bias, padding=module.radius)
    assert isinstance(module, DirectionalConvolution)
    y = module.bias[:, None, None]
    for j, weights in enumerate(module.weights):
        result = F.conv2d(x, weights[:, :, None], padding=(0, j))
        rows = (torch.arange(x.shape[2]) - j).clamp(min=0)  # the output at row y takes row y - j
        y = y + result[:, :, rows]
    return y


def plain_conv_gru(gru: ConvGRU, x: Tensor) -> Tensor:
    """Frame by frame, gate by gate."""
    h, all_maps = x.new_zeros(len(x), gru.channels, *x.shape[3:]), []
    for frame in x.unbind(1):
        update, reset_gate, _ = (
            plain_convolution(gru.convolution, torch.cat([frame, h], 1)).sigmoid().chunk(3, 1)
        )
        candidate = (
            plain_convolution(gru.convolution, torch.cat([frame, reset_gate * h], 1)).chunk(3, 1)[2].tanh()
        )
        h = (1 - update) * h + update * candidate
        all_maps.append(h)
    return torch.stack(all_maps, 1)


def gradients(module: torch.nn.Module, result: Tensor) -> list[Tensor]:
    weights = torch.linspace(-1, 1, result.numel(), dtype=result.dtype).reshape(result.shape)
    return list(torch.autograd.grad((result * weights).sum(), list(module.parameters())))


def assert_same(module: torch.nn.Module, fast: Tensor, plain: Tensor) -> None:
    torch.testing.assert_close(fast, plain)
    for ours, expected in zip(gradients(module, fast), gradients(module, plain), strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_motion_is_the_plain_form(layers: int) -> None:
    encoder = motion_encoder(layers)
    assert_same(encoder, encoder(tokens())[0], plain_motion(encoder, tokens()))


def test_one_layer_is_torch_gru() -> None:
    encoder = motion_encoder(1)
    gru = torch.nn.GRU(5, 5, batch_first=True).double()
    gru.load_state_dict({f"{name}_l0": value for name, value in encoder.layers[0].named_parameters()})
    motion, state = encoder(tokens())
    expected, last = gru(tokens())
    torch.testing.assert_close(motion, expected)
    torch.testing.assert_close(state.memory[0][:, 0], last[0])


@pytest.mark.parametrize("cut", range(1, FRAMES))
def test_two_windows_are_one(cut: int) -> None:
    encoder = motion_encoder(3)
    whole, end = encoder(tokens())
    first, state = encoder(tokens()[:, :cut])
    second, last = encoder(tokens()[:, cut:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(last, end)
    assert [tuple(memory.shape) for memory in last.memory] == [(2, 1, 5), (2, 2, 5), (2, 4, 5)]


def test_motion_never_hears_the_future_nor_its_neighbours() -> None:
    x = tokens().requires_grad_()
    motion, _ = motion_encoder(3)(x)
    (gradient,) = torch.autograd.grad(motion[0, 3].sum(), x)
    assert gradient[0, :4].abs().sum(-1).min() > 0
    assert gradient[0, 4:].abs().max() == 0
    assert gradient[1].abs().max() == 0


def test_old_state_stays_usable() -> None:
    encoder = motion_encoder(3)
    _, state = encoder(tokens())
    before = [memory.clone() for memory in state.memory]
    once = encoder(tokens(), state)
    again = encoder(tokens(), state)
    torch.testing.assert_close(once, again, rtol=0, atol=0)
    torch.testing.assert_close(list(state.memory), before, rtol=0, atol=0)


def test_lanes() -> None:
    encoder = motion_encoder(3)
    _, state = encoder(tokens())
    _, alone = encoder(tokens()[1:])
    torch.testing.assert_close(row(state, 1), alone)
    torch.testing.assert_close(row(state, -1), alone)
    torch.testing.assert_close(stacked([row(state, 0), row(state, 1)]), state)
    fresh, _ = encoder(tokens())
    torch.testing.assert_close(encoder(tokens(), reset(state, [1]))[0][1], fresh[1])
    torch.testing.assert_close(encoder(tokens(), reset(state, [0, 1]))[0], fresh)
    torch.testing.assert_close(encoder(tokens(), stacked([row(state, 0), None]))[0][1], fresh[1])
    assert stacked([None, None]) is None
    assert isinstance(stacked([alone, alone]), MotionState)


def test_detached_state_has_no_past() -> None:
    _, state = motion_encoder(2)(tokens())
    assert all(memory.requires_grad for memory in state.memory)
    assert not any(memory.requires_grad for memory in detached(state).memory)
    assert detached(None) is None


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("kind", [CentredConvolution, DirectionalConvolution])
def test_conv_gru_is_the_plain_form(kind: Kernel, size: int) -> None:
    gru = cell(kind, size)
    assert_same(gru, gru(maps()), plain_conv_gru(gru, maps()))


@pytest.mark.parametrize("kind", [CentredConvolution, DirectionalConvolution])
@pytest.mark.parametrize("cut", [1, 4])
def test_conv_gru_two_windows_are_one(kind: Kernel, cut: int) -> None:
    gru = cell(kind)
    first = gru(maps()[:, :cut])
    second = gru(maps()[:, cut:], first[:, -1])
    torch.testing.assert_close(torch.cat([first, second], 1), gru(maps()))


@pytest.mark.parametrize("size", [3, 5])
def test_motion_down_looks_at_a_triangle_above(size: int) -> None:
    convolution = DirectionalConvolution(1, 1, size)
    for weights in convolution.weights:
        torch.nn.init.ones_(weights)
    x = torch.zeros(1, 1, 9, 9, requires_grad=True)
    (seen,) = torch.autograd.grad(convolution(x)[0, 0, 4, 4], x)
    expected = torch.zeros(9, 9)
    for j in range(size // 2 + 1):
        expected[4 - j, 4 - j : 5 + j] = 1
    torch.testing.assert_close(seen[0, 0], expected)


@pytest.mark.parametrize("size", [3, 5])
def test_both_ways_are_the_plain_form_on_the_picture_and_on_it_turned(size: int) -> None:
    gru = cell(DirectionalConvolution, size)
    x = maps().flatten(0, 1)
    assert isinstance(gru.convolution, DirectionalConvolution)
    down, up = gru.convolution.both_ways(x)
    nothing = x.new_zeros(len(x), gru.channels, *x.shape[2:])
    both = torch.cat([x, nothing], 1)
    torch.testing.assert_close(down, plain_convolution(gru.convolution, both))
    torch.testing.assert_close(up, plain_convolution(gru.convolution, both.flip(-2)).flip(-2))
