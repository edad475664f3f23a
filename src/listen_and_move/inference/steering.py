"""A network drawn with controls: what each of its three sound routes hears, and how fast it follows.

Letters: B batch, T frames, F features, Z generator input, H height, W width.
"""

from fractions import Fraction
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.features import Listener
from listen_and_move.inference.controls import Controls
from listen_and_move.models.generator import Network, NetworkState, PixelNoise


class SteeredState(NamedTuple):
    """What is kept between frames."""

    network: NetworkState
    followed: tuple[Float[Tensor, "B 1 Z"], Float[Tensor, "B 1 F"]]
    """What the generator got last, after smoothing: its input, and what its norms hear."""


def silence_of(listener: Listener) -> Float[Tensor, " F"]:
    """The features of digital silence."""
    return listener.whole(torch.zeros(1))[0]


def steered(
    network: Network,
    features: Float[Tensor, "B T F"],
    noise: tuple[Tensor, PixelNoise | None],
    state: SteeredState | None,
    controls: Controls,
    silence: Float[Tensor, " F"],
    fps: Fraction,
) -> tuple[Float[Tensor, "B T 3 H W"], SteeredState]:
    """Frames in [-1, 1] and the state to continue from; `Network.forward` where the controls are as trained.

    The encoder runs at full speed whatever the smoothing, which comes after it.
    """
    motion, content, norm = (_louder(features, silence, gain) for gain in controls.gains)
    before = None if state is None else state.network
    z, memory = network.listen(motion, noise[0], before, content)
    last = (z[:, :1], norm[:, :1]) if state is None else state.followed
    kept = controls.kept(fps)
    z, norm = smoothed(z, last[0], kept), smoothed(norm, last[1], kept)
    frames, picture = network.generator(z, norm, None if before is None else before.picture, noise[1])
    return frames, SteeredState(NetworkState(memory, picture), (z[:, -1:], norm[:, -1:]))


def smoothed(x: Float[Tensor, "B T C"], last: Float[Tensor, "B 1 C"], kept: float) -> Float[Tensor, "B T C"]:
    """One-pole low-pass over frames, y[t] = kept y[t - 1] + (1 - kept) x[t], going on from ``last``; 0 is ``x`` itself."""
    if not kept:
        return x
    smooth: list[Tensor] = []
    for frame in x.split(1, dim=1):
        last = torch.lerp(frame, last, kept)
        smooth.append(last)
    return torch.cat(smooth, dim=1)


def _louder(features: Tensor, silence: Tensor, gain: float) -> Tensor:
    return features if gain == 1 else torch.lerp(silence, features, gain)
