"""How much a live picture waits for, and what less of it costs."""

from pathlib import Path

import pytest
import torch

from listen_and_move.errors import UserError
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.look_ahead import DECIDED, LookAhead, live_look_ahead, motion_left
from listen_and_move.inference.picture_pipelines import PictureChoice
from listen_and_move.inference.playable import playable


def test_a_path_spends_one_frame_on_deciding_and_may_wait_for_more() -> None:
    asked = [live_look_ahead(frames, 4, path=True) for frames in (None, 0, 1, 4, 6)]
    assert asked == [LookAhead(3, 1), LookAhead(0, 0), LookAhead(0, 1), LookAhead(3, 1), LookAhead(4, 2)]
    assert DECIDED == 1
    assert live_look_ahead(None, 0, path=True) == LookAhead(0, 0)
    assert [live_look_ahead(frames, 4, path=False) for frames in (None, 2)] == [
        LookAhead(4, 0),
        LookAhead(2, 0),
    ]
    for frames, path in ((5, False), (13, True), (-1, True)):
        with pytest.raises(UserError, match="look-ahead: expected 0 to"):
            live_look_ahead(frames, 4, path)


def test_what_is_left_of_the_motion(filmed: Path) -> None:
    animator = Animator.load(filmed, "cpu")
    assert animator.model.kept is not None
    features = animator.model.kept.path.features
    left = [motion_left(animator, features, heard) for heard in range(4)]
    assert all(each is not None and 0 <= each < 1 for each in left)
    assert motion_left(animator, features[:39], 0) is None, "too short to tell"
    assert motion_left(animator, torch.zeros(60, features.shape[1]), 0) == 1, "as still as with all of it"


def test_the_figure_is_that_of_what_is_heard(filmed: Path) -> None:
    animator = Animator.load(filmed, "cpu")
    assert animator.model.kept is not None
    played = playable(filmed, PictureChoice("path", live=True, look_ahead=2), device="cpu")
    assert played.pipeline.held_back == 1
    assert played.pipeline.front_end.reference.extractor.ahead == 1
    left = motion_left(animator, animator.model.kept.path.features, 1)
    assert left is not None
    assert f"; {left:.0%} of the motion" in str(played.notes[-1])


def test_of_a_video_without_a_model_the_cost_is_not_known(performance: Path) -> None:
    played = playable(performance, PictureChoice(live=True, look_ahead=0), device="cpu")
    assert str(played.notes[-1]).endswith("200 ms sooner; what that costs is not known here")
