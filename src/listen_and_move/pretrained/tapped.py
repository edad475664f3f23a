"""Chains of layers whose feature maps can be taken out on the way: AlexNet, VGG16 and SqueezeNet.

Shape letters: N pictures, C channels, H height, W width, h and w the same of a map.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn


class Tap(NamedTuple):
    """A place where a feature map is taken."""

    layer: int
    """Place in ``features`` of the layer whose output it is."""
    channels: int


class TappedNetwork(nn.Module):
    """Convolutional layers ``features.0``, ``features.1``, ... named as in torchvision's weight files.

    Args:
        layers: in their order.
    """

    taps: ClassVar[dict[str, Tap]]
    """The maps that LPIPS compares, from the picture inwards."""
    least_size: ClassVar[int]
    """Smallest height and width, in pixels, from which all maps of ``taps`` can be computed."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers)

    def forward(
        self, pictures: Float[Tensor, "N 3 H W"], taps: Sequence[str | int] | None = None
    ) -> list[Float[Tensor, "N C h w"]]:
        """Returns feature maps in the order asked for; layers behind the last one are not computed.

        Args:
            pictures: in the input convention of the weights (see `pretrained.inputs`).
            taps: names from ``taps`` or places of layers; None: all of ``taps``.

        Raises:
            ValueError: there is no such tap.
        """
        wanted = [self._place(tap) for tap in (self.taps if taps is None else taps)]
        maps, x = {}, pictures
        for index in range(max(wanted, default=-1) + 1):
            x = self.features[index](x)
            if index in wanted:
                maps[index] = x
        return [maps[index] for index in wanted]

    def _place(self, tap: str | int) -> int:
        if isinstance(tap, str) and tap in self.taps:
            return self.taps[tap].layer
        if isinstance(tap, int) and 0 <= tap < len(self.features):
            return tap
        raise ValueError(
            f"taps: expected one of {', '.join(self.taps)}, or 0 to {len(self.features) - 1}; got {tap!r}"
        )
