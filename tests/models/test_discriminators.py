"""The discriminators: the paper's text written out with torch's own 3-D layers, first and second derivatives,
shapes."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from listen_and_move.models.discriminators import Discriminator, DiscriminatorLayer, SpaceTimeConvolution

WIDTHS = (2, 3, 4, 4)


def discriminator(*, video: bool, norm: bool = False, widths: tuple[int, ...] = WIDTHS) -> Discriminator:
    torch.manual_seed(0)
    module = Discriminator(widths, video=video, norm=norm).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module


def windows(frames: int, batch: int = 2, height: int = 32, width: int = 32) -> Tensor:
    random = torch.Generator().manual_seed(6)
    return torch.rand(batch, frames, 3, height, width, generator=random, dtype=torch.float64) * 2 - 1


def plain_discriminator(module: Discriminator, video: Tensor) -> Tensor:
    """Channels before time; each 1x1 convolution at full size, then the mean."""
    image = video.transpose(1, 2)
    x = torch.zeros((), dtype=video.dtype)
    for from_image, layer in zip(module.from_image, module.layers, strict=True):
        assert isinstance(from_image, torch.nn.Conv2d)
        assert isinstance(layer, DiscriminatorLayer)
        step = (2 if image.shape[2] % 2 == 0 else 1, 2, 2)
        x = F.avg_pool3d(x + F.conv3d(image, from_image.weight[..., None], from_image.bias), step)
        for convolution, norm in zip(layer.convolutions, layer.norms, strict=True):
            assert isinstance(convolution, SpaceTimeConvolution)
            x = F.conv3d(x, convolution.weight, convolution.bias, padding=1)
            if isinstance(norm, torch.nn.BatchNorm2d):
                x = F.batch_norm(x, None, None, norm.weight, norm.bias, training=True)
            x = F.leaky_relu(x, 0.2)
        image = image[:, :, :: step[0], :: step[1], :: step[2]]
    return F.conv3d(x, module.decision.weight[..., None], module.decision.bias).transpose(1, 2)


def penalty(scores: Tensor, x: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(scores.square().sum(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("frames", [2, 3, 6, 8])
def test_video_discriminator_is_the_plain_form(frames: int, norm: bool) -> None:
    module = discriminator(video=True, norm=norm).train()
    x = windows(frames).requires_grad_()
    fast, plain = module(x), plain_discriminator(module, x)
    torch.testing.assert_close(fast, plain)
    ours, expected = penalty(fast, x), penalty(plain, x)
    torch.testing.assert_close(ours, expected)
    parameters = [parameter for name, parameter in module.named_parameters() if name != "decision.bias"]
    for mine, theirs in zip(
        torch.autograd.grad(ours, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_space_time_convolution(frames: int) -> None:
    torch.manual_seed(0)
    convolution = SpaceTimeConvolution(2, 3).double()
    x = torch.randn(2, frames, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    plain = F.conv3d(x.transpose(1, 2), convolution.weight, convolution.bias, padding=1).transpose(1, 2)
    torch.testing.assert_close(convolution(x), plain)
    assert torch.autograd.gradgradcheck(convolution, x)


@pytest.mark.parametrize(("frames", "left"), [(16, 2), (8, 1), (6, 3), (2, 1), (1, 1), (5, 5)])
def test_time_is_halved_while_even(frames: int, left: int) -> None:
    assert discriminator(video=True)(windows(frames)).shape == (2, left, 1, 4, 4)


def test_non_square() -> None:
    assert discriminator(video=True)(windows(4, height=32, width=56)).shape == (2, 1, 1, 4, 7)
    assert discriminator(video=False)(windows(1, height=32, width=56)[:, 0]).shape == (2, 1, 4, 7)


@pytest.mark.parametrize("video", [False, True])
def test_items_do_not_mix_without_norm(video: bool) -> None:
    x = windows(4) if video else windows(1)[:, 0]
    module = discriminator(video=video)
    torch.testing.assert_close(module(x)[:1], module(torch.cat([x[:1], -x[1:]]))[:1], rtol=0, atol=1e-12)


def test_image_discriminator_is_a_video_discriminator_of_one_frame() -> None:
    """With the middle of its kernels, that is."""
    image, video = discriminator(video=False), discriminator(video=True)
    weights = image.state_dict()
    middles = {
        name: value[:, :, None]
        for name, value in weights.items()
        if ".convolutions." in name and value.ndim == 4
    }
    padded = {name: F.pad(value, (0, 0, 0, 0, 1, 1)) for name, value in middles.items()}
    video.load_state_dict(weights | padded)
    x = windows(1)
    torch.testing.assert_close(image(x[:, 0]), video(x)[:, 0])


@pytest.mark.parametrize("video", [False, True])
def test_every_layer_sees_the_image(video: bool) -> None:
    module = discriminator(video=video)
    module(windows(4) if video else windows(1)[:, 0]).sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in module.parameters()
    )


@pytest.mark.parametrize("video", [True, False])
def test_activations_are_what_the_decision_is_made_from(video: bool) -> None:
    discriminator = Discriminator([8, 16, 32], video=video, norm=False)
    images = torch.randn(2, 4, 3, 16, 16) if video else torch.randn(2, 3, 16, 16)
    scores, activations = discriminator.output(images)
    assert torch.equal(scores, discriminator(images))
    assert [tuple(each.shape[2:]) for each in activations] == [(16, 8, 8), (32, 4, 4)]
    decision = discriminator.decision(activations[-1])
    assert torch.equal(scores, decision if video else decision.squeeze(1))
