"""The rows of the table: who they are, in which order, and that baselines know training frames alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.making import another_take, copied, ignored

from listen_and_move.data.clip import Clip, load_clip
from listen_and_move.data.frame_store import Shelf
from listen_and_move.evaluation.baselines import (
    HELD,
    MEAN,
    MODEL,
    MOVING,
    NEAREST,
    PATH,
    REAL,
    SHIFTED,
    Picked,
    baselines,
)
from listen_and_move.evaluation.dataset import Dataset, Frames, open_dataset
from listen_and_move.inference.animator import Animator
from listen_and_move.keeping import training_frames
from listen_and_move.models.path_costs import PLAIN, VITERBI
from listen_and_move.models.path_search import PathSearch, thumbnails
from listen_and_move.models.rendering import played
from listen_and_move.runs import RunFolder

SEED = 3


class Table:
    """All rows of a copy of the tiny run with another part held out, and what they are made of."""

    def __init__(
        self, trained: Path, performance: Path, folder: Path, shelf: Shelf, holdout: str, video: Path | None
    ) -> None:
        run = copied(trained, folder, holdout=holdout)
        self.animator = Animator.load(run.path, "cpu")
        model_clip = load_clip(
            performance, RunFolder(trained).config()
        )  # as the model hears, whatever is held out now
        self.clip: Clip = replace(load_clip(performance, run.config()), features=model_clip.features)
        self.dataset: Dataset = open_dataset(
            run, self.animator.model.statistics, video, False, shelf, ignored
        )
        self.rows: dict[str, Frames] = baselines(self.animator, self.dataset, SEED, shelf, ignored)

    def all(self, name: str) -> np.ndarray:
        return self.rows[name].read(0, len(self.dataset.span))

    def picked(self, name: str) -> np.ndarray:
        row = self.rows[name]
        assert isinstance(row, Picked)
        return row.indices


@pytest.fixture(scope="module", params=["0.2", "0.1-0.8"])
def table(
    request: pytest.FixtureRequest, trained: Path, performance: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Table]:
    """The end held out, and a part in the middle that is longer than either training part."""
    with Shelf() as shelf:
        yield Table(trained, performance, tmp_path_factory.mktemp("rows"), shelf, request.param, None)


def test_names_and_order(table: Table) -> None:
    assert list(table.rows) == [REAL, MODEL, MEAN, HELD, SHIFTED, NEAREST, PATH]
    assert {len(frames) for frames in table.rows.values()} == {len(table.dataset.span)}
    for name in table.rows:
        moves = bool(np.diff(table.all(name), axis=0).any())
        assert moves == (name in (REAL, *MOVING)), name


def test_the_real_video_and_the_model(table: Table) -> None:
    span = table.clip.held_out[0]
    assert np.array_equal(table.all(REAL), table.clip.frames[span.start : span.stop].numpy())
    expected = np.concatenate(
        list(played(table.animator.network, table.clip.features, span, table.animator.config, SEED))
    )
    assert np.abs(table.all(MODEL).astype(int) - expected).max() <= 1  # features by blocks: rounding


def test_the_still_ones(table: Table) -> None:
    train = np.concatenate([table.clip.frames[span.start : span.stop].numpy() for span in table.clip.train])
    assert np.abs(table.all(MEAN)[0] - train.mean(0)).max() <= 0.5 + 1e-9
    assert np.array_equal(table.all(HELD)[0], table.clip.frames[table.clip.held_out[0].start - 1].numpy())


def test_the_shifted_training_video_goes_on_over_the_end_of_its_part(table: Table) -> None:
    longest = max(table.clip.train, key=len)
    indices = table.picked(SHIFTED)
    assert set(indices.tolist()) <= set(longest)
    steps = np.diff(indices)
    assert ((steps == 1) | (steps == 1 - len(longest))).all()
    if len(indices) > len(longest):
        assert set(indices.tolist()) == set(longest)
        assert (steps < 0).any()
    assert np.array_equal(table.all(SHIFTED), table.clip.frames[indices].numpy())


def test_replay_shows_training_frames_alone_and_those_that_generate_shows(table: Table) -> None:
    span = table.clip.held_out[0]
    allowed = {frame for learnt in table.clip.train for frame in learnt}
    for name, search in ((NEAREST, PLAIN), (PATH, VITERBI)):
        indices = table.picked(name)
        assert set(indices.tolist()) <= allowed
        numbers = training_frames(table.clip.train).numpy()
        path = PathSearch(
            numbers, table.clip.features[numbers].numpy(), thumbnails(table.clip.frames, numbers), search
        )
        expected = path.whole(table.clip.features[span.start : span.stop])
        assert np.array_equal(indices, expected)
        assert np.array_equal(table.all(name), table.clip.frames[indices].numpy())


def test_with_another_video_baselines_still_come_from_the_learnt_one(
    trained: Path, performance: Path, tmp_path: Path
) -> None:
    other = another_take(tmp_path / "other.mkv")
    with Shelf() as shelf:
        table = Table(trained, performance, tmp_path, shelf, "0.2", other)
        assert len(table.dataset.span) == 32
        assert np.array_equal(table.all(HELD)[0], table.clip.frames[63].numpy()), (
            "the end of the training part"
        )
        assert all(max(table.picked(name)) < 64 for name in (SHIFTED, NEAREST, PATH))
        assert not np.array_equal(table.all(REAL), table.clip.frames[:32].numpy())


def test_where_the_beginning_is_held_out_the_still_is_the_end(
    trained: Path, performance: Path, tmp_path: Path
) -> None:
    with Shelf() as shelf:
        table = Table(trained, performance, tmp_path, shelf, "0-0.2", None)
        assert np.array_equal(table.all(HELD)[0], table.clip.frames[79].numpy())
