"""The optimiser of every training and fit."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor


class AdamMoments(NamedTuple):
    """What Adam remembers of one parameter; the names are those in checkpoints."""

    step: Tensor
    """Steps so far, a float32 scalar on the parameter's device, where a CUDA graph counts it."""
    exp_avg: Tensor
    exp_avg_sq: Tensor


class Adam:
    """Adam (Kingma and Ba, 2015), by PyTorch's fused kernel.

    `torch.optim` takes the same kernel, but imports PyTorch's compiler first: two seconds and 100 MB, which a
    small training has no use for.
    """

    def __init__(
        self, parameters: Iterable[Tensor], rate: float, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        """Makes an optimiser that has moved nothing.

        Args:
            parameters: what is moved, in the order that checkpoints number.
            rate: the learning rate.
            betas: how much of both means a step keeps.
        """
        self.parameters, self.rate, self.betas = list(parameters), rate, betas
        self.moments: dict[int, AdamMoments] = {}
        """By number of the parameter; one that never had a gradient has none."""

    def zero_grad(self) -> None:
        """Takes all gradients away."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Moves each parameter that has a gradient."""
        moved = [number for number, each in enumerate(self.parameters) if each.grad is not None]
        for number in moved:
            if number not in self.moments:
                parameter = self.parameters[number]
                beginning = torch.zeros((), dtype=torch.float32, device=parameter.device)
                self.moments[number] = AdamMoments(
                    beginning, *(torch.zeros_like(parameter) for _ in range(2))
                )
        if not moved:
            return
        moments = [self.moments[number] for number in moved]
        torch.ops.aten._foreach_add_([each.step for each in moments], 1)
        torch.ops.aten._fused_adam_(
            [self.parameters[number] for number in moved],
            [self.parameters[number].grad for number in moved],
            [each.exp_avg for each in moments],
            [each.exp_avg_sq for each in moments],
            [],
            [each.step for each in moments],
            lr=self.rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Returns all moments by their names in checkpoints, such as `3/exp_avg`; the tensors themselves."""
        return {
            f"{number}/{key}": tensor
            for number, moments in self.moments.items()
            for key, tensor in moments._asdict().items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes the moments of a checkpoint.

        Args:
            tensors: as `tensors` names them, all three of each parameter, on any device.
        """
        numbers = {int(name.partition("/")[0]) for name in tensors}
        self.moments = {
            number: AdamMoments(
                *(
                    tensors[f"{number}/{key}"].to(self.parameters[number].device)
                    for key in AdamMoments._fields
                )
            )
            for number in numbers
        }
