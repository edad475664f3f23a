"""A part of a clip is played as the animator would play it, noise included, after what comes before it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from listen_and_move.data.clip import load_clip
from listen_and_move.inference.animator import Animator
from listen_and_move.models.rendering import BLOCK, WARM_UP, played
from listen_and_move.runs import RunFolder
from listen_and_move.training.validation import play


def sounding(animator: Animator, count: int) -> torch.Tensor:
    return torch.randn(count, animator.config.features.size, generator=torch.Generator().manual_seed(1))


def loaded(run: Path) -> Animator:
    """A tiny model whose noise, if it has any, is seen: in training it begins at nothing."""
    animator = Animator.load(run, "cpu")
    for name, parameter in animator.network.named_parameters():
        if name.endswith("noise.strength") or ".noises." in name:
            parameter.data.fill_(0.5)
    return animator


def animator_frames(
    animator: Animator, features: torch.Tensor, first: int, last: int, seed: int, cut: int
) -> np.ndarray:
    """Frames ``first`` to ``last``, the state having begun at ``first``, ``cut`` frames at a time."""
    state, parts = None, []
    for place in range(first, last, cut):
        frames, state = animator.draw(features[place : min(place + cut, last)], state, place, seed)
        parts.append(frames)
    return np.concatenate(parts)


@pytest.mark.parametrize("form", ["trained", "noisy"])
@pytest.mark.parametrize("span", [range(0, 33), range(5, 6), range(40, 71), range(64, 96), range(101, 140)])
def test_any_part_is_as_the_animator_draws_it(form: str, span: range, request: pytest.FixtureRequest) -> None:
    animator = loaded(request.getfixturevalue(form))
    features = sounding(animator, 140)
    blocks = list(played(animator.network, features, span, animator.config, seed=3))
    assert all(0 < len(block) <= BLOCK for block in blocks)
    begin = max(0, span.start - WARM_UP)
    expected = animator_frames(animator, features, begin, span.stop, 3, cut=9)[span.start - begin :]
    found = np.concatenate(blocks)
    assert found.shape == expected.shape == (len(span), 32, 32, 3)
    assert found.dtype == np.uint8
    assert (
        np.abs(found.astype(int) - expected).max() <= 1
    )  # one step of 8 bits where rounding falls otherwise


def test_a_part_is_that_part_of_the_whole_while_its_beginning_is_heard(noisy: Path) -> None:
    animator = loaded(noisy)
    features = sounding(animator, 96)
    whole = np.concatenate(list(played(animator.network, features, range(96), animator.config)))
    section = np.concatenate(
        list(played(animator.network, features, range(WARM_UP - 1, 90), animator.config))
    )
    assert np.abs(whole[WARM_UP - 1 : 90].astype(int) - section).max() <= 1
    assert np.abs(np.diff(whole.astype(int), axis=0)).max() > 1, (
        "a picture that stands still would prove nothing"
    )


def test_validation_plays_the_same(noisy: Path, performance: Path) -> None:
    config = RunFolder(noisy).config()
    animator, clip = Animator.load(noisy, "cpu"), load_clip(performance, config)
    expected = animator_frames(animator, clip.features, 0, 80, config.training.seed, cut=80)[64:]
    found = play(animator.network, clip, config, clip.held_out[0])
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_nothing_to_play(trained: Path) -> None:
    animator = Animator.load(trained, "cpu")
    assert list(played(animator.network, sounding(animator, 10), range(10, 10), animator.config)) == []
