"""What is measured: the held-out part, the training part on request, another video as a whole, or nothing at
all."""

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.making import another_take, copied, ignored

from listen_and_move.data.clip import load_clip
from listen_and_move.data.frame_store import Shelf
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import HELD_OUT, TRAINING, Dataset, open_dataset
from listen_and_move.inference.animator import Animator
from listen_and_move.runs import RunFolder


def chosen(folder: RunFolder, shelf: Shelf, video: Path | None = None, training: bool = False) -> Dataset:
    statistics = Animator.load(folder.path, "cpu").model.statistics
    return open_dataset(folder, statistics, video, training, shelf, ignored)


@pytest.mark.parametrize(
    ("holdout", "span", "train"),
    [
        ("0.2", range(64, 80), (range(64),)),
        ("0.4-0.6", range(32, 48), (range(32), range(48, 80))),
        ("0-0.1", range(8), (range(8, 80),)),
    ],
)
def test_the_held_out_part(
    holdout: str, span: range, train: tuple[range, ...], trained: Path, performance: Path, tmp_path: Path
) -> None:
    folder = copied(trained, tmp_path, holdout=holdout)
    clip = load_clip(performance, folder.config())
    with Shelf() as shelf:
        found = chosen(folder, shelf)
        assert (found.name, found.span, found.train) == (HELD_OUT, span, train)
        assert found.measured is found.learnt
        assert found.longest == max(train, key=len)
        expected = clip.frames[span.start : span.stop].numpy()
        assert np.array_equal(found.real.read(0, len(span)), expected)
        assert np.array_equal(found.unseen.read(0, len(span)), expected)


@pytest.mark.parametrize(("holdout", "frames"), [("0", 0), ("0.08", 6)])
def test_with_nothing_held_out_three_ways_out_are_named(
    holdout: str, frames: int, trained: Path, tmp_path: Path
) -> None:
    folder = copied(trained, tmp_path, holdout=holdout)
    with Shelf() as shelf:
        with pytest.raises(UserError, match=f"at least 8 frames; got {frames}") as refusal:
            chosen(folder, shelf)
        assert all(f"--{option}" in str(refusal.value) for option in ("holdout", "video", "training"))
        asked = chosen(folder, shelf, training=True)
        assert asked.name == TRAINING
        assert asked.span == range(80 - frames)
        assert len(asked.unseen) == frames


def test_the_training_part_on_request_is_its_longest_stretch(trained: Path, tmp_path: Path) -> None:
    with Shelf() as shelf:
        found = chosen(copied(trained, tmp_path, holdout="0.3-0.5"), shelf, training=True)
        assert found.name == TRAINING
        assert found.span == range(40, 80)
        assert found.unseen.span == range(24, 40)


def test_the_same_video_at_another_place_is_recognised(
    trained: Path, performance: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copy(performance, tmp_path / "moved.mp4"))
    with Shelf() as shelf:
        found = chosen(RunFolder(trained), shelf, video=moved)
        assert found.name == HELD_OUT
        assert found.span == range(64, 80)
        assert found.measured is found.learnt
        assert found.learnt.path == moved
        assert chosen(RunFolder(trained), shelf, video=moved, training=True).name == TRAINING


@pytest.mark.parametrize("crop", ["", "16,0,64,48"])
def test_another_video_is_measured_as_a_whole(crop: str, trained: Path, tmp_path: Path) -> None:
    """From its beginning to its end whatever part the run learnt; with the run's crop if that lies within
    it."""
    folder = copied(trained, tmp_path, crop=crop, start=1.0, end=3.5)
    settings = folder.config()
    other = another_take(tmp_path / "second take.mkv", width=64, height=48)
    with Shelf() as shelf:
        found = chosen(folder, shelf, video=other)
        assert found.name == "second take"
        assert found.span == range(32) == found.unseen.span
        assert found.learnt.path != other == found.measured.path
        assert found.measured.seconds(3) == Fraction(3, 20)
        assert found.learnt.seconds(0) == 1
        assert found.train == (range(40),)
        whole = load_clip(other, replace(settings, clip=replace(settings.clip, start=0.0, end=None)))
        assert np.array_equal(found.real.read(0, 32), whole.frames.numpy())


def test_a_crop_beyond_the_other_video_is_left_out(trained: Path, tmp_path: Path) -> None:
    folder = copied(trained, tmp_path, crop="0,0,64,64")
    other = another_take(tmp_path / "small.mkv", width=48, height=48)
    with Shelf() as shelf:
        assert chosen(folder, shelf, video=other).real.read(0, 1).shape == (1, 32, 32, 3)


def test_a_video_that_is_not_there_or_is_none_is_refused(trained: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.mp4"
    note.write_text("no video")
    with Shelf() as shelf:
        for path in (tmp_path / "gone.mp4", note):
            with pytest.raises(UserError, match=path.name):
                chosen(RunFolder(trained), shelf, video=path)
