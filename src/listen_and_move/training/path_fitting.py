"""How much a path follows the guide, and how much the sound, is chosen for each clip by cross-validation.

Letters: K remembered frames.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.metrics.sync import difference_correlation
from listen_and_move.models.generator import Network
from listen_and_move.models.path_memory import PathMemory
from listen_and_move.models.path_search import BY_BOTH, BY_GUIDE, BY_SOUND, CostWeights, PathCue, usual_search
from listen_and_move.models.pixels import as_network
from listen_and_move.models.rendering import played
from listen_and_move.training.memory_fitting import memory_mask, remembered_frames

FOLDS = 4
"""Stretches of the training part that are predicted from the others, one after the other."""
KNOWN = 0.1
"""dcor from which on a guide counts as knowing the pose, in the middle one of the stretches: of a harp one
stretch alone, in which the camera moves, promised .15, and the others nothing."""
WORTH = 0.02
"""Mean dcor by which what is more than the sound has to be better, since the network has seen all
stretches."""


def fitted_weights(network: Network, clip: Clip, config: Config, path: PathMemory) -> CostWeights:
    """Returns what leads: the sound, or the guide or both, where paths through the rest of the training part
    follow each stretch of it better so.

    No finer mixes: they promised as much on the training part and kept less of it on held-out parts. The
    guide is drawn without the remembered frames of the stretch, and no path may show them; the network's
    weights have seen it, which favours the guide a little.

    Args:
        network: draws the guide.
        clip: the decoded clip.
        config: the run's settings.
        path: what paths are searched by.
    """
    training = network.training
    network.eval()
    found: dict[CostWeights, list[float]] = {BY_SOUND: [], BY_GUIDE: [], BY_BOTH: []}
    for span in folds(clip.train):
        hidden = memory_mask(path.numbers, span, config)
        if not hidden.any():  # so short a clip that all of it is near
            continue
        others = path.without(hidden)
        guides = np.concatenate(list(_guides(network, clip, config, span, path)))
        cues = [
            PathCue(features, guide)
            for features, guide in zip(clip.features[span.start : span.stop].numpy(), guides, strict=True)
        ]
        real = clip.frames[span.start : span.stop].numpy()
        for weights, values in found.items():
            search = others.search(usual_search(weights), weights)
            decided, state = search.push(cues)
            chosen = np.concatenate([decided, search.finish(state)])
            values.append(difference_correlation(clip.frames[chosen].numpy(), real))
    network.train(training)
    return leading(found)


def leading(found: Mapping[CostWeights, Sequence[float]]) -> CostWeights:
    """Returns what leads, by the dcor that the sound, the guide and both reached in each stretch."""
    best = BY_SOUND
    for weights in (BY_GUIDE, BY_BOTH):
        values = found[weights]
        if values and median(values) > KNOWN and fmean(values) - fmean(found[best]) > WORTH:
            best = weights
    return best


def folds(spans: Sequence[range]) -> Iterator[range]:
    """Yields stretches of the training part that together are all of it."""
    total = sum(map(len, spans))
    for span in spans:
        count = max(1, round(FOLDS * len(span) / total))
        edges = [span.start + len(span) * fold // count for fold in range(count + 1)]
        yield from (range(*pair) for pair in pairwise(edges) if pair[1] - pair[0] > 2)


def _guides(
    network: Network, clip: Clip, config: Config, span: range, path: PathMemory
) -> Iterator[np.ndarray]:
    """Yields descriptions of what the network draws for a stretch whose frames it may not retrieve."""
    hidden = _hidden(network, clip, config, span)
    for pictures in played(network, clip.features, span, config, config.training.seed, hidden):
        yield path.described(as_network(torch.from_numpy(pictures)))


def _hidden(network: Network, clip: Clip, config: Config, span: range) -> Bool[Tensor, "1 K"] | None:
    """Returns which remembered frames belong to a stretch; None without memory."""
    memory = network.generator.memory
    if memory is None:
        return None
    numbers = remembered_frames(clip, config)
    mask = memory_mask(numbers, span, config)
    room_tones = len(memory.values) - len(numbers)
    return torch.nn.functional.pad(mask, (0, room_tones))[None].to(memory.values.device)
