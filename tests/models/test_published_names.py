"""The authors' checkpoints: their parameters under our names give their outputs, over two windows where state
is carried."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from listen_and_move.config import Config
from listen_and_move.errors import UserError
from listen_and_move.models.build import build_discriminators, build_network
from listen_and_move.models.prediction import PredictionLayer
from listen_and_move.models.published_names import from_authors
from listen_and_move.models.recurrent import (
    MOTION_ENCODERS,
    CentredConvolution,
    ConvGRU,
    DirectionalConvolution,
)
from listen_and_move.settings import with_values

GOLDEN = Path(__file__).parents[1] / "golden"
SMALL = {
    "clip.size": "32",
    "generator.channels_base": 64,
    "generator.channels_max": 32,
    "critics.channels_base": 64,
    "critics.channels_max": 32,
}


def golden(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters under our names; inputs and outputs."""
    tensors = load_file(GOLDEN / f"{name}.safetensors")
    parameters = {
        key.removeprefix("param."): value for key, value in tensors.items() if key.startswith("param.")
    }
    return from_authors(parameters), {
        key.removeprefix("io."): value for key, value in tensors.items() if key.startswith("io.")
    }


def agree(ours: Tensor, theirs: Tensor) -> bool:
    assert ours.numel() == theirs.numel()
    return bool((ours.reshape(theirs.shape) - theirs).abs().max() <= 1e-5 * theirs.abs().max())


def turned(x: Tensor, orientation: str) -> Tensor:
    return x.mT if orientation == "w" else x


def config(**generator: object) -> Config:
    return with_values(
        Config(), {**SMALL, **{f"generator.{name}": value for name, value in generator.items()}}
    )


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("orientation", ["h", "w"])
def test_directional_convolution(orientation: str, size: int) -> None:
    parameters, io = golden(f"dirconv_{orientation}_k{size}")
    convolution = DirectionalConvolution(6, 4, size)
    convolution.load_state_dict(parameters)
    x = turned(io["input"], orientation)
    assert agree(turned(convolution(x), orientation), io["output_dir+1"])
    assert agree(turned(convolution(x.flip(-2)).flip(-2), orientation), io["output_dir-1"])


@pytest.mark.parametrize("size", [3, 5])
def test_centred_convolution(size: int) -> None:
    parameters, io = golden(f"dirconv_c_k{size}")
    convolution = CentredConvolution(6, 4, size)
    convolution.load_state_dict(parameters)
    assert agree(convolution(io["input"]), io["output_dir+0"])


@pytest.mark.parametrize("orientation", ["c", "h", "w"])
def test_conv_gru(orientation: str) -> None:
    parameters, io = golden(f"convgru_{orientation}")
    cell = ConvGRU(5, 7, 3, CentredConvolution if orientation == "c" else DirectionalConvolution)
    cell.load_state_dict(parameters)
    x, hidden = turned(io["input"], orientation)[None], turned(io["hidden"], orientation)
    assert agree(turned(cell(x), orientation), io["output_from_zero"])
    assert agree(turned(cell(x, hidden), orientation), io["output_from_hidden"])
    if orientation != "c":
        assert agree(turned(cell(x.flip(-2)).flip(-2), orientation), io["output_from_zero_reverse"])


@pytest.mark.parametrize(("name", "directional"), [("dir", True), ("basic", False)])
def test_prediction(name: str, directional: bool) -> None:
    parameters, io = golden(f"video_prediction_{name}")
    layer = PredictionLayer(6, 3, directional)
    layer.load_state_dict(parameters)
    first, state = layer(io["window1"][None])
    second, _ = layer(io["window2"][None], state)
    assert agree(first, io["output1"])
    assert agree(second, io["output2"])


@pytest.mark.parametrize("form", ["basic", "feedback"])
@pytest.mark.parametrize("layers", [1, 3])
def test_motion(layers: int, form: str) -> None:
    parameters, io = golden(f"motion_{form}_L{layers}")
    encoder = MOTION_ENCODERS[form](10, layers)
    encoder.load_state_dict(parameters)
    first, state = encoder(io["window1"])
    assert agree(first, io["output1"])
    if "window2" in io:
        assert agree(encoder(io["window2"], state)[0], io["output2"])


@pytest.mark.parametrize(
    ("name", "sound_norm", "prediction"),
    [
        ("plain", False, "none"),
        ("acin", True, "none"),
        ("full", True, "directional"),
        ("full_convgru", True, "plain"),
    ],
)
def test_generator(name: str, sound_norm: bool, prediction: str) -> None:
    """In double precision: norms of the sound enlarge rounding, and theirs alone (up to 7e-6) is to be
    seen."""
    parameters, io = golden(f"generator_{name}")
    io = {key: value.double() for key, value in io.items()}
    generator = build_network(config(sound_norm=sound_norm, prediction=prediction)).generator.eval().double()
    generator.load_state_dict(parameters)
    first, state = generator(io["z1"].squeeze((2, 3))[None], io["feats1"][None])
    second, _ = generator(io["z2"].squeeze((2, 3))[None], io["feats2"][None], state)
    assert agree(first, io["rgb1"])
    assert agree(second, io["rgb2"])


@pytest.mark.parametrize(
    ("name", "motion_sound", "choices"),
    [
        ("rnn", True, {"sound_content": False, "sound_norm": False, "prediction": "none"}),
        ("gen", False, {"sound_content": True, "sound_norm": False, "prediction": "none"}),
        ("rnngen", True, {"sound_content": True, "sound_norm": True, "prediction": "directional"}),
    ],
)
def test_network(name: str, motion_sound: bool, choices: dict[str, object]) -> None:
    parameters, io = golden(f"network_{name}")
    network = build_network(with_values(config(**choices), {"motion.sound": motion_sound})).eval()
    network.load_state_dict(parameters)
    first, state = network(io["feats1"], io["noise1"])
    second, _ = network(io["feats2"], io["noise2"], state)
    assert agree(first, io["video1"])
    assert agree(second, io["video2"])


@pytest.mark.parametrize("connections", ["skip", "residual", "basic"])
@pytest.mark.parametrize("name", ["image", "video"])
def test_critic(name: str, connections: str) -> None:
    parameters, io = golden(f"discriminator_{name}_{connections}")
    critic = getattr(build_discriminators(with_values(config(), {"critics.connections": connections})), name)
    critic.load_state_dict(parameters)
    assert agree(critic.eval()(io["input"]), io["output_eval"])
    assert agree(critic.train()(io["input"]), io["output_train"])


@pytest.mark.parametrize("key", ["generator.layers.0.unheard.weight", "audio.weight", "toRGB.1.conv.weight"])
def test_unknown_name(key: str) -> None:
    with pytest.raises(UserError, match=key):
        from_authors(
            {
                "motion.layers.0.weight_ih": torch.zeros(3, 1),
                key: torch.zeros(1),
                "later.weight": torch.zeros(1),
            }
        )
