"""Scenes: looked for block by block, the longest learnt unless another one is named, never looked for
again."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from listen_and_move import scenes
from listen_and_move.config import ClipConfig
from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.errors import UserError
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.metrics.scenes import scene_changes
from listen_and_move.runs import RunFolder
from listen_and_move.training.loop import train
from listen_and_move.training.trainer import TrainingProgress
from tests.conftest import TINY

FPS = Fraction(20)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes, of 2 and of 3.5 s, under one sound."""
    pictures = [np.stack(list(render_frames(melody(seed, 4), 4, FPS, 64, 48))) for seed in range(2)]
    path = tmp_path_factory.mktemp("scenes") / "film.mp4"
    sound = Waveform(render_sound(melody(0, 5.5), 5.5), 48_000)
    with VideoWriter(path, width=64, height=48, fps=FPS, sound=sound) as writer:
        for picture in [*pictures[0][:40], *pictures[1][:70, ::-1, ::-1]]:
            writer.write(picture)
    return path


def test_blocks_find_what_is_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        np.stack(list(render_frames(melody(seed, 4), 4, FPS, 48, 32)))[:, :: 1 - 2 * (seed % 2)]
        for seed in range(5)
    ]
    frames = np.concatenate(parts)
    whole = scene_changes(frames)
    assert len(whole) == 4
    for block in (83, 160):  # cuts within blocks, and at their edges
        monkeypatch.setattr(scenes, "BLOCK", block)
        monkeypatch.setattr(scenes, "MARGIN", 60)
        assert list(scenes.film_changes(frames)) == whole


def test_the_longest_scene_is_learnt_unless_another_one_is_named(film: Path) -> None:
    chosen = scenes.choose_scene(film, ClipConfig(), None)
    assert (chosen.number, chosen.clip.start, chosen.clip.end) == (2, 2.0, None)
    assert chosen.note == "scene 2 of 2 is learnt, 2.00 to 5.50 s, the longest; --scene takes another one"
    assert chosen.note.message == "scene 2 of 2 is learnt, 2.00 to 5.50 s, the longest"  # names no flag
    first = scenes.choose_scene(film, ClipConfig(), 1)
    assert (first.clip.start, first.clip.end) == (0.0, 1.95), "no frame that the cut can be seen in"
    with pytest.raises(UserError, match=r"1 \(0.00 to 1.95 s\), 2 \(2.00 to 5.50 s\); got 3"):
        scenes.choose_scene(film, ClipConfig(), 3)


def test_a_run_keeps_its_scene_and_never_looks_again(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def watch(progress: TrainingProgress) -> None:
        told.extend([progress.note] if progress.note else [])

    def learn(scene: int | None = None, **settings: object) -> None:
        changes = {**TINY, "training.steps": 1, **{f"clip.{name}": value for name, value in settings.items()}}
        train(film, run, preset_name="quick", settings=changes, scene=scene, device="cpu", watch=watch)

    run = tmp_path / "run"
    with pytest.raises(UserError, match="got 1 and the other too"):
        learn(1, start=0.0)
    learn()
    folder = RunFolder(run)
    assert (folder.config().clip.start, folder.config().clip.end) == (2.0, None)
    assert json.loads(folder.environment_file.read_text())["scene"] == 2
    assert len(told) == 1
    assert "the longest" in told[0]
    monkeypatch.delattr("listen_and_move.training.loop.choose_scene")
    learn()
    learn(2)
    with pytest.raises(UserError, match="expected scene 2, which it learns; got scene 1"):
        learn(1)
    with pytest.raises(UserError, match=r"clip\.start = 2\.0; got 0\.0"):
        learn(start=0.0)
    assert len(told) == 1
