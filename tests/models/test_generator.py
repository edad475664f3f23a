"""The generator and the whole network: laws of state, noise, size and picture."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from listen_and_move.config import Config
from listen_and_move.models.build import build_network
from listen_and_move.models.generator import Network, NetworkState
from listen_and_move.models.layers import Block, OverTime
from listen_and_move.models.norms import ConditionalInstanceNorm, OwnAffine, SharedAffine
from listen_and_move.models.recurrent import detached, reset, row, stacked
from listen_and_move.presets import PRESETS
from listen_and_move.settings import with_values

FRAMES = 4
SMALL = {
    "clip.size": "28x20",
    "generator.channels_base": 16,
    "generator.channels_max": 8,
    "features.bands": 16,
}
VARIANTS = {
    "plain prediction": {"generator.prediction": "plain"},
    "directional prediction": {"generator.prediction": "directional"},
    "batch norm": {"generator.prediction": "none", "generator.sound_norm": False},
    "bottleneck": {"generator.prediction": "none", "generator.norm_bottleneck": 6, "motion.noise": 0},
    "sound in the generator only": {"generator.prediction": "none", "motion.sound": False},
    "three dimensions": {"generator.dimensions": 3, "generator.connections": "skip"},
    "sound in the encoder only": {"generator.sound_norm": False, "generator.sound_content": False},
}
variants = pytest.mark.parametrize("variant", VARIANTS)


def settings(**changes: object) -> Config:
    return with_values(
        Config(), {**SMALL, **{name.replace("__", "."): value for name, value in changes.items()}}
    )


def network_of(config: Config) -> Network:
    """In evaluation mode, with weights large enough to make every path matter."""
    torch.manual_seed(0)
    network = build_network(config).double().eval()
    for name, parameter in network.named_parameters():
        torch.nn.init.normal_(parameter, std=0.5 if "strength" in name or "norm" in name else 0.2)
    return network


def variant_network(variant: str) -> tuple[Network, Tensor, Tensor]:
    config = with_values(settings(), VARIANTS[variant])
    random = torch.Generator().manual_seed(4)
    features = torch.randn(2, FRAMES, config.features.size, generator=random, dtype=torch.float64)
    return (
        network_of(config),
        features,
        torch.rand(2, FRAMES, sum(config.noise_sizes), generator=random, dtype=torch.float64),
    )


def pixel_noise(network: Network, batch: int = 2, frames: int = FRAMES) -> list[Tensor]:
    random = torch.Generator().manual_seed(5)
    return [
        torch.randn(batch, frames, 1, *shape, generator=random, dtype=torch.float64)
        for shape in network.generator.pixel_noise_shapes
    ]


def window_noise(noises: Sequence[Tensor], frames: slice) -> list[Tensor]:
    return [noise[:, frames] for noise in noises]


@variants
@pytest.mark.parametrize("cut", range(1, FRAMES))
def test_two_windows_are_one(variant: str, cut: int) -> None:
    network, features, noise = variant_network(variant)
    pixels = pixel_noise(network)
    whole, end = network(features, noise, None, pixels)
    first, state = network(features[:, :cut], noise[:, :cut], None, window_noise(pixels, slice(cut)))
    second, last = network(features[:, cut:], noise[:, cut:], state, window_noise(pixels, slice(cut, None)))
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(last, end)
    assert whole.shape == (2, FRAMES, 3, 20, 28)
    assert whole.abs().max() <= 1


@variants
def test_a_frame_hears_no_later_frame_and_no_other_item(variant: str) -> None:
    network, features, noise = variant_network(variant)
    features.requires_grad_()
    (gradient,) = torch.autograd.grad(network(features, noise)[0][0, 2].sum(), features)
    assert gradient[0, 2].abs().max() > 0
    assert gradient[0, 3:].abs().max() == 0
    assert gradient[1].abs().max() == 0


@variants
def test_prime_gives_the_state_of_drawing(variant: str) -> None:
    network, features, noise = variant_network(variant)
    _, state = network(features, noise)
    primed = network.prime(features, noise)
    torch.testing.assert_close(primed, state)
    torch.testing.assert_close(network.prime(features, noise, primed), network(features, noise, state)[1])
    assert len(primed.picture.prediction) == len(network.generator.predictions)


@variants
def test_lanes_and_old_states(variant: str) -> None:
    network, features, noise = variant_network(variant)
    fresh, state = network(features, noise)
    before = network(features, noise, state)[0]
    torch.testing.assert_close(network(features, noise, reset(state, [1]))[0][1], fresh[1])
    torch.testing.assert_close(network(features, noise, stacked([None, row(state, 1)]))[0][0], fresh[0])
    torch.testing.assert_close(stacked([row(state, 0), row(state, 1)]), state)
    torch.testing.assert_close(network(features, noise, detached(state))[0], before, rtol=0, atol=0)
    assert isinstance(row(state, 0), NetworkState)


def test_state_shapes() -> None:
    network = build_network(settings(motion__layers=3))
    _, state = network(torch.zeros(2, 3, 16), torch.zeros(2, 3, 2))
    assert [tuple(memory.shape) for memory in state.motion.memory] == [(2, 1, 18), (2, 2, 18), (2, 4, 18)]
    assert len(state.picture.prediction) == 1
    assert state.picture.prediction[0].hidden.shape == (2, 5, 4, 20, 28)


@pytest.mark.parametrize(
    ("size", "grid"), [("224x128", (4, 7)), ("112x64", (4, 7)), ("80x112", (7, 5)), ("64", (4, 4))]
)
def test_sizes(size: str, grid: tuple[int, int]) -> None:
    config = settings(clip__size=size, generator__channels_base=8, generator__prediction="none")
    network = build_network(config)
    frames, _ = network(torch.zeros(1, 2, 16), torch.zeros(1, 2, 2))
    assert network.generator.start.grid == grid
    assert frames.shape == (1, 2, 3, config.clip.height, config.clip.width)
    assert network.generator.size == (config.clip.height, config.clip.width)


def test_every_place_of_noise_matters() -> None:
    network, features, noise = variant_network("directional prediction")
    pixels = pixel_noise(network)
    assert network.generator.pixel_noise_shapes == ((5, 7), (10, 14), (10, 14), (20, 28), (20, 28))
    silent = network(features, noise)[0]
    for place in range(len(pixels)):
        one = [value if index == place else torch.zeros_like(value) for index, value in enumerate(pixels)]
        assert (network(features, noise, None, one)[0] - silent).abs().max() > 1e-6


def test_pixel_noise_of_wrong_size_is_refused() -> None:
    network, features, noise = variant_network("bottleneck")
    with pytest.raises(ValueError, match="pixel_noise: expected"):
        network(features, noise, None, pixel_noise(network)[:-1])


def test_without_noise_injection() -> None:
    network = build_network(settings(generator__noise_injection=False))
    assert network.generator.pixel_noise_shapes == ()
    assert not [name for name, _ in network.named_parameters() if "strength" in name]
    frames, _ = network(torch.zeros(1, 2, 16), torch.zeros(1, 2, 2), None, [])
    assert frames.shape == (1, 2, 3, 20, 28)


def test_residual_picture_starts_at_the_mean_frame() -> None:
    network = build_network(settings(generator__picture="residual", generator__prediction="none"))
    assert network.generator.mean_frame is not None
    network.generator.mean_frame.copy_(torch.rand(3, 20, 28) * 2 - 1)
    frames, _ = network(torch.randn(2, 3, 16), torch.rand(2, 3, 2))
    torch.testing.assert_close(frames, 0.97 * network.generator.mean_frame.expand(2, 3, -1, -1, -1))
    assert "generator.picture.mean_frame" in network.state_dict()
    frames.square().mean().backward()
    gradient = network.generator.picture.convolution.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0
    assert build_network(settings()).generator.mean_frame is None


@pytest.mark.parametrize("kind", [SharedAffine, OwnAffine])
def test_block_is_the_plain_form(kind: type[SharedAffine] | type[OwnAffine]) -> None:
    """Conditional norm and shortcut, written out; items do not mix though the module trains."""
    torch.manual_seed(0)
    block = (
        Block(3, 2, (ConditionalInstanceNorm(), ConditionalInstanceNorm()), kind(4, 2), noise=False)
        .double()
        .train()
    )
    x, condition = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    assert isinstance(block.sound, kind)
    assert block.shortcut is not None
    numbers = block.sound.linear(condition)
    if kind is SharedAffine:
        numbers = torch.nn.functional.leaky_relu(numbers, 0.2).repeat(1, 2)
    y = large = torch.nn.Upsample(scale_factor=2)(x)
    for place, offset in enumerate((0, 4)):
        convolution = block.convolutions[place]
        assert isinstance(convolution, torch.nn.Conv2d)
        y = torch.nn.functional.leaky_relu(y, 0.2) if place else y
        y = torch.nn.functional.conv2d(y, convolution.weight, convolution.bias, padding=1)
        mean, variance = y.mean((2, 3), keepdim=True), y.var((2, 3), correction=0, keepdim=True)
        shift, scale = (value[..., None, None] for value in numbers[:, offset : offset + 4].chunk(2, 1))
        y = shift + (scale + (kind is OwnAffine)) * (y - mean) / (variance + 1e-5).sqrt()
    expected = torch.nn.functional.leaky_relu((y + block.shortcut(large)) / 2**0.5, 0.2)
    torch.testing.assert_close(block(x, condition, [None, None])[0], expected)
    torch.testing.assert_close(block(x[:1], condition[:1], [None, None])[0], expected[:1])


def test_three_dimensions_are_a_3d_convolution() -> None:
    """As torch's own, whose time is padded in front alone."""
    torch.manual_seed(0)
    x, flat = torch.randn(2, 5, 3, 4, 6), torch.nn.Conv2d(3, 3 * 4, 3, padding=1, bias=False)
    kernel = (
        flat.weight.unflatten(0, (3, 4)).flip(0).permute(1, 2, 0, 3, 4)
    )  # outputs, inputs, time, height, width
    expected = torch.nn.functional.conv3d(
        torch.nn.functional.pad(x.transpose(1, 2), (1, 1, 1, 1, 2, 0)), kernel
    )
    summed, past = OverTime()(flat(x.flatten(0, 1)).unflatten(0, (2, 5)), None)
    torch.testing.assert_close(summed, expected.transpose(1, 2))
    assert past.shape == (2, 2, 8, 4, 6)


def test_state_dict_goes_round() -> None:
    network, features, noise = variant_network("directional prediction")
    other = build_network(with_values(settings(), VARIANTS["directional prediction"])).double().eval()
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other(features, noise)[0], network(features, noise)[0], rtol=0, atol=0)


@pytest.mark.parametrize("preset", PRESETS)
def test_bfloat16_and_no_grad(preset: str) -> None:
    config = with_values(PRESETS[preset], {"clip.size": "16", "generator.channels_max": 8})
    network = build_network(config).eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        frames, _ = network(
            torch.randn(1, 3, config.features.size), torch.rand(1, 3, sum(config.noise_sizes))
        )
    assert torch.isfinite(frames).all()
