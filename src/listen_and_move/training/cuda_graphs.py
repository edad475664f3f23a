"""CUDA graphs of training steps: a step is recorded once and replayed as one launch instead of thousands.

A recorded step reads and writes fixed memory, so inputs are copied there and results are copied away. Every
decision on the host about what is computed makes another kind of step, recorded on its own: whether the step
has penalties, a silence batch, a state before its windows.
"""

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from listen_and_move.models.recurrent import mapped

Inputs = TypeVar("Inputs")
Outcome = TypeVar("Outcome")

WARM_UP = 3
"""Steps of a kind that are computed launch by launch before one is recorded.

In them, libraries choose their kernels and allocate memory, which a recording must not do."""


@runtime_checkable
class Recorder(Protocol):
    """Records computations; tests have a recorder that needs no GPU."""

    def warm(self, call: Callable[[], Outcome]) -> Outcome:
        """Computes the call in the place of the recording, and returns its result."""
        ...

    def record(self, call: Callable[[], Outcome]) -> Callable[[], Outcome]:
        """Records the call without computing it.

        Returns:
            What computes the call again and again, each time into the same tensors.
        """
        ...


class CudaGraphs:
    """Records on a stream of its own, all graphs in one pool of memory.

    Graphs may share the pool because the results of a replay are copied away before the next one.
    """

    def __init__(self, device: torch.device) -> None:
        """Makes the stream and the pool.

        Args:
            device: a CUDA device.
        """
        self.stream, self.pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def warm(self, call: Callable[[], Outcome]) -> Outcome:
        """Computes the call on the stream that records, and returns its result."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            outcome = call()
        torch.cuda.current_stream().wait_stream(self.stream)
        return outcome

    def record(self, call: Callable[[], Outcome]) -> Callable[[], Outcome]:
        """Records the call as one graph, and returns what replays it."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            outcome = call()

        def replayed() -> Outcome:
            graph.replay()
            return outcome

        return replayed


@dataclass
class _Kind:
    """Steps that launch the same kernels on tensors of the same shapes."""

    inputs: Any
    """The tensors that a recorded step reads."""
    steps: int = 0
    """Steps computed launch by launch so far."""
    replay: Callable[[], Any] | None = None
    """Replays a recorded step; None before one is recorded."""


class CudaGraphStep:
    """Computes the steps of a run, each kind recorded after `WARM_UP` steps.

    Where a recording is refused, all steps from then on are computed launch by launch.
    """

    def __init__(self, recorder: Recorder) -> None:
        """Begins with nothing recorded.

        Args:
            recorder: what records the steps.
        """
        self.recorder, self.kinds, self.refused = recorder, dict[str, _Kind](), False

    def __call__(self, kind: Hashable, call: Callable[[Inputs], Outcome], inputs: Inputs) -> Outcome:
        """Computes one step.

        Args:
            kind: what decides on the host what is computed; the same kind always means the same call.
            call: the step, a function of its inputs and of the weights.
            inputs: tensors in tuples, lists and dicts.

        Returns:
            The result of the call, in tensors of its own.
        """
        if self.refused:
            return call(inputs)
        name = repr((kind, mapped(lambda each: (each.shape, each.dtype), inputs)))
        if name not in self.kinds:
            self.kinds[name] = _Kind(mapped(Tensor.clone, inputs))
        known = self.kinds[name]
        mapped(Tensor.copy_, known.inputs, inputs)
        if known.steps < WARM_UP:
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
