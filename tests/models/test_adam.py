"""The optimiser: PyTorch's own, bit for bit, without its compiler."""

import subprocess
import sys

import torch

from listen_and_move.models.adam import Adam

STEP = """
import sys, torch
from listen_and_move.models.adam import Adam
weight = torch.ones(3, requires_grad=True)
weight.square().sum().backward()
Adam([weight], 0.1).step()
assert weight.max() < 1
print("torch._dynamo" in sys.modules)
"""


def weights() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=random).requires_grad_() for shape in ((), (5,), (4, 3), (2,))]


def gradients(step: int, parameters: list[torch.Tensor]) -> None:
    """Gives gradients to all but the last one, and to the second one in every other step."""
    random = torch.Generator().manual_seed(step)
    for number, parameter in enumerate(parameters[:-1]):
        gradient = torch.randn(parameter.shape, generator=random)
        parameter.grad = None if number == 1 and step % 2 else gradient


def test_it_moves_weights_as_pytorch_does() -> None:
    ours, theirs = weights(), weights()
    optimizer = Adam(ours, 0.01, (0.3, 0.99))
    judge = torch.optim.Adam(theirs, lr=0.01, betas=(0.3, 0.99), fused=True)
    for step in range(7):
        gradients(step, ours)
        gradients(step, theirs)
        optimizer.step()
        judge.step()
    for one, two, before in zip(ours[:-1], theirs[:-1], weights()[:-1], strict=True):
        assert torch.equal(one, two)
        assert not torch.equal(one, before)
    assert torch.equal(ours[-1], weights()[-1])
    expected = {
        f"{number}/{key}": value
        for number, moments in judge.state_dict()["state"].items()
        for key, value in moments.items()
    }
    assert optimizer.tensors().keys() == expected.keys()
    for name, value in optimizer.tensors().items():
        assert torch.equal(value, expected[name])


def test_it_goes_on_from_its_tensors() -> None:
    whole, parts = weights(), weights()
    first = Adam(whole, 0.01)
    before = Adam(parts, 0.01)
    for step in range(4):
        if step == 2:
            saved = {name: tensor.clone() for name, tensor in before.tensors().items()}
            before = Adam(parts, 0.01)
            before.load(saved)
        for optimizer in (first, before):
            gradients(step, optimizer.parameters)
            optimizer.step()
    assert all(torch.equal(one, two) for one, two in zip(whole, parts, strict=True))
    first.zero_grad()
    assert all(parameter.grad is None for parameter in whole)


def test_a_first_step_imports_no_compiler() -> None:
    found = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
