"""Features that Frechet distances compare: one vector per frame (Inception) or per window of frames (I3D)."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from listen_and_move.arrays import Array
from listen_and_move.pretrained.i3d import CLASSES, I3D, LEAST_FRAMES
from listen_and_move.pretrained.inception import FEATURES, Inception
from listen_and_move.pretrained.inputs import SYMMETRIC, UNIT, network_input

Video = NDArray[Any]

FRAMES_AT_ONCE = 16
WINDOWS_AT_ONCE = 2
"""Of 16 frames: about half a gigabyte in I3D's first layers."""


def inception_features(network: Inception, videos: Iterable[Video]) -> Array:
    """Returns the pool features of every frame, for FID and KID (Heusel et al. 2017).

    Args:
        network: `load("inception-fid")`; it computes where its weights are.
        videos: uint8 (T, H, W, 3) each, of any sizes; frames are resized to 299 x 299 as in `Inception`. A
            long video may come in parts.

    Returns:
        float64 (N, 2048) for N frames in all.

    Raises:
        ValueError: something that is no such video.
    """
    blocks = (
        video[first : first + FRAMES_AT_ONCE]
        for video in videos
        for first in range(0, len(video), FRAMES_AT_ONCE)
    )
    return _rows((network_input(block, UNIT, _device(network)) for block in blocks), network, FEATURES)


def i3d_features(network: I3D, windows: Iterable[Video]) -> Array:
    """Returns the logits of every window, for FVD and KVD (Unterthiner et al. 2018).

    Args:
        network: `load("i3d-kinetics400")`; it computes where its weights are.
        windows: uint8 (T, H, W, 3) each, all of one shape; 16 frames by custom, at least 9. Frames are
            resized to 224 x 224 as in `I3D`.

    Returns:
        float64 (N, 400) for N windows.

    Raises:
        ValueError: windows that are too short, of different shapes, or no videos.
    """
    return _rows(_window_batches(iter(windows), _device(network)), network, CLASSES)


def _window_batches(windows: Iterator[Video], device: torch.device) -> Iterator[Tensor]:
    """Windows as batches (N, 3, T, H, W) for I3D, checked."""
    shape = None
    while batch := list(islice(windows, WINDOWS_AT_ONCE)):
        for window in batch:
            shape = shape or window.shape
            if window.shape != shape or len(window) < LEAST_FRAMES:
                raise ValueError(
                    f"windows: expected one shape of at least {LEAST_FRAMES} frames; got {shape} and "
                    f"{window.shape}"
                )
        yield torch.stack([network_input(window, SYMMETRIC, device).transpose(0, 1) for window in batch])


def _rows(batches: Iterable[Tensor], network: torch.nn.Module, width: int) -> Array:
    """A network's outputs for batches, one row (width,) per picture or window."""
    with torch.inference_mode():
        rows = [network(batch).double().cpu().numpy() for batch in batches]
    return np.concatenate([np.zeros((0, width)), *rows])


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device
