"""The random numbers of a step beside those of its batch, drawn before the step.

The step itself draws nothing, so that a CUDA graph can replay it and a test can repeat it.

Letters: B windows, T frames, H height, W width.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from listen_and_move.config import Config
from listen_and_move.losses.adversarial import ADVERSARIAL
from listen_and_move.models.recurrent import mapped
from listen_and_move.training.augment import Augmentation, draw_augmentation

Interpolation = Float[Tensor, " B"] | None
"""Where between the real and the fake window a penalty is taken, in [0, 1); None for penalties that need no
such point."""


class StepNoise(NamedTuple):
    """The random numbers of one step."""

    frame: Int[Tensor, " 1"]
    """Number of the frame of every window that the image discriminator sees."""
    augmentation: Augmentation | None
    """Of what the discriminators see, the same for real and generated windows; None without augmentation."""
    order: Int[Tensor, " T"]
    """Frame numbers of the shuffled window."""
    interpolations: dict[str, tuple[Interpolation, ...]]
    """Of each adversary's penalties, by the adversary's name: one for each kind of fake."""

    def of_rows(self, rows: slice) -> "StepNoise":
        """Returns the numbers of some windows.

        Args:
            rows: numbers of the windows.
        """
        augmentation = None if self.augmentation is None else self.augmentation.of_rows(rows)
        interpolations = mapped(lambda each: each[rows], self.interpolations)
        return self._replace(augmentation=augmentation, interpolations=interpolations)


def draw_step_noise(
    config: Config, real: Float[Tensor, "B T 3 H W"], penalise: bool, random: torch.Generator
) -> StepNoise:
    """Draws the random numbers of one step.

    Args:
        config: the run's settings.
        real: the windows of the step, for their shape and device.
        penalise: whether the step has a gradient penalty.
        random: on the CPU, so that every device trains with the same numbers.

    Returns:
        The numbers, on the windows' device.
    """
    windows, frames, _, height, width = real.shape
    frame = torch.randint(frames, (1,), generator=random)
    # A generator of its own for the augmentation: to switch it on or off changes no other random number.
    seed = int(torch.randint(2**62, (1,), generator=random))
    augmentation = (
        draw_augmentation(windows, height, width, torch.Generator().manual_seed(seed))
        if config.critics.augment
        else None
    )
    order = torch.randperm(frames, generator=random)
    between = penalise and ADVERSARIAL[config.losses.adversarial].interpolates
    interpolations = {
        name: tuple(torch.rand(windows, generator=random) if between else None for _ in range(fakes))
        for name, fakes in (("video", 2 if config.losses.shuffled else 1), ("image", 1))
    }
    noise = StepNoise(frame, augmentation, order, interpolations)
    return mapped(lambda each: each.to(real.device, non_blocking=True), noise)
