"""Measures by networks, on evenly spread frames: those of direct computation, 0 for the real video against
itself."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.evaluation.making import Held, ignored, noise, swinging
from tests.pretrained.weights import made_up_weights

from listen_and_move.evaluation import network_measures as sampled
from listen_and_move.evaluation.baselines import Still
from listen_and_move.evaluation.network_measures import (
    Networks,
    available,
    by_flow,
    distributions,
    perceptual,
    spread_evenly,
)
from listen_and_move.metrics.coherence import flow_difference, warping_error
from listen_and_move.metrics.frechet import (
    LEAST_FRAMES,
    LEAST_WINDOWS,
    compare_distributions,
    frechet_distance,
    kernel_distance,
)
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.pretrained.optical_flow import FlowNetwork

CPU = torch.device("cpu")
HERE = "raft-small", "squeezenet1_1-caffe", "lpips-squeeze"


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """Those whose files there are; what their numbers say does not matter."""
    with made_up_weights(tmp_path_factory.mktemp("weights"), *HERE):
        return available(CPU, 32)


@pytest.mark.parametrize(("count", "most"), [(1, 5), (4, 5), (5, 5), (6, 5), (1000, 7), (12_345, 200)])
def test_places_are_spread_from_the_first_to_the_last(count: int, most: int) -> None:
    places = spread_evenly(count, most)
    assert len(places) == min(count, most)
    assert places[0] == 0
    assert places[-1] == (count - 1 if count > 1 else 0)
    steps = np.diff(places)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


def test_what_is_there_and_what_is_left_out(
    networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(networks.perceptual) == ["perceptual_squeeze_caffe"]
    assert networks.flow is not None
    assert networks.inception is None
    assert networks.i3d is None
    assert len(networks.left_out) == 5
    assert "listen-and-move weights fetch alexnet lpips-alex" in networks.left_out[0]
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path))
    nothing = available(CPU, 32)
    assert not nothing.perceptual
    assert nothing.flow is None
    assert len(nothing.left_out) == 7
    assert all(any(name in sentence for sentence in nothing.left_out) for name in weights.WEIGHTS)
    assert any("weights add squeezenet1_1-caffe FILE" in sentence for sentence in nothing.left_out)


def test_frames_too_small_for_a_network_leave_it_out(tmp_path: Path) -> None:
    with made_up_weights(tmp_path, *HERE):
        found = available(CPU, 8)
    assert not found.perceptual
    assert any("needs frames of at least" in sentence for sentence in found.left_out)


@pytest.mark.parametrize("most", [4, 200])
def test_perceptual_distance_is_the_mean_of_the_frames(
    networks: Networks, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled, "MOST_FRAMES", most)
    real, ours = swinging(0, 19, 32, 32), swinging(1, 19, 32, 32)
    rows = {"real": Held(real), "ours": Held(ours), "still": Still(real[2], 19)}
    found = perceptual(rows, rows["real"], networks, ignored)
    places = [0, 6, 12, 18] if most == 4 else list(range(19))
    distance = networks.perceptual["perceptual_squeeze_caffe"]
    assert found["real"] == {"perceptual_squeeze_caffe": 0}
    assert found["ours"]["perceptual_squeeze_caffe"] == pytest.approx(
        distance(ours[places], real[places]).mean(), rel=1e-4
    )
    still = distance(np.repeat(real[2:3], len(places), 0), real[places]).mean()
    assert found["still"]["perceptual_squeeze_caffe"] == pytest.approx(still, rel=1e-4)
    assert perceptual(rows, rows["real"], Networks(), ignored) == {"real": {}, "ours": {}, "still": {}}


def test_flow_measures_are_those_of_the_pairs(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled, "MOST_PAIRS", 3)
    network = networks.flow
    assert isinstance(network, FlowNetwork)
    real, ours = Held(swinging(2, 13, 32, 32)), Held(swinging(3, 13, 32, 32))
    rows = {"real video": real, "model": ours, "still": Still(real.pictures[0], 13)}
    found = by_flow(rows, real, network, ignored)
    places = np.array([0, 6, 11])
    true, theirs = (
        network.flow(video.pictures[places], video.pictures[places + 1]) for video in (real, ours)
    )
    back = network.flow(ours.pictures[places + 1], ours.pictures[places])
    assert found["real video"]["tof"] == 0
    assert found["model"]["tof"] == pytest.approx(flow_difference(theirs, true).mean(), rel=1e-3)
    assert found["still"]["tof"] == pytest.approx(np.linalg.norm(true, axis=1).mean(), rel=1e-3), (
        "its mean speed"
    )
    assert found["still"]["warping_error"] == 0
    errors = [
        warping_error(ours.pictures[[at, at + 1]], forward[None], backward[None])[0]
        for at, forward, backward in zip(places, theirs, back, strict=True)
    ]
    assert found["model"]["warping_error"] == pytest.approx(np.mean(errors), rel=1e-3)
    assert real.largest == ours.largest == 1


class Pooled(torch.nn.Module):
    """Stands where a published network stands, with features of its length: random mixtures of a coarse
    picture."""

    def __init__(self, pool: torch.nn.Module, inputs: int, outputs: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            pool, torch.nn.Flatten(), torch.nn.Linear(inputs, outputs)
        ).requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


FRAMES = Pooled(torch.nn.AdaptiveAvgPool2d(4), 48, 2048)
WINDOWS = Pooled(torch.nn.AdaptiveAvgPool3d((2, 4, 4)), 96, 400)


def test_distributions_compare_frames_and_windows() -> None:
    """Frames by their features one by one, windows of 16 frames without overlap; no FID from fewer frames
    than features."""
    real, other, ours = noise(0, 330), 255 - noise(1, 340), noise(2, 330) // 2
    found = distributions(
        {"model": Held(ours)},
        Held(real),
        Held(other),
        Networks(inception=FRAMES, i3d=WINDOWS),
        "equal",
        ignored,
    )
    assert [entry.measure for entry in found] == ["FID", "KID", "FVD", "KVD"]
    fid, kid, fvd, kvd = found
    assert fid.value is None
    assert "too few samples" in fid.note
    assert fvd.value is None
    videos = [torch.from_numpy(video).permute(0, 3, 1, 2).float() / 255 for video in (real, other, ours)]
    vectors = [FRAMES(video).numpy() for video in videos]
    expected = compare_distributions(*vectors, measure="kernel", least=LEAST_FRAMES)
    assert (kid.real_samples, kid.generated_samples) == (330, 330)
    assert kid.value == pytest.approx(expected.value, rel=1e-3)
    assert kid.floor == pytest.approx(expected.floor, rel=1e-3)
    windows = [
        WINDOWS(
            torch.stack([2 * video[at : at + 16] - 1 for at in range(0, len(video) - 15, 16)]).transpose(1, 2)
        ).numpy()
        for video in videos
    ]
    assert kvd.real_samples == 20 == LEAST_WINDOWS
    assert kvd.value == pytest.approx(kernel_distance(windows[0], windows[2]).value, rel=1e-3)


def test_the_papers_protocol_gives_numbers_with_a_warning() -> None:
    real, other, ours = noise(3, 40), noise(4, 40), noise(5, 40) // 2
    found = distributions(
        {"model": Held(ours)}, Held(real), Held(other), Networks(inception=FRAMES), "paper", ignored
    )
    assert [entry.measure for entry in found] == ["FID", "KID"]
    vectors = [
        FRAMES(torch.from_numpy(video).permute(0, 3, 1, 2).float() / 255).numpy() for video in (real, ours)
    ]
    assert found[0].value == pytest.approx(frechet_distance(*vectors), rel=1e-3)
    assert found[0].value is not None
    assert found[0].floor is not None
    assert found[0].value > 2 * found[0].floor
    assert "however few" in found[0].note


def test_flow_of_a_part_where_nothing_can_be_followed_is_no_number() -> None:
    """A network that leads every pixel out of the picture: no warning, no figure."""

    class Away(FlowNetwork):
        def __init__(self) -> None: ...

        def flow(self, first: np.ndarray, second: np.ndarray, iterations: int = 1) -> np.ndarray:
            return np.full((len(first), 2, *first.shape[1:3]), 1000, np.float32)

    found = by_flow({"real": Held(noise(6, 9))}, Held(noise(6, 9)), Away(), ignored)
    assert isnan(found["real"]["warping_error"] or 0.0)
    assert found["real"]["tof"] == 0
