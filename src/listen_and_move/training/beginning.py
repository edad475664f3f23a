"""The state that a training begins or goes on with, the same in all of its processes."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.distribution.processes import Processes
from listen_and_move.errors import Remark, UserError
from listen_and_move.models.checkpoint import Model, load_model
from listen_and_move.runs import RunFolder
from listen_and_move.training.memory_fitting import fitted_memory
from listen_and_move.training.state import (
    TrainingState,
    fresh_state,
    load_state,
    save_state,
    state_of_model,
)


def state_of_run(
    folder: RunFolder,
    clip: Clip,
    config: Config,
    device: torch.device,
    told: Callable[[int, Remark], None],
) -> TrainingState:
    """Returns the state of a run: that of its checkpoint, else that of its model, else the first one.

    Args:
        folder: of the run, which exists.
        clip: the decoded clip.
        config: the run's settings.
        device: of weights and optimisers.
        told: called with a step and a note for the user, where the run goes on from its model alone.

    Raises:
        UserError: the checkpoint is damaged or of another run.
    """
    if folder.state_file.exists() or not folder.state_file.parent.is_dir():
        try:
            return load_state(folder.state_file, config, device)
        except UserError as error:
            hint = "start another --run"
            if (model := _model_of(folder, config)) is not None:
                place = folder.state_file.parent
                hint = (
                    f"delete {place}, and the same command goes on from the model of step {model.step}: with "
                    "its weights, while optimisers and discriminators begin anew"
                )
            raise UserError(error.message, hint) from None
    if (model := _model_of(folder, config)) is None:
        return first_state(clip, config, device)
    note = f"{folder.path}: no checkpoint is there: goes on from the model of step {model.step}"
    told(model.step, Remark(note))
    return state_of_model(config, device, model.network.state_dict(), model.step)


def same_state(
    state: TrainingState | None, config: Config, device: torch.device, processes: Processes
) -> TrainingState:
    """Returns the state of the first process in all of them.

    Args:
        state: of the first process; None in others.
        config: the run's settings.
        device: of this process.
        processes: that train.
    """
    if state is not None and processes.count == 1:
        return state
    with TemporaryDirectory() as folder:
        file = Path(folder) / "state.safetensors"
        if state is not None:
            save_state(file, state)
            processes.contents(file.read_bytes())
            return state
        file.write_bytes(processes.contents())
        return load_state(file, config, device)


def _model_of(folder: RunFolder, config: Config) -> Model | None:
    """Returns the model of a run after some steps.

    None: there is none yet, or it is damaged or of other settings.
    """
    with suppress(UserError):
        model = load_model(folder.model_file)
        if model.config == config.model and model.step > 0:
            return model
    return None


def first_state(clip: Clip, config: Config, device: torch.device) -> TrainingState:
    """Returns the state before the first step, with the clip's mean frame and memory in the network."""
    state = fresh_state(config, device)
    memory = fitted_memory(clip, config) if config.generator.recall else None
    for network in (state.network, state.ema):
        if network is None:
            continue
        if network.generator.mean_frame is not None:
            network.generator.mean_frame.copy_(clip.mean_frame)
        if memory is not None and network.generator.memory is not None:
            network.generator.memory.fill(*(each.to(device) for each in memory))
    return state
