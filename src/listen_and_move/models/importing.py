"""Import of the authors' checkpoints: settings are read from the shapes of the weights.

A checkpoint is unpickled as tensors alone: code in it is refused and never runs.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zipfile import ZipFile, is_zipfile

import torch
from torch import Tensor

from listen_and_move.config import ClipConfig, FeatureConfig, GeneratorConfig, ModelConfig, MotionConfig
from listen_and_move.errors import NoMemoryError, SettingError, UserError, is_out_of_memory
from listen_and_move.media.replacing import check_no_input
from listen_and_move.models.build import build_network, outlined_network
from listen_and_move.models.checkpoint import Model, save_model
from listen_and_move.models.generator import Network
from listen_and_move.models.published_names import from_authors
from listen_and_move.models.tensor_file import check_finite

Kind = Literal["lms", "mel", "mfcc"]
_NESTED = ("model", "state_dict")
"""Names under which checkpoints keep their weights beside other things."""
_DEEPEST = 4
"""Most levels of such names above the weights, since a dictionary may hold itself."""
_LONGEST_NAME = 200
_HUGE_NUMBER = re.compile(r"\d{4}")
"""Pattern of a layer's number in a name that no network has."""
_ENCODER, _START = "motion.layers.0.weight_ih", "generator.start.convolution.weight"
_CENTRE = r"generator\.predictions\.(\d+)\.centre\.convolution\.weight"
_SOUND = "generator.blocks.0.sound.linear.weight"
_COEFFICIENTS = 20
_NOISE = 2


class Imported(NamedTuple):
    """An imported model, and the assumptions about it."""

    path: Path
    config: ModelConfig
    assumed: tuple[str, ...]
    """Flags and values of settings that neither weights nor user gave."""

    def lines(self) -> list[str]:
        """Returns the findings and the assumptions in lines."""
        clip, motion, generator = self.config.clip, self.config.motion, self.config.generator
        routes = {"MfS": motion.sound, "SaC": generator.sound_content, "acIN": generator.sound_norm}
        return [
            f"found: {clip.width}x{clip.height} pixels, {self.config.features.size} numbers of sound and "
            f"{motion.noise} of noise "
            f"per frame, {motion.layers} layers of motion, sound by "
            f"{', '.join(name for name in routes if routes[name])}, "
            f"prediction {generator.prediction}",
            *(f"assumed, since weights do not tell: {each}" for each in self.assumed),
        ]


def import_checkpoint(
    checkpoint: Path | str,
    out: Path | str = "model.safetensors",
    *,
    fps: str | None = None,
    kind: Kind | None = None,
    chunk_ms: float | None = None,
    motion_noise: int | None = None,
    dilation: int | None = None,
    overwrite: bool = False,
) -> Imported:
    """Writes a model file from a checkpoint of the authors' code.

    Args:
        checkpoint: their file of weights, of motion encoder and generator.
        out: the model file, written whole or not at all.
        fps: frames per second it was trained at; None: the paper's 20.
        kind: of its sound features; None: mfcc where there are 20 numbers per frame, else the paper's lms.
        chunk_ms: sound heard for one frame, in milliseconds; None: the paper's 85, and 100 from 512 pixels
            on.
        motion_noise: random numbers per frame; None: found, or the paper's 2 where the weights leave it open.
        dilation: of the encoder's layers; None: the paper's 2.
        overwrite: replace a file that is there.

    Raises:
        UserError: no checkpoint, pickled code, another network, missing or misshapen weights, or ``out``
            exists.
    """
    path, target = Path(checkpoint), Path(out)
    check_no_input(target, [path])
    if target.exists() and not overwrite:
        raise UserError(
            f"{target}: expected a name that is free; the file exists",
            "choose another --out, or give --overwrite",
        )
    published = _read(path)
    try:
        weights = from_authors(published)
        config, assumed = _config(weights, fps, kind, chunk_ms, motion_noise, dilation)
        network = _network(config, weights)
        check_finite("weights", network.state_dict())
    except SettingError as error:
        raise UserError(f"{path}: expected a network and settings that go together; {error}") from None
    except UserError as error:
        raise UserError(f"{path}: {error.message}", error.hint) from None
    except (IndexError, RuntimeError) as error:  # settings come from shapes, of which any may be wrong
        if is_out_of_memory(error):
            raise NoMemoryError(path) from None
        raise UserError(
            f"{path}: expected the weights of one whole network; a shape is of none: the file is damaged"
        ) from None
    save_model(target, Model(network, config, None, 0))
    return Imported(target, config, assumed)


def _read(path: Path) -> dict[str, Tensor]:
    """Returns the tensors of a pickled file by their names; no code of the file runs."""
    if not path.is_file():
        raise UserError(f"{path}: expected a checkpoint; there is no such file: check the name")
    size = path.stat().st_size
    try:
        if is_zipfile(path):
            with ZipFile(path) as file:
                if sum(each.file_size for each in file.infolist()) > size:
                    raise ValueError("torch compresses nothing")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about old formats, of no use to the user
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds of errors for files without tensors
        if is_out_of_memory(error):
            raise NoMemoryError(path) from None
        raise UserError(
            f"{path}: expected a checkpoint of tensors alone; it is damaged, something else, or holds code, "
            "which is not run: "
            "save it anew as torch.save(network.state_dict(), ...)"
        ) from None
    for _ in range(_DEEPEST):
        if isinstance(content, dict):
            inner = next((key for key in _NESTED if isinstance(content.get(key), dict)), None)
            content = content if inner is None else content[inner]
    if not isinstance(content, dict) or not content or not all(_is_weight(*item) for item in content.items()):
        raise UserError(
            f"{path}: expected tensors by their names, at the top or under {' or '.join(_NESTED)}; got "
            "something else"
        )
    stores = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in content.values()}
    repeated = any(tensor.nbytes > tensor.untyped_storage().nbytes() for tensor in content.values())
    if repeated or sum(store.nbytes() for store in stores.values()) > size:
        raise UserError(f"{path}: expected tensors as large as they are stored; got larger ones")
    parallel = all(name.startswith("module.") for name in content)  # saved from torch.nn.DataParallel
    return {name.removeprefix("module.") if parallel else name: tensor for name, tensor in content.items()}


def _is_weight(name: Any, value: Any) -> bool:
    return (
        isinstance(name, str)
        and len(name) <= _LONGEST_NAME
        and not _HUGE_NUMBER.search(name)
        and isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64)
    )


def _config(
    weights: Mapping[str, Tensor],
    fps: str | None,
    kind: Kind | None,
    chunk_ms: float | None,
    motion_noise: int | None,
    dilation: int | None,
) -> tuple[ModelConfig, tuple[str, ...]]:
    """Returns the settings by shapes, user and convention, and in words those that are mere convention."""
    for name in (_ENCODER, _START):
        if name not in weights or weights[name].dim() < 2:
            raise UserError(
                f"expected the weights of a motion encoder and a generator; got none of {name.split('.')[0]}"
            )
    generator, doublings = _generator(weights)
    sound_size, noise, sound, content = _routes(weights, motion_noise)
    size, layers = 4 * 2**doublings, _count(weights, "motion.layers")
    usual: dict[str, Any] = {
        "fps": "20",
        "kind": "mfcc" if sound_size == _COEFFICIENTS else "lms",
        "chunk-ms": 100.0 if size >= 512 else 85.0,
        "dilation": 2,
    }
    given = {"fps": fps, "kind": kind, "chunk-ms": chunk_ms, "dilation": dilation}
    chosen = {name: usual[name] if value is None else value for name, value in given.items()}
    if chosen["kind"] == "mfcc" and sound_size != _COEFFICIENTS:
        raise UserError(
            f"expected {_COEFFICIENTS} numbers of sound per frame for kind mfcc; this network hears "
            f"{sound_size}"
        )
    bands: dict[str, Any] = (
        {} if chosen["kind"] == "mfcc" else {"bands": sound_size, "context_bands": sound_size}
    )
    features = FeatureConfig(kind=chosen["kind"], chunk_ms=chosen["chunk-ms"], **bands)
    config = ModelConfig(
        clip=ClipConfig(size=str(size), fps=chosen["fps"]),
        features=features,
        motion=MotionConfig(
            sound=sound,
            noise=noise,
            layers=layers,
            dilation=chosen["dilation"],
            form="feedback" if "motion.sound.weight" in weights else "basic",
        ),
        generator=GeneratorConfig(sound_content=content, sound_norm=_SOUND in weights, **generator),
    )
    assumed = [
        f"--{name} {usual[name]}"
        for name, value in given.items()
        if value is None and (name != "dilation" or layers > 1)
    ]
    if motion_noise is None and not content and _SOUND not in weights:
        assumed.append(f"--motion-noise {_NOISE}")
    return config, tuple(assumed)


def _routes(weights: Mapping[str, Tensor], motion_noise: int | None) -> tuple[int, int, bool, bool]:
    """Returns the numbers of sound and of noise per frame, and the routes of the sound.

    A route is whether sound goes to the encoder, and whether it goes to the generator's input.
    """
    token, inputs = weights[_ENCODER].shape[1], weights[_START].shape[1]
    content = inputs > token
    sound_size = (
        weights[_SOUND].shape[1]
        if _SOUND in weights
        else inputs - token
        if content
        else token - _given(motion_noise)
    )
    sound = token >= sound_size
    noise = token - sound_size if sound else token
    if inputs != token + content * sound_size or sound_size < 1:
        raise UserError(
            f"expected a generator that draws from {token} numbers of motion, or these and the sound; it "
            f"draws from {inputs}: "
            "content noise cannot be imported"
        )
    if motion_noise not in (None, noise):
        raise UserError(
            f"motion-noise: expected {noise}, which is in the weights; got {motion_noise}: leave it away"
        )
    return sound_size, noise, sound, content


def _given(motion_noise: int | None) -> int:
    return _NOISE if motion_noise is None else motion_noise


def _generator(weights: Mapping[str, Tensor]) -> tuple[dict[str, Any], int]:
    """Returns the settings of the generator apart from its sound, and how often it doubles the start grid."""
    doublings = _count(weights, "generator.blocks")
    firsts = [weights.get(f"generator.blocks.{layer}.convolutions.0.weight") for layer in range(doublings)]
    widths = [weights[_START].shape[0], *(first.shape[0] for first in firsts if first is not None)]
    centres = {int(found[1]): weights[name] for name in weights if (found := re.fullmatch(_CENTRE, name))}
    directional = any(".vertical." in name for name in weights)
    return {
        **_widths(widths),
        "noise_injection": "generator.start.noise.strength" in weights,
        "prediction": "none" if not centres else "directional" if directional else "plain",
        "prediction_layers": ",".join(str(block + 1) for block in sorted(centres)),
        "prediction_kernel": next((centre.shape[-1] for centre in centres.values()), 3),
    }, doublings


def _widths(widths: list[int]) -> dict[str, int | bool]:
    """Returns the settings that give all widths; see `GeneratorConfig.widths`."""
    for finest in (False, True):
        base = [*widths[:-2], *(width // 2 for width in widths[-2:])] if finest else widths
        for layer, width in reversed(list(enumerate(base))):
            found: dict[str, int | bool] = {
                "channels_base": width * 2**layer,
                "channels_max": max(base),
                "double_finest": finest,
            }
            if GeneratorConfig(**found).widths(len(widths) - 1) == widths:  # type: ignore[arg-type]
                return found
    raise UserError(
        "expected widths that halve from layer to layer below a largest one; got "
        f"{', '.join(map(str, widths))}"
    )


def _count(weights: Mapping[str, Tensor], prefix: str) -> int:
    found = [re.match(re.escape(prefix) + r"\.(\d+)\.", name) for name in weights]
    return max((int(each[1]) + 1 for each in found if each), default=0)


def _network(config: ModelConfig, weights: dict[str, Tensor]) -> Network:
    outlined = outlined_network(config).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in outlined.items()}
    missing, unknown = sorted(shapes.keys() - weights.keys()), sorted(weights.keys() - shapes.keys())
    other = [name for name in shapes if name in weights and tuple(weights[name].shape) != shapes[name]]
    for problem, names in (("missing", missing), ("not known", unknown), ("of another shape", other)):
        if names:
            raise UserError(
                f"expected the weights of one whole network; {len(names)} are {problem}, such as {names[0]}"
            )
    network = build_network(config)
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)
