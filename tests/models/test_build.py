"""From settings to networks: the paper's sizes, how weights start."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from listen_and_move.config import Config
from listen_and_move.models.build import build_discriminators, build_network
from listen_and_move.models.layers import Block, NoiseInjection
from listen_and_move.models.prediction import PredictionLayer
from listen_and_move.models.recurrent import CentredConvolution
from listen_and_move.settings import with_values

BASELINE = {
    "motion.layers": 1,
    "generator.sound_content": False,
    "generator.sound_norm": False,
    "generator.prediction": "none",
}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_sizes_of_the_paper() -> None:
    with torch.device("meta"):
        baseline, full = build_network(with_values(Config(), BASELINE)), build_network(Config())
        critics = build_discriminators(Config())
    assert round(count(baseline) / 1e6, 2) == 7.84
    assert round(count(full) / 1e6, 2) == 8.43
    assert round(count(critics.image) / 1e6, 1) == 9.4
    assert round(count(critics.video) / 1e6, 1) == 28.3


@pytest.mark.parametrize(("prediction", "cells"), [("none", 0), ("plain", 1), ("directional", 3)])
def test_prediction_by_name(prediction: str, cells: int) -> None:
    network = build_network(with_values(Config(), {"clip.size": "16", "generator.prediction": prediction}))
    found = [
        name
        for name, _ in network.named_modules()
        if name.endswith(".convolution") and ".predictions." in name
    ]
    assert len(found) == cells


def test_weights_start_as_in_the_paper() -> None:
    torch.manual_seed(0)
    network = build_network(with_values(Config(), {"clip.size": "32"}))
    for module in (network, *build_discriminators(with_values(Config(), {"clip.size": "16"}))):
        for name, layer in module.named_modules():
            if isinstance(layer, (nn.Conv2d, nn.Conv3d, nn.Linear)):
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.2), name
                assert layer.bias is not None
                assert not layer.bias.any()
            elif isinstance(layer, nn.BatchNorm2d):
                assert layer.weight.mean().item() == pytest.approx(1, abs=0.01)
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.3)
            elif isinstance(layer, NoiseInjection):
                assert not layer.strength.any()
    (prediction,) = network.generator.predictions.values()
    assert isinstance(prediction, PredictionLayer)
    assert isinstance(prediction.centre.convolution, CentredConvolution)
    assert prediction.centre.convolution.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_bottlenecked_norm_starts_near_the_identity() -> None:
    network = build_network(with_values(Config(), {"clip.size": "16", "generator.norm_bottleneck": 32}))
    block = network.generator.blocks[0]
    assert isinstance(block, Block)
    assert block.sound is not None
    for shift, scale in block.sound(torch.tanh(torch.randn(5, 32))):
        assert shift.abs().max() < 0.6
        assert (scale - 1).abs().max() < 0.6


def test_critics_mirror_the_generator() -> None:
    critics = build_discriminators(
        with_values(Config(), {"clip.size": "112x64", "critics.norm": "none", "critics.channels_max": 8})
    )
    assert critics.video(torch.zeros(1, 4, 3, 64, 112)).shape == (1, 1, 1, 4, 7)
    assert not [name for name, _ in critics.image.named_buffers()]


OUTLINES = """
import sys
from listen_and_move.models.build import outlined_discriminators, outlined_network
from listen_and_move.presets import preset
for name in ("studio", "paper"):
    outlined_network(preset(name))
    outlined_discriminators(preset(name))
print("torch._dynamo" in sys.modules)
"""


def test_an_outline_needs_no_compiler() -> None:
    """It is made for each file that is read, and the compiler takes seconds to be imported."""
    found = subprocess.run([sys.executable, "-c", OUTLINES], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False"]
