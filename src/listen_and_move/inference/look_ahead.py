"""Look-ahead of live play: the sound that a picture waits for, a choice between latency and quality.

It is counted in frames of the model's rate. A model hears as many frames after a frame's own as it was
trained with, or fewer, and guesses the others (`audio.foresight`); a path can wait for some more before it
decides.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.audio.foresight import foresight
from listen_and_move.errors import UserError
from listen_and_move.inference.animator import Animator
from listen_and_move.metrics.sync import difference_correlation
from listen_and_move.models.rendering import BLOCK

DECIDED = 1
"""Frames, of all that are waited for, that a live path waits for before it decides."""
MOST_WAITED = 8
"""Frames that a path may wait for beyond what its model hears."""
COMPARED, LEAST_COMPARED = 200, 40
"""Most and fewest frames of the training sound on which the cost of a shorter look-ahead is measured."""


class LookAhead(NamedTuple):
    """Frames that are waited for."""

    heard: int
    """Frames whose sound is heard with a frame's own."""
    lag: int
    """Frames that are heard before a path is decided."""


def live_look_ahead(asked: int | None, future: int, path: bool) -> LookAhead:
    """Returns the look-ahead of a sound whose future is not known.

    Args:
        asked: frames in all; None: as many as the model was trained to hear.
        future: frames that it was trained to hear.
        path: frames of a clip are shown.

    Raises:
        UserError: fewer than none, or more than can be of use.
    """
    frames, most = future if asked is None else asked, future + MOST_WAITED * path
    if not 0 <= frames <= most:
        raise UserError(
            f"look-ahead: expected 0 to {most} frames; got {frames}",
            f"leave it away for {future}, as it was trained",
        )
    lag = max(min(frames, DECIDED), frames - future) if path else 0
    return LookAhead(frames - lag, lag)


def hearing(
    extractor: FeatureExtractor, features: Float[Tensor, "N F"] | None, heard: int
) -> FeatureExtractor:
    """Returns an extractor that hears ``heard`` frames after a frame's own, and guesses the others.

    Args:
        extractor: hears all.
        features: of the training sound, which tell how to guess; None: what was heard last stays.
        heard: frames.
    """
    return replace(extractor, foresight=foresight(features, extractor.config, heard))


def motion_left(animator: Animator, features: Float[Tensor, "N F"], heard: int) -> float | None:
    """Returns how much of the drawn motion of the training sound stays with a shorter look-ahead.

    It is the correlation of both motions, 0 to 1; None where the sound is too short to tell. Half of the
    sound is guessed with what the other half tells, so that no guess was learnt by heart. On three clips the
    share of the excess of dcor that was left in the held-out part went with it: .5 for .6, .3 for .5, .95 for
    .8, 1 for .95.

    Args:
        animator: the model.
        features: of the training sound.
        heard: frames after a frame's own.
    """
    extractor, features = animator.extractor, features[:COMPARED]
    if len(features) < LEAST_COMPARED:
        return None
    place = extractor.config.size - (extractor.config.future - heard) * extractor.config.summary_size
    halves = features.chunk(2)
    guessed = [
        hearing(extractor, other, heard).completed(half[:, :place])
        for half, other in zip(halves, reversed(halves), strict=True)
    ]
    both = (_drawn(animator, each) for each in (torch.cat(guessed), features))
    return max(0.0, difference_correlation(*both))


def _drawn(animator: Animator, features: Float[Tensor, "T F"]) -> UInt8[np.ndarray, "T H W 3"]:
    """Returns the pictures of features; other streams may draw in between."""
    parts, state = [], None
    for first in range(0, len(features), BLOCK):
        pictures, state = animator.draw(features[first : first + BLOCK], state, first)
        parts.append(pictures)
    return np.concatenate(parts)
