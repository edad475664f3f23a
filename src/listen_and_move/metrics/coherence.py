"""Coherence of frames in time: motion against the real one, warping error, standing still, flicker.

A video is a numpy array (T, H, W, 3): uint8, scaled to [0, 1] here, or floats in [0, 1] already. A flow is (T
- 1, 2, H, W) in pixels, x first: what is at p in frame t is at p + flow[t](p) in frame t + 1. Each measure is
a series with one value per pair of frames (per three for flicker), so a long video may come in blocks that
share their last frame (their last two for flicker) with the next: the series one after another are those of
the whole.

A still picture is perfect in `warping_error` and `flicker`, and so is nearly a blurred one: read them beside
the real video's own values and the share of frozen pairs.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from listen_and_move.arrays import Array
from listen_and_move.metrics.frame import Video, unit_range

Flow = NDArray[np.floating[Any]]

FROZEN_STEPS = 1.0
"""One 8-bit step, the least change of brightness that a screen shows. Of 20 real clips at 20 frames per
second, 17 have at most 6 % of their pairs below it, at 64 and at 128 pixels; the others do stand still:
fireworks between bursts (16 to 19 %), a harp before it is played (24 %), a parked engine (34 %)."""
_BLOCKS = 16
"""Blocks along the shorter side."""
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def flow_difference(ours: Flow, theirs: Flow) -> Array:
    """Returns tOF: the difference of two videos' motion in pixels per frame (Chu et al. 2020, TecoGAN).

    Length of the difference vector, mean over all pixels; 0 for equal motion. The paper writes an L1 norm;
    the code that made its figures takes this Euclidean length, which does not depend on how the axes lie.
    Against a flow of zeros it is the mean speed: what a still picture gets. The flow of RAFT has a floor:
    grain of 5 steps alone makes 0.06 to 0.14 px on real clips of 64 pixels, of mean speed 0.06 to 0.24.

    Args:
        ours: flow between consecutive frames, (T - 1, 2, H, W).
        theirs: the same shape.

    Returns:
        (T - 1,).

    Raises:
        ValueError: not of the shape of flows, or of two shapes.
    """
    if ours.shape != theirs.shape or ours.ndim != 4 or ours.shape[1] != 2:
        raise ValueError(
            f"flows: expected two of one shape (T - 1, 2, H, W); got {ours.shape} and {theirs.shape}"
        )
    return np.linalg.norm(ours - theirs, axis=1).mean((1, 2), dtype=np.float64)


def warping_error(video: Video, flow: Flow, backward: Flow | None = None) -> Array:
    """Returns the squared difference of each frame and the next one brought back along the flow.

    What motion does not explain, after Lai et al. 2018. Mean over the channels and over the pixels that are
    `visible` in both frames. The flow is the video's own, so that the real video's value, from its own flow,
    can stand beside.

    Args:
        video: T frames.
        flow: between its consecutive frames, (T - 1, 2, H, W) in pixels.
        backward: from each next frame back, of the same shape; None: nothing counts as covered.

    Returns:
        (T - 1,), 0 for pictures that only move, at most 1; nan where no pixel is visible in both frames.

    Raises:
        ValueError: shapes that do not go together.
    """
    video = unit_range(video)
    if flow.shape != (max(0, len(video) - 1), 2, *video.shape[1:3]):
        raise ValueError(
            f"flow: expected shape (T - 1, 2, H, W) for a video of shape {video.shape}; got {flow.shape}"
        )
    seen = visible(flow, backward)
    values = np.full(len(flow), np.nan)
    for index, (before, after) in enumerate(pairwise(video)):
        if seen[index].any():
            error = np.square(_followed(after, flow[index]) - before).mean(-1)
            values[index] = error[seen[index]].mean(dtype=np.float64)
    return values


def visible(flow: Flow, backward: Flow | None = None) -> NDArray[np.bool_]:
    """Returns which pixels of a frame are still in the next one: (T - 1, H, W).

    The flow must not leave the picture, and the backward flow w' where it leads must lead back: |w + w'|^2 <=
    0.01 (|w|^2 + |w'|^2) + 0.5 (Sundaram et al. 2010, used by Ruder et al. 2016 and Lai et al. 2018, who
    leave out edges of motion as well).

    Args:
        flow: between consecutive frames, (T - 1, 2, H, W) in pixels.
        backward: from each next frame back, of the same shape; None: nothing counts as covered.

    Raises:
        ValueError: the shapes differ.
    """
    if backward is not None and backward.shape != flow.shape:
        raise ValueError(f"flows: expected one shape (T - 1, 2, H, W); got {flow.shape} and {backward.shape}")
    height, width = flow.shape[2:]
    x, y = flow[:, 0] + np.arange(width), flow[:, 1] + np.arange(height)[:, None]
    seen = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    if backward is not None:
        seen &= np.array([_consistent(*pair) for pair in zip(flow, backward, strict=True)], bool).reshape(
            seen.shape
        )
    return seen


def visible_change(video: Video) -> Array:
    """Returns the largest change of brightness anywhere between consecutive frames, in 8-bit steps.

    Frames are compared as means of blocks, 16 along the shorter side, and the block that changes most counts.
    A mean over the whole picture would lose a moving stick among still pixels; single pixels would take grain
    and coding noise for motion. Since blocks grow with the picture, the values do not.

    Args:
        video: T frames.

    Returns:
        (T - 1,), 0 to 255.
    """
    video = unit_range(video)
    means = np.array([_block_means(frame) for frame in video])
    return 255 * np.abs(np.diff(means, axis=0)).max((1, 2), initial=0.0)


def frozen_share(changes: NDArray[np.floating[Any]], threshold: float = FROZEN_STEPS) -> float:
    """Returns the share of pairs of frames between which nothing visible changes, 0..1; nan without pairs.

    To be read beside the real clip's own share: there are clips in which nothing moves for a while.

    Args:
        changes: of `visible_change`, (T - 1,).
        threshold: in 8-bit steps; a pair is frozen below it.
    """
    return float(np.mean(changes < threshold)) if len(changes) else float("nan")


def flicker(video: Video) -> Array:
    """Returns the change at each frame that the next frame undoes, in shares of the full range.

    Distance of each pixel from the range between its predecessor and its successor (what a temporal median of
    three would take away), mean over pixels and channels. 0 for stills and for fades of any speed and shape,
    as long as they go one way; the whole swing for a brightness that alternates. What passes quickly counts
    as well, hence the real clip's value beside. Film restoration finds dirt by a threshold on this distance,
    with motion followed (signed spike detection index; Kokaram 1998).

    Args:
        video: T frames.

    Returns:
        (T - 2,), 0 to 1; value t is of frame t + 1.
    """
    video = unit_range(video)
    triples = zip(video[:-2], video[1:-1], video[2:], strict=True) if len(video) > 2 else ()
    return np.array([_outside(*triple) for triple in triples], np.float64)


def _outside(before: NDArray[Any], frame: NDArray[Any], after: NDArray[Any]) -> float:
    """Mean distance of a frame from the range between the frames before and after it."""
    between = np.clip(frame, np.minimum(before, after), np.maximum(before, after))
    return float(np.abs(frame - between).mean(dtype=np.float64))


def _followed(picture: NDArray[Any], flow: Flow) -> NDArray[Any]:
    """A picture (H, W, C) seen along a flow (2, H, W), bilinear; where it leaves the picture, its edge."""
    height, width = picture.shape[:2]
    x = (flow[0] + np.arange(width)).clip(0, width - 1)
    y = (flow[1] + np.arange(height)[:, None]).clip(0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = picture[top, left] * (1 - across) + picture[top, right] * across
    lower = picture[bottom, left] * (1 - across) + picture[bottom, right] * across
    return upper * (1 - down) + lower * down


def _consistent(flow: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Whether the way back (2, H, W), from where the flow leads, leads back: (H, W)."""
    back = np.moveaxis(_followed(np.moveaxis(backward, 0, -1), flow), -1, 0)
    lengths = np.square(flow).sum(0) + np.square(back).sum(0)
    return np.square(flow + back).sum(0) <= 0.01 * lengths + 0.5


def _block_means(frame: NDArray[Any]) -> Array:
    """Mean luma of blocks that are nearly square and cover the frame."""
    luma = frame @ _LUMA
    side = max(1.0, min(luma.shape) / _BLOCKS)
    for axis in (0, 1):
        edges = np.linspace(0, luma.shape[axis], round(luma.shape[axis] / side) + 1).astype(int)
        luma = np.add.reduceat(luma, edges[:-1], axis) / np.expand_dims(np.diff(edges), 1 - axis)
    return luma
