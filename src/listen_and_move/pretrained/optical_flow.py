"""Optical flow of frames of any size, by RAFT-small with its published weights.

Shape letters: N pairs of pictures, H and W height and width in pixels.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.inputs import SYMMETRIC, network_input
from listen_and_move.pretrained.raft import CELL, RaftSmall

Frames = NDArray[np.uint8]
Flow = NDArray[np.float32]

SMALLEST = 128
"""Shortest side in pixels: half as much leaves one cell at the coarsest level, nothing to compare it with,
and frames of 64 pixels are then followed three times less exactly."""
ITERATIONS = 8
"""Corrections of the flow. It was trained with 12; on real frames of 64 and 128 pixels, moved by known ways,
the mean error is 0.05 and 0.11 px after 8, after 12 and 24 hardly less (0.04, 0.10), after 4 half as much
again; each is 8 % of the work."""
PAIRS_AT_ONCE = 8
"""More pairs take more memory and are not faster."""
SIMILARITIES_AT_ONCE = 2**26
"""A quarter of a gigabyte: large frames go in fewer pairs, since their similarities grow with the fourth
power of a side."""


class FlowNetwork:
    """RAFT-small for frames of any size.

    Args:
        network: with its weights; it computes where they are.
    """

    def __init__(self, network: RaftSmall) -> None:
        self.network = network.eval()

    @classmethod
    def load(cls, device: str | torch.device = "cpu") -> "FlowNetwork":
        """Returns the network with the published weights, `raft-small` among `weights`.

        Args:
            device: where it shall compute.

        Raises:
            UserError: the file is not there, or is another.
        """
        network = RaftSmall()
        network.load_state_dict(weights.tensors("raft-small"))
        return cls(network.to(device))

    @torch.inference_mode()
    def flow(self, first: Frames, second: Frames, iterations: int = ITERATIONS) -> Flow:
        """Returns where each pixel of a frame is in another one.

        Args:
            first: uint8 (N, H, W, 3), of any size. Frames with a side below 128 pixels are enlarged to it.
            second: the same shape.
            iterations: corrections of the flow, from 1.

        Returns:
            float32 (N, 2, H, W) in pixels of these frames, x (to the right) first, then y (down): what is at
                p in the first frame is at p + flow(p) in the second.

        Raises:
            ValueError: the shapes differ, or the frames are not uint8 (N, H, W, 3).
        """
        if first.shape != second.shape:
            raise ValueError(
                f"flow: expected two videos of one shape (N, H, W, 3); got {first.shape} and {second.shape}"
            )
        fitting = _Fitting(*first.shape[1:3])
        device = next(self.network.parameters()).device
        flow = np.empty((len(first), 2, *first.shape[1:3]), np.float32)
        at_once = max(1, min(PAIRS_AT_ONCE, SIMILARITIES_AT_ONCE // fitting.cells**2))
        for start in range(0, len(first), at_once):
            pairs = slice(start, start + at_once)
            pictures = [
                fitting.pictures(network_input(frames[pairs], SYMMETRIC, device))
                for frames in (first, second)
            ]
            flow[pairs] = fitting.flow(self.network(*pictures, iterations)).cpu().numpy()
        return flow


class _Fitting:
    """Fitting of frames of any size to the pictures that the network takes, and of its flow back to them.

    Both sides are enlarged by one factor, so that shapes stay as they are; then the edges are repeated on all
    sides up to a multiple of 8.
    """

    def __init__(self, height: int, width: int) -> None:
        self.size = height, width
        factor = max(1.0, SMALLEST / min(height, width))
        self.enlarged = tall, wide = round(factor * height), round(factor * width)
        top, left = -tall % CELL // 2, -wide % CELL // 2
        self.padding = left, -wide % CELL - left, top, -tall % CELL - top
        self.cells = -(-tall // CELL) * -(-wide // CELL)

    def pictures(self, pictures: Float[Tensor, "N 3 height width"]) -> Float[Tensor, "N 3 H W"]:
        """Pictures of the frames' size, enlarged and padded."""
        return F.pad(_resized(pictures, self.enlarged), self.padding, mode="replicate")

    def flow(self, flow: Float[Tensor, "N 2 H W"]) -> Float[Tensor, "N 2 height width"]:
        """Flow of the padded pictures, cut and shrunk to the frames' size, in their pixels."""
        left, _, top, _ = self.padding
        inner = flow[:, :, top : top + self.enlarged[0], left : left + self.enlarged[1]]
        scale = flow.new_tensor([self.size[1] / self.enlarged[1], self.size[0] / self.enlarged[0]])
        return _resized(inner, self.size) * scale[:, None, None]


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return x if x.shape[2:] == size else F.interpolate(x, size=size, mode="bilinear")
