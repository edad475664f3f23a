"""Fitting of a path's weights: for each clip cross-validation chooses between sound and guide.

Letters: K remembered frames, T frames of a stretch, h, w of the network's picture.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from listen_and_move.config import Config
from listen_and_move.data.clip import Clip
from listen_and_move.metrics.sync import difference_correlation
from listen_and_move.models.generator import Network
from listen_and_move.models.path_costs import BY_BOTH, BY_GUIDE, BY_SOUND, CostWeights, usual_search
from listen_and_move.models.path_memory import PathMemory
from listen_and_move.models.path_search import PathCue
from listen_and_move.models.pixels import as_network, as_pixels
from listen_and_move.models.rendering import played
from listen_and_move.training.memory_fitting import memory_mask, remembered_frames

FOLDS = 4
"""Stretches of the training part, each of which is predicted from the others."""
LONGEST_FOLD = 600
"""Most frames of a stretch; a longer one is represented by its beginning.

All stretches together then have two minutes of film at 20 frames a second."""
KNOWN = 0.1
"""Median dcor of the stretches from which on a guide counts as knowing the pose.

In a film of a harp a single stretch, in which the camera moves, promised .15, and the others nothing."""
WORTH = 0.02
"""Mean dcor by which a guide has to be better than the sound alone."""


class Rehearsal(NamedTuple):
    """A stretch of the training part, to be played as if it had not been learnt.

    Only the network's weights have seen it.
    """

    span: range
    """The stretch, in frames of the clip."""
    path: PathMemory
    """Memory of all training frames but those in and near the stretch."""
    guides: UInt8[np.ndarray, "T h w 3"]
    """Pictures that the network draws without the remembered frames of the stretch."""
    recalled: UInt8[np.ndarray, "T h w 3"] | None
    """Blends of the frame memory alone, which has not seen the stretch; None without a memory."""
    cues: list[PathCue]

    def led_by(self, guides: UInt8[np.ndarray, "T h w 3"]) -> "Rehearsal":
        """Returns the stretch with other guides."""
        sounds = [cue.features for cue in self.cues]
        return self._replace(guides=guides, cues=_cues(self.path, sounds, guides))

    def beginning(self, count: int) -> "Rehearsal":
        """Returns the first ``count`` frames of the stretch."""
        recalled = None if self.recalled is None else self.recalled[:count]
        return self._replace(
            span=self.span[:count], guides=self.guides[:count], recalled=recalled, cues=self.cues[:count]
        )

    def chosen(self, weights: CostWeights) -> Int[np.ndarray, " T"]:
        """Returns the frames of the clip that a path shows."""
        search = self.path.search(usual_search(weights), weights)
        decided, state = search.push(self.cues)
        return np.concatenate([decided, search.finish(state)])


def rehearsals(network: Network, clip: Clip, config: Config, path: PathMemory) -> list[Rehearsal]:
    """Returns the stretches on which the picture is chosen.

    Args:
        network: draws the guide.
        clip: the decoded clip.
        config: the run's settings.
        path: what paths are searched by.
    """
    training, found = network.training, []
    network.eval()
    for span in folds(clip.train):
        hidden = memory_mask(path.numbers, span, config)
        if not hidden.any():  # in a very short clip all frames are near
            continue
        mask = _hidden(network, clip, config, span)
        seed, earliest = config.training.seed, clip.stretch(span.start).start
        drawn = played(network, clip.features, span, config, seed, mask, earliest)
        guides = np.concatenate(list(drawn))
        cues = _cues(path, clip.features[span.start : span.stop].numpy(), guides)
        recalled = _recalled(network, clip, span, mask)
        found.append(Rehearsal(span, path.without(hidden), guides, recalled, cues))
    network.train(training)
    return found


Followed = Mapping[CostWeights, Sequence[float]]
"""dcor of each stretch for each choice of weights: sound, guide or both."""


def fitted_weights(stretches: Sequence[Rehearsal], clip: Clip) -> CostWeights:
    """Returns the weights of a path.

    The sound alone leads it, unless with the guide or both paths follow each stretch better.

    Finer mixes promised as much on the training part and kept less of it on held-out parts.
    """
    recalled = [stretch.led_by(stretch.recalled) for stretch in stretches if stretch.recalled is not None]
    return leading(_followed(stretches, clip), _followed(recalled, clip) if recalled else None)


def _followed(stretches: Sequence[Rehearsal], clip: Clip) -> Followed:
    found: dict[CostWeights, list[float]] = {BY_SOUND: [], BY_GUIDE: [], BY_BOTH: []}
    for stretch in stretches:
        real = clip.frames[stretch.span.start : stretch.span.stop].numpy()
        for weights, values in found.items():
            shown = clip.frames[stretch.chosen(weights)].numpy()
            values.append(difference_correlation(shown, real))
    return found


def leading(drawn: Followed, recalled: Followed | None = None) -> CostWeights:
    """Returns the weights of a path by their dcor.

    The network has seen the stretches, so its drawn guides promise too much; the blends of its frame memory
    alone promise too little. So the mean of both is compared.

    Args:
        drawn: dcor with the guides that the network draws.
        recalled: dcor with the blends of its frame memory; None: there is none.
    """

    def promised(weights: CostWeights) -> float:
        return fmean(fmean(found[weights]) for found in (drawn, recalled or drawn))

    best = BY_SOUND
    for weights in (BY_GUIDE, BY_BOTH):
        values = drawn[weights]
        if values and median(values) > KNOWN and promised(weights) - promised(best) > WORTH:
            best = weights
    return best


def folds(spans: Sequence[range]) -> Iterator[range]:
    """Yields stretches that together are the training part, without frames beyond `LONGEST_FOLD`."""
    total = sum(map(len, spans))
    for span in spans:
        count = max(1, round(FOLDS * len(span) / total))
        edges = [span.start + len(span) * fold // count for fold in range(count + 1)]
        yield from (range(*pair)[:LONGEST_FOLD] for pair in pairwise(edges) if pair[1] - pair[0] > 2)


def _cues(
    path: PathMemory, sounds: Iterable[Float[np.ndarray, " F"]], guides: UInt8[np.ndarray, "T h w 3"]
) -> list[PathCue]:
    described = path.described(as_network(torch.from_numpy(guides)))
    return [PathCue(*both) for both in zip(sounds, described, strict=True)]


def _recalled(
    network: Network, clip: Clip, span: range, mask: Bool[Tensor, "1 K"] | None
) -> UInt8[np.ndarray, "T h w 3"] | None:
    """Returns the blends of the frame memory for a stretch."""
    memory = network.generator.memory
    if memory is None:
        return None
    device = memory.values.device
    features = clip.features[span.start : span.stop][None].to(device)
    with torch.no_grad():
        blend, _ = memory(features, mask, torch.zeros(1, 1, 1, device=device))
    return as_pixels(blend[0]).cpu().numpy()


def _hidden(network: Network, clip: Clip, config: Config, span: range) -> Bool[Tensor, "1 K"] | None:
    """Returns which remembered frames belong to a stretch; None without memory."""
    memory = network.generator.memory
    if memory is None:
        return None
    numbers = remembered_frames(clip, config)
    mask = memory_mask(numbers, span, config)
    room_tones = len(memory.values) - len(numbers)
    return torch.nn.functional.pad(mask, (0, room_tones))[None].to(memory.values.device)
