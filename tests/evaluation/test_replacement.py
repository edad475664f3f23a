"""`benchmarks.replacement`: models play the same clips, and their differences come with intervals."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.replacement import Clips, Excerpt, differences, figures, interval, main
from tests.songs import sound

from listen_and_move.evaluation.robustness.results import PlayedClip


def played(run: Path) -> list[tuple[int, str]]:
    lines = (run / "evaluation/robustness/clips.jsonl").read_text().splitlines()
    return [(found["settings"]["seed"], found["name"]) for found in map(json.loads, lines)]


def test_models_play_the_same_clips_and_go_on(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path / "no-weights"))
    runs = [Path(shutil.copytree(trained, tmp_path / name)) for name in ("one", "two")]
    for number, name in enumerate(("bell_1", "bell_2", "dog_1")):
        sound(tmp_path / "sounds" / f"{name}.wav", number, 1.2)
    out = tmp_path / "found.json"
    words = ["--sounds", str(tmp_path / "sounds"), "--clips", "4", "--seconds", "0.6", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["replacement", f"one={runs[0]}", f"two={runs[1]}", *words])
    main()
    found, table = json.loads(out.read_text()), capsys.readouterr().out
    assert found["settings"]["sounds"] == "sounds", "nothing of the machine"
    assert len(played(runs[0])) == 4
    assert played(runs[0]) == played(runs[1])
    assert [seed for seed, _ in played(runs[0])] == [0, 0, 0, 1]
    classes = found["models"]["one"]["classes"]
    assert {kind: row["clips"] for kind, row in classes.items()}["all"] == 4
    assert {*classes} == {"all", "bell", "dog"}
    differences = found["differences"]["two - one"]["all"]
    assert (differences["flicker"]["clips"], differences["flicker"]["sounds"]) == (4, 3)
    assert all(row["mean"] == row["low"] == row["high"] == 0 for row in differences.values())  # one model
    assert classes["all"]["farthest"] > 0
    assert "| all | one | 4 |" in table
    assert "Left out: FID and KID" in table
    main()
    assert len(played(runs[0])) == 4
    monkeypatch.setattr(sys, "argv", ["replacement", f"one={runs[0]}", f"one={runs[1]}", *words])
    with pytest.raises(SystemExit):
        main()
    assert "got several of one" in capsys.readouterr().err
    again = json.loads(out.read_text())
    assert again["differences"] == found["differences"]
    assert again["models"]["one"]["classes"] == classes


def test_a_model_without_its_run_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = trained / "model.safetensors"
    monkeypatch.setattr(sys, "argv", ["replacement", f"one={model}", "--sounds", str(trained)])
    with pytest.raises(SystemExit):
        main()
    assert "expected NAME=RUN with a run folder" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["replacement", f"one={trained}", "--sounds", str(trained / "none")])
    with pytest.raises(SystemExit):
        main()
    assert "none: expected a folder with sounds" in capsys.readouterr().err


def test_intervals_hold_the_mean_and_know_that_clips_of_one_sound_are_alike() -> None:
    random = np.random.default_rng(1)
    means = random.normal(1, 0.5, 40)
    alike = interval([[mean] * 10 for mean in means])
    single = interval([[mean] for mean in means])
    assert alike is not None
    assert single is not None
    assert alike["mean"] == pytest.approx(means.mean())
    assert alike["low"] < alike["mean"] < alike["high"]
    assert alike["high"] - alike["low"] == pytest.approx(single["high"] - single["low"])
    assert alike["high"] - alike["low"] == pytest.approx(4 * 0.5 / 40**0.5, rel=0.3)
    assert "low" not in (interval([[1.0, 2.0]]) or {})
    assert interval([]) is None


def test_a_difference_is_the_second_model_less_the_first_over_clips_that_sound() -> None:
    def clips(*flicker: float) -> Clips:
        return {
            Excerpt(0, str(number)): PlayedClip(
                str(number), str(number), silent=number == 0, values={"flicker": value}
            )
            for number, value in enumerate(flicker)
        }

    ones, others = clips(9.0, 1.0, 2.0), clips(0.0, 4.0, 6.0, 8.0)
    found = differences(ones, others)["flicker"]
    assert (found["mean"], found["clips"], found["sounds"]) == (3.5, 2, 2)
    assert figures(others, None)["flicker"] == 6
    assert (figures(others, None)["clips"], figures(others, None)["silent"]) == (4, 1)
