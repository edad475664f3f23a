"""The training step: the only place where weights change."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from listen_and_move.config import Config
from listen_and_move.distribution.processes import ALONE, Processes
from listen_and_move.losses.adversarial import feature_matching
from listen_and_move.losses.perceptual import PerceptualLoss
from listen_and_move.losses.reconstruction import change_l1, multiscale_l1, stillness_loss, total_variation
from listen_and_move.models.generator import Network, NetworkState
from listen_and_move.models.recurrent import detached, mapped
from listen_and_move.precision import autocast_bfloat16
from listen_and_move.training.adversary import OutputPair
from listen_and_move.training.batches import Batch, SilenceBatch
from listen_and_move.training.cuda_graphs import CudaGraphStep
from listen_and_move.training.randomness import StepNoise, draw_step_noise
from listen_and_move.training.state import STORED_NAMES, TrainingState

Losses = dict[str, Tensor]


class StepInputs(NamedTuple):
    """All tensors that a step computes from, beside the weights."""

    batch: Batch
    noise: StepNoise | None
    """None without adversaries."""
    ema_rate: Float[Tensor, ""] | None
    """How far the EMA moves towards the network, 0 to 1; None without EMA."""


def training_step(
    state: TrainingState,
    batch: Batch,
    config: Config,
    perceptual: PerceptualLoss | None = None,
    graph_step: CudaGraphStep | None = None,
    processes: Processes = ALONE,
) -> Losses:
    """Trains both discriminators and then the generator on one batch.

    Args:
        state: weights, optimisers and EMA, which change; the random generator, which is drawn from.
        batch: the windows.
        config: the run's settings.
        perceptual: the perceptual loss; needed where its weight is above 0.
        graph_step: what records the steps of the run as CUDA graphs, always the same one; None: no recording.
        processes: that train the run; each has the same state and batch, and computes its own lanes.

    Returns:
        Every loss of the step by its log key, unweighted.
    """
    device, weights = batch.real.device, config.losses
    penalise = weights.penalty > 0 and state.step % weights.penalty_every == 0
    noise = (
        draw_step_noise(config, batch.real, penalise, state.random) if weights.adversarial_weight else None
    )
    if processes.count > 1:
        batch, noise = batch.of_rows(processes.rows), noise and noise.of_rows(processes.rows)
    inputs = StepInputs(batch, noise, _ema_rate(state, config, device))

    def compute(inputs: StepInputs) -> tuple[Losses, NetworkState]:
        with autocast_bfloat16(device, config.training.speed == "fast"):
            return _compute(state, inputs, penalise, config, perceptual, processes)

    losses, lanes = compute(inputs) if graph_step is None else graph_step(penalise, compute, inputs)
    state.lanes = mapped(processes.all_rows, lanes)
    state.step += 1
    return processes.mean(losses)


def _compute(
    state: TrainingState,
    inputs: StepInputs,
    penalise: bool,
    config: Config,
    perceptual: PerceptualLoss | None,
    processes: Processes,
) -> tuple[Losses, NetworkState]:
    """Computes the step: the discriminators' updates, the generator's update, the EMA.

    A CUDA graph may replay it: whatever changes from step to step is in ``inputs`` or in the weights.

    Returns:
        Losses by log key, unweighted; and the network's state after the windows.
    """
    batch, noise, ema_rate = inputs
    weights, real, losses = config.losses, batch.real, Losses()
    fake, lanes = state.network(
        batch.features, batch.noise, batch.state, batch.pixel_noise, batch.memory_mask
    )

    # The discriminators go first: the generator then meets the newest scores of the same windows.
    outputs: dict[str, OutputPair] = {}
    if noise is not None:
        views = {each.name: each.view(real, noise) for each in state.adversaries}
        for each in state.adversaries:
            each.discriminator.requires_grad_(True)
            loss, found = each.discriminator_loss(real, views[each.name], fake.detach(), noise, penalise)
            each.optimizer.zero_grad()
            processes.backward(loss, each.optimizer.parameters)
            each.optimizer.step()
            each.discriminator.requires_grad_(False)  # the generator's backward needs none of its gradients
            losses |= {f"{STORED_NAMES[each.name]}/{name}": term for name, term in found.items()}
        outputs = {each.name: each.outputs(views[each.name], fake, noise) for each in state.adversaries}

    video, image = state.adversaries
    terms: dict[str, tuple[float, Callable[[], Tensor]]] = {
        "generator/video": (weights.adversarial_weight, lambda: video.generator_loss(outputs["video"])),
        "generator/image": (weights.adversarial_weight, lambda: image.generator_loss(outputs["image"])),
        "generator/feature_matching": (weights.feature_matching, lambda: _matching(outputs.values())),
        "generator/perceptual": (weights.perceptual, lambda: _perceptual(perceptual, fake, real)),
        "generator/l1": (
            weights.l1,
            lambda: multiscale_l1(fake, real, weights.l1_scales, batch.pixel_weight),
        ),
        "generator/difference": (weights.difference, lambda: change_l1(fake, real)),
        "generator/total_variation": (weights.total_variation, lambda: total_variation(fake)),
        "generator/rest": (
            weights.rest if batch.silence else 0.0,
            lambda: _stillness(state.network, batch.silence, processes),
        ),
    }
    generator = {name: (weight, term()) for name, (weight, term) in terms.items() if weight}
    loss = sum((weight * term for weight, term in generator.values()), fake.new_zeros(()))
    state.optimizer.zero_grad()
    processes.backward(loss, state.optimizer.parameters)
    state.optimizer.step()
    losses |= {name: term for name, (_, term) in generator.items()}

    if state.ema is not None and ema_rate is not None:
        update_ema(state.ema, state.network, ema_rate)
    return {name: term.detach() for name, term in losses.items()}, detached(lanes)


def _matching(outputs: Iterable[OutputPair]) -> Tensor:
    """Computes the feature matching loss, the mean of the adversaries."""
    return torch.stack(
        [feature_matching(real.activations, fake.activations) for real, fake in outputs]
    ).mean()


def _perceptual(perceptual: PerceptualLoss | None, fake: Tensor, real: Tensor) -> Tensor:
    """Computes the perceptual loss, whose network has to be there where its weight is above 0."""
    assert perceptual is not None
    return perceptual(fake, real)


def _stillness(network: Network, silence: SilenceBatch | None, processes: Processes) -> Tensor:
    """Computes the stillness loss: how much the picture changes while the network hears room tone."""
    assert silence is not None
    with processes.apart(network):
        return stillness_loss(network(*silence)[0])


def _ema_rate(state: TrainingState, config: Config, device: torch.device) -> Float[Tensor, ""] | None:
    """Returns how far the EMA moves in the next step; None without EMA.

    The first steps move it further than the settings say: an EMA of random weights would take hundreds of
    steps to forget them.
    """
    if state.ema is None:
        return None
    decay = min(config.training.average, (2 + state.step) / (11 + state.step))
    return torch.tensor(1 - decay).to(device, non_blocking=True)


@torch.no_grad()
def update_ema(ema: nn.Module, network: nn.Module, rate: Float[Tensor, ""]) -> None:
    """Moves the EMA of the weights towards the network's weights.

    Args:
        ema: changed in place.
        network: of the same form.
        rate: share of the way, 0 to 1.
    """
    for kept, current in zip(ema.parameters(), network.parameters(), strict=True):
        kept.lerp_(current, rate)
    # Buffers are statistics or memory, of which a mean over steps would fit no state of the network.
    for kept, current in zip(ema.buffers(), network.buffers(), strict=True):
        kept.copy_(current)
