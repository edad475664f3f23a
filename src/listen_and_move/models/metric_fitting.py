"""The metric by which sounds are compared is fitted: which features tell one picture from another one.

Letters: N frames of a clip, K frames that are compared, F features, G groups of features, P numbers of a
small picture, H height, W width.
"""

from fractions import Fraction
from math import ceil

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from listen_and_move.clock import exact
from listen_and_move.config import FeatureConfig
from listen_and_move.models.adam import Adam
from listen_and_move.models.path_search import THUMBNAIL, thumbnails

APART_SECONDS = 0.5
"""Frames nearer than this to one show, and sound like, that one itself, and tell nothing of the metric."""
MOST_FITTED = 512
"""Frames that are compared; evenly chosen of more."""
_STEPS, _RATE, _DECAY = 80, 0.1, 3e-3
_WIDTH, _NARROWEST, _WIDEST = 0.1, 0.05, 0.2  # of the kernel, in mean distances


def clip_metric_scale(
    frames: UInt8[Tensor, "N H W 3"],
    features: Float[Tensor, "N F"],
    numbers: Int[Tensor, " K"],
    config: FeatureConfig,
    fps: Fraction,
) -> Float[Tensor, " F"]:
    """Returns the scale of each feature for a clip that nothing was trained on.

    Args:
        frames: of the clip.
        features: of their sound.
        numbers: of the frames that may be shown.
        config: which features a frame has.
        fps: frames per second.
    """
    some = numbers[:: ceil(len(numbers) / MOST_FITTED)]
    apart = (some[:, None] - some).abs() < ceil(exact(APART_SECONDS) * fps)
    # Of a clip that is too short to leave any frame out, all but the frame itself may tell.
    excluded = apart if not apart.all(1).any() else torch.eye(len(some), dtype=torch.bool)
    steps = some.diff()
    consecutive = steps == steps.min() if len(steps) else steps.bool()
    small = torch.from_numpy(thumbnails(frames, some.numpy(), THUMBNAIL))
    return fitted_metric_scale(features[some], small, excluded, consecutive, feature_groups(config))


def feature_groups(config: FeatureConfig) -> Int[Tensor, " F"]:
    """Returns a group number for each feature: the bands of a chunk share one, each extra number has its own.

    The frame's own chunk comes first.

    Args:
        config: which features a frame has.
    """
    sizes = [config.chunk_size] + [config.summary_size] * (config.past + config.future)
    numbers: list[int] = []
    for size in sizes:
        first = numbers[-1] + 1 if numbers else 0
        numbers += [first] * (size - config.extras) + list(range(first + 1, first + 1 + config.extras))
    return torch.tensor(numbers)


def fitted_metric_scale(
    keys: Float[Tensor, "K F"],
    pictures: Float[Tensor, "K P"],
    excluded: Bool[Tensor, "K K"],
    consecutive: Bool[Tensor, " K-1"],
    groups: Int[Tensor, " F"],
) -> Float[Tensor, " F"]:
    """Returns the scale of each feature with which kernel regression predicts frames best from the others.

    Leave-one-out, after Goldberger et al. 2004 (neighbourhood components analysis). Each group of features
    has one weight, since few frames cannot fit many. The weights find which chunks count: those ahead where
    motion comes before its sound.

    Args:
        keys: features of the remembered frames' sounds.
        pictures: the frames as small pictures, in any range.
        excluded: which frames (columns) may not help to predict which (rows).
        consecutive: whether frame k + 1 comes right after frame k in the clip.
        groups: group number of each feature, from 0.
    """
    spread = keys.std(0, correction=0)
    # A constant feature gets scale 0 instead of a division by nearly nothing.
    unit = torch.where(spread > 1e-6 * keys.abs().amax(0).clamp(min=1e-6), 1 / spread.clamp(min=1e-12), 0.0)
    parts = [keys[:, groups == number] * unit[groups == number] for number in range(int(groups.max()) + 1)]
    squares = torch.stack([torch.cdist(group_keys, group_keys).square() for group_keys in parts])  # G, K, K
    typical = squares.sum(0).sqrt().mean().clamp(min=1e-6)
    pictures = pictures - pictures.mean(0)
    weight = torch.zeros(len(parts), requires_grad=True)
    width = torch.tensor(_WIDTH).log().requires_grad_()
    optimizer = Adam([weight, width], _RATE)
    for _ in range(_STEPS):
        distance = ((squares * weight.exp()[:, None, None]).sum(0) + 1e-6).sqrt() / typical
        predicted = (
            torch.softmax((-distance / width.exp()).masked_fill(excluded, -torch.inf), dim=1) @ pictures
        )
        # Changes count beside the pictures themselves, or what hardly moves would decide alone.
        loss = _relative_error(predicted, pictures) + _relative_error(
            predicted.diff(dim=0)[consecutive], pictures.diff(dim=0)[consecutive]
        )
        optimizer.zero_grad()
        (loss + _DECAY * weight.square().sum()).backward()
        optimizer.step()
        with torch.no_grad():
            width.clamp_(torch.tensor(_NARROWEST).log(), torch.tensor(_WIDEST).log())
    with torch.no_grad():
        return unit * (weight / 2).exp()[groups] / (typical * width.exp())


def _relative_error(predicted: Tensor, real: Tensor) -> Tensor:
    """Returns the squared error as a share of the squared values."""
    return (predicted - real).square().sum() / real.square().sum().clamp(min=1e-6)
