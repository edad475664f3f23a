"""Weights become networks, or an error says why not; frames become what the networks want."""

import numpy as np
import pytest
import torch
from tests.pretrained.weights import made_up_weights

from listen_and_move.errors import UserError
from listen_and_move.pretrained.alexnet import AlexNet
from listen_and_move.pretrained.i3d import I3D
from listen_and_move.pretrained.inputs import CAFFE, IMAGENET, SYMMETRIC, UNIT, network_input, normalised
from listen_and_move.pretrained.load import BACKBONES, assembled, load
from listen_and_move.pretrained.squeezenet import SqueezeNet
from listen_and_move.pretrained.weight_files import WEIGHTS

CLASSIFIERS = {"squeezenet1_1": ("classifier.1", 512), "inception-fid": ("fc", 2048)}


def published(name):
    """Zeros under the names of a public file, its classifier and batch counters included."""
    with torch.device("meta"):
        tensors = BACKBONES[name].build().state_dict()
    zeros = {key: torch.zeros(value.shape, dtype=value.dtype) for key, value in tensors.items()}
    if name in CLASSIFIERS:
        key, inputs = CLASSIFIERS[name]
        zeros |= {f"{key}.weight": torch.zeros(10, inputs), f"{key}.bias": torch.zeros(10)}
    return zeros


def test_every_network_has_a_weight_file():
    assert BACKBONES.keys() <= WEIGHTS.keys()


def test_saved_weights_come_back(tmp_path):
    torch.manual_seed(1)
    original, pictures = SqueezeNet().eval(), torch.rand(2, 3, 32, 40)
    torch.save(
        {**original.state_dict(), "classifier.1.weight": torch.zeros(1000, 512, 1, 1)},
        tmp_path / "weights.pth",
    )
    network = assembled("squeezenet1_1", torch.load(tmp_path / "weights.pth", weights_only=True))
    assert all(
        torch.equal(ours, theirs) for ours, theirs in zip(network(pictures), original(pictures), strict=True)
    )
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("name", ["inception-fid", "i3d-kinetics400"])
def test_batch_counters_may_be_there_or_not(name):
    tensors = published(name)
    without = {key: value for key, value in tensors.items() if not key.endswith("num_batches_tracked")}
    assert len(without) < len(tensors)
    for given in (tensors, without):
        network = assembled(name, given)
        assert all(value.device.type == "cpu" for value in network.state_dict().values())
        assert not network.training


def test_half_precision_becomes_single():
    halves = {key: value.half() for key, value in published("squeezenet1_1").items()}
    assert {parameter.dtype for parameter in assembled("squeezenet1_1", halves).parameters()} == {
        torch.float32
    }


def test_what_does_not_fit_is_refused():
    tensors = published("squeezenet1_1")
    cases = {
        "features.9.squeeze.bias is missing": {
            key: value for key, value in tensors.items() if key != "features.9.squeeze.bias"
        },
        r"features.0.weight has shape \(96, 3, 7, 7\), not \(64, 3, 3, 3\)": {
            **tensors,
            "features.0.weight": torch.zeros(96, 3, 7, 7),  # SqueezeNet 1.0
        },
        "surplus.weight is too many": {**tensors, "surplus.weight": torch.zeros(1)},
        "features.0.bias is missing|features.0.weight has shape": AlexNet().state_dict(),
    }
    for message, given in cases.items():
        with pytest.raises(UserError, match=f"weights squeezenet1_1: .*({message})"):
            assembled("squeezenet1_1", given)


def test_logits_of_another_set_of_classes_are_refused():
    with torch.device("meta"):
        tensors = I3D().state_dict()
    tensors["logits.conv3d.weight"] = torch.zeros(157, 1024, 1, 1, 1, device="meta")  # Charades
    with pytest.raises(UserError, match=r"logits.conv3d.weight has shape \(157, 1024, 1, 1, 1\)"):
        assembled("i3d-kinetics400", tensors)


def test_a_file_loads(tmp_path):
    with made_up_weights(tmp_path, "squeezenet1_1-caffe"):
        network = load("squeezenet1_1-caffe")
    assert isinstance(network, SqueezeNet)
    assert not network.training


def test_without_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match="alexnet"):
        load("alexnet")


def a_video():
    return np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)


def test_conventions():
    video = a_video()
    pixels = video.transpose(0, 3, 1, 2).astype(np.float64)  # RGB in 0..255
    column = np.array([1, 1, 1])[:, None, None]
    lpips_shift, lpips_scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    expected = {
        UNIT: pixels / 255,
        SYMMETRIC: pixels / 127.5 - 1,
        IMAGENET: ((pixels / 127.5 - 1) - lpips_shift[:, None, None] * column)
        / (lpips_scale[:, None, None] * column),
        CAFFE: pixels[:, ::-1] - np.array([104, 117, 123])[:, None, None],
    }
    for convention, values in expected.items():
        ours = network_input(video, convention)
        assert ours.dtype == torch.float32
        assert np.allclose(ours.numpy(), values, atol=1e-4)


def test_conventions_of_tensors_pass_gradients():
    pictures = torch.rand(1, 3, 2, 2, requires_grad=True)
    normalised(pictures, CAFFE).sum().backward()
    assert pictures.grad is not None
    assert torch.allclose(pictures.grad, torch.tensor(255.0))


def test_other_than_uint8_videos_are_refused():
    for wrong in (a_video()[0], a_video() / 255, a_video()[..., :1]):
        with pytest.raises(ValueError, match=r"expected uint8 of shape \(T, H, W, 3\)"):
            network_input(wrong, UNIT)
    assert network_input(a_video()[:, ::-1], UNIT).shape == (2, 3, 5, 4), "views with negative steps are fine"
