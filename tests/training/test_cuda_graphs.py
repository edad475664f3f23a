"""Recorded steps, by a recorder that needs no GPU: it computes again, into the tensors that it gave the first
time."""

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import pytest
import torch
from benchmarks.speed.subjects import BenchmarkTraining
from tests.training.test_speed import CPU, settings
from torch import Tensor

from listen_and_move.models.recurrent import mapped
from listen_and_move.training.batches import SilenceBatch
from listen_and_move.training.cuda_graphs import CudaGraphStep
from listen_and_move.training.step import training_step

Outcome = TypeVar("Outcome")


class Again:
    """A recorder of steps whose results stay where they were, as those of a CUDA graph."""

    def __init__(self) -> None:
        self.recorded = 0

    def warm(self, call: Callable[[], Outcome]) -> Outcome:
        return call()

    def record(self, call: Callable[[], Outcome]) -> Callable[[], Outcome]:
        self.recorded += 1
        kept: list[Outcome] = []

        def replayed() -> Outcome:
            kept.append(call())
            if len(kept) > 1:
                mapped(Tensor.copy_, kept[0], kept.pop())
            return kept[0]

        return replayed


class Refusing(Again):
    def record(self, call: Callable[[], Outcome]) -> Callable[[], Outcome]:
        raise RuntimeError("operation not permitted when stream is capturing")


STEPS = 20


def run(name: str, graph_step: CudaGraphStep | None) -> tuple[list[dict[str, Tensor]], list[Tensor]]:
    """Losses of some steps on windows that change, with and without penalty and silence batch; and the
    weights after them."""
    torch.manual_seed(0)
    config = settings(name, losses__penalty_every=2, training__average=0.9)
    training, losses = BenchmarkTraining(config, CPU), []
    random = torch.Generator().manual_seed(1)
    for step in range(STEPS):
        batch = training.batch
        new = torch.rand(batch.real.shape, generator=random) * 2 - 1
        silence = (
            SilenceBatch(batch.features[:1], batch.noise[:1], None)
            if name == "quick" and step % 4 == 0
            else None
        )
        batch = batch._replace(real=new, state=training.state.lanes, silence=silence)
        losses.append(training_step(training.state, batch, config, training.perceptual, graph_step))
    modules = training.state.modules.values()
    return losses, [each.detach().clone() for module in modules for each in module.parameters()]


@cache
def computed(name: str) -> tuple[list[dict[str, Tensor]], list[Tensor]]:
    """The same, launch by launch."""
    return run(name, None)


@pytest.mark.parametrize("name", ["paper", "quick"])
def test_recorded_steps_are_the_steps(name: str) -> None:
    recorder = Again()
    graph_step = CudaGraphStep(recorder)
    torch.testing.assert_close(run(name, graph_step), computed(name), rtol=0, atol=0)
    assert 2 <= recorder.recorded < len(graph_step.kinds)  # the first step remembers nothing, and comes once


def test_what_cannot_be_recorded_is_computed_and_said_once() -> None:
    with pytest.warns(UserWarning, match="could not be recorded") as said:
        results = run("paper", CudaGraphStep(Refusing()))
    assert len(said) == 1
    torch.testing.assert_close(results, computed("paper"), rtol=0, atol=0)
