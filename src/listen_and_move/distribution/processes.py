"""Several processes that train one run: each computes some lanes, and all have the same weights.

`torchrun` starts them. Gradients are summed after each backward pass by hand: penalties need second
derivatives, which PyTorch's wrapper of a distributed module does not pass on.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.distributed.rendezvous import rendezvous

from listen_and_move import interrupts
from listen_and_move.distribution.launched import several_processes
from listen_and_move.errors import UserError
from listen_and_move.models.norms import BatchNorm

LONGEST_WAIT = timedelta(hours=2)
"""How long processes wait for each other: for the first one while it validates, writes samples and saves."""
LOST = re.compile("connection|peer|broken pipe|timed out|socket", re.IGNORECASE)
"""Words by which PyTorch says that another process cannot be reached, in errors of no class of their own."""

Outcome = TypeVar("Outcome")


class ToldElsewhere(Exception):
    """The training ended with an error that another of its processes tells the user."""


@dataclass(frozen=True)
class Processes:
    """The processes of a training, as one of them sees them."""

    rank: int = 0
    """Number of this process; the first, 0, is the only one that writes."""
    count: int = 1
    lanes: int = 1
    """Lanes of the training, which are shared out."""

    @property
    def first(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    @property
    def rows(self) -> slice:
        """The lanes of this process."""
        return self._rows(self.rank)

    def with_lanes(self, lanes: int) -> "Processes":
        """Returns the processes of a training with some lanes.

        Args:
            lanes: of a step.

        Raises:
            UserError: a process would have none.
        """
        if lanes < self.count:
            raise UserError(
                f"training.lanes: expected a lane for each of {self.count} processes; got {lanes}",
                f"start at most {lanes} processes, or begin a run with --training.lanes {self.count}",
            )
        return replace(self, lanes=lanes)

    def share_norms(self, modules: Iterable[nn.Module]) -> None:
        """Has batch norms take the statistics of all lanes, not only of those of this process.

        Args:
            modules: whose batch norms are changed.
        """
        if self.count > 1:
            for norm in _norms(modules):
                norm.total = _total

    @contextmanager
    def apart(self, module: nn.Module) -> Iterator[None]:
        """Within the context batch norms take their own statistics: every process computes the same there.

        Args:
            module: whose batch norms are meant.
        """
        norms = _norms([module]) if self.count > 1 else []
        for norm in norms:
            norm.total = None
        try:
            yield
        finally:
            for norm in norms:
                norm.total = _total

    def backward(self, loss: Tensor, parameters: Sequence[Tensor]) -> None:
        """Computes the gradients of a loss, the mean over all lanes.

        Args:
            loss: the mean over the lanes of this process.
            parameters: whose gradients are wanted, none of which has one.
        """
        if self.count == 1:
            loss.backward()
            return
        (loss * self._share).backward()
        gradients = [each.grad for each in parameters if each.grad is not None]
        together = torch.cat([each.flatten() for each in gradients])
        _summed(together)
        parts = together.split([each.numel() for each in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Returns losses of all lanes.

        Args:
            losses: means over the lanes of this process, by name.
        """
        if self.count == 1:
            return dict(losses)
        values = _summed(torch.stack([*losses.values()]) * self._share)
        return dict(zip(losses, values, strict=True))

    def all_rows(self, own: Tensor) -> Tensor:
        """Returns a tensor of all lanes.

        Args:
            own: the same of the lanes of this process.
        """
        if self.count == 1:
            return own
        whole = own.new_zeros(self.lanes, *own.shape[1:])
        whole[self.rows] = own
        return _summed(whole)

    def any(self, flag: bool) -> bool:
        """Returns whether a flag is set in any process."""
        return flag if self.count == 1 else bool(_summed(torch.tensor(int(flag))))

    def wait(self) -> None:
        """Waits until every process is here."""
        self.any(False)

    def text(self, text: str = "") -> str:
        """Returns a text of the first process.

        Args:
            text: of the first process; those of others are not read.
        """
        return self.contents(text.encode()).decode()

    def contents(self, contents: bytes = b"") -> bytes:
        """Returns bytes of the first process.

        Args:
            contents: of the first process; those of others are not read.
        """
        if self.count == 1:
            return contents
        length = int(_of_first(torch.tensor(len(contents))))
        sent = bytearray(contents if self.first else bytes(length))
        received = torch.frombuffer(sent, dtype=torch.uint8) if length else torch.zeros(0, dtype=torch.uint8)
        return _of_first(received).numpy().tobytes()

    @property
    def _share(self) -> float:
        """Part of the lanes that this process has."""
        rows = self.rows
        return (rows.stop - rows.start) / self.lanes

    def _rows(self, rank: int) -> slice:
        return slice(self.lanes * rank // self.count, self.lanes * (rank + 1) // self.count)


ALONE = Processes()
"""One process with all lanes."""


@contextmanager
def joined() -> Iterator[Processes]:
    """Within the context the processes that `torchrun` started know each other; without it there is one.

    An error, or an interrupt, that meets several of them is told by one.

    Raises:
        ToldElsewhere: another process tells what ended this one.
    """
    if not several_processes():
        yield ALONE
        return
    if os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"] and sys.platform == "linux":
        for library in ("GLOO", "NCCL"):  # no other machine takes part, so none is listened to
            os.environ.setdefault(f"{library}_SOCKET_IFNAME", "lo")
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    store, rank, count = next(rendezvous("env://"))
    distributed.init_process_group(backend, timeout=LONGEST_WAIT, store=store, rank=rank, world_size=count)
    try:
        yield Processes(rank, count)
    except (Exception, KeyboardInterrupt) as error:
        interrupts.ignore()  # torchrun ends the others then, this one too, which is ending
        if _another_told(store):
            raise ToldElsewhere from None
        if isinstance(error, KeyboardInterrupt) and isinstance(error.__context__, UserError):
            raise error.__context__ from None
        raise
    finally:
        distributed.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """Returns the device of this process: the one of its number, where a machine has several.

    Args:
        device: that was chosen; one with a number stays.

    Raises:
        UserError: there are fewer devices than processes here, or processes cannot add up what is on them.
    """
    if not several_processes():
        return device
    if device.type == "mps":
        raise UserError("device: expected cpu or cuda for several processes; got mps", "add --device cpu")
    if device.type != "cuda" or device.index is not None:
        return device
    number, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= count:
        raise UserError(
            f"device: expected a GPU for each process of this machine; got {count} GPUs for "
            f"{os.environ.get('LOCAL_WORLD_SIZE', number + 1)} processes",
            "start fewer processes, or add --device cpu",
        )
    return torch.device("cuda", number)


class _Total(torch.autograd.Function):
    """The sum over all processes, whose gradient is one as well, and so can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _summed(x.clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return _total(gradient)


def _total(x: Tensor) -> Tensor:
    return _Total.apply(x.contiguous())  # type: ignore[no-any-return]


def _summed(x: Tensor) -> Tensor:
    """Adds up a tensor over all processes, in place."""
    return _reached(lambda: distributed.all_reduce(x), x)


def _of_first(x: Tensor) -> Tensor:
    """Copies a tensor of the first process to all others, in place."""
    return _reached(lambda: distributed.broadcast(x, 0), x)


def _reached(call: Callable[[], object], result: Outcome) -> Outcome:
    """Returns the result after a call that needs every process.

    Raises:
        UserError: one has ended.
    """
    try:
        call()
    except RuntimeError as error:
        if not LOST.search(str(error)):
            raise
        raise UserError(
            f"training stopped: expected {os.environ['WORLD_SIZE']} processes until its end; one of them "
            "has ended or cannot be reached",
            "the same command goes on from the last save",
        ) from None
    return result


def _another_told(store: Any) -> bool:
    """Returns whether another process asked this before, which tells the user what happened."""
    try:
        return store.add("told", 1) > 1
    except RuntimeError:  # whoever keeps the store has ended
        return False


def _norms(modules: Iterable[nn.Module]) -> list[BatchNorm]:
    return [norm for module in modules for norm in module.modules() if isinstance(norm, BatchNorm)]
