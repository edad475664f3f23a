"""On a GPU: the same losses and pictures as on the processor."""

from pathlib import Path

import numpy as np
import pytest
import torch

from listen_and_move import Animator
from listen_and_move.config import Config
from listen_and_move.data.source import find_source
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.batches import Batches
from listen_and_move.training.beginning import first_state
from listen_and_move.training.cuda_graphs import WARM_UP, CudaGraphs, CudaGraphStep
from listen_and_move.training.step import training_step
from tests.conftest import TINY

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")


def config(name: str, speed: str) -> Config:
    changes = {"losses.perceptual": 0.0, "clip.camera": "as-filmed", "training.speed": speed}
    return with_values(preset(name), {**TINY, **changes})


def losses(
    video: Path, config: Config, device: str, steps: int, recorded: bool = False
) -> list[dict[str, float]]:
    """Returns the losses of some steps."""
    place = torch.device(device)
    clip = find_source(video).load(config, lambda done, total: None)
    state, batches = first_state(clip, config, place), Batches(clip, config, place)
    graph = CudaGraphStep(CudaGraphs(place)) if recorded else None
    found: list[dict[str, float]] = []
    for _ in range(steps):
        batch, state.positions = batches.next(state)
        values = training_step(state, batch, config, None, graph)
        found.append({key: float(value) for key, value in values.items()})
    assert graph is None or not graph.refused
    return found


@pytest.mark.parametrize("name", ["quick", "paper"])
def test_a_gpu_trains_as_the_processor_does(performance: Path, name: str) -> None:
    exact = config(name, "exact")
    pairs = zip(losses(performance, exact, "cuda", 3), losses(performance, exact, "cpu", 3), strict=True)
    for found, expected in pairs:
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", ["quick", "paper"])
def test_recorded_steps_are_launched_ones(performance: Path, name: str) -> None:
    exact = config(name, "exact")
    recorded, launched = (losses(performance, exact, "cuda", 8, each) for each in (True, False))
    # Steps of the usual kind are replayed from the sixth one on, after three that are launched to warm up.
    assert len(recorded) > WARM_UP + 3
    for found, expected in zip(recorded, launched, strict=True):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_a_gpu_draws_as_the_processor_does(trained: Path) -> None:
    sound = (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)
    pictures = []
    for device in ("cuda", "cpu"):
        live = Animator.load(trained, device).live(48_000)
        pictures.append([each.astype(int) for each in (*live.push(sound), *live.finish())])
    assert len(pictures[0]) == len(pictures[1]) > 0
    assert max(np.abs(one - other).max() for one, other in zip(*pictures, strict=True)) <= 2
