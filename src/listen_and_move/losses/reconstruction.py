"""Reconstruction losses: how far a generated window is from the real one, pixel by pixel.

Windows are (B, T, 3, H, W) in [-1, 1].
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

Window = Float[Tensor, "B T 3 H W"]


def multiscale_l1(
    fake: Window, real: Window, scales: int = 1, weight: Float[Tensor, "H W"] | None = None
) -> Tensor:
    """Returns the mean absolute difference, averaged over 1, 1/2, 1/4 ... of the size.

    Args:
        fake: generated windows.
        real: real windows.
        scales: number of sizes.
        weight: of each pixel, mean 1; None: all alike.
    """
    difference = (fake - real).flatten(0, 1)  # B T, 3, H, W
    total = difference.new_zeros(())
    for _ in range(scales):
        total = total + (difference.abs() if weight is None else difference.abs() * weight).mean()
        difference = avg_pool2d(difference, 2)
        weight = None if weight is None else avg_pool2d(weight[None], 2)[0]
    return total / scales


def change_l1(fake: Window, real: Window) -> Tensor:
    """Returns the mean absolute difference between the changes from frame to frame.

    Args:
        fake: generated windows.
        real: real windows.
    """
    return (fake.diff(dim=1) - real.diff(dim=1)).abs().mean()


def stillness_loss(fake: Window) -> Tensor:
    """Returns the mean absolute change from frame to frame: 0 for a still.

    Args:
        fake: generated windows.
    """
    return fake.diff(dim=1).abs().mean()


def total_variation(fake: Window) -> Tensor:
    """Returns the mean absolute difference of neighbouring pixels, down plus across (Rudin et al. 1992).

    Args:
        fake: generated windows.

    Returns:
        0 for pictures of one colour.
    """
    return fake.diff(dim=-2).abs().mean() + fake.diff(dim=-1).abs().mean()
