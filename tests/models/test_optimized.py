"""Networks made ready for playing: the same picture, with as many digits as were asked for."""

import numpy as np
import pytest
import torch
from benchmarks.speed.subjects import settings

from listen_and_move.audio.features import Statistics
from listen_and_move.inference.animator import Animator
from listen_and_move.models.build import build_network
from listen_and_move.models.checkpoint import Model
from listen_and_move.models.generator import Network
from listen_and_move.models.optimized import Precision, optimized
from listen_and_move.settings import with_values

SMALL = {"generator.channels_base": 128, "generator.channels_max": 24}
FORMS = {
    "paper": {},
    "baseline": {},
    "studio": {"generator.recall": 4},
    "paper, batch norms and skips": {"generator.sound_norm": False, "generator.connections": "skip"},
    "paper in 3-D": {"generator.dimensions": 3, "generator.prediction": "plain"},
}


def model(form: str, size: int = 16) -> Model:
    config = with_values(
        settings(form.partition(",")[0].partition(" ")[0], size, 16), {**FORMS[form], **SMALL}
    )
    torch.manual_seed(0)
    network = build_network(config)
    for layer in network.modules():  # as after training
        if isinstance(layer, torch.nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.ParameterList)):
            for weight in layer.parameters():
                torch.nn.init.normal_(weight, std=0.1)
    for name, parameter in network.named_parameters():
        if name.endswith("strength"):
            torch.nn.init.constant_(parameter, 0.1)
    recall = network.generator.memory
    if recall is not None:
        size_of = config.features.size
        frames = torch.randint(256, (6, 3, size, size), dtype=torch.uint8)
        recall.fill(torch.ones(size_of), torch.ones(()), torch.randn(2, 6, size_of), frames)
    chunk = config.features.chunk_size
    return Model(
        network.eval().requires_grad_(False), config, Statistics(torch.zeros(chunk), torch.ones(chunk)), 0
    )


def picture(network: Network, given: Model) -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    config = given.config
    features = torch.randn(1, 5, config.features.size, generator=random).double()
    noise = torch.rand(1, 5, sum(config.noise_sizes), generator=random).double()
    pixels = [
        torch.randn(1, 5, 1, *shape, generator=random).double()
        for shape in network.generator.pixel_noise_shapes
    ]
    with torch.no_grad():
        return network(features, noise, None, pixels or None)[0]


@pytest.mark.parametrize("form", FORMS)
def test_it_draws_the_same_and_leaves_the_model_alone(form: str) -> None:
    given = model(form)
    given.network.double()
    before = {name: tensor.clone() for name, tensor in given.network.state_dict().items()}
    expected = picture(given.network, given)
    ready = optimized(given.network)
    assert expected.std() > 0.02
    torch.testing.assert_close(picture(ready, given), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in given.network.state_dict().items())
    if given.network.generator.memory is not None:
        assert ready.generator.memory is given.network.generator.memory  # pictures are large
    assert (
        not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in ready.modules())
        or "3-D" in form
        or form == "paper"
    )


@pytest.mark.parametrize("form", ["paper", "studio"])
def test_bfloat16_stays_within_40_db(form: str) -> None:
    given = model(form, 32)
    features = torch.randn(48, given.config.features.size, generator=torch.Generator().manual_seed(2))
    frames_by_precision = {}
    for precision in ("float32", "bfloat16"):
        animator = Animator(given, precision=precision)
        first, state = animator.draw(features[:20], None, 0)
        frames_by_precision[precision] = np.concatenate(
            [first, animator.draw(features[20:], state, 20)[0]]
        ).astype(float)
    error = np.square(frames_by_precision["bfloat16"] - frames_by_precision["float32"]).mean()
    assert error > 0
    assert 10 * np.log10(255**2 / error) > 40
    assert frames_by_precision["float32"].std(0).mean() > 2  # it moves


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_frame_by_frame_is_the_window(precision: Precision) -> None:
    animator = Animator(model("paper"), precision=precision)
    features = torch.randn(6, animator.config.features.size)
    whole, _ = animator.draw(features, None, 0)
    state, frames = None, []
    for place in range(6):
        frame, state = animator.draw(features[place : place + 1], state, place)
        frames.append(frame)
    assert decibels(np.concatenate(frames), whole) > (60 if precision == "float32" else 40)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    """PSNR."""
    return float(10 * np.log10(255**2 / max(np.square(one.astype(float) - other).mean(), 1e-12)))
