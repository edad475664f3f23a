"""Where the pictures of all that play one model are drawn: those who wait at the same time are drawn in one
call.

Whoever finds the network free draws for everybody who waits, so one player alone is not delayed, and nobody
waits for a clock. Players may be in different threads. What one gets does not depend on who else plays, but
for the rounding of floats.

Letters: B batch of players, T frames, F features, H height, W width.
"""

from dataclasses import dataclass, field
from threading import Lock

import torch
from jaxtyping import Float
from torch import Tensor

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.inference.controls import Controls
from listen_and_move.inference.guide import SteeredState, heard, steered
from listen_and_move.models.generator import Network, PixelNoise
from listen_and_move.models.noise import frame_noise
from listen_and_move.models.recurrent import row, stacked
from listen_and_move.precision import products

MOST = 16
"""Players that are drawn in one call: bounds memory."""


@dataclass
class RenderRequest:
    """Frames that a player wants to be drawn."""

    features: Float[Tensor, "T F"]
    state: SteeredState | None
    first: int
    """Number of the first of them."""
    seed: int
    controls: Controls
    drawn: list[Float[Tensor, "T 3 H W"]] = field(default_factory=list)
    """Frames so far, in [-1, 1]."""
    failure: Exception | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is left to be drawn."""
        return self.failure is not None or not len(self.features)


class BatchedRenderer:
    """A network with all that its players share."""

    def __init__(
        self,
        network: Network,
        extractor: FeatureExtractor,
        noise_sizes: tuple[int, int],
        device: torch.device,
        exact: bool = True,
    ) -> None:
        self.network, self.noise_sizes, self.device, self.fps, self.exact = (
            network,
            noise_sizes,
            device,
            extractor.fps,
            exact,
        )
        self.silence = extractor.silence().to(device)
        self.waiting: list[RenderRequest] = []
        self.queue, self.turn = Lock(), Lock()

    def draw(self, part: RenderRequest) -> tuple[Float[Tensor, "T 3 H W"], SteeredState | None]:
        """All frames of a part, in [-1, 1], and the state to continue from; the part is used up."""
        with self.queue:
            self.waiting.append(part)
        while not part.over:
            with self.turn:
                if not part.over:
                    self._draw_some()
        if part.failure is not None:
            raise part.failure
        return torch.cat(part.drawn), part.state

    @torch.inference_mode()
    def hear(self, part: RenderRequest) -> SteeredState | None:
        """The state after frames that nobody wants to see: they move what comes after them, and are not
        drawn.

        A generator that remembers its own pictures remembers the last one that it drew.
        """
        noise = self._noise(part, len(part.features))[0]
        features = part.features[None].to(self.device)
        return heard(self.network, features, noise, part.state, [part.controls], self.silence, self.fps)

    def _draw_some(self) -> None:
        """The first frames of those who wait, as many as the one who wants fewest."""
        with self.queue:
            parts = self._together()
        try:
            self._draw(parts, min(len(part.features) for part in parts))
        except Exception as failure:
            for part in parts:
                part.failure = failure
        with self.queue:
            self.waiting = [part for part in self.waiting if not part.over]

    def _together(self) -> list[RenderRequest]:
        """Who is drawn next: those like the first who waits; beginners alone, since what they begin from is
        their own."""
        beginner = self.waiting[0].state is None
        return [part for part in self.waiting if (part.state is None) == beginner][:MOST]

    @torch.inference_mode()
    def _draw(self, parts: list[RenderRequest], frames: int) -> None:
        features = torch.stack([part.features[:frames] for part in parts]).to(self.device)
        noises, pixels = zip(*(self._noise(part, frames) for part in parts), strict=True)
        places = None if pixels[0] is None else [torch.cat(place) for place in zip(*pixels, strict=True)]
        noise, state = (torch.cat(noises), places), stacked([part.state for part in parts])
        controls = [part.controls for part in parts]
        with products(self.exact):
            pictures, state = steered(self.network, features, noise, state, controls, self.silence, self.fps)
        for index, part in enumerate(parts):
            part.drawn.append(pictures[index])
            part.state = state if len(parts) == 1 else row(state, index)
            part.first, part.features = part.first + frames, part.features[frames:]

    def _noise(self, part: RenderRequest, frames: int) -> tuple[Tensor, PixelNoise | None]:
        span = range(part.first, part.first + frames)
        return frame_noise(span, part.seed, self.noise_sizes, self.network.pixel_noise_shapes, self.device)
