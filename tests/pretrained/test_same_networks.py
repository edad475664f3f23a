"""The networks are those of another implementation, torchvision's: the same numbers give the same outputs.

The figures are written by tools/network_goldens.py.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.pretrained.filling import CORRECTIONS, PLACES, figures, fill, picture, shapes

from listen_and_move.pretrained.alexnet import AlexNet
from listen_and_move.pretrained.inception import Inception
from listen_and_move.pretrained.raft import RaftSmall
from listen_and_move.pretrained.squeezenet import SqueezeNet
from listen_and_move.pretrained.vgg16 import VGG16

GOLDENS = Path(__file__).parent / "goldens"
TOLERANCE = 1e-4
"""Of an output's size."""


def golden(name: str, network: torch.nn.Module) -> dict[str, Any]:
    """Figures of another network whose weights have the same shapes in the same order."""
    content = json.loads((GOLDENS / f"{name}.json").read_text())
    assert content["shapes"] == shapes(network)
    return content["outputs"]


def assert_same(output: torch.Tensor, expected: dict[str, Any]) -> None:
    found = figures(output)
    assert found["shape"] == expected["shape"]
    assert expected["size"] > 0.01, "zeros would prove nothing"
    for name in ("mean", "size", "values"):
        assert found[name] == pytest.approx(expected[name], rel=0, abs=TOLERANCE * expected["size"]), name


@pytest.mark.parametrize(
    ("name", "kind"), [("alexnet", AlexNet), ("vgg16", VGG16), ("squeezenet", SqueezeNet)]
)
def test_maps_of_every_layer_that_is_tapped(
    name: str, kind: type[AlexNet] | type[VGG16] | type[SqueezeNet]
) -> None:
    network = kind()
    fill(network)
    expected = golden(name, network)
    assert [tap.layer for tap in kind.taps.values()] == list(PLACES[name])
    for output, place in zip(network(picture(64, 72)), PLACES[name], strict=True):
        assert_same(output, expected[str(place)])


def test_pool_features_of_inception_with_the_usual_poolings() -> None:
    """FID's own poolings are the subject of test_inceptions_peculiar_poolings."""
    network = Inception()
    for name in ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b", "7c"):
        network.get_submodule(f"Mixed_{name}").pool = torch.nn.AvgPool2d(3, stride=1, padding=1)
    fill(network)
    features = network((picture(299, 299) + 1) / 2)
    assert_same(features, golden("inception", network)["pool"])


def test_flow_of_raft_after_each_correction() -> None:
    network = RaftSmall()
    fill(network)
    expected = golden("raft-small", network)
    for count in range(1, CORRECTIONS + 1):
        flow = network(picture(128, 160), picture(128, 160, 1), count)
        assert_same(flow, expected[str(count)])
