"""The prediction layer for playing is the layer that was trained, for any chunking."""

import pytest
import torch
from tests.models.test_prediction import activations, layer, plain_prediction
from torch import Tensor

from listen_and_move.models.optimized_prediction import OptimizedPrediction
from listen_and_move.models.prediction import PredictionState

FORMS = pytest.mark.parametrize(("directional", "kernel"), [(False, 3), (True, 3), (True, 5)])


@torch.inference_mode()
def played(
    directional: bool, kernel: int, cuts: list[int], kind: torch.dtype = torch.float64
) -> tuple[Tensor, PredictionState]:
    module = OptimizedPrediction(layer(directional, kernel)).to(kind)
    state, parts = None, []
    for window in activations().to(kind).tensor_split(cuts, dim=1):
        y, state = module(window, state)
        parts.append(y)
    assert state is not None
    return torch.cat(parts, dim=1), state


@FORMS
@pytest.mark.parametrize("cuts", [[], [1], [2, 3], [1, 2, 3, 4]])
def test_is_the_plain_form(directional: bool, kernel: int, cuts: list[int]) -> None:
    module = layer(directional, kernel)
    corrected, state = played(directional, kernel, cuts)
    torch.testing.assert_close(corrected, plain_prediction(module, activations()))
    torch.testing.assert_close(state, module(activations())[1])


@FORMS
def test_frame_by_frame_is_the_window_to_the_last_bit(directional: bool, kernel: int) -> None:
    whole, frame_by_frame = (played(directional, kernel, cuts, torch.float32) for cuts in ([], [1, 2, 3, 4]))
    torch.testing.assert_close(whole, frame_by_frame, rtol=0, atol=0)


@FORMS
def test_an_old_state_stays_usable(directional: bool, kernel: int) -> None:
    module = OptimizedPrediction(layer(directional, kernel))
    with torch.inference_mode():
        _, state = module(activations())
        before = state.hidden.clone()
        once, again = (module(activations(), state) for _ in range(2))
    torch.testing.assert_close(once, again, rtol=0, atol=0)
    assert torch.equal(state.hidden, before)
