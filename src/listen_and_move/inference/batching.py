"""Batched drawing: pictures of all streams that play one network are drawn in one place.

Streams that wait at the same time are drawn in one call. Whichever stream finds the network free draws for
all that wait, so one stream alone is not delayed, and no stream waits for a clock. Streams may be in
different threads. The frames of one stream do not depend on the others, but for the rounding of floats.

Letters: B batch of streams, T frames, F features, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.errors import UserError
from listen_and_move.inference.controls import Controls
from listen_and_move.models.generator import Network, NetworkState, PixelNoise, RoutedFeatures
from listen_and_move.models.noise import frame_noise
from listen_and_move.models.recurrent import row, stacked
from listen_and_move.precision import products

MOST = 16
"""Most streams that are drawn in one call: bounds memory."""


@dataclass
class RenderRequest:
    """Frames of one stream that are to be drawn; drawing consumes the request."""

    features: Float[Tensor, "T F"]
    state: NetworkState | None
    first: int
    """Number of the first frame."""
    seed: int
    """Seed of the noise."""
    controls: Controls
    pictures: list[Float[Tensor, "T 3 H W"]] = field(default_factory=list)
    """Frames drawn so far, in [-1, 1]."""
    failure: Exception | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is left to be drawn."""
        return self.failure is not None or not len(self.features)


class BatchedRenderer:
    """A network with all that its streams share.

    Args:
        network: in evaluation mode, on the device.
        extractor: made the features.
        noise_sizes: numbers per frame of motion noise, then of content noise.
        device: where to compute.
        exact: float32 products with all their digits on CUDA.
    """

    def __init__(
        self,
        network: Network,
        extractor: FeatureExtractor,
        noise_sizes: tuple[int, int],
        device: torch.device,
        exact: bool = True,
    ) -> None:
        self.network, self.noise_sizes, self.device = network, noise_sizes, device
        self.fps, self.exact = extractor.fps, exact
        self.silence = extractor.silence().to(device)
        self.waiting: list[RenderRequest] = []
        self.queue, self.turn = Lock(), Lock()

    def draw(self, request: RenderRequest) -> tuple[Float[Tensor, "T 3 H W"], NetworkState | None]:
        """Returns all frames of a request, in [-1, 1], and the state to continue from."""
        with self.queue:
            self.waiting.append(request)
        while not request.over:
            with self.turn:
                if not request.over:
                    self._draw_some()
        if request.failure is not None:
            raise request.failure
        return torch.cat(request.pictures), request.state

    @torch.inference_mode()
    def hear(self, request: RenderRequest) -> NetworkState:
        """Returns the state after frames that are heard but not drawn, since they influence later frames.

        A recurrent generator remembers the last picture that it drew.
        """
        noise, features = self._noise(request, len(request.features))[0], request.features[None]
        sound, _, smoothing = self._dialled(features.to(self.device), [request.controls])
        return self.network.listen(sound, noise, request.state, smoothing)[2]

    def _draw_some(self) -> None:
        """Draws the first frames of the waiting requests, as many as the shortest request has."""
        with self.queue:
            requests = self._together()
        try:
            self._draw(requests, min(len(request.features) for request in requests))
        except Exception as failure:
            for request in requests:
                request.failure = failure
        with self.queue:
            self.waiting = [request for request in self.waiting if not request.over]

    def _together(self) -> list[RenderRequest]:
        """Returns the requests that are drawn next: with or without a state, as the first that waits.

        Requests without a state are drawn apart, as they begin from their own inputs.
        """
        beginner = self.waiting[0].state is None
        return [request for request in self.waiting if (request.state is None) == beginner][:MOST]

    @torch.inference_mode()
    def _draw(self, requests: list[RenderRequest], frames: int) -> None:
        features = torch.stack([request.features[:frames] for request in requests]).to(self.device)
        noises, pixels = zip(*(self._noise(request, frames) for request in requests), strict=True)
        places = None if pixels[0] is None else [torch.cat(place) for place in zip(*pixels, strict=True)]
        state = stacked([request.state for request in requests])
        sound, sharpness, smoothing = self._dialled(features, [request.controls for request in requests])
        with products(self.exact):
            pictures, state = self.network(
                sound, torch.cat(noises), state, places, sharpness=sharpness, smoothing=smoothing
            )
        if not pictures.isfinite().all():
            raise UserError(
                "model: expected pictures of finite numbers; got NaN or infinity: its training went wrong, "
                "or its file is damaged",
                "train it anew with lower learning rates, or copy it again",
            )
        for index, request in enumerate(requests):
            request.pictures.append(pictures[index])
            request.state = state if len(requests) == 1 else row(state, index)
            request.first, request.features = request.first + frames, request.features[frames:]

    def _dialled(
        self, features: Float[Tensor, "B T F"], controls: Sequence[Controls]
    ) -> tuple[RoutedFeatures, Float[Tensor, "B 1 1"], Float[Tensor, "B 1 1"]]:
        """Returns the features of each route, the sharpness, and the share of smoothing.

        All follow from the dials of each stream.
        """
        gains = zip(*(each.gains for each in controls), strict=True)
        sound = RoutedFeatures(*(amplified(features, self.silence, of_streams) for of_streams in gains))
        sharpness = _per_stream([each.sharpness for each in controls], features)
        return sound, sharpness, _per_stream([each.kept(self.fps) for each in controls], features)

    def _noise(self, request: RenderRequest, frames: int) -> tuple[Tensor, PixelNoise | None]:
        span = range(request.first, request.first + frames)
        shapes = self.network.generator.pixel_noise_shapes
        return frame_noise(span, request.seed, self.noise_sizes, shapes, self.device)


def amplified(
    features: Float[Tensor, "B T F"], silence: Float[Tensor, " F"], gains: Sequence[float]
) -> Float[Tensor, "B T F"]:
    """Returns features moved away from those of silence by the gain of each stream; 1 changes nothing."""
    if all(gain == 1 for gain in gains):
        return features
    return torch.lerp(silence.expand_as(features), features, _per_stream(gains, features))


def _per_stream(values: Sequence[float], like: Tensor) -> Float[Tensor, "B 1 1"]:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]
