"""Adversaries: each a discriminator with its optimiser, its view of a window, its losses and its penalty.

The video adversary judges whole windows, the image adversary one frame of each.

Letters: B windows, T frames, H height, W width.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.config import LossConfig
from listen_and_move.losses.adversarial import ADVERSARIAL
from listen_and_move.models.adam import Adam
from listen_and_move.models.discriminators import Discriminator, DiscriminatorOutput
from listen_and_move.precision import autocast_bfloat16
from listen_and_move.training.augment import augmented
from listen_and_move.training.randomness import StepNoise

Window = Float[Tensor, "B T 3 H W"]


class OutputPair(NamedTuple):
    """A discriminator's outputs for the real and for the generated windows."""

    real: DiscriminatorOutput
    fake: DiscriminatorOutput


class Adversary:
    """A discriminator with its optimiser and its losses."""

    def __init__(self, discriminator: Discriminator, optimizer: Adam, losses: LossConfig) -> None:
        """Joins what trains one discriminator.

        Args:
            discriminator: of windows or of single frames.
            optimizer: of the discriminator's parameters.
            losses: the run's settings; the adversarial ones count here.
        """
        self.discriminator, self.optimizer, self.losses = discriminator, optimizer, losses
        self.functions = ADVERSARIAL[losses.adversarial]
        self.weights = {"fake": 1.0}
        """Weight of each kind of fake. Shuffled frames are a fake in motion alone, so that the video
        adversary cannot decide by the frames and has to look at their order."""
        if discriminator.video and losses.shuffled:
            self.weights["shuffled"] = losses.shuffled

    @property
    def name(self) -> Literal["image", "video"]:
        """The name in code; `training.state.STORED_NAMES` has the name in files."""
        return "video" if self.discriminator.video else "image"

    def view(self, window: Window, noise: StepNoise) -> Tensor:
        """Returns what the discriminator sees of some windows, real and generated ones alike.

        Args:
            window: (B, T, 3, H, W) in [-1, 1].
            noise: the step's draw: which frame of a window, and the augmentation.

        Returns:
            (B, T, 3, H, W) for the video adversary, (B, 3, H, W) for the image adversary.
        """
        seen = window if self.discriminator.video else window.index_select(1, noise.frame)
        seen = seen if noise.augmentation is None else augmented(seen, noise.augmentation)
        return seen if self.discriminator.video else seen[:, 0]

    def discriminator_loss(
        self, real: Window, real_view: Tensor, fake: Window, noise: StepNoise, penalise: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Computes the loss of the discriminator: real windows against each kind of fake, and the penalty.

        Args:
            real: (B, T, 3, H, W) in [-1, 1].
            real_view: the `view` of the real windows.
            fake: the generated windows, detached from the generator.
            noise: the step's draw.
            penalise: whether the step has a gradient penalty.

        Returns:
            The weighted sum, and its terms by name, unweighted.
        """
        fakes = {"fake": fake}
        if "shuffled" in self.weights:
            fakes["shuffled"] = real.index_select(1, noise.order)
        views = [real_view, *(self.view(each, noise) for each in fakes.values())]
        real_scores, *scores = self._scores(views)
        found = {
            name: self.functions.discriminator(real_scores, score)
            for name, score in zip(fakes, scores, strict=True)
        }
        total = self._weighted(found)
        if not penalise:
            return total, found
        penalties = self._penalties(real, fakes, noise)
        # A penalty in every n-th step is n times as strong, so that the mean over steps stays (lazy
        # regularisation, Karras et al. 2020).
        total = total + self.losses.penalty * self.losses.penalty_every * self._weighted(penalties)
        return total, found | {f"{name}_penalty": penalty for name, penalty in penalties.items()}

    def outputs(self, real_view: Tensor, fake: Window, noise: StepNoise) -> OutputPair:
        """Computes what the generator's losses need: gradients reach the generated windows alone.

        Args:
            real_view: the `view` of the real windows.
            fake: (B, T, 3, H, W), attached to the generator.
            noise: the step's draw.
        """
        of_fake = self._output(self.view(fake, noise))
        if not (self.functions.paired or self.losses.feature_matching):
            return OutputPair(of_fake, of_fake)  # no loss looks at the real side: a forward pass less
        with torch.no_grad():
            return OutputPair(self._output(real_view), of_fake)

    def generator_loss(self, outputs: OutputPair) -> Tensor:
        """Computes the generator's loss against the discriminator, unweighted.

        Args:
            outputs: as of the method ``outputs``.
        """
        return self.functions.generator(outputs.real.scores, outputs.fake.scores)

    def _output(self, view: Tensor) -> DiscriminatorOutput:
        output = self.discriminator.output(view)
        return output._replace(scores=output.scores.to(view))  # losses are computed in float32

    def _scores(self, views: Sequence[Tensor]) -> Sequence[Tensor]:
        """Scores several views: in one batch, unless batch norm would mix real and fake statistics."""
        if self.discriminator.depends_on_batch:
            return [self.discriminator(view).to(view) for view in views]
        return self.discriminator(torch.cat([*views])).to(views[0]).chunk(len(views))

    def _penalties(
        self, real: Window, fakes: Mapping[str, Window], noise: StepNoise
    ) -> dict[str, Float[Tensor, ""]]:
        """Computes the gradient penalty of each kind of fake, unweighted.

        The gradient is that of the scores with respect to the windows, through the view.
        """
        with autocast_bfloat16(real.device, False):  # gradients of gradients need all their digits
            return {
                name: self.functions.penalty(
                    lambda window: self.discriminator(self.view(window, noise)), real, fake, interpolation
                )
                for (name, fake), interpolation in zip(
                    fakes.items(), noise.interpolations[self.name], strict=True
                )
            }

    def _weighted(self, terms: Mapping[str, Tensor]) -> Tensor:
        total = next(iter(terms.values())).new_zeros(())
        return sum((self.weights[name] * term for name, term in terms.items()), total)


class Adversaries(NamedTuple):
    """Both adversaries, in the order in which a step trains them."""

    video: Adversary
    image: Adversary
