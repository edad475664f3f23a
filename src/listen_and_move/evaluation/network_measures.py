"""Measures that need a network: perceptual distance, optical flow, distributions.

They are taken on frames spread evenly over the part. Letters: T frames of the part that is measured, N
samples.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from listen_and_move.arrays import Array
from listen_and_move.evaluation.dataset import Frames, FrameSpan, Watch
from listen_and_move.evaluation.measures import Values
from listen_and_move.evaluation.results import DistributionResult
from listen_and_move.metrics.coherence import flow_difference, warping_error
from listen_and_move.metrics.frechet import (
    LEAST_FRAMES,
    LEAST_WINDOWS,
    DistributionDistance,
    Protocol,
    compare_distributions,
)
from listen_and_move.metrics.perceptual import VARIANTS, PerceptualDistance
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.extract import i3d_features, inception_features
from listen_and_move.pretrained.load import load
from listen_and_move.pretrained.optical_flow import FlowNetwork

PERCEPTUAL = {
    "lpips_alex": "alex",
    "lpips_vgg": "vgg",
    "lpips_squeeze": "squeeze",
    "perceptual_squeeze_caffe": "squeeze-caffe",
}
"""Name of a measure to its variant."""


MOST_FRAMES, MOST_PAIRS, MOST_VECTORS = 200, 100, 5000
"""Frames for the perceptual distance, pairs for the flow and frames for distributions: these networks take
the longest."""
AT_ONCE = 8
WINDOW = 16
"""Frames of a window of FVD."""
Pictures = NDArray[np.uint8]


@dataclass
class Networks:
    """Published networks whose weights the user has."""

    perceptual: dict[str, PerceptualDistance] = field(default_factory=dict)
    flow: FlowNetwork | None = None
    inception: Any = None
    i3d: Any = None
    left_out: list[str] = field(default_factory=list)
    """One sentence per measure that cannot be had, with the command that mends it."""


def available(device: torch.device, smallest_side: int) -> Networks:
    """Returns all networks whose weights are there.

    Args:
        device: for the networks.
        smallest_side: of the frames, in pixels; some networks need larger frames.
    """
    found = perceptual_networks(device, smallest_side)
    if not _lacks(found, "tOF and warping error", ("raft-small",)):
        found.flow = FlowNetwork.load(device)
    if not _lacks(found, "FID and KID", ("inception-fid",)):
        found.inception = load("inception-fid", device)
    if not _lacks(found, "FVD and KVD", ("i3d-kinetics400",)):
        found.i3d = load("i3d-kinetics400", device)
    return found


def perceptual_networks(device: torch.device, smallest_side: int) -> Networks:
    """Returns the networks of perceptual distance whose weights are there, and no others.

    Args:
        device: for the networks.
        smallest_side: of the frames, in pixels; some networks need larger frames.
    """
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
    return found


def _lacks(found: Networks, label: str, needed: tuple[str, ...]) -> bool:
    """Returns whether one of the weight files is missing, and notes it."""
    missing = [name for name in needed if weights.find(name) is None]
    if missing:
        by_hand = any(weights.WEIGHTS[name].url is None for name in missing)
        how = f"weights add {missing[0]} FILE" if by_hand else f"weights fetch {' '.join(missing)}"
        found.left_out.append(f"{label}: without the weights {', '.join(missing)} (listen-and-move {how})")
    return bool(missing)


def spread_evenly(count: int, most: int) -> NDArray[np.int64]:
    """Returns at most ``most`` of ``count`` places, from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def perceptual(
    rows: Mapping[str, Frames], real: Frames, networks: Networks, watch: Watch
) -> dict[str, Values]:
    """Returns the mean perceptual distance of each row from the real video, by every network there is.

    Args:
        rows: T frames each, by name.
        real: T frames of the real video.
        networks: those whose weights are there.
        watch: told the progress.
    """
    places = spread_evenly(len(real), MOST_FRAMES)
    found: dict[str, Values] = {name: {} for name in rows}
    for done, (row, frames) in enumerate(rows.items()):
        watch("perceptual distance", done, len(rows))
        for name, distance in networks.perceptual.items():
            parts = [distance(_at(frames, some), _at(real, some)) for some in _batches(places)]
            found[row][name] = float(np.concatenate(parts).mean())
    watch("perceptual distance", len(rows), len(rows))
    return found


def by_flow(
    rows: Mapping[str, Frames], real: Frames, network: FlowNetwork, watch: Watch
) -> dict[str, Values]:
    """Returns tOF against the real video and the warping error of each row.

    Args:
        rows: T frames each, by name; one row is the real video itself.
        real: T frames of the real video.
        network: of optical flow.
        watch: told the progress.
    """
    places = spread_evenly(len(real) - 1, MOST_PAIRS)
    sums: dict[str, list[list[float]]] = {name: [] for name in rows}
    for done, some in enumerate(_batches(places)):
        watch("optical flow", done * AT_ONCE, len(places))
        pairs = {
            name: (_at(frames, some), _at(frames, some + 1))
            for name, frames in {"real": real, **rows}.items()
        }
        true = _flow(network, *pairs["real"])
        for name in rows:
            first, second = pairs[name]
            forward = true if rows[name] is real else _flow(network, first, second)
            backward = _flow(network, second, first)
            pairs_of_row = zip(first, second, forward[:, None], backward[:, None], strict=True)
            errors = [
                float(warping_error(np.stack([a, b]), there, back)[0]) for a, b, there, back in pairs_of_row
            ]
            sums[name] += np.stack([flow_difference(forward, true), errors], 1).tolist()
    watch("optical flow", len(places), len(places))
    series = {name: np.array(values).T for name, values in sums.items()}
    return {
        name: {"tof": _mean(tof), "warping_error": _mean(errors)} for name, (tof, errors) in series.items()
    }


def distributions(
    generated: Mapping[str, Frames],
    real: Frames,
    other_real: Frames,
    networks: Networks,
    protocol: Protocol,
    watch: Watch,
) -> list[DistributionResult]:
    """Returns FID, KID, FVD and KVD of rows against the real video, with the floor between two real parts.

    Args:
        generated: rows by name.
        real: the part that is measured.
        other_real: real frames from another time, for the floor: the training part.
        networks: those whose weights are there.
        protocol: see `compare_distributions`.
        watch: told the progress.
    """
    found: list[DistributionResult] = []
    kinds = [
        (
            networks.inception,
            ("FID", "KID"),
            LEAST_FRAMES,
            lambda frames: inception_features(networks.inception, _all(frames)),
        ),
        (
            networks.i3d,
            ("FVD", "KVD"),
            LEAST_WINDOWS,
            lambda frames: i3d_features(networks.i3d, _windows(frames)),
        ),
    ]
    for network, titles, least, features in kinds:
        if network is None:
            continue
        vectors = {}
        sources = {"real": real, "other": other_real, **generated}
        for done, (name, frames) in enumerate(sources.items()):
            watch(f"{titles[0]} and {titles[1]}", done, len(sources))
            vectors[name] = features(frames)
        for row in generated:
            for title, measure in zip(titles, ("frechet", "kernel"), strict=True):
                result = compare_distributions(
                    vectors["real"],
                    vectors["other"],
                    vectors[row],
                    measure=measure,
                    least=least,
                    protocol=protocol,
                )
                found.append(distribution_result(title, row, result))
    return found


def _mean(values: Array) -> float:
    """Returns the mean over the pairs that have a value; nan where none has."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _flow(network: FlowNetwork, first: Pictures, second: Pictures) -> NDArray[np.float32]:
    """Returns the flow of pairs, 0 where nothing changes, without asking the network."""
    changed = (first != second).any((1, 2, 3))
    flow = np.zeros((len(first), 2, *first.shape[1:3]), np.float32)
    if changed.any():
        flow[changed] = network.flow(first[changed], second[changed])
    return flow


def distribution_result(title: str, row: str, distance: DistributionDistance) -> DistributionResult:
    """Returns a distance as it is kept in results.

    Args:
        title: FID, KID, FVD or KVD.
        row: the row whose frames were compared with the real ones.
        distance: what was found.
    """
    real, generated = distance.counts
    return DistributionResult(
        title,
        row,
        real,
        generated,
        distance.value,
        distance.floor,
        distance.standard_error,
        distance.note,
    )


def _at(frames: Frames, places: NDArray[np.int64]) -> Pictures:
    return np.concatenate([frames.read(place, place + 1) for place in places.tolist()])


def _batches(places: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (places[first : first + AT_ONCE] for first in range(0, len(places), AT_ONCE))


def _all(frames: Frames) -> Iterator[Pictures]:
    return (_at(frames, some) for some in _batches(spread_evenly(len(frames), MOST_VECTORS)))


def _windows(frames: Frames) -> Iterator[Pictures]:
    return (
        FrameSpan(frames, range(at, at + WINDOW)).read(0, WINDOW)
        for at in range(0, len(frames) - WINDOW + 1, WINDOW)
    )
