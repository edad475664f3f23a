"""LPIPS, the learnt perceptual distance of two pictures (Zhang et al. 2018, version 0.1).

Shape letters: N pictures, C channels, H height, W width, T frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from listen_and_move.arrays import Array
from listen_and_move.errors import UserError
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.inputs import CAFFE, IMAGENET, Convention, network_input
from listen_and_move.pretrained.load import load
from listen_and_move.pretrained.tapped import TappedNetwork

PIXELS_AT_ONCE = 2**18
"""Of each video; VGG16 holds some 200 MB for as many."""
_EPSILON = 1e-10  # as in the published code: where no channel speaks, the map stays 0


class Variant(NamedTuple):
    """A network with the heads that weigh its channels."""

    backbone: str
    heads: str
    convention: Convention
    label: str


VARIANTS = {
    "alex": Variant("alexnet", "lpips-alex", IMAGENET, "LPIPS (AlexNet)"),
    "vgg": Variant("vgg16", "lpips-vgg", IMAGENET, "LPIPS (VGG16)"),
    "squeeze": Variant("squeezenet1_1", "lpips-squeeze", IMAGENET, "LPIPS (SqueezeNet)"),
    "squeeze-caffe": Variant(
        "squeezenet1_1-caffe",
        "lpips-squeeze",
        CAFFE,
        "perceptual distance (SqueezeNet of Caffe origin; not the published LPIPS)",
    ),
}


def perceptual_distance(
    maps: Sequence[Float[Tensor, "N C H W"]],
    others: Sequence[Float[Tensor, "N C H W"]],
    heads: Sequence[Float[Tensor, " C"]],
) -> Float[Tensor, " N"]:
    """Returns LPIPS of feature maps, from 0 for equal ones; gradients pass.

    In each layer every pixel's vector of channels is brought to length 1; the squared differences are
    weighted per channel, summed over channels and averaged over pixels; then the layers are summed (Zhang et
    al. 2018, equation 1).

    Args:
        maps: one per layer, of N pictures.
        others: the same of N other pictures.
        heads: non-negative weights of the channels, one vector per layer. In the paper's equation they stand
            inside the square; the published files hold what stands outside.
    """
    layers = zip(maps, others, heads, strict=True)
    return torch.stack([_layer_distance(map_, other, head) for map_, other, head in layers]).sum(0)


def _layer_distance(map_: Tensor, other: Tensor, head: Tensor) -> Tensor:
    difference = (_unit_length(map_) - _unit_length(other)) ** 2
    return torch.einsum("nchw,c->nhw", difference, head).mean((1, 2))


def _unit_length(map_: Tensor) -> Tensor:
    return map_ / (map_.norm(dim=1, keepdim=True) + _EPSILON)


@dataclass(frozen=True)
class PerceptualDistance:
    """Perceptual distance of two videos, frame by frame, by one network."""

    network: TappedNetwork
    heads: tuple[Tensor, ...]
    convention: Convention
    label: str
    """What the figures are to be called wherever they are shown: only some are the published LPIPS."""

    @classmethod
    def load(cls, variant: str, device: torch.device | str = "cpu") -> "PerceptualDistance":
        """Returns the distance by one of `VARIANTS`, with the user's weight files.

        "squeeze-caffe" puts the heads of SqueezeNet onto other weights of the same network: a distance that
        ranks pictures much alike, whose figures compare with no published ones.

        Args:
            variant: by AlexNet ("alex"), VGG16 ("vgg") or SqueezeNet ("squeeze", "squeeze-caffe").
            device: where it shall compute.

        Raises:
            UserError: there is no such variant, a weight file is missing, or one does not fit.
        """
        if variant not in VARIANTS:
            raise UserError(f"perceptual distance: expected {', '.join(VARIANTS)}; got {variant}")
        backbone, heads, convention, label = VARIANTS[variant]
        network = cast(TappedNetwork, load(backbone, device))
        channels = [tap.channels for tap in network.taps.values()]
        loaded = heads_of(heads, weights.tensors(heads), channels)
        return cls(network, tuple(head.to(device) for head in loaded), convention, label)

    def __call__(self, video: NDArray[Any], other: NDArray[Any]) -> Array:
        """Returns the distance of each frame to the same frame of another video, (T,).

        0 for equal frames, about 1 at most.

        Args:
            video: uint8 (T, H, W, 3). Frames go in as large as they are, as LPIPS was published: figures of
                different sizes do not compare.
            other: of the same shape; either order gives the same.

        Raises:
            UserError: frames smaller than the network can see.
            ValueError: different shapes, or no uint8 videos.
        """
        if video.shape != other.shape or video.ndim != 4:
            raise ValueError(
                f"videos: expected the same shape (T, H, W, 3); got {video.shape} and {other.shape}"
            )
        height, width = video.shape[1:3]
        least = self.network.least_size
        if min(height, width) < least:
            raise UserError(
                f"{self.label}: expected frames of at least {least} x {least} pixels; got {width} x "
                f"{height}: "
                "compare larger frames, or leave this measure out"
            )
        count = max(1, PIXELS_AT_ONCE // (height * width))
        blocks = (slice(first, first + count) for first in range(0, len(video), count))
        return np.concatenate([np.zeros(0), *(self._block(video[block], other[block]) for block in blocks)])

    @torch.inference_mode()
    def _block(self, video: NDArray[Any], other: NDArray[Any]) -> Array:
        device = self.heads[0].device
        maps, others = (
            self.network(network_input(frames, self.convention, device)) for frames in (video, other)
        )
        return perceptual_distance(maps, others, self.heads).double().cpu().numpy()


def heads_of(name: str, tensors: Mapping[str, Tensor], channels: Sequence[int]) -> list[Float[Tensor, " C"]]:
    """Returns the weights of the channels, one vector per layer, from a file of the LPIPS project.

    Args:
        name: the file's, for messages.
        tensors: ``lin0.model.1.weight`` and so on, (1, C, 1, 1) each.
        channels: how many each layer has.

    Raises:
        UserError: other tensors than these, or negative weights.
    """
    shapes = {f"lin{layer}.model.1.weight": (1, count, 1, 1) for layer, count in enumerate(channels)}
    given = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    if given != shapes:
        raise UserError(f"weights {name}: expected {shapes}; got {given}: take the file of LPIPS version 0.1")
    if any(bool((tensor < 0).any()) for tensor in tensors.values()):
        raise UserError(
            f"weights {name}: expected weights from 0; got negative ones: take the file of LPIPS version 0.1"
        )
    return [tensors[key].float().flatten() for key in shapes]
