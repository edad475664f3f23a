"""The prediction layer: the paper's text written out, and laws of state."""

import pytest
import torch
from torch import Tensor

from listen_and_move.models import prediction
from listen_and_move.models.prediction import PredictionLayer, PredictionState
from listen_and_move.models.recurrent import reset, row, stacked

FRAMES, CHANNELS, HEIGHT, WIDTH = 5, 4, 6, 8


def layer(directional: bool, kernel: int = 3) -> PredictionLayer:
    torch.manual_seed(kernel)
    module = PredictionLayer(CHANNELS, kernel, directional).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def activations(frames: int = FRAMES) -> Tensor:
    return torch.randn(
        2, frames, CHANNELS, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )


def plain_prediction(module: PredictionLayer, x: Tensor) -> Tensor:
    """Each direction on its own turned picture; then one frame at a time."""
    maps = [module.centre(x)]
    if module.vertical is not None and module.horizontal is not None:
        maps += [module.vertical(x), module.vertical(x.flip(-2)).flip(-2)]
        right = module.horizontal(x.transpose(-1, -2)).transpose(-1, -2)
        left = module.horizontal(x.flip(-1).transpose(-1, -2)).transpose(-1, -2).flip(-1)
        maps += [right, left]
    frames = []
    for t in range(x.shape[1]):
        joined = torch.cat([each[:, t] for each in maps], dim=1)
        joined = joined if module.blend is None else module.blend(joined)
        mask = torch.sigmoid(joined[:, -1:])
        frames.append(mask * x[:, t] + (1 - mask) * joined[:, :-1])
    return torch.stack(frames, dim=1)


def chunked(module: PredictionLayer, x: Tensor, cuts: list[int], recompute: bool = False) -> Tensor:
    """Window by window, the state carried over with its gradients."""
    state, parts = None, []
    for window in x.tensor_split(cuts, dim=1):
        y, state = module(window, state, recompute)
        parts.append(y)
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize(("directional", "kernel"), [(False, 3), (True, 3), (True, 5)])
@pytest.mark.parametrize("cuts", [[], [1], [2, 3], [1, 2, 3, 4]])
@pytest.mark.parametrize("recompute", [False, True])
def test_is_the_plain_form(directional: bool, kernel: int, cuts: list[int], recompute: bool) -> None:
    """Values and gradients of weights and of the input, for any chunking."""
    module, x = layer(directional, kernel), activations().requires_grad_()
    fast, plain = chunked(module, x, cuts, recompute), plain_prediction(module, x)
    torch.testing.assert_close(fast, plain)
    weights = torch.linspace(-1, 1, fast.numel(), dtype=fast.dtype).reshape(fast.shape)
    ours = torch.autograd.grad((fast * weights).sum(), [x, *module.parameters()])
    expected = torch.autograd.grad((plain * weights).sum(), [x, *module.parameters()])
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("directional", [False, True])
@pytest.mark.parametrize("cached", [1, 2 * CHANNELS * HEIGHT * WIDTH * 2, 2**19])
def test_without_gradients_it_goes_in_pieces(
    directional: bool, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "CACHED", cached)
    module = layer(directional)
    with torch.no_grad():
        pieces, state = module(activations())
    whole, expected = module(activations())
    torch.testing.assert_close((pieces, state), (whole, expected))


@pytest.mark.parametrize(("directional", "shape"), [(False, (2, 1, 5, 6, 8)), (True, (2, 5, 4, 6, 8))])
@pytest.mark.parametrize("cut", range(1, FRAMES))
def test_two_windows_are_one(directional: bool, shape: tuple[int, ...], cut: int) -> None:
    module = layer(directional)
    whole, end = module(activations())
    first, state = module(activations()[:, :cut])
    second, last = module(activations()[:, cut:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(last, end)
    assert last.hidden.shape == shape


@pytest.mark.parametrize("directional", [False, True])
def test_frames_and_items_do_not_mix(directional: bool) -> None:
    x = activations().requires_grad_()
    (gradient,) = torch.autograd.grad(layer(directional)(x)[0][0, 2].sum(), x)
    assert gradient[0, :3].abs().amax((1, 2, 3)).min() > 0
    assert gradient[0, 3:].abs().max() == 0
    assert gradient[1].abs().max() == 0


@pytest.mark.parametrize("directional", [False, True])
def test_lanes_and_old_states(directional: bool) -> None:
    module = layer(directional)
    fresh, state = module(activations())
    before = state.hidden.clone()
    torch.testing.assert_close(module(activations(), reset(state, [0]))[0][0], fresh[0])
    torch.testing.assert_close(stacked([row(state, 0), row(state, 1)]), state)
    torch.testing.assert_close(
        module(activations()[1:], row(state, 1))[0], module(activations(), state)[0][1:]
    )
    torch.testing.assert_close(state.hidden, before, rtol=0, atol=0)


def test_directions() -> None:
    """A spot in one frame reaches, in the next, the rows below by the map of motion down, those above by
    motion up."""
    module = layer(True)
    x = torch.zeros(1, 2, CHANNELS, 7, 7, dtype=torch.float64)
    spotted = x.clone()
    spotted[0, 0, :, 3, 3] = 1
    states = [module(spotted[:, :1])[1], module(x[:, :1])[1]]
    after: list[PredictionState] = [module(x[:, 1:], state)[1] for state in states]
    difference = (after[0].hidden - after[1].hidden).abs().amax((0, 2))  # (5, H, W)
    down, up, right, left = difference[1:]
    assert down[:3].max() == 0
    assert down[4:].max() > 0
    assert up[4:].max() == 0
    assert up[:3].max() > 0
    assert right[:, :3].max() == 0
    assert right[:, 4:].max() > 0
    assert left[:, 4:].max() == 0
    assert left[:, :3].max() > 0
