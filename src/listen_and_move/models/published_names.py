"""Names of the authors' published parameters and ours, by which their checkpoints are loaded."""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from listen_and_move.errors import UserError

_GATES = ("update.", "reset.", "output.")
"""Gates of a recurrent cell, which has three convolutions in the authors' code and one in ours, in this
order."""

_PREFIXES = (
    (r"motion\.", "motion."),
    (r"generator\.", "generator."),
    (r"vp_layers\.(\d+)\.", r"predictions.\1."),
    (r"flows\.0\.", "centre."),
    (r"flows\.1\.", "vertical."),
    (r"flows\.2\.", "horizontal."),
    (r"update\.|reset\.|output\.", "convolution."),
)
"""Beginnings of names, from the outermost part to the innermost."""


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _without_time(tensor: Tensor) -> Tensor:
    return tensor.reshape(*tensor.shape[:2], 1, 1)  # a 1x1x1 kernel is a 1x1 kernel


def _one_row(tensor: Tensor) -> Tensor:
    return tensor.flatten(2)  # (outputs, inputs, 1, k) or (outputs, inputs, k, 1)


_NAMES: tuple[tuple[str, str, Callable[[Tensor], Tensor]], ...] = (
    # motion encoder
    (r"layers\.(\d+)\.((?:weight|bias)_[ih]h)", r"layers.\1.\2", _same),
    (r"sound_encoder\.0\.(weight|bias)", r"sound.\1", _same),
    # generator
    (r"format_layer\.1\.module\.0\.conv\.(weight|bias)", r"start.convolution.\1", _same),
    (r"format_layer\.1\.module\.1\.weight", r"start.noise.strength", _same),
    (r"format_layer\.1\.module\.2\.module\.(\w+)", r"start.norm.\1", _same),
    (r"layers\.(\d+)\.block\.0\.conv\.(weight|bias)", r"blocks.\1.convolutions.0.\2", _same),
    (r"layers\.(\d+)\.block\.1\.weight", r"blocks.\1.noises.0.strength", _same),
    (r"layers\.(\d+)\.block\.2\.module\.(\w+)", r"blocks.\1.norms.0.\2", _same),
    (r"layers\.(\d+)\.block\.4\.conv\.(weight|bias)", r"blocks.\1.convolutions.1.\2", _same),
    (r"layers\.(\d+)\.block\.5\.weight", r"blocks.\1.noises.1.strength", _same),
    (r"layers\.(\d+)\.block\.6\.module\.(\w+)", r"blocks.\1.norms.1.\2", _same),
    (r"layers\.(\d+)\.residual\.conv\.(weight|bias)", r"blocks.\1.shortcut.\2", _same),
    (r"conditions\.(\d+)\.0\.(weight|bias)", r"blocks.\1.sound.linear.\2", _same),
    (r"toRGB\.0\.conv\.(weight|bias)", r"picture.convolution.\1", _same),
    # video prediction
    (r"pmd_weighting\.conv\.(weight|bias)", r"blend.\1", _same),
    (r"conv\.(weight|bias)", r"\1", _same),
    (r"convs\.(\d+)\.weight", r"weights.\1", _one_row),
    (r"bias", r"bias", torch.flatten),
    # discriminators
    (r"fromRGB\.(\d+)\.conv\.weight", r"from_image.\1.weight", _without_time),
    (r"fromRGB\.(\d+)\.conv\.bias", r"from_image.\1.bias", _same),
    (r"fromRGB\.conv\.weight", r"from_image.0.weight", _without_time),
    (r"fromRGB\.conv\.bias", r"from_image.0.bias", _same),
    (r"layers\.(\d+)\.1\.module\.0\.conv\.(weight|bias)", r"layers.\1.convolutions.0.\2", _same),
    (r"layers\.(\d+)\.1\.module\.1\.module\.(\w+)", r"layers.\1.norms.0.\2", _same),
    (r"layers\.(\d+)\.2\.module\.0\.conv\.(weight|bias)", r"layers.\1.convolutions.1.\2", _same),
    (r"layers\.(\d+)\.2\.module\.1\.module\.(\w+)", r"layers.\1.norms.1.\2", _same),
    (r"layers\.(\d+)\.1\.block\.0\.conv\.(weight|bias)", r"layers.\1.convolutions.0.\2", _same),
    (r"layers\.(\d+)\.1\.block\.1\.module\.(\w+)", r"layers.\1.norms.0.\2", _same),
    (r"layers\.(\d+)\.1\.block\.3\.conv\.(weight|bias)", r"layers.\1.convolutions.1.\2", _same),
    (r"layers\.(\d+)\.1\.block\.4\.module\.(\w+)", r"layers.\1.norms.1.\2", _same),
    (r"layers\.(\d+)\.1\.residual\.conv\.weight", r"layers.\1.shortcut.weight", _without_time),
    (r"layers\.(\d+)\.1\.residual\.conv\.bias", r"layers.\1.shortcut.bias", _same),
    (r"decision_layer\.conv\.weight", r"decision.weight", _without_time),
    (r"decision_layer\.conv\.bias", r"decision.bias", _same),
)
"""Ends of the authors' names, ours, and the conversion of the tensor."""


def from_authors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the authors' parameters under our names.

    They belong to a network, or to a generator, encoder, prediction layer or discriminator.

    Raises:
        UserError: a name is not known.
    """
    renamed: dict[str, dict[int, Tensor]] = {}
    for key, tensor in state.items():
        name, change = _ours(key)
        gate = next((index for index, gate in enumerate(_GATES) if gate in key), 0)
        renamed.setdefault(name, {})[gate] = change(tensor)
    return {name: _joined(gates) for name, gates in renamed.items()}


def _ours(key: str) -> tuple[str, Callable[[Tensor], Tensor]]:
    name, rest = "", key
    for pattern, prefix in _PREFIXES:
        if found := re.match(pattern, rest):
            name, rest = name + found.expand(prefix), rest[found.end() :]
    for pattern, end, change in _NAMES:
        if found := re.fullmatch(pattern, rest):
            return name + found.expand(end), change
    raise UserError(
        "checkpoint: expected the authors' names of a motion encoder, a residual generator or a "
        "discriminator; "
        f"{key} is none of them, so this checkpoint cannot be used here"
    )


def _joined(gates: dict[int, Tensor]) -> Tensor:
    return gates[0] if len(gates) == 1 else torch.cat([gates[index] for index in sorted(gates)])
