"""Input conventions of the published networks: from frames to what each was trained to see.

Shape letters: T frames, H height, W width, N pictures.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor


class Convention(NamedTuple):
    """Input convention of a network, from a picture in [0, 1].

    Minus the mean, over the spread (both RGB), then perhaps as BGR.
    """

    mean: tuple[float, float, float]
    spread: tuple[float, float, float]
    bgr: bool = False


UNIT = Convention((0, 0, 0), (1, 1, 1))
"""RGB in [0, 1]: Inception, which does the rest itself."""
SYMMETRIC = Convention((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""RGB in [-1, 1]: I3D."""
IMAGENET = Convention((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet: torchvision's weights, and LPIPS, whose shift -0.030, -0.088,
-0.188 and scale 0.458, 0.448, 0.450 for pictures in [-1, 1] are the same numbers."""
CAFFE = Convention((123 / 255, 117 / 255, 104 / 255), (1 / 255, 1 / 255, 1 / 255), bgr=True)
"""BGR in 0..255 minus 104, 117, 123: weights of Caffe origin."""


def normalised(pictures: Float[Tensor, "N 3 H W"], convention: Convention) -> Float[Tensor, "N 3 H W"]:
    """Returns pictures in a network's convention; gradients pass.

    Args:
        pictures: RGB in [0, 1].
        convention: the network's.
    """
    mean, spread = (  # made where the pictures are: no copy from the host
        torch.stack([pictures.new_full((1, 1), value) for value in values])
        for values in (convention.mean, convention.spread)
    )
    wanted = (pictures - mean) / spread
    return wanted.flip(1) if convention.bgr else wanted


def network_input(
    video: NDArray[Any], convention: Convention, device: torch.device | str = "cpu"
) -> Float[Tensor, "T 3 H W"]:
    """Returns a video as a batch of pictures in a network's convention.

    Args:
        video: uint8 (T, H, W, 3), RGB.
        convention: the network's.
        device: where the batch shall be.

    Raises:
        ValueError: not of that shape or type.
    """
    if video.dtype != np.uint8 or video.ndim != 4 or video.shape[-1] != 3:
        raise ValueError(f"video: expected uint8 of shape (T, H, W, 3); got {video.dtype} {video.shape}")
    pictures = torch.from_numpy(np.ascontiguousarray(video)).to(device).permute(0, 3, 1, 2)
    return normalised(pictures.float() / 255, convention)
