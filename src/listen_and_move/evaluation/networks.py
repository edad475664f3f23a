"""The published networks that an evaluation can use, as far as the user has their weights; what is left out
is said."""

from dataclasses import dataclass, field
from typing import Any

import torch

from listen_and_move.metrics.perceptual import VARIANTS, PerceptualDistance
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.load import load
from listen_and_move.pretrained.raft import FlowNetwork

PERCEPTUAL = {
    "lpips_alex": "alex",
    "lpips_vgg": "vgg",
    "lpips_squeeze": "squeeze",
    "perceptual_squeeze_caffe": "squeeze-caffe",
}
"""Name of a measure to its variant."""


@dataclass
class Networks:
    """What is there, and what is not."""

    perceptual: dict[str, PerceptualDistance] = field(default_factory=dict)
    flow: FlowNetwork | None = None
    inception: Any = None
    i3d: Any = None
    left_out: list[str] = field(default_factory=list)
    """One sentence per measure that cannot be had, with the command that mends it."""


def available(device: torch.device, smallest_side: int) -> Networks:
    """Load all networks whose weights are there, for frames of this size."""
    found = Networks()
    for name, variant in PERCEPTUAL.items():
        needed = (VARIANTS[variant].backbone, VARIANTS[variant].heads)
        if not _lacks(found, VARIANTS[variant].label, needed):
            distance = PerceptualDistance.load(variant, device)
            if smallest_side < distance.network.least_size:
                found.left_out.append(
                    f"{distance.label}: needs frames of at least {distance.network.least_size} pixels a side"
                )
            else:
                found.perceptual[name] = distance
    if not _lacks(found, "tOF and warping error", ("raft-small",)):
        found.flow = FlowNetwork.load(device)
    if not _lacks(found, "FID and KID", ("inception-fid",)):
        found.inception = load("inception-fid", device)
    if not _lacks(found, "FVD and KVD", ("i3d-kinetics400",)):
        found.i3d = load("i3d-kinetics400", device)
    return found


def _lacks(found: Networks, label: str, needed: tuple[str, ...]) -> bool:
    """Whether one of the weight files is missing; noted if so."""
    missing = [name for name in needed if weights.find(name) is None]
    if missing:
        by_hand = any(weights.WEIGHTS[name].url is None for name in missing)
        how = f"weights add {missing[0]} FILE" if by_hand else f"weights fetch {' '.join(missing)}"
        found.left_out.append(f"{label}: without the weights {', '.join(missing)} (listen-and-move {how})")
    return bool(missing)
