"""RAFT-small: frames of any size are fitted, and with the published weights known motion is found."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates
from tests.media.making import blobs
from tests.pretrained.weights import made_up, made_up_weights

from listen_and_move.media.picture import read_frames
from listen_and_move.pretrained.optical_flow import FlowNetwork
from listen_and_move.pretrained.raft import RaftConvGRU, RaftSmall, looked_up, similarities

PICTURE = blobs(224, 224)
"""As large as the filmed one."""


class Matching(RaftSmall):
    """Stands where the network stands: the flow of each cell is where most of its surroundings are found, in
    whole pixels."""

    MOST = 10

    def forward(self, first, second, iterations):
        size, most = first.shape[2:], self.MOST
        around = F.pad(second, [most] * 4, mode="replicate")
        moves = list(product(range(-most, most + 1), repeat=2))
        costs = [
            F.avg_pool2d(
                (around[:, :, most + y :, most + x :][:, :, : size[0], : size[1]] - first).abs(), 16, 8, 4
            )
            for y, x in moves
        ]
        best = torch.stack(costs).sum(2).argmin(0)
        return F.interpolate(torch.tensor(moves).flip(1)[best].movedim(-1, 1).float(), size=size)


@pytest.fixture(scope="module")
def network(shared):
    """Loaded from the file itself, strictly."""
    tensors = torch.load(shared / "data/weights/raft-small.pth", map_location="cpu", weights_only=True)
    return FlowNetwork(loaded(tensors))


def loaded(tensors):
    raft = RaftSmall()
    names = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    raft.load_state_dict(names, strict=True)
    return raft


@pytest.fixture(scope="module")
def made_up_network():
    """Weights of no training."""
    return FlowNetwork(loaded(made_up("raft-small")))


@pytest.fixture(scope="module")
def picture(shared):
    """A drum kit seen from above: uint8 (224, 224, 3)."""
    path = shared / "data/videos/percussion_drums_overhead_10s.mp4"
    return next(read_frames(path, Fraction(20), width=224, height=224, start=1, end=2))


def view(picture, x, y, height, width, scale):
    """height x width pixels, each the mean of scale x scale of the picture's, from (x, y) on."""
    pixels = picture[y : y + height * scale, x : x + width * scale].reshape(height, scale, width, scale, 3)
    return pixels.mean((1, 3)).round().astype(np.uint8)[None]


def middle(flow):
    height, width = flow.shape[2:]
    return flow[:, :, height // 4 : -height // 4, width // 4 : -width // 4]


def test_as_many_parameters_as_published():
    assert sum(parameter.numel() for parameter in RaftSmall().parameters()) == 990_162


def test_load_takes_the_users_file(made_up_network, tmp_path):
    frames = view(PICTURE, 0, 0, 64, 64, 3), view(PICTURE, 3, 3, 64, 64, 3)
    with made_up_weights(tmp_path, "raft-small"):
        assert np.array_equal(FlowNetwork.load().flow(*frames), made_up_network.flow(*frames))


def assert_shift_is_found(network, picture, height, width, scale, moved):
    x, y = (224 - width * scale) // 2, (224 - height * scale) // 2
    first, second = (view(picture, x - dx, y - dy, height, width, scale) for dx, dy in ((0, 0), moved))
    flow = network.flow(first, second)
    assert flow.shape == (1, 2, height, width)
    assert flow.dtype == np.float32
    error = middle(flow)[0] - np.array(moved)[:, None, None] / scale
    assert np.abs(error.mean((1, 2))).max() < 0.2
    assert np.linalg.norm(error, axis=0).mean() < 0.3


SHIFTS = [
    (64, 64, 2, (6, 0)),
    (64, 64, 2, (-3, 8)),
    (128, 128, 1, (0, -5)),
    (128, 128, 1, (9, 4)),
    (60, 76, 2, (5, -4)),  # enlarged by one factor, then padded
    (130, 157, 1, (-4, 6)),  # padded alone
    (20, 40, 4, (4, 4)),
]


@pytest.mark.parametrize(("height", "width", "scale", "moved"), SHIFTS)
def test_frames_of_any_size_are_fitted_and_their_flow_is_in_their_pixels(height, width, scale, moved):
    assert_shift_is_found(FlowNetwork(Matching()), PICTURE, height, width, scale, moved)


def test_known_shifts_of_a_real_picture_are_found(network, picture):
    """Only the published weights can show that they find motion, and a filmed picture what they were
    trained for.
    """
    for shift in SHIFTS:
        assert_shift_is_found(network, picture, *shift)


def test_nothing_moves_between_equal_frames(network, picture):
    """Only the published weights can show it."""
    for size, scale in ((64, 3), (128, 1)):
        frame = view(picture, 0, 0, size, size, scale)
        assert np.abs(network.flow(frame, frame)).mean() < 0.1


def test_a_zoom_diverges(network, picture):
    """Only the published weights can show it."""
    rows, columns = np.mgrid[:128, :128] - 63.5
    factor = 1.06  # what was at p from the centre is at 1.06 p
    zoomed = np.stack(
        [
            map_coordinates(picture[..., c].astype(float), [111.5 + rows / factor, 111.5 + columns / factor])
            for c in range(3)
        ],
        -1,
    )
    first, second = view(picture, 48, 48, 128, 128, 1), zoomed.clip(0, 255).round().astype(np.uint8)[None]
    for sign, flow in ((1, network.flow(first, second)), (-1, network.flow(second, first))):
        slope_x = np.polyfit(columns[0, 32:-32], middle(flow)[0, 0].mean(0), 1)[0]
        slope_y = np.polyfit(rows[32:-32, 0], middle(flow)[0, 1].mean(1), 1)[0]
        assert sign * slope_x == pytest.approx(0.06, abs=0.012)
        assert sign * slope_y == pytest.approx(0.06, abs=0.012)


def test_a_batch_equals_its_pairs_one_by_one(made_up_network):
    network = made_up_network
    frames = np.concatenate(
        [view(PICTURE, 3 * n, 2 * n, 32, 32, 4) for n in range(11)]
    )  # more than are computed at once
    together = network.flow(frames[:-1], frames[1:], 2)
    alone = np.concatenate([network.flow(a[None], b[None], 2) for a, b in pairwise(frames)])
    assert np.allclose(together, alone, atol=1e-3)
    assert network.flow(frames[:0], frames[:0]).shape == (0, 2, 32, 32)


def test_what_is_no_pair_of_videos_is_refused(made_up_network):
    network = made_up_network
    frames = np.zeros((2, 16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match=r"one shape .* got \(2, 16, 16, 3\) and \(1, 16, 16, 3\)"):
        network.flow(frames, frames[:1])
    with pytest.raises(ValueError, match="uint8"):
        network.flow(frames / 255, frames / 255)
    with pytest.raises(ValueError, match="uint8"):
        network.flow(frames[0], frames[0])


def test_similarities_are_looked_up_where_the_flow_leads():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 1, 5, 16, 24, generator=generator)
    pyramid = similarities(first, second)
    assert [tuple(level.shape) for level in pyramid] == [
        (384, 1, 16, 24),
        (384, 1, 8, 12),
        (384, 1, 4, 6),
        (384, 1, 2, 3),
    ]
    flow = 6 * torch.randn(1, 2, 16, 24, generator=generator)
    found = looked_up(pyramid, flow).reshape(4, 7, 7, 16, 24)
    for level, row, column, step_x, step_y in [
        (0, 8, 20, -2, 1),
        (1, 3, 4, 0, 0),
        (2, 15, 0, 1, -1),
        (3, 9, 9, 1, 0),
        (0, 0, 0, -3, -3),
    ]:
        products = torch.einsum("f,fyx->yx", first[0, :, row, column], second[0]) / 5**0.5
        pooled = F.avg_pool2d(products[None], 2**level)[0].numpy()
        x = (column + float(flow[0, 0, row, column])) / 2**level + step_x
        y = (row + float(flow[0, 1, row, column])) / 2**level + step_y
        expected = map_coordinates(np.pad(pooled, 9), [[y + 9], [x + 9]], order=1)[0]
        assert float(found[level, 3 + step_x, 3 + step_y, row, column]) == pytest.approx(expected, abs=1e-4)


def test_the_recurrent_unit_is_torchs_but_for_what_its_gate_keeps():
    torch.manual_seed(0)
    ours, theirs = RaftConvGRU(4, 3), torch.nn.GRUCell(3, 4)
    hidden, x = torch.randn(2, 4), torch.randn(2, 3)
    with torch.no_grad():
        theirs.bias_hh.zero_()
        weights = torch.cat([theirs.weight_hh, theirs.weight_ih], 1).split(4)
        for convolution, weight, bias, sign in zip(
            (ours.convr, ours.convz, ours.convq), weights, theirs.bias_ih.split(4), (1, -1, 1), strict=True
        ):
            kernel, offset = convolution.parameters()
            kernel.zero_()
            kernel[..., 1, 1] = sign * weight  # torch's update gate says what is kept
            offset.copy_(sign * bias)
        # GRUCell resets after its matrix, ours before: equal where the reset gate is open.
        list(ours.convr.parameters())[1].fill_(1e4)
        theirs.bias_ih[:4] = 1e4
        assert torch.allclose(
            ours(hidden[..., None, None], x[..., None, None])[..., 0, 0], theirs(x, hidden), atol=1e-6
        )
