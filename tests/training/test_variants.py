"""Every variant of the paper: each trains through the real step, and plays the same whether a window is cut
in two or not."""

import pytest
import torch
from tests.conftest import TINY

from listen_and_move.config import Config
from listen_and_move.models.discriminators import CONNECTIONS
from listen_and_move.models.recurrent import MOTION_ENCODERS
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.batches import Batch
from listen_and_move.training.state import fresh_state
from listen_and_move.training.step import training_step

DISCRIMINATORS = [{"critics.connections": name} for name in CONNECTIONS]
NETWORKS = [
    {"motion.form": name, "motion.layers": layers} for name in MOTION_ENCODERS for layers in (1, 4)
] + [
    {
        "generator.prediction": kind,
        "generator.prediction_layers": places,
        "generator.prediction_kernel": kernel,
    }
    for kind, places, kernel in (("plain", "1", 3), ("directional", "1,2", 5))
]
NETWORKS.append({"motion.dilation": 3, "motion.layers": 3})
GENERATORS = (
    [
        {
            "generator.connections": connections,
            "generator.dimensions": dimensions,
            "generator.prediction": "none",
        }
        for connections in ("residual", "skip", "basic")
        for dimensions in (2, 3)
    ]
    + [
        {"generator.norm": norm, "generator.sound_norm": False, "generator.double_finest": True}
        for norm in ("instance", "pixel")
    ]
    + [{"generator.content_noise": 3}]
)
RESIDUAL = {
    "generator.connections": "skip",
    "generator.picture": "residual",
    "generator.recall": 4,
}  # nothing drawn at first


def named(values: dict[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())


def paper(values: dict[str, object]) -> Config:
    return with_values(preset("paper"), {**TINY, "clip.size": "16", "losses.perceptual": 0.0, **values})


def windows(config: Config, frames: int = 10) -> Batch:
    random = torch.Generator().manual_seed(0)
    real = torch.rand(1, frames, 3, 16, 16, generator=random) * 2 - 1
    features = torch.randn(1, frames, config.features.size, generator=random)
    return Batch(
        real, features, torch.rand(1, frames, sum(config.noise_sizes), generator=random), None, None, None
    )


@pytest.mark.parametrize("values", [*DISCRIMINATORS, *NETWORKS, *GENERATORS], ids=named)
def test_a_step_changes_every_part(values: dict[str, object]) -> None:
    config = paper(values)
    state = fresh_state(config, torch.device("cpu"))
    modules = {
        "network": state.network,
        "image": state.adversaries.image.discriminator,
        "video": state.adversaries.video.discriminator,
    }
    before = {
        name: {key: value.clone() for key, value in module.named_parameters()}
        for name, module in modules.items()
    }
    losses = training_step(state, windows(config), config)
    assert all(loss.isfinite() for loss in losses.values())
    for name, module in modules.items():
        untouched = [key for key, value in module.named_parameters() if torch.equal(value, before[name][key])]
        assert all(key == "decision.bias" or "noise" in key for key in untouched), (
            untouched
        )  # cancels in WGAN; none was given


@pytest.mark.parametrize("values", [*NETWORKS, *GENERATORS, RESIDUAL], ids=named)
def test_windows_may_be_cut_anywhere(values: dict[str, object]) -> None:
    config = paper(values)
    network = fresh_state(config, torch.device("cpu")).network.eval()
    batch = windows(config, frames=6)
    with torch.no_grad():
        whole, _ = network(batch.features, batch.noise)
        first, state = network(batch.features[:, :1], batch.noise[:, :1])
        second, _ = network(batch.features[:, 1:], batch.noise[:, 1:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, atol=1e-5, rtol=1e-5)
    assert whole.std() > 0
