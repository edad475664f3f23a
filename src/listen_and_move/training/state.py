"""All that changes in training. This is the checkpoint: nothing else is needed to go on exactly where it
stopped."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Adam

from listen_and_move.config import Config
from listen_and_move.data.windows import Positions, beginning
from listen_and_move.errors import UserError
from listen_and_move.models.build import Discriminators, build_discriminators, build_network
from listen_and_move.models.checkpoint import read_tensors, write_tensors
from listen_and_move.models.generator import Network, NetworkState, PictureState
from listen_and_move.models.prediction import PredictionState
from listen_and_move.models.recurrent import MotionState

_ENTRY = "listen_and_move_training"


@dataclass
class TrainingState:
    """Weights, averages, optimisers, recurrent states, position in the clip, random generator, steps done."""

    step: int
    network: Network
    average: Network | None
    """Running average of the network's weights, where one is kept."""
    critics: Discriminators
    optimizers: dict[str, Adam]
    lanes: NetworkState | None
    """What the network remembers at the end of each lane's last window."""
    positions: Positions
    random: torch.Generator
    """The only source of random numbers, on the CPU."""

    @property
    def best(self) -> Network:
        """The network to show and to share."""
        return self.network if self.average is None else self.average


def fresh_state(config: Config, device: torch.device) -> TrainingState:
    """The state before the first step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.training.seed)
        network, critics = build_network(config), build_discriminators(config)
    network.generator.recompute = config.training.recompute
    network, critics = network.to(device), Discriminators(*(critic.to(device) for critic in critics))
    return TrainingState(
        step=0,
        network=network,
        average=copy.deepcopy(network).eval().requires_grad_(False) if config.training.average else None,
        critics=critics,
        optimizers=_optimizers(network, critics, config),
        lanes=None,
        positions=beginning(config.training),
        random=torch.Generator().manual_seed(config.training.seed),
    )


def _optimizers(network: Network, critics: Discriminators, config: Config) -> dict[str, Adam]:
    training = config.training
    rates = {
        "generator": training.generator_rate,
        "image_critic": training.critic_rate,
        "video_critic": training.critic_rate,
    }
    modules = {"generator": network, "image_critic": critics.image, "video_critic": critics.video}
    betas = (training.beta1, training.beta2)
    recorded = network.generator.start.convolution.weight.is_cuda  # a CUDA graph counts steps on the device
    return {
        name: Adam(module.parameters(), lr=rates[name], betas=betas, fused=True, capturable=recorded)
        for name, module in modules.items()
    }


def save_state(path: Path, state: TrainingState) -> None:
    """Write the checkpoint, whole or not at all."""
    tensors = {"random": state.random.get_state()}
    for name, module in _modules(state).items():
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    for name, optimizer in state.optimizers.items():
        tensors |= {
            f"optimizer/{name}/{index}/{key}": value
            for index, moments in optimizer.state_dict()["state"].items()
            for key, value in moments.items()
        }
    if state.lanes is not None:
        tensors |= {f"lanes/motion/{layer}": memory for layer, memory in enumerate(state.lanes.motion.memory)}
        if state.lanes.motion.last is not None:
            tensors["lanes/last"] = state.lanes.motion.last
        picture = state.lanes.picture
        tensors |= {f"lanes/prediction/{place}": each.hidden for place, each in enumerate(picture.prediction)}
        tensors |= {
            f"lanes/past/{part}/{place}": past
            for part, pasts in enumerate(picture.pasts)
            for place, past in enumerate(pasts)
        }
    entry = json.dumps({"format": 1, "step": state.step, "positions": state.positions})
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_tensors(path, tensors, {_ENTRY: entry})


def load_state(path: Path, config: Config, device: torch.device) -> TrainingState:
    """Read a checkpoint of a run with these settings.

    Raises:
        UserError: the file is missing, damaged, or of another run.
    """
    tensors, metadata = read_tensors(path)
    state = fresh_state(config, device)
    try:
        entry = json.loads(metadata[_ENTRY])
        state.step, state.positions = int(entry["step"]), tuple(entry["positions"])
        for name, module in _modules(state).items():
            module.load_state_dict(_below(tensors, f"{name}/"))
        for name, optimizer in state.optimizers.items():
            _load_optimizer(optimizer, _below(tensors, f"optimizer/{name}/"))
        state.random.set_state(tensors["random"])
    except (KeyError, ValueError, TypeError, RuntimeError):
        raise UserError(
            f"{path}: expected the checkpoint of this run; it is damaged or of another one: start another "
            "--run"
        ) from None
    state.lanes = _lanes(_below(tensors, "lanes/"), device)
    return state


def _modules(state: TrainingState) -> dict[str, torch.nn.Module]:
    modules: dict[str, torch.nn.Module] = {
        "network": state.network,
        "image_critic": state.critics.image,
        "video_critic": state.critics.video,
    }
    return modules if state.average is None else modules | {"average": state.average}


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _load_optimizer(optimizer: Adam, tensors: dict[str, Tensor]) -> None:
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition("/")
        moments.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})


def _lanes(tensors: dict[str, Tensor], device: torch.device) -> NetworkState | None:
    if not tensors:
        return None
    tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    motion, prediction = (_numbered(tensors, f"{part}/") for part in ("motion", "prediction"))
    parts = len({name.partition("/")[0] for name in _below(tensors, "past/")})
    pasts = tuple(_numbered(tensors, f"past/{part}/") for part in range(parts))
    picture = PictureState(tuple(map(PredictionState, prediction)), pasts)
    return NetworkState(MotionState(motion, tensors.get("last")), picture)


def _numbered(tensors: dict[str, Tensor], prefix: str) -> tuple[Tensor, ...]:
    return tuple(tensors[f"{prefix}{number}"] for number in range(len(_below(tensors, prefix))))
