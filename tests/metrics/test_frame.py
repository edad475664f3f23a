"""Pixel measures, checked against scikit-image, the figures of the method's authors, and laws."""

from math import inf, isclose
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from listen_and_move.metrics.frame import mse, psnr, sharpness_ratio, ssim

GOLDEN = Path(__file__).parents[1] / "golden" / "losses_and_pixel_metrics.safetensors"


def noise(seed, shape=(3, 24, 31, 3)):
    return np.random.default_rng(seed).random(shape)


def blurred(video):
    return (video + np.roll(video, 1, 1) + np.roll(video, 1, 2) + np.roll(video, (1, 1), (1, 2))) / 4


@pytest.fixture(scope="module")
def golden():
    values = load_file(GOLDEN)
    videos = [(values[f"io.video_{name}"][0].transpose(0, 2, 3, 1) + 1) / 2 for name in "ab"]
    return (*videos, {name: float(values[f"io.{name}"][0]) for name in ("mse", "psnr", "ssim")})


def test_the_authors_figures(golden):
    a, b, expected = golden
    assert isclose(mse(a, b), expected["mse"], rel_tol=1e-5)
    assert isclose(psnr(a, b), expected["psnr"], rel_tol=1e-5)
    assert isclose(ssim(a, b, zero_border=True), expected["ssim"], rel_tol=1e-5)
    assert not isclose(ssim(a, b), expected["ssim"], rel_tol=1e-3)


@pytest.mark.parametrize("size", [(11, 11), (24, 31)])
def test_scikit_image_agrees(size):
    a = noise(0, (3, *size, 3))
    b = (0.7 * a + 0.3 * noise(1, a.shape)).clip(0, 1)
    options = {
        "channel_axis": -1,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 1.0,
    }
    expected = np.mean([structural_similarity(x, y, **options) for x, y in zip(a, b, strict=True)])
    assert isclose(ssim(a, b), expected, rel_tol=1e-9)
    assert isclose(mse(a, b), mean_squared_error(a, b), rel_tol=1e-12)
    assert isclose(psnr(a, b), peak_signal_noise_ratio(a, b, data_range=1.0), rel_tol=1e-12)


def test_equal_videos_are_ideal():
    video = noise(2)
    assert mse(video, video) == 0
    assert psnr(video, video) == inf
    assert isclose(ssim(video, video), 1)
    assert isclose(ssim(video, video, zero_border=True), 1)
    assert sharpness_ratio(video, video) == 1
    assert sharpness_ratio(video, video, 0.15) == 1


def test_bytes_and_floats_give_the_same():
    a, b = ((255 * noise(seed)).astype(np.uint8) for seed in (3, 4))
    for measure in (mse, psnr, ssim, sharpness_ratio):
        assert isclose(measure(a, b), measure(a / 255, b / 255), rel_tol=1e-4)


def test_symmetry_and_order():
    a = noise(5)
    near, far = a + 0.02 * noise(6), a + 0.3 * noise(6)
    assert isclose(ssim(a, far), ssim(far, a))
    assert mse(a, near) < mse(a, far)
    assert psnr(a, near) > psnr(a, far)
    assert ssim(a, near) > ssim(a, far)


def test_known_error():
    assert isclose(mse(np.zeros((2, 12, 12, 3)), np.full((2, 12, 12, 3), 0.1)), 0.01)
    assert isclose(psnr(np.zeros((2, 12, 12, 3)), np.full((2, 12, 12, 3), 0.1)), 20)


def test_blur_is_below_one_and_grain_above():
    video = blurred(noise(7))
    assert sharpness_ratio(blurred(video), video) < 0.6
    assert sharpness_ratio(video + 0.2 * noise(8), video) > 1.1
    assert isclose(sharpness_ratio(0.5 * video, video), 0.25)


def test_moving_share_looks_at_what_moves():
    real = np.repeat(noise(9, (1, 40, 40, 3)), 6, axis=0)
    real[:, 10:20, 10:20] = noise(10, (6, 10, 10, 3))  # 100 of 1444 pixels move
    generated = real.copy()
    generated[:, 11:19, 11:19] = real[:, 11:19, 11:19].mean((0, 1, 2))
    assert sharpness_ratio(generated, real, 0.05) < 0.5
    assert sharpness_ratio(generated, real) > 0.9
    with pytest.raises(ValueError, match="above 0 to 1; got 15"):
        sharpness_ratio(generated, real, 15)


def test_pictures_without_detail():
    flat = np.full((2, 12, 12, 3), 0.5)
    assert sharpness_ratio(flat, flat) == 1
    assert sharpness_ratio(noise(11, flat.shape), flat) == inf


@pytest.mark.parametrize("measure", [mse, psnr, ssim, sharpness_ratio])
def test_wrong_shapes_are_named(measure):
    with pytest.raises(ValueError, match="expected"):
        measure(noise(0), noise(0, (3, 24, 30, 3)))
    with pytest.raises(ValueError, match=r"\(T, H, W, 3\); got \(3, 24, 31\)"):
        measure(noise(0)[..., 0], noise(0)[..., 0])
    with pytest.raises(ValueError, match="got int64"):
        measure(noise(0).astype(np.int64), noise(0).astype(np.int64))


def test_small_frames_have_no_ssim():
    with pytest.raises(ValueError, match="11 x 11 pixels; got 10 x 12"):
        ssim(noise(0, (1, 12, 10, 3)), noise(0, (1, 12, 10, 3)))
