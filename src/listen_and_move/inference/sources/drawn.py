"""The picture is what the network drew."""

from dataclasses import dataclass

import torch

from listen_and_move.inference.stage import AS_IT_IS, Frame, PlaySettings
from listen_and_move.models.pixels import as_pixels


@dataclass(frozen=True)
class DrawnSource:
    """Shows the guide as it is; has no state."""

    def push(
        self, inputs: list[Frame], state: None, settings: PlaySettings = AS_IT_IS
    ) -> tuple[list[Frame], None]:
        """Returns the frames with their pictures; late ones stay without."""
        guides = [frame.guide for frame in inputs if frame.guide is not None]
        pixels = iter(as_pixels(torch.stack(guides)).cpu().numpy() if guides else ())
        return [
            frame if frame.guide is None else frame._replace(picture=next(pixels)) for frame in inputs
        ], state

    def finish(self, state: None, settings: PlaySettings = AS_IT_IS) -> list[Frame]:
        """Returns nothing: no frame is held back."""
        return []
