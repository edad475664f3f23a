"""RAFT-small, a network of optical flow: recurrent all-pairs field transforms (Teed & Deng, ECCV 2020).

Features of both pictures at an eighth of their size are compared, each place with each; a small recurrent
network looks up the similarities around where it believes a place has gone, and corrects its belief a few
times over. Parameters bear the names of the published file `raft-small.pth`.

Shape letters: N pairs of pictures, H and W height and width in pixels, h and w the same in cells of 8 pixels,
F features.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

CELL = 8
"""Side in pixels of the places that are compared."""
LEVELS, RADIUS = 4, 3
"""Each lookup sees 7 x 7 cells around the believed place, at this many sizes that double."""
HIDDEN, CONTEXT, FEATURES = 96, 64, 128


class Bottleneck(nn.Module):
    """Residual block: 1x1, 3x3 and 1x1 convolution, a rectifier after each.

    Args:
        inputs: channels.
        outputs: channels; a quarter of them lies between the convolutions.
        stride: of the 3x3 convolution; above 1 a 1x1 convolution brings the input to its output's size.
        normalised: instance normalisation after each convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, normalised: bool) -> None:
        super().__init__()
        inner = outputs // 4
        self.normalised = normalised
        self.conv1 = nn.Conv2d(inputs, inner, 1)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1)
        self.conv3 = nn.Conv2d(inner, outputs, 1)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride)) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N, outputs, H / stride, W / stride) for (N, inputs, H, W)."""
        y = x
        for convolution in (self.conv1, self.conv2, self.conv3):
            y = _rectified(convolution(y), self.normalised)
        if self.downsample is not None:
            x = _norm(self.downsample(x), self.normalised)
        return F.relu(x + y)


class Encoder(nn.Module):
    """Encoder of pictures into features of cells.

    Args:
        outputs: F.
        normalised: with instance normalisation, for what is compared; without, for the context.
    """

    def __init__(self, outputs: int, normalised: bool) -> None:
        super().__init__()
        self.normalised = normalised
        self.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3)
        self.layer1 = nn.Sequential(Bottleneck(32, 32, 1, normalised), Bottleneck(32, 32, 1, normalised))
        self.layer2 = nn.Sequential(Bottleneck(32, 64, 2, normalised), Bottleneck(64, 64, 1, normalised))
        self.layer3 = nn.Sequential(Bottleneck(64, 96, 2, normalised), Bottleneck(96, 96, 1, normalised))
        self.conv2 = nn.Conv2d(96, outputs, 1)

    def forward(self, pictures: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N F h w"]:
        """Returns the features of pictures in [-1, 1]."""
        x = _rectified(self.conv1(pictures), self.normalised)
        return self.conv2(self.layer3(self.layer2(self.layer1(x))))


class RaftMotionEncoder(nn.Module):
    """Encoder of looked-up similarities and the flow so far: 82 features, the last two the flow itself."""

    def __init__(self) -> None:
        super().__init__()
        self.convc1 = nn.Conv2d(LEVELS * (2 * RADIUS + 1) ** 2, 96, 1)
        self.convf1 = nn.Conv2d(2, 64, 7, padding=3)
        self.convf2 = nn.Conv2d(64, 32, 3, padding=1)
        self.conv = nn.Conv2d(128, 80, 3, padding=1)

    def forward(
        self, flow: Float[Tensor, "N 2 h w"], similarity: Float[Tensor, "N 196 h w"]
    ) -> Float[Tensor, "N 82 h w"]:
        """Returns the features.

        Args:
            flow: in cells, x first.
            similarity: of `looked_up`.
        """
        moved = F.relu(self.convf2(F.relu(self.convf1(flow))))
        seen = F.relu(self.convc1(similarity))
        return torch.cat([F.relu(self.conv(torch.cat([seen, moved], dim=1))), flow], dim=1)


class RaftConvGRU(nn.Module):
    """Gated recurrent unit with 3x3 convolutions (Cho et al. 2014, in the convolutional form of RAFT).

    Args:
        hidden: channels of the state.
        inputs: C.
    """

    def __init__(self, hidden: int, inputs: int) -> None:
        super().__init__()
        self.convz = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)
        self.convr = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)
        self.convq = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)

    def forward(
        self, hidden: Float[Tensor, "N D h w"], x: Float[Tensor, "N C h w"]
    ) -> Float[Tensor, "N D h w"]:
        """Returns the next hidden state."""
        both = torch.cat([hidden, x], dim=1)
        update, reset = torch.sigmoid(self.convz(both)), torch.sigmoid(self.convr(both))
        candidate = torch.tanh(self.convq(torch.cat([reset * hidden, x], dim=1)))
        return torch.lerp(hidden, candidate, update)


class FlowHead(nn.Module):
    """Two convolutions that read a correction of the flow from the hidden state."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(HIDDEN, 128, 3, padding=1)
        self.conv2 = nn.Conv2d(128, 2, 3, padding=1)

    def forward(self, hidden: Float[Tensor, "N 96 h w"]) -> Float[Tensor, "N 2 h w"]:
        """Returns the correction in cells, x first."""
        return self.conv2(F.relu(self.conv1(hidden)))


class UpdateBlock(nn.Module):
    """One correction of the flow."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = RaftMotionEncoder()
        self.gru = RaftConvGRU(HIDDEN, CONTEXT + 82)
        self.flow_head = FlowHead()

    def forward(
        self, hidden: Tensor, context: Tensor, similarity: Tensor, flow: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns the next hidden state and flow.

        Args:
            hidden: (N, 96, h, w).
            context: (N, 64, h, w).
            similarity: (N, 196, h, w), of `looked_up`.
            flow: (N, 2, h, w) in cells.
        """
        hidden = self.gru(hidden, torch.cat([context, self.encoder(flow, similarity)], dim=1))
        return hidden, flow + self.flow_head(hidden)


class RaftSmall(nn.Module):
    """RAFT-small alone: pictures in [-1, 1] of sides that are multiples of 8, from 128 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.fnet = Encoder(FEATURES, normalised=True)
        self.cnet = Encoder(HIDDEN + CONTEXT, normalised=False)
        self.update_block = UpdateBlock()

    def forward(
        self, first: Float[Tensor, "N 3 H W"], second: Float[Tensor, "N 3 H W"], iterations: int
    ) -> Float[Tensor, "N 2 H W"]:
        """Returns the flow of pairs of pictures in pixels, x first.

        What is at p in the first picture is at p + flow(p) in the second.

        Args:
            first: RGB in [-1, 1].
            second: likewise.
            iterations: corrections of the flow, from 1.
        """
        pyramid = similarities(*self.fnet(torch.cat([first, second])).chunk(2))
        hidden, context = self.cnet(first).split([HIDDEN, CONTEXT], dim=1)
        hidden, context = torch.tanh(hidden), F.relu(context)
        flow = hidden.new_zeros(len(first), 2, *hidden.shape[2:])
        for _ in range(iterations):
            hidden, flow = self.update_block(hidden, context, looked_up(pyramid, flow), flow)
        return CELL * F.interpolate(
            flow, scale_factor=CELL, mode="bilinear", align_corners=True
        )  # as it was trained


def similarities(first: Float[Tensor, "N F h w"], second: Float[Tensor, "N F h w"]) -> list[Tensor]:
    """Returns the scaled products of each cell's features with each, in `LEVELS` sizes.

    Args:
        first: features of the first pictures' cells.
        second: those of the second pictures' cells.

    Returns:
        (N h w, 1, h, w), then the second picture halved again and again.
    """
    features, height, width = first.shape[1:]
    products = first.flatten(2).transpose(1, 2) @ second.flatten(2) / features**0.5
    pyramid = [products.reshape(-1, 1, height, width)]
    while len(pyramid) < LEVELS:
        pyramid.append(F.avg_pool2d(pyramid[-1], 2))
    return pyramid


def looked_up(pyramid: list[Tensor], flow: Float[Tensor, "N 2 h w"]) -> Float[Tensor, "N 196 h w"]:
    """Returns the similarities in the 7 x 7 cells around where the flow leads.

    Bilinear, 0 outside; column by column, level by level.

    Args:
        pyramid: of `similarities`.
        flow: in cells, x first.
    """
    count, _, height, width = flow.shape
    rows, columns = torch.meshgrid(
        torch.arange(height, device=flow.device), torch.arange(width, device=flow.device), indexing="ij"
    )
    places = (flow + torch.stack([columns, rows])).permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
    steps = torch.arange(-RADIUS, RADIUS + 1, device=flow.device, dtype=flow.dtype)
    window = torch.stack(
        torch.meshgrid(steps, steps, indexing="ij"), dim=-1
    )  # x changes slowly: as it was trained
    found = []
    for level, products in enumerate(pyramid):
        size = flow.new_tensor([products.shape[3], products.shape[2]])
        grid = (
            2 * (places / 2**level + window) + 1
        ) / size - 1  # centres of the outer cells lie half a cell inside -1 and 1
        found.append(F.grid_sample(products, grid, align_corners=False).reshape(count, height, width, -1))
    return torch.cat(found, dim=-1).permute(0, 3, 1, 2).contiguous()


def _norm(x: Tensor, normalised: bool) -> Tensor:
    return F.instance_norm(x) if normalised else x


def _rectified(x: Tensor, normalised: bool) -> Tensor:
    return F.relu(_norm(x, normalised))
