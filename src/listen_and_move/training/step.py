"""The training step: the only place where weights change."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.optim import Optimizer

from listen_and_move.config import Config, LossConfig
from listen_and_move.losses.adversarial import ADVERSARIAL, feature_matching
from listen_and_move.losses.perceptual import PerceptualLoss
from listen_and_move.losses.reconstruction import change_l1, multiscale_l1, still, total_variation
from listen_and_move.models.discriminators import Discriminator, Discriminators
from listen_and_move.models.generator import NetworkState, PixelNoise
from listen_and_move.models.recurrent import detached
from listen_and_move.precision import autocast_bfloat16
from listen_and_move.training.augment import augmented
from listen_and_move.training.cuda_graphs import CudaGraphStep
from listen_and_move.training.randomness import Interpolation, StepNoise, draw_step_noise
from listen_and_move.training.state import TrainingState

Window = Float[Tensor, "B T 3 H W"]
Losses = dict[str, Tensor]


class Batch(NamedTuple):
    """What one step sees: B windows of T frames."""

    real: Window
    features: Float[Tensor, "B T F"]
    noise: Float[Tensor, "B T E"]
    pixel_noise: PixelNoise | None
    state: NetworkState | None
    """What the network remembers from before each window."""
    pixel_weight: Float[Tensor, "H W"] | None
    """How much each pixel counts in the reconstruction, mean about 1."""
    memory_mask: Bool[Tensor, "B K"] | None = None
    """Remembered frames that each window may not recall: those that it shows."""
    quiet: "SilenceBatch | None" = None
    """A room in which nothing is to move, in some steps."""


class SilenceBatch(NamedTuple):
    """One window of a quiet room."""

    features: Float[Tensor, "1 T F"]
    noise: Float[Tensor, "1 T E"]
    state: NetworkState | None
    """What the network remembers after some time in it."""


class Judge(NamedTuple):
    """A critic and what it sees of a window."""

    name: str
    critic: Discriminator
    view: Callable[[Window], Tensor]
    real: Tensor
    """What it sees of the real window."""

    def score(self, window: Window) -> Tensor:
        """The critic's decisions."""
        return self.critic(self.view(window))

    def scores(self, views: Sequence[Tensor]) -> Sequence[Tensor]:
        """Its decisions on several views: at once, unless its norms would mix them."""
        at_once = [*views] if self.critic.mixes else [torch.cat([*views])]
        decided = [self.critic(view).to(view) for view in at_once]
        return decided if self.critic.mixes else decided[0].chunk(len(views))


class DiscriminatorOutput(NamedTuple):
    """What a critic makes of the generated window, and of the real one where a loss asks for it."""

    scores: Tensor
    real_scores: Tensor
    activations: list[Tensor]
    real_activations: list[Tensor]


class Inputs(NamedTuple):
    """All that a step computes from, beside the weights."""

    batch: Batch
    step_noise: StepNoise | None
    """None without critics."""
    following: Tensor | None
    """How far the average moves towards the network, from 0 to 1."""


def training_step(
    state: TrainingState,
    batch: Batch,
    config: Config,
    perceptual: PerceptualLoss | None = None,
    graph_step: CudaGraphStep | None = None,
) -> Losses:
    """One step of both critics, then of the generator, on the same windows; returns every loss, unweighted.

    ``perceptual`` is needed where its weight is above 0; ``captured``: what records the step of this run,
    always the same.
    """
    penalise = config.losses.penalty > 0 and state.step % config.losses.penalty_every == 0
    step_noise = (
        draw_step_noise(config, batch.real, penalise, state.random)
        if config.losses.adversarial_weight
        else None
    )
    inputs = Inputs(batch, step_noise, _following(state, config, batch.real.device))

    def compute(inputs: Inputs) -> tuple[Losses, NetworkState]:
        with autocast_bfloat16(inputs.batch.real.device, config.training.speed == "fast"):
            return _training_step(state, inputs, penalise, config, perceptual)

    losses, state.lanes = compute(inputs) if graph_step is None else graph_step(penalise, compute, inputs)
    state.step += 1
    return losses


def _following(state: TrainingState, config: Config, device: torch.device) -> Tensor | None:
    """Fast at the beginning, then as the settings say."""
    if state.average is None:
        return None
    kept = min(config.training.average, (2 + state.step) / (11 + state.step))
    return torch.tensor(1 - kept).to(device, non_blocking=True)


def _training_step(
    state: TrainingState, inputs: Inputs, penalise: bool, config: Config, perceptual: PerceptualLoss | None
) -> tuple[Losses, NetworkState]:
    """The losses, and what the network remembers after the windows. It reads nothing that changes but weights
    and inputs."""
    batch, step_noise, following = inputs
    weights, real = config.losses, batch.real
    fake, lanes = state.network(
        batch.features, batch.noise, batch.state, batch.pixel_noise, batch.memory_mask
    )
    video, image = _judges(state.critics, real, step_noise) if step_noise else (None, None)
    losses: Losses = {}

    if step_noise and video and image:
        fakes = {"fake": fake.detach(), "shuffled": real.index_select(1, step_noise.order)}
        strength = weights.penalty * weights.penalty_every if penalise else 0.0
        losses |= _critic_step(state, video, real, fakes, weights, strength, step_noise.video_interpolations)
        losses |= _critic_step(
            state, image, real, {"fake": fake.detach()}, weights, strength, step_noise.image_interpolations
        )

    opinions = {judge.name: _opinion(judge, fake, weights) for judge in (video, image) if judge}
    terms = {
        "generator/video": (
            weights.adversarial_weight,
            lambda: _deception(opinions["video_critic"], weights),
        ),
        "generator/image": (
            weights.adversarial_weight,
            lambda: _deception(opinions["image_critic"], weights),
        ),
        "generator/feature_matching": (weights.feature_matching, lambda: _matching(opinions.values())),
        "generator/perceptual": (weights.perceptual, lambda: _likeness(perceptual, fake, real)),
        "generator/l1": (
            weights.l1,
            lambda: multiscale_l1(fake, real, weights.l1_scales, batch.pixel_weight),
        ),
        "generator/difference": (weights.difference, lambda: change_l1(fake, real)),
        "generator/total_variation": (weights.total_variation, lambda: total_variation(fake)),
        "generator/rest": (weights.rest if batch.quiet else 0.0, lambda: _unrest(state, batch.quiet)),
    }
    generator = {name: (weight, term()) for name, (weight, term) in terms.items() if weight}
    _descend(
        state.optimizers["generator"],
        sum((weight * loss for weight, loss in generator.values()), fake.new_zeros(())),
    )
    losses |= {name: loss for name, (_, loss) in generator.items()}

    if state.average is not None and following is not None:
        _follow(state.average, state.network, following)
    return {name: loss.detach() for name, loss in losses.items()}, detached(lanes)


def _judges(critics: Discriminators, real: Window, step_noise: StepNoise) -> tuple[Judge, Judge]:
    """The video critic sees the window, the image critic one frame of it, the same of real and generated
    ones."""

    def view(window: Window) -> Window:
        return window if step_noise.change is None else augmented(window, step_noise.change)

    def still_view(window: Window) -> Tensor:
        return view(window.index_select(1, step_noise.frame))[:, 0]

    return (
        Judge("video_critic", critics.video, view, view(real)),
        Judge("image_critic", critics.image, still_view, still_view(real)),
    )


def _critic_step(
    state: TrainingState,
    judge: Judge,
    real: Window,
    fakes: dict[str, Window],
    weights: LossConfig,
    strength: float,
    interpolations: Sequence[Interpolation],
) -> Losses:
    """Real against each kind of fake, and the penalty by its strength in this step."""
    row = ADVERSARIAL[weights.adversarial]
    shares = {"fake": 1.0, "shuffled": weights.shuffled}
    fakes = {name: fake for name, fake in fakes.items() if shares[name]}
    judge.critic.requires_grad_(True)
    real_scores, *scores = judge.scores([judge.real, *map(judge.view, fakes.values())])
    losses = {name: row.critic(real_scores, score) for name, score in zip(fakes, scores, strict=True)}
    total = sum((shares[name] * loss for name, loss in losses.items()), real.new_zeros(()))
    if strength:
        with autocast_bfloat16(real.device, False):  # gradients of gradients need all their digits
            mixed = zip(fakes.items(), interpolations, strict=True)
            penalties = {
                name: row.penalty(judge.score, real, fake, interpolation)
                for (name, fake), interpolation in mixed
            }
        total = total + strength * sum(
            (shares[name] * loss for name, loss in penalties.items()), real.new_zeros(())
        )
        losses |= {f"{name}_penalty": loss for name, loss in penalties.items()}
    _descend(state.optimizers[judge.name], total)
    judge.critic.requires_grad_(False)  # the generator's step needs no gradients of the critics' weights
    return {f"{judge.name}/{name}": loss for name, loss in losses.items()}


def _opinion(judge: Judge, fake: Window, weights: LossConfig) -> DiscriminatorOutput:
    """One pass over the generated window, and one over the real window if it is needed."""
    scores, activations = judge.critic.judge(judge.view(fake))
    scores = scores.to(fake)
    if not (ADVERSARIAL[weights.adversarial].paired or weights.feature_matching):
        return DiscriminatorOutput(scores, scores, activations, activations)
    with torch.no_grad():
        real_scores, real_activations = judge.critic.judge(judge.real)
    return DiscriminatorOutput(scores, real_scores.to(fake), activations, real_activations)


def _deception(opinion: DiscriminatorOutput, weights: LossConfig) -> Tensor:
    """The generator's loss against one critic."""
    return ADVERSARIAL[weights.adversarial].generator(opinion.real_scores, opinion.scores)


def _matching(opinions: Iterable[DiscriminatorOutput]) -> Tensor:
    """How far the activations for the generated window are from those for the real one, mean of the
    critics."""
    return torch.stack(
        [feature_matching(each.real_activations, each.activations) for each in opinions]
    ).mean()


def _likeness(perceptual: PerceptualLoss | None, fake: Window, real: Window) -> Tensor:
    """How far apart the windows look."""
    assert perceptual is not None
    return perceptual(fake, real)


def _unrest(state: TrainingState, quiet: SilenceBatch | None) -> Tensor:
    """How much the picture changes in a quiet room."""
    assert quiet is not None
    return still(state.network(*quiet)[0])


def _descend(optimizer: Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, share: Tensor) -> None:
    """Weights move a little towards the network's; buffers are copied."""
    for kept, current in zip(average.parameters(), network.parameters(), strict=True):
        kept.lerp_(current, share)
    for kept, current in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(current)
