"""The training state, which holds all that changes in training.

With its checkpoint a run goes on bit for bit.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from listen_and_move.config import Config, TrainingConfig, is_step
from listen_and_move.data.windows import Positions, beginning
from listen_and_move.errors import UserError, shown
from listen_and_move.json_text import parsed
from listen_and_move.models.adam import Adam
from listen_and_move.models.build import (
    build_discriminators,
    build_network,
    outlined_discriminators,
    outlined_network,
)
from listen_and_move.models.checkpoint import from_disk, network_kinds, to_disk, write_tensors
from listen_and_move.models.generator import Network, NetworkState, PictureState
from listen_and_move.models.prediction import PredictionState
from listen_and_move.models.recurrent import MotionState
from listen_and_move.models.tensor_file import TensorFile, TensorKind, kinds_of, opened_tensors
from listen_and_move.training.adversary import Adversaries, Adversary

STORED_NAMES = {
    "network": "network",
    "ema": "average",
    "image": "image_critic",
    "video": "video_critic",
    "optimizer": "generator",
}
"""Names in checkpoints and log keys, by the names in code.

Files of version 0.1 have these names, and the same training has to write the same bytes."""
_ENTRY = "listen_and_move_training"


@dataclass
class TrainingState:
    """Weights, EMA, optimisers, recurrent states, position in the clip, random generator, number of steps."""

    step: int
    """Steps done."""
    network: Network
    optimizer: Adam
    """Optimiser of the network."""
    ema: Network | None
    """The exponential moving average of the network's weights, where the settings ask for one."""
    adversaries: Adversaries
    lanes: NetworkState | None
    """The network's state at the end of each lane's last window; None before the first step."""
    positions: Positions
    random: torch.Generator
    """The only source of random numbers, on the CPU."""

    @property
    def inference_network(self) -> Network:
        """The network to validate and to save: the EMA where there is one."""
        return self.network if self.ema is None else self.ema

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Everything with weights, by its name in checkpoints."""
        named: dict[str, nn.Module] = {STORED_NAMES["network"]: self.network}
        named |= {STORED_NAMES[each.name]: each.discriminator for each in self.adversaries}
        return named if self.ema is None else named | {STORED_NAMES["ema"]: self.ema}

    @property
    def optimizers(self) -> dict[str, Adam]:
        """All optimisers, by their names in checkpoints."""
        of_adversaries = {STORED_NAMES[each.name]: each.optimizer for each in self.adversaries}
        return {STORED_NAMES["optimizer"]: self.optimizer, **of_adversaries}


def fresh_state(config: Config, device: torch.device) -> TrainingState:
    """Returns the state before the first step.

    Args:
        config: the run's settings; their seed alone decides the weights.
        device: of weights and optimisers.
    """
    training = config.training
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network, discriminators = build_network(config), build_discriminators(config)
    network.generator.recompute = training.recompute
    network = network.to(device)
    image, video = (
        Adversary(each.to(device), _adam(each, training.critic_rate, training), config.losses)
        for each in discriminators
    )
    return TrainingState(
        step=0,
        network=network,
        optimizer=_adam(network, training.generator_rate, training),
        ema=copy.deepcopy(network).eval().requires_grad_(False) if training.average else None,
        adversaries=Adversaries(video, image),
        lanes=None,
        positions=beginning(training),
        random=torch.Generator().manual_seed(training.seed),
    )


def state_of_model(
    config: Config, device: torch.device, weights: Mapping[str, Tensor], step: int
) -> TrainingState:
    """Returns the state in which a training goes on from its model alone; all else begins anew.

    Args:
        config: the run's settings.
        device: of weights and optimisers.
        weights: of the model's network.
        step: of the model.
    """
    state = fresh_state(config, device)
    for network in (state.network, state.ema):
        if network is not None:
            network.load_state_dict(weights)
    state.step = step
    return state


def _adam(module: nn.Module, rate: float, training: TrainingConfig) -> Adam:
    """Returns the optimiser of a module that is on its device already."""
    return Adam(module.parameters(), rate, (training.beta1, training.beta2))


def save_state(path: Path, state: TrainingState) -> None:
    """Writes the checkpoint, whole or not at all.

    Args:
        path: the file; an older checkpoint there is replaced.
        state: as of now.
    """
    tensors = {"random": state.random.get_state()}
    for name, module in state.modules.items():
        tensors |= {f"{name}/{key}": value for key, value in to_disk(module.state_dict()).items()}
    for name, optimizer in state.optimizers.items():
        tensors |= {f"optimizer/{name}/{key}": value for key, value in optimizer.tensors().items()}
    if state.lanes is not None:
        tensors |= {f"lanes/{name}": tensor for name, tensor in _named(state.lanes).items()}
    entry = json.dumps({"format": 1, "step": state.step, "positions": state.positions})
    # Clones, since safetensors refuses tensors that share memory.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_tensors(path, tensors, {_ENTRY: entry})


def load_state(path: Path, config: Config, device: torch.device) -> TrainingState:
    """Reads a checkpoint.

    No tensor is read, and nothing is built, before the kinds of the tensors are known to fit the settings.

    Args:
        path: the file.
        config: the settings of the run that wrote the checkpoint.
        device: of weights and optimisers.

    Raises:
        UserError: the file is missing, damaged, or of another run.
    """
    with opened_tensors(path) as file:
        try:
            step, positions = _entry(file, config)
            _check(file, config)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}: expected the checkpoint of this run; it is damaged or of another one: {error}"
            ) from None
        tensors = file.read(file.kinds, float("inf"))  # squares of gradients may have any size
    state = fresh_state(config, device)
    state.step, state.positions = step, positions
    for name, module in state.modules.items():
        module.load_state_dict(from_disk(_below(tensors, f"{name}/")))
    for name, optimizer in state.optimizers.items():
        optimizer.load(_below(tensors, f"optimizer/{name}/"))
    state.random.set_state(tensors["random"])
    lanes = {name: tensor.to(device) for name, tensor in _below(tensors, "lanes/").items()}
    state.lanes = _network_state(lanes) if lanes else None
    return state


def _entry(file: TensorFile, config: Config) -> tuple[int, Positions]:
    """Returns the step of a checkpoint, and the positions of its lanes in the clip.

    Raises:
        ValueError: an entry is missing or wrong; KeyError, TypeError likewise.
    """
    entry = parsed(file.metadata[_ENTRY], "checkpoint")
    step, positions = entry["step"], entry["positions"]
    if not is_step(step):
        raise ValueError(f"expected a number of steps; got {shown(step)}")
    if len(positions) != config.training.lanes or not all(each == -1 or is_step(each) for each in positions):
        raise ValueError(f"expected a position of each lane; got {shown(positions)}")
    return step, tuple(positions)


def _check(file: TensorFile, config: Config) -> None:
    """Refuses a checkpoint whose tensors are not those of a training with these settings.

    Raises:
        ValueError: a tensor is missing, unknown or of another kind.
    """
    network, discriminators = outlined_network(config), outlined_discriminators(config)
    kinds = {f"{STORED_NAMES['network']}/{name}": kind for name, kind in network_kinds(config).items()}
    if config.training.average:
        kinds |= {f"{STORED_NAMES['ema']}/{name}": kind for name, kind in network_kinds(config).items()}
    kinds["random"] = kinds_of({"": torch.Generator().get_state()})[""]
    kinds |= _moment_kinds(file, STORED_NAMES["optimizer"], network)
    for name, discriminator in discriminators._asdict().items():
        weights = kinds_of(discriminator.state_dict())
        kinds |= {f"{STORED_NAMES[name]}/{key}": kind for key, kind in weights.items()}
        kinds |= _moment_kinds(file, STORED_NAMES[name], discriminator)
    if any(name.startswith("lanes/") for name in file.kinds):
        kinds |= {f"lanes/{name}": kind for name, kind in _lane_kinds(network, config).items()}
    file.check(kinds)
    if unknown := sorted(file.kinds.keys() - kinds.keys()):
        raise ValueError(f"{shown(unknown[0])} is not known")


def _moment_kinds(file: TensorFile, name: str, module: nn.Module) -> dict[str, TensorKind]:
    """Returns the kinds of tensors that a checkpoint holds of a module's optimiser.

    A weight has all its moments there, or none where it was never updated.
    """
    found: dict[str, TensorKind] = {}
    for index, weight in enumerate(module.parameters()):
        shape = tuple(weight.shape)
        shapes = {"step": (), "exp_avg": shape, "exp_avg_sq": shape}
        kinds = {f"optimizer/{name}/{index}/{key}": TensorKind("F32", each) for key, each in shapes.items()}
        found |= kinds if file.kinds.keys() & kinds.keys() else {}
    return found


@torch.no_grad()
def _lane_kinds(network: Network, config: Config) -> dict[str, TensorKind]:
    """Returns the kinds of tensors that a checkpoint holds of the recurrent state of all lanes.

    Args:
        network: without memory.
        config: its settings.
    """
    lanes, noise = config.training.lanes, sum(config.noise_sizes)
    features, noises = (torch.zeros(lanes, 1, size, device="meta") for size in (config.features.size, noise))
    return kinds_of(_named(network.eval()(features, noises)[1]))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Returns the tensors whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _named(state: NetworkState) -> dict[str, Tensor]:
    """Returns the tensors of a network's state by their names in checkpoints; `_network_state` inverts it."""
    motion, picture = state.motion, state.picture
    tensors = {f"motion/{layer}": memory for layer, memory in enumerate(motion.memory)}
    if motion.last is not None:
        tensors["last"] = motion.last
    tensors |= {f"prediction/{place}": each.hidden for place, each in enumerate(picture.prediction)}
    return tensors | {
        f"past/{block}/{place}": past
        for block, pasts in enumerate(picture.pasts)
        for place, past in enumerate(pasts)
    }


def _network_state(tensors: dict[str, Tensor]) -> NetworkState:
    """Returns the network's state of tensors named by `_named`."""
    motion, prediction = (_numbered(tensors, f"{kind}/") for kind in ("motion", "prediction"))
    blocks = len({name.partition("/")[0] for name in _below(tensors, "past/")})
    pasts = tuple(_numbered(tensors, f"past/{block}/") for block in range(blocks))
    picture = PictureState(tuple(map(PredictionState, prediction)), pasts)
    return NetworkState(MotionState(motion, tensors.get("last")), picture)


def _numbered(tensors: dict[str, Tensor], prefix: str) -> tuple[Tensor, ...]:
    return tuple(tensors[f"{prefix}{number}"] for number in range(len(_below(tensors, prefix))))
