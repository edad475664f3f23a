"""A network plays features of a clip that are known as a whole: validation, evaluation.

Letters: N frames of the clip, T frames, F numbers per frame, K remembered frames,
H height, W width.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from listen_and_move.config import ModelConfig
from listen_and_move.models.generator import Network
from listen_and_move.models.noise import frame_noise
from listen_and_move.models.pixels import as_pixels

BLOCK = 32
"""Frames drawn at once: bounds memory, and keeps the network busy."""
WARM_UP = 64
"""Frames before the part to be played on which the state is primed."""


def played(
    network: Network,
    features: Float[Tensor, "N F"],
    frames: range,
    config: ModelConfig,
    seed: int = 0,
    memory_mask: Bool[Tensor, "1 K"] | None = None,
    earliest: int = 0,
) -> Iterator[UInt8[np.ndarray, "T H W 3"]]:
    """Yields the network's pictures for some frames of a clip, in blocks, after hearing what is before them.

    Args:
        network: draws.
        features: of the clip.
        frames: that are drawn.
        config: of the model.
        seed: of the noise.
        memory_mask: remembered frames that are not used; None: all are.
        earliest: first frame that is heard before them, such as that of their own song.
    """
    device = next(network.parameters()).device
    state, sharpness = None, torch.zeros(1, 1, 1, device=device)
    # The recurrent state at the beginning of a part is that of a sound that went on: what is older than the
    # warm-up has faded from it.
    for first in range(max(earliest, frames.start - WARM_UP), frames.stop, BLOCK):
        span = range(first, min(first + BLOCK, frames.stop))
        block_features = features[span.start : span.stop][None].to(device)
        noise, pixel_noise = frame_noise(
            span, seed, config.noise_sizes, network.generator.pixel_noise_shapes, device
        )
        with torch.no_grad():
            picture, state = network(
                block_features, noise, state, pixel_noise, memory_mask, sharpness=sharpness
            )
        pixels = as_pixels(picture[0]).cpu().numpy()
        if span.stop > frames.start:
            yield pixels[max(0, frames.start - first) :]
