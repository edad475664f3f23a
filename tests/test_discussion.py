"""`benchmarks.discussion`: each row changes what it says, trains, goes on exactly, and plays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.discussion.__main__ import DiscussionArguments, study
from benchmarks.discussion.encoders import COMPRESSED, ConditioningAugmentation, EncodedNetwork, divergence
from benchmarks.discussion.joint import JointAdversary, paired
from benchmarks.discussion.norms import ConditionalPixelNorm
from benchmarks.discussion.rows import ROWS, SETTINGS
from safetensors.torch import load_file
from tests.conftest import TINY

from listen_and_move.config import Config
from listen_and_move.data.clip import load_clip
from listen_and_move.errors import UserError
from listen_and_move.inference.animator import Animator
from listen_and_move.models import build
from listen_and_move.models.checkpoint import load_model
from listen_and_move.models.norms import PixelNorm
from listen_and_move.runs import RunFolder
from listen_and_move.settings import from_preset
from listen_and_move.training import trainer
from listen_and_move.training.batches import Batches
from listen_and_move.training.beginning import first_state
from listen_and_move.training.loop import train
from listen_and_move.training.randomness import draw_step_noise
from listen_and_move.training.state import TrainingState, fresh_state

SMALL = {
    **TINY,
    "clip.size": "16",
    "generator.channels_max": 8,
    "critics.channels_max": 8,
    "losses.perceptual": 0.0,
    "training.save_every": 100,
    "training.validate_every": 100,
    "training.sample_every": 100,
}
SMALL_CPU = torch.device("cpu")


def settings_of(name: str, **changes: object) -> Config:
    return from_preset("paper", {**SETTINGS, **SMALL, **ROWS[name].settings, **changes})


def trained(name: str, performance: Path, run: Path, *steps: int) -> Path:
    """Trains a row in one go, or in several that go on from the last save."""
    for last in steps:
        settings = {**SETTINGS, **SMALL, **ROWS[name].settings, "training.steps": last}
        with ROWS[name].within():
            train(performance, run, preset_name="paper", settings=settings, device="cpu")
    return run


@pytest.mark.parametrize("name", ROWS)
def test_a_training_that_goes_on_is_the_same_to_the_byte_and_plays(
    name: str, performance: Path, tmp_path: Path
) -> None:
    at_once = RunFolder(trained(name, performance, tmp_path / "at-once", 3))
    in_two = RunFolder(trained(name, performance, tmp_path / "in-two", 1, 3))
    assert in_two.model_file.read_bytes() == at_once.model_file.read_bytes()
    assert in_two.state_file.read_bytes() == at_once.state_file.read_bytes()
    with ROWS[name].within():
        first, second = (played(Animator.load(each.path, "cpu")) for each in (at_once, in_two))
    assert first.std() > 0
    assert np.array_equal(first, second)


def played(animator: Animator) -> np.ndarray:
    features = torch.full((4, animator.config.features.size), -30.0)
    return animator.draw(features, None, 0)[0]
