"""The run folder knows where its video is, and whether it still is the one."""

import json
import shutil
from pathlib import Path

import pytest

from listen_and_move.errors import UserError
from listen_and_move.presets import preset
from listen_and_move.runs import RunFolder


@pytest.fixture
def moved(trained: Path, performance: Path, tmp_path: Path) -> tuple[RunFolder, Path]:
    """A copy of a run, and a copy of its video where the run looks for it."""
    run, video = (
        RunFolder(shutil.copytree(trained, tmp_path / "run")),
        tmp_path / "videos" / "performance.mp4",
    )
    video.parent.mkdir()
    shutil.copy(performance, video)
    note(run, video=str(video))
    return run, video


def note(run: RunFolder, **changes: str | None) -> None:
    values = {**json.loads(run.environment_file.read_text()), **changes}
    run.environment_file.write_text(
        json.dumps({name: value for name, value in values.items() if value is not None})
    )


def test_the_video_is_where_it_was(trained: Path, performance: Path, moved: tuple[RunFolder, Path]) -> None:
    assert RunFolder(trained).films.video() == performance.absolute()
    run, video = moved
    assert run.films.video() == video


def test_a_video_that_is_gone_may_be_given(moved: tuple[RunFolder, Path], performance: Path) -> None:
    run, video = moved
    video.unlink()
    with pytest.raises(
        UserError, match=f"expected the video this run learnt at {video}; .*: give it with --video"
    ):
        run.films.video()
    assert run.films.video(performance) == performance
    with pytest.raises(UserError, match="give it with --video"):
        run.films.video(video.parent)


def test_another_video_is_refused(moved: tuple[RunFolder, Path]) -> None:
    run, video = moved
    video.write_bytes(video.read_bytes() + b"\0")
    for place in (None, video):
        with pytest.raises(
            UserError, match=f"learnt at {video}; the file there is another one: give it with --video"
        ):
            run.films.video(place)


def test_an_older_run_asks_for_its_video(moved: tuple[RunFolder, Path]) -> None:
    run, video = moved
    note(run, video=None)
    with pytest.raises(UserError, match=r"older than this note: give it with --video"):
        run.films.video()
    assert run.films.video(video) == video


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_a_damaged_environment_is_said(moved: tuple[RunFolder, Path], text: str) -> None:
    run, _ = moved
    run.environment_file.write_text(text)
    with pytest.raises(UserError, match="it is damaged"):
        _ = run.films.video_hash


@pytest.mark.parametrize("video", [5, ["a"], "a\0b", "\ud800"])
def test_a_video_that_is_no_path_is_damage(moved: tuple[RunFolder, Path], video: object) -> None:
    run, _ = moved
    values = json.loads(run.environment_file.read_text())
    run.environment_file.write_text(json.dumps({**values, "video": video}))
    with pytest.raises(UserError, match="it is damaged"):
        run.films.video()


def test_a_video_at_a_place_that_cannot_be_is_gone(moved: tuple[RunFolder, Path]) -> None:
    run, _ = moved
    note(run, video="v" * 5000)
    with pytest.raises(UserError, match="give it with --video"):
        run.films.video()


WRONG_LINES = [
    b"5",
    b"[1]",
    b"null",
    b'"step"',
    b"{}",
    b'{"step": "7"}',
    b'{"step": true}',
    b'{"step": 1.5}',
    b'{"step": -1}',
    b'{"step": 1e999}',
    b'{"step": NaN}',
    b'{"step": 1' + b"0" * 400 + b"}",
    b'{"step": 1' + b"0" * 5000 + b"}",
    b'{"step": 7, "deep": ' + b"[" * 40 + b"]" * 40 + b"}",
    b"[" * 100_000,
    b"\xff\xfe\0\0",
    b"\0" * 99,
    b'{"step": 7, "lo',
]


def test_lines_of_the_metrics_that_are_none_are_passed_over_and_dropped(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    good = [b'{"step": 1, "loss": NaN}', b'{"step": 2, "loss": 0.5}']
    run.metrics_file.write_bytes(b"\n".join([good[0], *WRONG_LINES, good[1]]) + b"\n")
    assert [line["step"] for line in run.metrics()] == [1, 2]
    run.forget_after(1)
    assert run.metrics_file.read_bytes() == good[0] + b"\n"


def test_metrics_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert list(run.metrics()) == []
    run.metrics_file.mkdir()
    with pytest.raises(UserError, match=r"metrics.jsonl: expected a file"):
        list(run.metrics())


def test_a_beginning_that_a_kill_cut_off_is_begun_again(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(b"picture")
    whole = RunFolder(tmp_path / "whole")
    whole.create(preset("quick"), [video], "ab", "cpu")
    cut = RunFolder(tmp_path / "cut")
    for path in (cut.lock_file, cut.sample_file(0), cut.path / ".config.partial-77-0.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
    cut.lock_file.touch()
    cut.path.joinpath(".config.partial-77-0.json").write_text('{"clip"')
    cut.environment_file.write_bytes(whole.environment_file.read_bytes())
    assert not cut.exists()
    cut.create(preset("quick"), [video], "ab", "cpu")
    assert cut.exists()
    assert cut.config() == preset("quick")


@pytest.mark.parametrize(
    "name", ["samples/drums.mp4", "resume/state.safetensors", "environment.json", "letter.txt"]
)
def test_what_is_of_something_else_is_not_begun_in(tmp_path: Path, name: str) -> None:
    other = tmp_path / "other" / name
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    with pytest.raises(UserError, match=r"(start|choose) another --run"):
        RunFolder(tmp_path / "other").create(preset("quick"), [tmp_path / "video.mp4"], "ab", "cpu")
    assert [path for path in (tmp_path / "other").rglob("*") if path.is_file()] == [other]
    assert other.read_text() == "{}"


def test_steps_that_stand_twice_are_kept_once(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for step, loss in ((1, 0.5), (10, 0.4), (1, 0.3), (10, 0.2), (20, 0.1)):
        run.log({"step": step, "loss": loss})
    run.forget_after(10)
    assert [(line["step"], line["loss"]) for line in run.metrics()] == [(1, 0.3), (10, 0.2)]
    RunFolder(tmp_path / "none").forget_after(10)
    assert not (tmp_path / "none").exists()
