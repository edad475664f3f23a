"""Networks filled with the same numbers wherever they are built, and the figures by which two are compared.

Neither the names of weights nor torch's random numbers play a part: weights are filled in their order.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PLACES = {
    "alexnet": (1, 4, 7, 9, 11),
    "vgg16": (3, 8, 15, 22, 29),
    "squeezenet": (1, 4, 7, 9, 10, 11, 12),
}
"""Places in ``features`` of the layers whose outputs are compared."""
CORRECTIONS = 3
"""Of the flow."""
SHOWN = 12
"""Values of each output that are compared one by one."""


def fill(network: nn.Module) -> nn.Module:
    """Fills a network, by the order of its weights: products keep their size (He et al. 2015), and norms are
    near the identity.
    """
    filled = {}
    for number, (name, tensor) in enumerate(_numbers(network)):
        random = np.random.Generator(np.random.PCG64(number))
        values = random.standard_normal(tuple(tensor.shape))
        if tensor.ndim > 1:
            values *= (2 / tensor[0].numel()) ** 0.5
        elif name.endswith("running_var") or (name.endswith("weight") and tensor.ndim == 1):
            values = 1 + 0.2 * np.tanh(values)
        else:
            values *= 0.1
        filled[name] = torch.from_numpy(values.astype(np.float32))
    network.load_state_dict(filled, strict=False)
    return network.eval().requires_grad_(False)


def _numbers(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            yield name, tensor


def shapes(network: nn.Module) -> list[list[int]]:
    """Of all weights, in their order."""
    return [list(tensor.shape) for _, tensor in _numbers(network)]


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """A picture in [-1, 1], smooth enough that a flow can be followed: float32 (1, 3, height, width)."""
    coarse = np.random.Generator(np.random.PCG64(1000 + seed)).uniform(-1, 1, (1, 3, height // 8, width // 8))
    fine = torch.from_numpy(coarse.astype(np.float32))
    return nn.functional.interpolate(fine, size=(height, width), mode="bilinear", align_corners=True)


def figures(output: Tensor) -> dict[str, Any]:
    """Few numbers that tell one output from another."""
    values = output.double().flatten()
    chosen = values[torch.linspace(0, len(values) - 1, SHOWN).long()]
    return {
        "shape": list(output.shape),
        "mean": values.mean().item(),
        "size": values.square().mean().sqrt().item(),
        "values": chosen.tolist(),
    }
