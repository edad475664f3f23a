"""The perceptual loss: its laws, and what is said where the weights are not there."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.cli.running import refused
from tests.conftest import TINY
from tests.pretrained.weights import made_up_weights

from listen_and_move.config import LossConfig
from listen_and_move.losses import perceptual
from listen_and_move.losses.perceptual import PERCEPTUAL_FEATURES, PerceptualFeatures, PerceptualLoss
from listen_and_move.pretrained.inputs import IMAGENET
from listen_and_move.pretrained.vgg16 import VGG16
from listen_and_move.runs import RunFolder
from listen_and_move.training.loop import train
from listen_and_move.training.trainer import TrainingProgress

CAFFE_FILE = "squeezenet1_1_caffe_features.pt"
REAL = {"losses.perceptual": 10.0, "losses.perceptual_network": "squeezenet1_1-caffe"}


@pytest.fixture
def weights(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file of made-up numbers: the laws hold for any."""
    with made_up_weights(tmp_path / "mine", "squeezenet1_1-caffe") as folder:
        yield folder


def window(seed: int, side: int = 32) -> torch.Tensor:
    return torch.rand(1, 2, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_every_network_of_the_settings_is_a_row() -> None:
    assert LossConfig.perceptual_network in PERCEPTUAL_FEATURES
    assert all(LossConfig(perceptual_network=name) for name in PERCEPTUAL_FEATURES)  # type: ignore[arg-type]


def test_the_formula_in_numpy() -> None:
    """Mean squared difference of relu2_2 of VGG16 for pictures that ImageNet's numbers normalise."""
    torch.manual_seed(0)
    network = VGG16().eval().requires_grad_(False)
    fake, real = window(0), window(1)
    maps = []
    for each in (fake, real):
        pictures = (each[0].permute(0, 2, 3, 1).numpy() + 1) / 2
        pictures = (pictures - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
        x = torch.from_numpy(pictures.astype(np.float32)).permute(0, 3, 1, 2)
        maps.append(
            network.features[:9](x).numpy().astype(np.float64)
        )  # conv relu conv relu pool, conv relu conv relu
    assert maps[0].shape == (2, 128, 16, 16)
    expected = ((maps[0] - maps[1]) ** 2).mean()
    assert PerceptualLoss(network, PERCEPTUAL_FEATURES["vgg16"])(fake, real).item() == pytest.approx(
        expected, rel=1e-4
    )
    assert PERCEPTUAL_FEATURES["vgg16"] == PerceptualFeatures("relu2_2", IMAGENET)


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_large_window_is_compared_in_pieces(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = PerceptualLoss(VGG16().eval().requires_grad_(False).double(), PERCEPTUAL_FEATURES["vgg16"])
    fake, real = (
        torch.cat([window(seed), window(seed + 2), window(seed + 4)[:, :1]], dim=1).double()
        for seed in (0, 1)
    )
    results = []
    for pixels in (perceptual.PIXELS, at_once * 32 * 32):
        monkeypatch.setattr(perceptual, "PIXELS", pixels)
        given = fake.clone().requires_grad_()
        value = 10 * loss(given, real)
        results.append((value, torch.autograd.grad(value, given)[0]))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("side", [16, 32])
def test_laws(weights: Path, side: int) -> None:
    loss = PerceptualLoss.load("squeezenet1_1-caffe")
    fake, real = window(0, side).requires_grad_(), window(1, side).requires_grad_()
    assert loss(real, real).item() == 0
    assert loss(fake, real).item() == pytest.approx(loss(real, fake).item())
    near = real + 0.1 * (fake - real)
    assert 0 < loss(near, real) < loss(fake, real)
    loss(fake, real).backward()
    assert fake.grad is not None
    assert fake.grad.isfinite().all()
    assert fake.grad.any()
    assert real.grad is None
    assert not loss.network.training
    assert not any(each.requires_grad for each in loss.network.parameters())


def test_training_lowers_it_and_keeps_the_network_out_of_the_files(
    weights: Path, performance: Path, tmp_path: Path
) -> None:
    seen: list[float] = []

    def watch(progress: TrainingProgress) -> None:
        seen.extend(value for name, value in progress.values.items() if name == "generator/perceptual")

    none = dict.fromkeys(("adversarial_weight", "l1", "difference", "rest"), 0.0)
    settings = {**TINY, **REAL, **{f"losses.{name}": value for name, value in none.items()}}
    settings |= {"training.steps": 40, "training.validate_every": 100, "training.sample_every": 100}
    run = RunFolder(train(performance, tmp_path / "run", settings=settings, device="cpu", watch=watch).run)
    assert len(seen) == 40
    assert sum(seen[-10:]) < 0.8 * sum(seen[:10])
    for file in (run.state_file, run.model_file):
        assert not any("expand3x3" in name for name in load_file(file)), (
            "Fire modules are the loss network's alone"
        )


def test_paper_without_weights_stops_at_once_with_three_ways_on(
    performance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path / "weights"))
    line = refused("train", performance, "--preset", "paper", saying="weights vgg16", folder=tmp_path)
    for way in (
        "listen-and-move weights fetch vgg16",
        "listen-and-move weights add vgg16 FILE",
        "--losses.perceptual-network squeezenet1_1",
        "--losses.perceptual 0",
    ):
        assert way in line
    assert str(tmp_path / "weights") in line
    assert not (tmp_path / "runs").exists()


def test_a_wrong_file_is_refused(
    weights: Path, performance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte changed, random bytes, a file of another network, and no file to add."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(folder))
    changed = copyfile(weights / CAFFE_FILE, tmp_path / "changed.pt")
    changed.chmod(0o600)
    with changed.open("r+b") as file:
        file.seek(100_000)
        file.write(b"\0\1\2\3")
    (folder / "vgg16-397923af.pth").write_bytes(np.random.default_rng(0).bytes(1000))
    refused("train", performance, "--preset", "paper", saying="it is damaged", folder=tmp_path)
    refused("weights", "add", "squeezenet1_1-caffe", changed, saying="sha256", folder=tmp_path)
    refused("weights", "add", "vgg16", weights / CAFFE_FILE, saying="sha256", folder=tmp_path)
    refused("weights", "add", "vgg16", "missing.pth", saying="there is no such file", folder=tmp_path)
    assert [each.name for each in folder.iterdir()] == ["vgg16-397923af.pth"]
