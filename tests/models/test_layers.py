import torch
from torch import nn

from listen_and_move.models.layers import UpsampledConvolution, upsampled
from listen_and_move.models.norms import ConditionalInstanceNorm


def test_upsampled_convolution_equals_doubling_then_convolution() -> None:
    """In values and in gradients of input, weight and bias."""
    convolution = UpsampledConvolution(3, 5).double()
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    parts = [x, convolution.weight, convolution.bias]
    plain, fast = (
        nn.functional.conv2d(upsampled(x), convolution.weight, convolution.bias, padding=1),
        convolution(x),
    )
    assert torch.allclose(plain, fast, atol=1e-12)
    weight = torch.randn_like(plain)
    wanted, got = (torch.autograd.grad((y * weight).sum(), parts) for y in (plain, fast))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(wanted, got, strict=True))


def test_conditional_norm_equals_instance_norm_then_affine() -> None:
    x = torch.randn(4, 3, 6, 5)
    shift, scale = torch.randn(2, 4, 3)
    plain = shift[..., None, None] + scale[..., None, None] * nn.functional.instance_norm(x)
    assert torch.allclose(ConditionalInstanceNorm()(x, (shift, scale)), plain, atol=1e-6)
