"""The model file: generator, settings and feature statistics in one safetensors file that runs no code when
opened.

Equal models are equal files: the one metadata entry holds no time and no path.
"""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from listen_and_move.audio.features import Statistics
from listen_and_move.audio.novelty import Repertoire
from listen_and_move.config import ModelConfig
from listen_and_move.errors import SettingError, UserError
from listen_and_move.media.replacing import replacing
from listen_and_move.models.build import build_network
from listen_and_move.models.generator import Network
from listen_and_move.models.kept_frames import KeptFrames, kept_frames, write_with_frames
from listen_and_move.models.packets import PACKETS
from listen_and_move.settings import from_values, to_values

FORMAT = 1
"""Raised when older versions could no longer read the file."""
ENTRY = "listen_and_move"
_NETWORK, _MEAN, _SPREAD = "network.", "features.mean", "features.spread"
_CHUNKS, _DISTANCE = "novelty.chunks", "novelty.distance"

NAMES_ON_DISK = {
    "generator.memory.metric_scale": "generator.recall.scale",
    "generator.memory.typical_distance": "generator.recall.reach",
    "generator.memory.keys": "generator.recall.heard",
    "generator.memory.values": "generator.recall.frames",
    "generator.reference_encoder.convolutions.": "generator.look.convolutions.",
    "generator.reference_encoder.residuals.": "generator.look.told.",
    "generator.gate.logits.": "generator.mix.share.",
}
"""Beginning of a tensor's name in code, and in files: those of version 0.1 stay, whatever code is called."""


PICKLED = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""How pickled checkpoints begin; so does a safetensors file whose header is just so long."""


class Model(NamedTuple):
    """A trained network and what belongs to it."""

    network: Network
    config: ModelConfig
    statistics: Statistics | None
    step: int
    """Training steps behind it."""
    level: float | None = None
    """Of the training sound, in dB of full scale; None: it had none, or the file was made before levels were
    kept."""
    repertoire: Repertoire | None = None
    """What the training sound was like; None: the file was made before that was kept."""
    kept: KeptFrames | None = None
    """Training frames at the size of the source, which a path shows; None: it keeps none."""


def to_disk(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns tensors of a network under their names in files."""
    return {_renamed(name, NAMES_ON_DISK): tensor for name, tensor in tensors.items()}


def from_disk(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns tensors of a file under their names in code, the inverse of `to_disk`."""
    in_code = {there: here for here, there in NAMES_ON_DISK.items()}
    return {_renamed(name, in_code): tensor for name, tensor in tensors.items()}


def _renamed(name: str, names: Mapping[str, str]) -> str:
    known = next((beginning for beginning in names if name.startswith(beginning)), None)
    return name if known is None else names[known] + name.removeprefix(known)


def save_model(path: Path, model: Model) -> None:
    """Write a model file, whole or not at all."""
    weights = to_disk(model.network.state_dict())
    tensors = {_NETWORK + name: tensor.cpu().contiguous() for name, tensor in weights.items()}
    if model.statistics is not None:
        tensors |= {_MEAN: model.statistics.mean, _SPREAD: model.statistics.spread}
    if model.repertoire is not None:
        tensors |= {_CHUNKS: model.repertoire.chunks, _DISTANCE: model.repertoire.distance}
    # No time, path or version in it: equal trainings give equal files.
    entry = {
        "format": FORMAT,
        "step": model.step,
        "level": model.level,
        "settings": to_values(model.config.model),
    }
    metadata = {ENTRY: json.dumps(entry)}
    if model.kept is None:
        write_tensors(path, tensors, metadata)
    else:
        write_with_frames(path, tensors, metadata, model.kept)


def load_model(path: Path) -> Model:
    """Read a model file; the network is in evaluation mode, on the CPU.

    Raises:
        UserError: missing, damaged, newer, pickled, something else than a model, or numbers that are not
            finite.
    """
    tensors, metadata = read_tensors(path)
    if ENTRY not in metadata:
        raise UserError(
            f"{path}: expected a model made by listen-and-move train; this safetensors file is something else"
        )
    try:
        entry = json.loads(metadata[ENTRY])
        version, step, values = entry["format"], int(entry["step"]), entry["settings"]
        level = None if entry.get("level") is None else float(entry["level"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise UserError(
            f"{path}: expected a model file; its description is damaged: copy it again or train anew"
        ) from None
    if version != FORMAT:
        raise UserError(
            f"{path}: expected model format {FORMAT}; got {version}: update listen-and-move to play it"
        )
    try:
        config = from_values(ModelConfig, values)
    except SettingError as error:
        raise UserError(f"{path}: expected a model's settings; {error}") from None
    _check_finite(path, tensors, level)
    network, kept = _network(path, config, tensors), kept_frames(path, tensors, metadata)
    return Model(network, config, _statistics(tensors), step, level, _repertoire(tensors), kept)


def read_frames_file(path: Path) -> KeptFrames:
    """Returns the frames that lie in a file of their own while a run is trained.

    Raises:
        UserError: the file is damaged or something else.
    """
    kept = kept_frames(path, *read_tensors(path))
    if kept is None:
        raise UserError(f"{path}: expected kept frames; this safetensors file is something else")
    return kept


def _check_finite(path: Path, tensors: Mapping[str, Tensor], level: float | None) -> None:
    """Refuses NaN and infinity, which would be drawn as black."""
    # By NumPy: threads of torch would wait for each other here, longer than all of it takes.
    wrong = [
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point()
        and not np.isfinite((tensor.float() if tensor.itemsize < 4 else tensor).numpy()).all()
    ]
    if wrong or not isfinite(level or 0):
        raise UserError(
            f"{path}: expected finite numbers; got NaN or infinity in {wrong[0] if wrong else 'level'}: its "
            "training went wrong, or the file is damaged",
            "train it anew with lower learning rates, or copy it again",
        )


def _network(path: Path, config: ModelConfig, tensors: dict[str, Tensor]) -> Network:
    network = build_network(config)
    weights = {
        name.removeprefix(_NETWORK): tensor for name, tensor in tensors.items() if name.startswith(_NETWORK)
    }
    try:
        network.load_state_dict(from_disk(weights))
    except RuntimeError:
        raise UserError(
            f"{path}: expected the weights that its settings describe; names or sizes differ: the file is "
            "damaged"
        ) from None
    return network.eval().requires_grad_(False)


def _statistics(tensors: dict[str, Tensor]) -> Statistics | None:
    return Statistics(tensors[_MEAN], tensors[_SPREAD]) if _MEAN in tensors and _SPREAD in tensors else None


def _repertoire(tensors: dict[str, Tensor]) -> Repertoire | None:
    return (
        Repertoire(tensors[_CHUNKS], tensors[_DISTANCE])
        if _CHUNKS in tensors and _DISTANCE in tensors
        else None
    )


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """A safetensors file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, metadata))  # save_file would make it private to its owner


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file, but for the packets of kept frames, which can be many.

    Raises:
        UserError: missing, pickled or damaged.
    """
    beginning = b""
    try:
        with Path(path).open("rb") as file:
            beginning = file.read(2)
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name != PACKETS]  # noqa: SIM118
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise UserError(f"{path}: expected a model file; there is none: check the name") from None
    except IsADirectoryError:
        raise UserError(f"{path}: expected a file; got a folder") from None
    except PermissionError:
        raise UserError(f"{path}: expected a file that can be read; permission is denied") from None
    except (SafetensorError, OSError, ValueError):
        if beginning in PICKLED:
            raise UserError(
                f"{path}: expected a safetensors file; got a pickled checkpoint, which could run code when "
                "opened: it is not opened; give the model.safetensors of a run"
            ) from None
        raise UserError(
            f"{path}: expected a safetensors file; it is damaged or something else: copy it again"
        ) from None
