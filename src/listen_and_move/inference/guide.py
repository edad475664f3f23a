"""A network drawn with controls: what each of its three sound routes hears, and how fast it follows.

Letters: B batch, T frames, F features, Z generator input, H height, W width.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.inference.controls import Controls
from listen_and_move.models.generator import Network, NetworkState, PictureState, PixelNoise


class SteeredState(NamedTuple):
    """What is kept between frames."""

    network: NetworkState
    followed: tuple[Float[Tensor, "B 1 Z"], Float[Tensor, "B 1 F"]]
    """What the generator got last, after smoothing: its input, and what its norms hear."""


def steered(
    network: Network,
    features: Float[Tensor, "B T F"],
    noise: tuple[Tensor, PixelNoise | None],
    state: SteeredState | None,
    controls: Sequence[Controls],
    silence: Float[Tensor, " F"],
    fps: Fraction,
) -> tuple[Float[Tensor, "B T 3 H W"], SteeredState]:
    """Frames in [-1, 1] and the state to continue from; `Network.forward` where the controls are as trained.

    The encoder runs at full speed whatever the smoothing, which comes after it.

    Args:
        controls: of each item of the batch.
    """
    z, norm, after = _followed(network, features, noise[0], state, controls, silence, fps)
    before = None if state is None else state.network.picture
    gate_bias = _of_items([each.sharpness for each in controls], z)
    frames, picture = network.generator(z, norm, before, noise[1], gate_bias=gate_bias)
    return frames, after._replace(network=after.network._replace(picture=picture))


def heard(
    network: Network,
    features: Float[Tensor, "B T F"],
    noise: Float[Tensor, "B T E"],
    state: SteeredState | None,
    controls: Sequence[Controls],
    silence: Float[Tensor, " F"],
    fps: Fraction,
) -> SteeredState:
    """The state after frames that are not drawn; what the network remembers of its pictures stays as it
    is."""
    return _followed(network, features, noise, state, controls, silence, fps)[2]


def _followed(
    network: Network,
    features: Float[Tensor, "B T F"],
    noise: Float[Tensor, "B T E"],
    state: SteeredState | None,
    controls: Sequence[Controls],
    silence: Float[Tensor, " F"],
    fps: Fraction,
) -> tuple[Float[Tensor, "B T Z"], Float[Tensor, "B T F"], SteeredState]:
    """What the generator gets: its input, and what its norms hear; and the state after it, but for new
    pictures."""
    gains = zip(*(each.gains for each in controls), strict=True)
    motion, content, norm = (_louder(features, silence, of_items) for of_items in gains)
    z, memory = network.listen(motion, noise, None if state is None else state.network, content)
    last = (z[:, :1], norm[:, :1]) if state is None else state.followed
    kept = _of_items([each.kept(fps) for each in controls], z)
    z, norm = smoothed(z, last[0], kept), smoothed(norm, last[1], kept)
    picture = PictureState() if state is None else state.network.picture
    return z, norm, SteeredState(NetworkState(memory, picture), (z[:, -1:], norm[:, -1:]))


def smoothed(
    x: Float[Tensor, "B T C"], last: Float[Tensor, "B 1 C"], kept: Float[Tensor, "B 1 1"]
) -> Float[Tensor, "B T C"]:
    """One-pole low-pass over frames, y[t] = kept y[t - 1] + (1 - kept) x[t], going on from ``last``; 0 is
    ``x`` itself."""
    if not kept.any():
        return x
    smooth: list[Tensor] = []
    for frame in x.split(1, dim=1):
        last = torch.lerp(frame, last, kept)
        smooth.append(last)
    return torch.cat(smooth, dim=1)


def _louder(
    features: Float[Tensor, "B T F"], silence: Float[Tensor, " F"], gains: Sequence[float]
) -> Float[Tensor, "B T F"]:
    if all(gain == 1 for gain in gains):
        return features
    return torch.lerp(silence.expand_as(features), features, _of_items(gains, features))


def _of_items(values: Sequence[float], like: Tensor) -> Float[Tensor, "B 1 1"]:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]
