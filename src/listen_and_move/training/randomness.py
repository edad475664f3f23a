"""All that is random in a step beside its batch, drawn before it: the step itself computes the same from the
same tensors."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from listen_and_move.config import Config
from listen_and_move.losses.adversarial import ADVERSARIAL
from listen_and_move.models.recurrent import mapped
from listen_and_move.training.augment import Change, drawn_change

Interpolation = Float[Tensor, " B"] | None
"""Where between the real and the generated sample the penalty is taken, in [0, 1); None where it is not."""


class StepNoise(NamedTuple):
    """One draw."""

    frame: Int[Tensor, " 1"]
    """Which one of each window the image critic sees."""
    change: Change | None
    """Of what the critics see, real and generated alike; None without augmentation."""
    order: Int[Tensor, " T"]
    """Of the shuffled window."""
    video_interpolations: tuple[Interpolation, ...]
    """Of the video critic's penalties: of the generated window, and of the shuffled one if it counts."""
    image_interpolations: tuple[Interpolation, ...]


def draw_step_noise(
    config: Config, real: Float[Tensor, "B T 3 H W"], penalise: bool, random: torch.Generator
) -> StepNoise:
    """Drawn on the CPU, brought to where the windows are."""
    lanes, frames, _, height, width = real.shape
    frame = torch.randint(frames, (1,), generator=random)
    seed = int(torch.randint(2**62, (1,), generator=random))
    change = (
        drawn_change(lanes, height, width, torch.Generator().manual_seed(seed))
        if config.critics.augment
        else None
    )
    order = torch.randperm(frames, generator=random)
    between = penalise and ADVERSARIAL[config.losses.adversarial].interpolates
    video, image = (
        tuple(torch.rand(lanes, generator=random) if between else None for _ in range(count))
        for count in (2 if config.losses.shuffled else 1, 1)
    )
    return mapped(
        lambda each: each.to(real.device, non_blocking=True), StepNoise(frame, change, order, video, image)
    )
