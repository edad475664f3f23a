"""Published networks by name, with their weights: the only place where names become networks."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from listen_and_move.errors import UserError
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.alexnet import AlexNet
from listen_and_move.pretrained.i3d import I3D
from listen_and_move.pretrained.inception import Inception
from listen_and_move.pretrained.squeezenet import SqueezeNet
from listen_and_move.pretrained.vgg16 import VGG16


class Backbone(NamedTuple):
    """A network that weight files are for."""

    build: Callable[[], nn.Module]
    unused: str | None = None
    """How tensors begin that the file has and the network does without: those of the classifier."""


BACKBONES = {
    "alexnet": Backbone(AlexNet, "classifier."),
    "vgg16": Backbone(VGG16, "classifier."),
    "squeezenet1_1": Backbone(SqueezeNet, "classifier."),
    "squeezenet1_1-caffe": Backbone(SqueezeNet, "classifier."),
    "inception-fid": Backbone(Inception, "fc."),
    "i3d-kinetics400": Backbone(I3D),
}


def load(name: str, device: torch.device | str = "cpu") -> nn.Module:
    """Returns a published network with the weights that the user has.

    In evaluation mode, its weights without gradients.

    Args:
        name: one of `BACKBONES`.
        device: where it shall compute.

    Raises:
        UserError: there is no weight file, or it is damaged or of another network.
    """
    return assembled(name, weights.tensors(name)).to(device)


def assembled(name: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Returns a network with these weights, in evaluation mode, its weights without gradients.

    Args:
        name: one of `BACKBONES`.
        tensors: all that the network has, under the names of the public file; the classifier's are left out.
            Batch counters, which only some files have, may be missing.

    Raises:
        UserError: a tensor is missing, too many, or of another size.
    """
    backbone = BACKBONES[name]
    with torch.device("meta"):  # no weights are drawn: the file's take the places
        network = backbone.build()
    # BatchNorm fills in its counter of batches, which only newer files have and nothing here reads.
    given = {key: value.float() for key, value in tensors.items() if not _superfluous(key, backbone.unused)}
    wanted = {key: value for key, value in network.state_dict().items() if not _superfluous(key, None)}
    if difference := _difference(wanted, given):
        raise UserError(
            f"weights {name}: expected the tensors of the public file; {difference}: it is the file of "
            "another network; "
            f"listen-and-move weights list says which is meant"
        )
    network.load_state_dict(given, assign=True)
    return network.eval().requires_grad_(False)


def _superfluous(key: str, unused: str | None) -> bool:
    """Whether a tensor of the file has no place in the network."""
    return key.endswith(".num_batches_tracked") or (unused is not None and key.startswith(unused))


def _difference(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    """Words on the first tensor that does not fit; None where all do."""
    for key, value in wanted.items():
        if key not in given:
            return f"{key} is missing"
        if given[key].shape != value.shape:
            return f"{key} has shape {tuple(given[key].shape)}, not {tuple(value.shape)}"
    return next((f"{key} is too many" for key in given if key not in wanted), None)
