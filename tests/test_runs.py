"""The run folder knows where its video is, and whether it still is the one."""

import json
import shutil
from pathlib import Path

import pytest

from listen_and_move.errors import UserError
from listen_and_move.runs import RunFolder


@pytest.fixture
def moved(trained: Path, performance: Path, tmp_path: Path) -> tuple[RunFolder, Path]:
    """A copy of a run, and a copy of its video where the run looks for it."""
    run, video = RunFolder(shutil.copytree(trained, tmp_path / "run")), tmp_path / "videos" / "performance.mp4"
    video.parent.mkdir()
    shutil.copy(performance, video)
    note(run, video=str(video))
    return run, video


def note(run: RunFolder, **changes: str | None) -> None:
    values = {**json.loads(run.environment_file.read_text()), **changes}
    run.environment_file.write_text(json.dumps({name: value for name, value in values.items() if value is not None}))


def test_the_video_is_where_it_was(trained: Path, performance: Path, moved: tuple[RunFolder, Path]) -> None:
    assert RunFolder(trained).video() == performance.absolute()
    run, video = moved
    assert run.video() == video


def test_a_video_that_is_gone_may_be_given(moved: tuple[RunFolder, Path], performance: Path) -> None:
    run, video = moved
    video.unlink()
    with pytest.raises(UserError, match=f"expected the video this run learnt at {video}; .*: give it with --video"):
        run.video()
    assert run.video(performance) == performance
    with pytest.raises(UserError, match="give it with --video"):
        run.video(video.parent)


def test_another_video_is_refused(moved: tuple[RunFolder, Path]) -> None:
    run, video = moved
    video.write_bytes(video.read_bytes() + b"\0")
    for place in (None, video):
        with pytest.raises(UserError, match=f"learnt at {video}; the file there is another one: give it with --video"):
            run.video(place)


def test_an_older_run_asks_for_its_video(moved: tuple[RunFolder, Path]) -> None:
    run, video = moved
    note(run, video=None)
    with pytest.raises(UserError, match=r"older than this note: give it with --video"):
        run.video()
    assert run.video(video) == video


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_a_damaged_environment_is_said(moved: tuple[RunFolder, Path], text: str) -> None:
    run, _ = moved
    run.environment_file.write_text(text)
    with pytest.raises(UserError, match="it is damaged"):
        run.video_hash()
