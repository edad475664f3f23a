"""The rectifier of all networks."""

import torch.nn.functional as F
from torch import Tensor

SLOPE = 0.2
"""Slope of every leaky rectifier below zero."""


def leaky(x: Tensor) -> Tensor:
    """Returns the leaky rectifier of x."""
    return F.leaky_relu(x, SLOPE)
