"""What a computation costs, counted: the same on every machine, so a test can hold it."""

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


class Counts(NamedTuple):
    """Of one call."""

    flops: int
    """Of convolutions and matrix products; a multiplication and an addition are two."""
    launches: int
    """Operations that compute something: on a GPU a kernel each, or a few."""
    allocations: int
    """New pieces of memory for results."""
    peak: int = 0
    """Bytes of all results that were there at the same time, at most; without weights and what was there
    before."""


def counted(call: Callable[[], Any]) -> Counts:
    """Call once and count; on the meta device nothing is computed."""
    counter = _Counter()
    with counter:
        call()
    return Counts(counter.flops, counter.launches, counter.allocations, counter.peak)


class _Counter(TorchDispatchMode):
    """An operation whose results are all views, or that only makes room, launches nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.launches = self.allocations = self.held = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (parts := _decomposed(self, func, args, kwargs or {})) is not NotImplemented:
            return parts  # without gradients, torch leaves it to us
        given = {_storage(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = func(*args, **(kwargs or {}))
        made = {
            _storage(leaf): leaf.untyped_storage() for leaf in tree_leaves(result) if isinstance(leaf, Tensor)
        }
        new = [made[key] for key in made.keys() - given]
        self.allocations += len(new)
        for storage in new:
            self._hold(storage.nbytes())
            weakref.finalize(storage, self._hold, -storage.nbytes())
        if func._overloadpacket in flop_registry:
            self.flops += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=result)
        self.launches += (
            not func.is_view and "empty" not in func.name() and (bool(new) or func._schema.is_mutable)
        )
        return result

    def _hold(self, size: int) -> None:
        self.held += size
        self.peak = max(self.peak, self.held)


def _decomposed(mode: TorchDispatchMode, func: Any, args: Any, kwargs: Any) -> Any:
    if func._overloadpacket in flop_registry:
        return NotImplemented
    with mode:
        return func.decompose(*args, **kwargs)


def _storage(tensor: Tensor) -> int:
    return torch.UntypedStorage._cdata.__get__(tensor.untyped_storage())  # type: ignore[attr-defined]
