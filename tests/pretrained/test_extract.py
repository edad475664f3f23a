"""Features for distances of distributions: one row per frame or window, whatever the blocks."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from listen_and_move.pretrained import extract
from listen_and_move.pretrained.extract import i3d_features, inception_features
from listen_and_move.pretrained.i3d import I3D
from listen_and_move.pretrained.inception import Inception


def noise(seed, shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def initialised(network):
    """Random weights that keep activations of one size: torch's own would let them fade to nothing over so
    many layers."""
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Conv3d)):
            torch.nn.init.kaiming_normal_(layer.weight)
    return network.eval()


@pytest.fixture(scope="module")
def inception():
    return initialised(Inception())


@pytest.fixture(scope="module")
def i3d():
    return initialised(I3D())


def test_one_row_per_frame_of_any_block(inception, monkeypatch):
    monkeypatch.setattr(extract, "FRAMES_AT_ONCE", 2)
    first, second = noise(1, (3, 20, 30, 3)), noise(2, (1, 16, 16, 3))
    rows = inception_features(inception, iter([first, second]))
    assert rows.shape == (4, 2048)
    assert rows.dtype == np.float64
    assert np.allclose(rows[3:], inception_features(inception, [second]), rtol=1e-4, atol=1e-4)
    assert np.abs(rows[0] - rows[1]).mean() > 0.01 * rows.mean(), "different frames, different rows"


@pytest.mark.parametrize("size", [(40, 24), (400, 330)], ids=["enlarged", "shrunk"])
def test_inceptions_resize_is_the_one_stated(inception, size):
    frame = noise(3, (1, *size, 3))
    resized = F.interpolate(
        torch.from_numpy(frame).permute(0, 3, 1, 2) / 255,
        (299, 299),
        mode="bilinear",
        align_corners=False,
        antialias=False,
    )
    with torch.inference_mode():
        expected = inception(resized).double().numpy()
    assert np.allclose(inception_features(inception, [frame]), expected, rtol=1e-4, atol=1e-4)


def test_one_row_per_window(i3d):
    windows = [noise(seed, (9, 20, 28, 3)) for seed in range(3)]
    rows = i3d_features(i3d, iter(windows))
    assert rows.shape == (3, 400)
    assert rows.dtype == np.float64
    frames = torch.from_numpy(windows[2]).permute(0, 3, 1, 2) / 127.5 - 1
    resized = F.interpolate(frames, (224, 224), mode="bilinear", align_corners=False)  # each frame for itself
    with torch.inference_mode():
        expected = i3d(resized.transpose(0, 1)[None]).double().numpy()
    assert np.allclose(rows[2:], expected, rtol=1e-4, atol=1e-4)
    assert np.abs(rows[0] - rows[2]).mean() > 0.01, "different windows, different rows"


def test_nothing_gives_no_rows(inception, i3d):
    assert inception_features(inception, []).shape == (0, 2048)
    assert i3d_features(i3d, []).shape == (0, 400)


def test_wrong_windows_are_refused(i3d):
    with pytest.raises(ValueError, match="at least 9 frames"):
        i3d_features(i3d, [noise(0, (8, 20, 20, 3))])
    with pytest.raises(ValueError, match="one shape"):
        i3d_features(i3d, [noise(0, (9, 20, 20, 3)), noise(0, (9, 20, 22, 3))])
