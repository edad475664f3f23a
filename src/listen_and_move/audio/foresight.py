"""Foresight: a guess of the look-ahead that has not been heard yet.

With it a model with look-ahead plays sooner than it was trained to. The guess is linear, and fitted to the
training sound with a ridge (Hoerl and Kennard 1970): without one a few hundred frames of a hundred numbers
each would be learnt by heart. Where the training sound is not known, the last chunk is repeated.

Letters: N training frames, F numbers per frame, K known numbers, U guessed numbers.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.features import Foresight, summaries
from listen_and_move.config import FeatureConfig

RIDGE = 0.3
"""Strength of the ridge, in units of the mean variance of the known numbers."""
_SMALLEST = 1e-6  # so that a constant sound has a guess too


def foresight(features: Float[Tensor, "N F"] | None, config: FeatureConfig, heard: int) -> Foresight | None:
    """Returns the guess of the look-ahead that is not waited for; None where all of it is.

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
    """Returns the guess that repeats the last chunk."""
    size = config.summary_size
    last = config.past + heard if heard else 0  # the frame's own chunk comes first
    weights = torch.zeros((1 + config.past + heard) * size, unheard)
    weights[last * size : (last + 1) * size] = torch.eye(size).repeat(1, unheard // size)
    return Foresight(heard, weights, torch.zeros(unheard))
