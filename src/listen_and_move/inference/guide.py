"""The network draws a picture for each frame, and the dials say what the network hears.

Letters: B batch, T frames, F numbers per frame, H height, W width.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import torch

from listen_and_move.inference.batching import BatchedRenderer, RenderRequest
from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings
from listen_and_move.models.generator import NetworkState
from listen_and_move.models.rendering import BLOCK


@dataclass(frozen=True)
class Guide:
    """Draws what the network makes of the sound; frames that are late are heard and not drawn."""

    renderer: BatchedRenderer

    def push(
        self, inputs: list[Frame], state: NetworkState | None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], NetworkState | None]:
        """Returns the frames with their guide, and the state to continue from."""
        frames: list[Frame] = []
        for piece in _pieces(inputs):
            features = torch.stack([frame.features for frame in piece])
            request = RenderRequest(features, state, piece[0].number, settings.seed, settings.controls)
            if piece[0].late:
                state = self.renderer.hear(request)
                frames += piece
            else:
                guides, state = self.renderer.draw(request)
                frames += [frame._replace(guide=guide) for frame, guide in zip(piece, guides, strict=True)]
        return frames, state

    def finish(self, state: NetworkState | None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns nothing: no frame is held back."""
        return []


def _pieces(frames: list[Frame]) -> Iterator[list[Frame]]:
    """Late frames as a whole, the others as many as are drawn at once."""
    for late, group in groupby(frames, key=lambda frame: frame.late):
        run = list(group)
        yield from [run] if late else (run[place : place + BLOCK] for place in range(0, len(run), BLOCK))
