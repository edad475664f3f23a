"""The model file: generator, settings and feature statistics in one safetensors file.

It runs no code when it is opened. Equal models are equal files: the one metadata entry holds no time and no
path.
"""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from safetensors.torch import save
from torch import Tensor

from listen_and_move.audio.features import Statistics
from listen_and_move.audio.novelty import Repertoire
from listen_and_move.config import LOUDEST_DB, ModelConfig, is_step
from listen_and_move.errors import SettingError, UserError, shown
from listen_and_move.json_text import parsed
from listen_and_move.media.replacing import replacing
from listen_and_move.models.build import build_network, outlined_network
from listen_and_move.models.generator import Network
from listen_and_move.models.kept_frames import KeptFrames, kept_frames, write_with_frames
from listen_and_move.models.packets import PACKETS
from listen_and_move.models.tensor_file import TensorFile, TensorKind, kinds_of, not_finite, opened_tensors
from listen_and_move.settings import from_values, to_values

FORMAT = 1
"""Number of the format, raised when older versions could no longer read the file."""
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
"""Beginnings of tensors' names in code, and in files, where the names of version 0.1 stay."""


_SOUND = {
    _MEAN: TensorKind.of("F32 chunk"),
    _SPREAD: TensorKind.of("F32 chunk"),
    _CHUNKS: TensorKind.of("F32 chunks chunk"),
    _DISTANCE: TensorKind.of("F32"),
}
FEWEST_CHUNKS = 2
"""Fewest kept chunks of a training sound: that of silence and one of its own."""
SMALLEST = 1e-12
"""Smallest typical distance between sounds by which numbers can be divided."""
_KEYS, _VALUES, _REACH = "generator.recall.heard", "generator.recall.frames", "generator.recall.reach"


class Model(NamedTuple):
    """A trained network and what belongs to it."""

    network: Network
    config: ModelConfig
    statistics: Statistics | None
    step: int
    """Number of training steps."""
    level: float | None = None
    """Level of the training sound, in dB of full scale.

    None: it was too quiet to tell, or the file is older than levels."""
    repertoire: Repertoire | None = None
    """Chunks of the training sound; None: the file is older than repertoires."""
    kept: KeptFrames | None = None
    """Training frames at the size of the source, which a path shows; None: the model keeps none."""


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
    """Writes a model file, whole or not at all."""
    weights = to_disk(model.network.state_dict())
    tensors = {_NETWORK + name: tensor.cpu().contiguous() for name, tensor in weights.items()}
    if model.statistics is not None:
        tensors |= {_MEAN: model.statistics.mean, _SPREAD: model.statistics.spread}
    if model.repertoire is not None:
        tensors |= {_CHUNKS: model.repertoire.chunks, _DISTANCE: model.repertoire.distance}
    # The entry has no time, path or version, so that equal trainings give equal files.
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


class ModelEntry(NamedTuple):
    """The metadata entry of a model file."""

    config: ModelConfig
    step: int
    level: float | None


def read_entry(file: TensorFile) -> ModelEntry:
    """Returns the metadata entry of a model file.

    Raises:
        UserError: it is damaged, newer, or something else than a model.
    """
    name, metadata = file.name, file.metadata
    if ENTRY not in metadata:
        raise UserError(
            f"{name}: expected a model made by listen-and-move train; this safetensors file is something else"
        )
    try:
        entry = parsed(metadata[ENTRY])
        version, step, level, values = entry["format"], entry["step"], entry.get("level"), entry["settings"]
    except (SettingError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{name}: expected a model file; its description is damaged: copy it again or train anew"
        ) from None
    if version != FORMAT:
        raise UserError(
            f"{name}: expected model format {FORMAT}; got {shown(version)}: update listen-and-move to play it"
        )
    if not is_step(step):
        raise UserError(f"{name}: expected a model file with a number of steps; got {shown(step)}")
    if level is not None:
        level = _checked_level(name, level)
    try:
        return ModelEntry(from_values(ModelConfig, values), step, level)
    except SettingError as error:
        raise UserError(f"{name}: expected a model's settings; {error}") from None


def _checked_level(name: str, level: object) -> float:
    if isinstance(level, float) and not isfinite(level):
        raise not_finite(name, "level")
    if type(level) not in (int, float) or not abs(level) <= LOUDEST_DB:  # type: ignore[arg-type]
        raise UserError(f"{name}: expected the level of its sound in dB of full scale; got {shown(level)}")
    return float(level)  # type: ignore[arg-type]


def load_model(path: Path) -> Model:
    """Reads a model file; the network is in evaluation mode, on the CPU.

    No tensor is read, and no network is made, before the kinds of the tensors are known to fit the settings.

    Raises:
        UserError: missing, damaged, newer, pickled, something else than a model, or numbers that are not
            finite.
    """
    with opened_tensors(Path(path)) as file:
        config, step, level = read_entry(file)
        weights = {_NETWORK + name: kind for name, kind in network_kinds(config).items()}
        unknown = [name for name in file.kinds if name.startswith(_NETWORK) and name not in weights]
        try:
            if unknown:
                raise ValueError(f"{shown(unknown[0])} is not known")
            file.check(weights)
        except ValueError as error:
            raise UserError(
                f"{path}: expected the weights that its settings describe; names or sizes differ: {error}: "
                "the file is damaged"
            ) from None
        sound = _sound_names(file, config)
        tensors = file.read([*weights, *sound])
        _check_sound(file.name, tensors)
        kept = kept_frames(file, config.features.size)
    return Model(
        _loaded(config, tensors), config, _statistics(tensors), step, level, _repertoire(tensors), kept
    )


def network_kinds(config: ModelConfig) -> dict[str, TensorKind]:
    """Returns the kinds of tensors that a file holds of a network with these settings, by names in files."""
    kinds = kinds_of(to_disk(outlined_network(config).state_dict()))
    if config.generator.recall:  # only the file says how many frames the network remembers
        kinds[_KEYS] = TensorKind("F32", ("versions", "frames", config.features.size))
        kinds[_VALUES] = TensorKind("U8", ("frames", 3, config.clip.height, config.clip.width))
    return kinds


def _sound_names(file: TensorFile, config: ModelConfig) -> list[str]:
    """Returns the names of the tensors that describe the training sound.

    Raises:
        UserError: something is missing or of another size.
    """
    needed = (_MEAN, _SPREAD) if config.features.standardise else ()
    try:
        sides = file.check(_SOUND, _SOUND.keys() - set(needed), {"chunk": config.features.chunk_size})
        if sides.get("chunks", FEWEST_CHUNKS) < FEWEST_CHUNKS:
            raise ValueError(f"{sides['chunks']} of {_CHUNKS}")
    except ValueError as error:
        raise UserError(
            f"{file.name}: expected what is known of its sound; names or sizes differ: {error}: the file is "
            "damaged"
        ) from None
    return [name for name in _SOUND if name in file.kinds]


def _check_sound(name: str, tensors: Mapping[str, Tensor]) -> None:
    """Refuses a negative spread, and distances that are not above 0.

    Raises:
        UserError: one is there.
    """
    for key, least in ((_SPREAD, 0.0), (_DISTANCE, SMALLEST), (_NETWORK + _REACH, SMALLEST)):
        if key in tensors and not (tensors[key] >= least).all():
            raise UserError(f"{name}: expected {key} of at least {least:g}; got less: the file is damaged")


def read_frames_file(path: Path, features: int | None = None) -> KeptFrames:
    """Returns the frames that lie in a file of their own during a training.

    Args:
        path: of the file.
        features: numbers of sound per frame, of the model that they belong to; None: any.

    Raises:
        UserError: the file is damaged or something else.
    """
    with opened_tensors(path) as file:
        kept = kept_frames(file, features)
    if kept is None:
        raise UserError(f"{path}: expected kept frames; this safetensors file is something else")
    return kept


def _loaded(config: ModelConfig, tensors: Mapping[str, Tensor]) -> Network:
    network = build_network(config)
    weights = {
        name.removeprefix(_NETWORK): tensor for name, tensor in tensors.items() if name.startswith(_NETWORK)
    }
    network.load_state_dict(from_disk(weights))
    return network.eval().requires_grad_(False)


def _statistics(tensors: Mapping[str, Tensor]) -> Statistics | None:
    return Statistics(tensors[_MEAN], tensors[_SPREAD]) if _MEAN in tensors and _SPREAD in tensors else None


def _repertoire(tensors: Mapping[str, Tensor]) -> Repertoire | None:
    return (
        Repertoire(tensors[_CHUNKS], tensors[_DISTANCE])
        if _CHUNKS in tensors and _DISTANCE in tensors
        else None
    )


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes a safetensors file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, metadata))  # save_file would make it private to its owner


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Returns tensors and metadata of a safetensors file, without the packets of kept frames.

    Raises:
        UserError: missing, pickled or damaged, or numbers that are not finite.
    """
    with opened_tensors(path) as file:
        return file.read(name for name in file.kinds if name != PACKETS), dict(file.metadata)
