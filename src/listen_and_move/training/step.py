"""The training step: the only place where weights change."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from listen_and_move.config import Config, LossConfig
from listen_and_move.losses.adversarial import ADVERSARIAL
from listen_and_move.losses.reconstruction import change_l1, multiscale_l1
from listen_and_move.models.generator import NetworkState, PixelNoise
from listen_and_move.models.recurrent import detached
from listen_and_move.training.augment import augmented
from listen_and_move.training.state import TrainingState

Window = Float[Tensor, "B T 3 H W"]
Losses = dict[str, Tensor]


class Batch(NamedTuple):
    """What one step sees: B windows of T frames."""

    real: Window
    features: Float[Tensor, "B T F"]
    motion_noise: Float[Tensor, "B T E"]
    pixel_noise: PixelNoise | None
    state: NetworkState | None
    """What the network remembers from before each window."""
    pixel_weight: Float[Tensor, "H W"] | None
    """How much each pixel counts in the reconstruction, mean about 1."""


class Judge(NamedTuple):
    """A critic and what it sees of a window."""

    name: str
    critic: nn.Module
    score: Callable[[Window], Tensor]


def training_step(state: TrainingState, batch: Batch, config: Config) -> Losses:
    """One step of both critics, then of the generator, on the same windows; returns every loss, unweighted."""
    weights, real = config.losses, batch.real
    fake, lanes = state.network(batch.features, batch.motion_noise, batch.state, batch.pixel_noise)
    video, image = _judges(state, real, config) if weights.adversarial_weight else (None, None)
    losses: Losses = {}

    if video and image:
        losses |= _critic_step(state, video, real, {"fake": fake.detach(), "shuffled": _shuffled(real, state.random)}, weights)
        losses |= _critic_step(state, image, real, {"fake": fake.detach()}, weights)

    terms = {
        "generator/video": (weights.adversarial_weight, lambda: _deception(video, real, fake, weights)),
        "generator/image": (weights.adversarial_weight, lambda: _deception(image, real, fake, weights)),
        "generator/l1": (weights.l1, lambda: multiscale_l1(fake, real, weights.l1_scales, batch.pixel_weight)),
        "generator/difference": (weights.difference, lambda: change_l1(fake, real)),
    }
    generator = {name: (weight, term()) for name, (weight, term) in terms.items() if weight}
    _descend(state.optimizers["generator"], sum((weight * loss for weight, loss in generator.values()), fake.new_zeros(())))
    losses |= {name: loss for name, (_, loss) in generator.items()}

    state.step += 1
    state.lanes = detached(lanes)
    if state.average is not None:
        _follow(state.average, state.network, min(config.training.average, (1 + state.step) / (10 + state.step)))
    return {name: loss.detach() for name, loss in losses.items()}


def _judges(state: TrainingState, real: Window, config: Config) -> tuple[Judge, Judge]:
    """The video critic sees the window, the image critic one frame of it, the same of real and generated ones."""
    frame = int(torch.randint(real.shape[1], (1,), generator=state.random))
    draw = int(torch.randint(2**62, (1,), generator=state.random))  # real and generated windows are changed alike
    critics = state.critics

    def view(window: Window) -> Window:
        return augmented(window, torch.Generator().manual_seed(draw)) if config.critics.augment else window

    return (
        Judge("video_critic", critics.video, lambda window: critics.video(view(window))),
        Judge("image_critic", critics.image, lambda window: critics.image(view(window[:, frame : frame + 1])[:, 0])),
    )


def _critic_step(state: TrainingState, judge: Judge, real: Window, fakes: dict[str, Window], weights: LossConfig) -> Losses:
    """Real against each kind of fake, and the penalty in every n-th step."""
    row = ADVERSARIAL[weights.adversarial]
    shares = {"fake": 1.0, "shuffled": weights.shuffled}
    fakes = {name: fake for name, fake in fakes.items() if shares[name]}
    judge.critic.requires_grad_(True)
    real_scores = judge.score(real)
    losses = {name: row.critic(real_scores, judge.score(fake)) for name, fake in fakes.items()}
    total = sum((shares[name] * loss for name, loss in losses.items()), real.new_zeros(()))
    if weights.penalty and state.step % weights.penalty_every == 0:
        penalties = {name: row.penalty(judge.score, real, fake, state.random) for name, fake in fakes.items()}
        strength = weights.penalty * weights.penalty_every
        total = total + strength * sum((shares[name] * loss for name, loss in penalties.items()), real.new_zeros(()))
        losses |= {f"{name}_penalty": loss for name, loss in penalties.items()}
    _descend(state.optimizers[judge.name], total)
    judge.critic.requires_grad_(False)  # the generator's step needs no gradients of the critics' weights
    return {f"{judge.name}/{name}": loss for name, loss in losses.items()}


def _deception(judge: Judge | None, real: Window, fake: Window, weights: LossConfig) -> Tensor:
    """The generator's loss against one critic."""
    assert judge is not None
    row = ADVERSARIAL[weights.adversarial]
    scores = judge.score(fake)
    with torch.no_grad():
        real_scores = judge.score(real) if row.paired else scores
    return row.generator(real_scores, scores)


def _shuffled(real: Window, random: torch.Generator) -> Window:
    """The window's frames in random order."""
    return real[:, torch.randperm(real.shape[1], generator=random)]


def _descend(optimizer: Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Weights move a little towards the network's; buffers are copied."""
    for kept, current in zip(average.parameters(), network.parameters(), strict=True):
        kept.lerp_(current, 1 - decay)
    for kept, current in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(current)
