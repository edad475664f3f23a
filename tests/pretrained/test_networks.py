"""The networks as published: names and shapes of their weights, counts, maps on the way, least sizes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.pretrained.weights import PUBLISHED

from listen_and_move.pretrained.alexnet import AlexNet
from listen_and_move.pretrained.i3d import I3D, LEAST_FRAMES, Pooling, same_padded
from listen_and_move.pretrained.inception import Inception
from listen_and_move.pretrained.squeezenet import SqueezeNet
from listen_and_move.pretrained.vgg16 import VGG16

TAPPED = [AlexNet, VGG16, SqueezeNet]


def on_meta(kind):
    """Shapes without numbers: nothing is drawn or computed."""
    with torch.device("meta"):
        return kind().eval()


def shapes(network):
    return {
        key: tuple(value.shape)
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def child_outputs(network, size):
    """Output shape of every direct child, without the batch."""
    found = {}
    for name, child in network.named_children():
        child.register_forward_hook(
            lambda _module, _input, output, name=name: found.update({name: tuple(output.shape[1:])})
        )
    network(torch.zeros(1, *size, device="meta"))
    return found


@pytest.mark.parametrize(
    ("kind", "count", "tensors"),
    [
        (AlexNet, 2_469_696, 10),
        (VGG16, 14_714_688, 26),
        (SqueezeNet, 1_235_496 - 512 * 1000 - 1000, 50),  # torchvision's count without the classifier
        (
            Inception,
            23_834_568 - 2048 * 1000 - 1000,
            470,
        ),  # Inception v3 without auxiliary and last classifier
        (I3D, 12_697_264, 287),
    ],
)
def test_counts_are_the_published_ones(kind, count, tensors):
    network = on_meta(kind)
    assert parameters(network) == count
    assert len(shapes(network)) == tensors


def test_inception_counts_as_keras_does():
    """Keras publishes 21,802,784 without the top: no scale in its batch norms, and running statistics
    counted."""
    network = on_meta(Inception)
    scales = sum(value.numel() for key, value in network.named_parameters() if key.endswith("bn.weight"))
    statistics = sum(value.numel() for key, value in network.named_buffers() if "running" in key)
    assert parameters(network) - scales + statistics == 21_802_784


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            AlexNet,
            {
                "features.0.weight": (64, 3, 11, 11),
                "features.3.weight": (192, 64, 5, 5),
                "features.10.bias": (256,),
            },
        ),
        (
            VGG16,
            {
                "features.0.weight": (64, 3, 3, 3),
                "features.7.bias": (128,),
                "features.28.weight": (512, 512, 3, 3),
            },
        ),
        (
            SqueezeNet,
            {
                "features.0.weight": (64, 3, 3, 3),
                "features.3.squeeze.weight": (16, 64, 1, 1),
                "features.9.expand3x3.weight": (192, 48, 3, 3),
                "features.12.expand1x1.bias": (256,),
            },
        ),
        (
            Inception,
            {
                "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
                "Conv2d_4a_3x3.bn.running_var": (192,),
                "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
                "Mixed_5c.branch_pool.conv.weight": (64, 256, 1, 1),
                "Mixed_6a.branch3x3dbl_3.conv.weight": (96, 96, 3, 3),
                "Mixed_6b.branch7x7dbl_4.conv.weight": (128, 128, 7, 1),
                "Mixed_6e.branch7x7_2.conv.weight": (192, 192, 1, 7),
                "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
                "Mixed_7b.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
                "Mixed_7c.branch1x1.conv.weight": (320, 2048, 1, 1),
            },
        ),
        (
            I3D,
            {
                "Conv3d_1a_7x7.conv3d.weight": (64, 3, 7, 7, 7),
                "Conv3d_2c_3x3.bn.running_mean": (192,),
                "Mixed_3b.b1b.conv3d.weight": (128, 96, 3, 3, 3),
                "Mixed_4e.b2a.conv3d.weight": (32, 512, 1, 1, 1),
                "Mixed_5c.b3b.bn.bias": (128,),
                "logits.conv3d.weight": (400, 1024, 1, 1, 1),
                "logits.conv3d.bias": (400,),
            },
        ),
    ],
)
def test_names_and_shapes_of_the_public_files(kind, expected):
    assert expected.items() <= shapes(on_meta(kind)).items()


def test_squeezenet_has_the_names_of_the_published_file():
    published = PUBLISHED["squeezenet1_1-caffe"]
    assert shapes(on_meta(SqueezeNet)) == {key: tuple(shape) for key, shape in published.items()}


@pytest.mark.parametrize(
    ("kind", "sides"),
    [
        (AlexNet, [55, 27, 13, 13, 13]),
        (VGG16, [224, 112, 56, 28, 14]),
        (SqueezeNet, [111, 55, 27, 13, 13, 13, 13]),
    ],
)
def test_maps_of_a_picture_of_224_pixels(kind, sides):
    network = on_meta(kind)
    maps = network(torch.zeros(2, 3, 224, 224, device="meta"))
    channels = [tap.channels for tap in network.taps.values()]
    assert [tuple(each.shape) for each in maps] == [
        (2, c, side, side) for c, side in zip(channels, sides, strict=True)
    ]


@pytest.mark.parametrize(
    ("kind", "places"),
    [(AlexNet, [1, 4, 7, 9, 11]), (VGG16, [3, 8, 15, 22, 29]), (SqueezeNet, [1, 4, 7, 9, 10, 11, 12])],
)
def test_taps_are_those_of_lpips(kind, places):
    """The last layers of the slices in LPIPS's pretrained_networks.py: all behind a rectifier."""
    assert [tap.layer for tap in kind.taps.values()] == places
    torch.manual_seed(0)
    with torch.no_grad():
        assert all(map_.min() == 0 for map_ in kind().eval()(torch.rand(1, 3, 40, 40)))


@pytest.mark.parametrize("kind", [Inception, I3D])
def test_batch_norms_have_tensorflows_epsilon(kind):
    norms = [
        layer
        for layer in on_meta(kind).modules()
        if isinstance(layer, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d))
    ]
    assert {norm.eps for norm in norms} == {1e-3}


@pytest.mark.parametrize("kind", TAPPED)
def test_least_size_is_the_least(kind):
    network, least = on_meta(kind), kind.least_size
    assert all(map_.shape[2] > 0 for map_ in network(torch.zeros(1, 3, least, 40, device="meta")))
    for small in [(least - 1, 40), (40, least - 1)]:
        with pytest.raises(RuntimeError, match="too small"):
            network(torch.zeros(1, 3, *small, device="meta"))


def test_taps_by_name_and_by_place():
    torch.manual_seed(0)
    network, pictures = SqueezeNet().eval(), torch.rand(1, 3, 40, 48)
    with torch.no_grad():
        everything = network(pictures)
        late, early, place = network(pictures, ["fire5", "relu1", 0])
    assert torch.equal(late, everything[2])
    assert torch.equal(early, everything[0])
    assert torch.equal(place.relu(), early)
    assert place.min() < 0
    assert network(pictures, []) == []
    for wrong in ("relu9", -1, 13):
        with pytest.raises(ValueError, match="fire9, or 0 to 12"):
            network(pictures, [wrong])


def test_layers_behind_the_last_tap_are_not_needed():
    relu2_2 = on_meta(VGG16)(torch.zeros(1, 3, 4, 4, device="meta"), ["relu2_2"])
    assert tuple(relu2_2[0].shape) == (1, 128, 2, 2)


def test_gradients_reach_the_picture():
    network = SqueezeNet().eval().requires_grad_(False)
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    network(picture, ["fire3"])[0].sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


def test_inceptions_maps():
    """Sizes as in the table of Szegedy et al. 2016; 2048 channels of 8 x 8 before the last pooling."""
    found = child_outputs(on_meta(Inception), (3, 100, 64))
    expected = {
        "Conv2d_1a_3x3": (32, 149, 149),
        "Conv2d_2a_3x3": (32, 147, 147),
        "Conv2d_2b_3x3": (64, 147, 147),
        "maxpool1": (64, 73, 73),
        "Conv2d_4a_3x3": (192, 71, 71),
        "maxpool2": (192, 35, 35),
        "Mixed_5b": (256, 35, 35),
        "Mixed_5d": (288, 35, 35),
        "Mixed_6a": (768, 17, 17),
        "Mixed_6e": (768, 17, 17),
        "Mixed_7a": (1280, 8, 8),
        "Mixed_7b": (2048, 8, 8),
        "Mixed_7c": (2048, 8, 8),
    }
    assert expected.items() <= found.items()


def test_inceptions_peculiar_poolings():
    network, ones = Inception(), torch.ones(1, 4, 5, 5)
    averaged = [
        name
        for name, block in network.named_children()
        if isinstance(getattr(block, "pool", None), torch.nn.AvgPool2d)
    ]
    assert averaged == [
        "Mixed_5b",
        "Mixed_5c",
        "Mixed_5d",
        "Mixed_6b",
        "Mixed_6c",
        "Mixed_6d",
        "Mixed_6e",
        "Mixed_7b",
    ]
    for name in averaged:
        pool = network.get_submodule(f"{name}.pool")
        assert torch.equal(pool(ones), ones), "zeros around are not counted"
    spike = torch.zeros(1, 1, 5, 5)
    spike[0, 0, 2, 2] = 9
    assert network.get_submodule("Mixed_7c.pool")(spike).sum() == 81, "the last block takes the maximum"


def test_i3ds_maps():
    found = child_outputs(on_meta(I3D), (3, 16, 60, 80))
    expected = {
        "Conv3d_1a_7x7": (64, 8, 112, 112),
        "MaxPool3d_2a_3x3": (64, 8, 56, 56),
        "Conv3d_2c_3x3": (192, 8, 56, 56),
        "Mixed_3b": (256, 8, 28, 28),
        "Mixed_3c": (480, 8, 28, 28),
        "Mixed_4b": (512, 4, 14, 14),
        "Mixed_4e": (528, 4, 14, 14),
        "Mixed_4f": (832, 4, 14, 14),
        "Mixed_5b": (832, 2, 7, 7),
        "Mixed_5c": (1024, 2, 7, 7),
        "avg_pool": (1024, 1, 1, 1),
        "logits": (400, 1, 1, 1),
    }
    assert expected.items() <= found.items()


def test_i3ds_least_number_of_frames():
    network = on_meta(I3D)
    assert network(torch.zeros(1, 3, LEAST_FRAMES, 32, 32, device="meta")).shape == (1, 400)
    with pytest.raises(RuntimeError, match=r"too small|smaller than"):
        network(torch.zeros(1, 3, LEAST_FRAMES - 1, 32, 32, device="meta"))


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(9, 7, 2), (8, 7, 2), (8, 3, 2), (7, 3, 2), (5, 2, 2), (5, 3, 1)]
)
def test_same_padding_is_tensorflows(size, kernel, stride):
    """TensorFlow's documentation: ceil(size / stride) outputs, the odd zero behind."""
    generator = torch.Generator().manual_seed(size)
    x, weight = (
        torch.randn(1, 1, size, 1, 1, generator=generator),
        torch.randn(1, 1, kernel, 1, 1, generator=generator),
    )
    ours = F.conv3d(same_padded(x, (kernel, 1, 1), (stride, 1, 1)), weight, stride=(stride, 1, 1)).flatten()
    outputs = int(np.ceil(size / stride))
    before = max(0, (outputs - 1) * stride + kernel - size) // 2
    values = {place: float(value) for place, value in enumerate(x.flatten())}
    for place in range(outputs):
        reach = range(place * stride - before, place * stride - before + kernel)
        expected = sum(
            values.get(source, 0.0) * float(w) for source, w in zip(reach, weight.flatten(), strict=True)
        )
        assert np.isclose(float(ours[place]), expected, atol=1e-5)
    assert len(ours) == outputs


def test_same_padding_at_stride_one_is_torchs():
    x, weight = torch.randn(2, 3, 4, 5, 6), torch.randn(4, 3, 3, 3, 3)
    ours = F.conv3d(same_padded(x, (3, 3, 3), (1, 1, 1)), weight)
    assert torch.allclose(ours, F.conv3d(x, weight, padding="same"), atol=1e-5)
    assert same_padded(torch.zeros(1, 1, 16, 224, 224), (7, 7, 7), (2, 2, 2)).shape[2:] == (21, 229, 229)


def test_pooling_of_rectified_values_ignores_the_outside():
    x = torch.rand(1, 2, 5, 6, 7)
    ours = Pooling((3, 3, 3), (2, 2, 2))(x)
    outside = F.pad(x, (1, 1, 0, 1, 1, 1), value=-float("inf"))
    assert torch.equal(ours, F.max_pool3d(outside, 3, 2))
