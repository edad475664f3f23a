"""The demonstration, with too few steps to be good: every file is there, and the figures are those of the
files."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from listen_and_move import demonstration
from listen_and_move.demonstration import demo, write_clip
from listen_and_move.errors import UserError
from listen_and_move.media.picture import read_frames
from listen_and_move.metrics.sync import difference_correlation
from tests.cli.running import command

UNHEARD_SECONDS = 5.0
"""Of the score that is not learnt: a third of the real one's, with notes and pauses."""


def test_the_command_makes_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes on from a film that is there, a shorter one, as after an interrupted demonstration."""
    monkeypatch.setattr(demonstration, "UNHEARD_SECONDS", UNHEARD_SECONDS)
    folder = tmp_path / "here"
    folder.mkdir()
    write_clip(folder / "performance.mp4", seconds=6.0)
    film = (folder / "performance.mp4").read_bytes()
    result = command("demo", "here", "--steps", 2, "--seed", 4, "--device", "cpu", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (folder / "performance.mp4").read_bytes() == film
    for name in ("performance.mp4", "melody-4.wav", "melody-4.mp4", "comparison-4.mp4"):
        assert (folder / name).stat().st_size > 10_000
        assert f"here/{name}" in result.stdout.replace(os.sep, "/")
    pairs = np.stack(
        list(
            read_frames(
                folder / "comparison-4.mp4", Fraction(20), width=128, height=64, box=(0, 0, 1024, 512)
            )
        )
    )
    assert len(pairs) == 20 * UNHEARD_SECONDS
    dcor = difference_correlation(pairs[:, :, 64:], pairs[:, :, :64])
    told = next(line for line in result.stdout.splitlines() if "changing pixels" in line).split()
    assert float(told[4]) == pytest.approx(dcor, abs=0.1)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="it holds something else"):
        demo(tmp_path, steps=1, device="cpu")
    assert [item.name for item in tmp_path.iterdir()] == ["letter.txt"]


def test_the_folder_of_another_performance_is_refused(tmp_path: Path) -> None:
    (tmp_path / "performance.mp4").write_bytes(b"a marimba")
    with pytest.raises(UserError, match="the same demo; it holds something else"):
        demo(tmp_path, performance="mouth", steps=1, device="cpu")
    assert [item.name for item in tmp_path.iterdir()] == ["performance.mp4"]


def test_a_performance_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected one of marimba, string, mouth; got 'harp"):
        demo(tmp_path / "new", performance="harp", steps=1, device="cpu")
    assert not (tmp_path / "new").exists()
