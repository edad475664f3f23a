"""Shapes are checked in every test."""

import pytest
import torch
from jaxtyping import TypeCheckError

from listen_and_move.models.pixels import as_network, as_pixels
from tests.shapes import CALLS, begin_test


def test_an_argument_of_another_shape_is_found() -> None:
    assert as_network(torch.zeros(2, 8, 6, 3, dtype=torch.uint8)).shape == (2, 3, 8, 6)
    with pytest.raises(TypeCheckError, match=r"\*batch H W 3"):
        as_network(torch.zeros(2, 8, 6, 4, dtype=torch.uint8))


def test_an_argument_of_another_kind_is_found() -> None:
    with pytest.raises(TypeCheckError, match=r"\*batch 3 H W"):
        as_pixels(torch.zeros(2, 3, 8, 6, dtype=torch.int32))


def test_the_first_calls_in_a_test_are_checked() -> None:
    wrong = torch.zeros(1, 2, 2, 4, dtype=torch.uint8)
    for _ in range(2):
        begin_test()
        for _ in range(CALLS):
            with pytest.raises(TypeCheckError):
                as_network(wrong)
        assert as_network(wrong).shape == (1, 4, 2, 2)
