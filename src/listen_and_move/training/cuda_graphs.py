"""A step recorded once and replayed: on CUDA, thousands of launches become one.

A recorded step reads its inputs where they lay and writes its results where they were, so inputs are copied
there and results are copied away. Whatever decides on the host what is computed makes another kind of step,
recorded on its own: whether penalties are due, whether there is a quiet room, what is remembered.
"""

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from listen_and_move.models.recurrent import mapped

Inputs = TypeVar("Inputs")
Outcome = TypeVar("Outcome")

WARM = 3
"""Steps of a kind that are computed as they come before one is recorded: they choose kernels and make
room."""


class Recorder(Protocol):
    """What records a computation."""

    def warm(self, call: Callable[[], Outcome]) -> Outcome:
        """Compute it as it will be when it is recorded."""
        ...

    def record(self, call: Callable[[], Outcome]) -> Callable[[], Outcome]:
        """What computes it again and again, each time into the same tensors; to record it computes
        nothing."""
        ...


class CudaGraphs:
    """Records on a stream of its own, all in one pool of memory: results are copied away before the next
    replay."""

    def __init__(self, device: torch.device) -> None:
        self.stream, self.pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def warm(self, call: Callable[[], Outcome]) -> Outcome:
        """On the stream that records."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            outcome = call()
        torch.cuda.current_stream().wait_stream(self.stream)
        return outcome

    def record(self, call: Callable[[], Outcome]) -> Callable[[], Outcome]:
        """One graph."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            outcome = call()

        def replayed() -> Outcome:
            graph.replay()
            return outcome

        return replayed


@dataclass
class _Kind:
    """Steps that launch the same."""

    inputs: Any
    """Where its inputs lie."""
    steps: int = 0
    replay: Callable[[], Any] | None = None


class CudaGraphStep:
    """The steps of a run, each kind of them recorded after `WARM` steps; computed one by one where that is
    refused."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.kinds, self.refused = recorder, dict[str, _Kind](), False

    def __call__(self, kind: Hashable, call: Callable[[Inputs], Outcome], inputs: Inputs) -> Outcome:
        """What ``call`` makes of the inputs; the same ``kind`` always means the same call."""
        if self.refused:
            return call(inputs)
        name = repr((kind, mapped(lambda each: (each.shape, each.dtype), inputs)))
        if name not in self.kinds:
            self.kinds[name] = _Kind(mapped(Tensor.clone, inputs))
        known = self.kinds[name]
        mapped(Tensor.copy_, known.inputs, inputs)
        if known.steps < WARM:
            known.steps += 1
            return self.recorder.warm(lambda: call(known.inputs))
        if known.replay is None:
            try:
                known.replay = self.recorder.record(lambda: call(known.inputs))
            except RuntimeError as error:
                self.refused = True
                warnings.warn(
                    f"the training step could not be recorded and is computed launch by launch: {error}",
                    stacklevel=2,
                )
                return call(inputs)
        return mapped(Tensor.clone, known.replay())
