"""Foresight: what is not heard yet is guessed from what is, so that a model with look-ahead plays sooner than
it was trained to.

The guess is linear, and fitted to the training sound with a ridge (Hoerl and Kennard 1970): a few hundred
frames with a hundred numbers each would be learnt by heart without one. Where nothing is known of the
training sound, what was heard last stays.

Letters: N training frames, F numbers per frame, K of what is known, U of what is guessed.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.features import Foresight, summaries
from listen_and_move.config import FeatureConfig

RIDGE = 0.3
"""In units of the mean variance of what is known."""
_SMALLEST = 1e-6  # so that a constant sound has a guess too


def foresight(features: Float[Tensor, "N F"] | None, config: FeatureConfig, heard: int) -> Foresight | None:
    """Returns how the look-ahead that is not heard is guessed; None: all of it is heard.

    Args:
        features: of the training sound; None: not known.
        config: of the features.
        heard: chunks after a frame's own that are heard.
    """
    if heard >= config.future:
        return None
    unheard = (config.future - heard) * config.summary_size
    if features is None:
        return _lasting(config, heard, unheard)
    own, rest = features.double().split([config.chunk_size, config.size - config.chunk_size], dim=1)
    around, wanted = rest.split([rest.shape[1] - unheard, unheard], dim=1)
    known = torch.cat([summaries(own, config), around], dim=1)
    centred, mean = known - known.mean(0), wanted.mean(0)
    squares = centred.T @ centred
    ridge = RIDGE * squares.diagonal().mean() + _SMALLEST
    weights = torch.linalg.solve(squares + ridge * torch.eye(len(squares)), centred.T @ (wanted - mean))
    return Foresight(heard, weights.float(), (mean - known.mean(0) @ weights).float())


def _lasting(config: FeatureConfig, heard: int, unheard: int) -> Foresight:
    """Returns the guess that what was heard last stays."""
    size = config.summary_size
    last = config.past + heard if heard else 0  # the frame's own comes first
    weights = torch.zeros((1 + config.past + heard) * size, unheard)
    weights[last * size : (last + 1) * size] = torch.eye(size).repeat(1, unheard // size)
    return Foresight(heard, weights, torch.zeros(unheard))
