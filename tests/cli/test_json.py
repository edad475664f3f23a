"""`--json`: the real commands print one JSON object, and nothing else, on standard output."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from tests.cli.running import command, tone
from tests.conftest import TINY

from listen_and_move.cli.output import plain
from listen_and_move.errors import Remark
from listen_and_move.media.wav import write_wav


def told(*arguments: object, folder: Path, code: int = 0, **environment: str) -> dict[str, Any]:
    """The object that a command printed."""
    result = command(*arguments, "--json", folder=folder, **environment)
    assert result.returncode == code, result.stderr
    assert result.stdout.count("\n") == 1, result.stdout
    assert result.stdout.endswith("\n"), result.stdout
    return json.loads(result.stdout, parse_constant=lambda text: 1 / 0)


def test_values_are_plain() -> None:
    values = {"a": float("nan"), "b": (Path("x"), np.float32(2)), "c": np.arange(2), "d": Remark("m", "--h")}
    assert plain(values) == {"a": None, "b": ["x", 2.0], "c": [0, 1], "d": "m: --h"}


def test_inspect(performance: Path, tmp_path: Path) -> None:
    found = told("inspect", performance, folder=tmp_path)
    assert found["video"] == str(performance)
    assert found["picture"] == "performance-inspection.png"
    assert (tmp_path / found["picture"]).is_file()
    assert found["media"]["video"]["width"] == 64
    assert found["media"]["video"]["frame_rate"] == 20
    assert found["advice"]
    assert all(isinstance(line, str) for line in found["advice"])
    assert 0 < found["figures"]["motion"] < 1
    assert len(found["figures"]["loudness"]) == 80


def test_train_and_generate(performance: Path, tmp_path: Path) -> None:
    options = [f"--{name.removeprefix('clip.')}={value}" for name, value in TINY.items()]
    ended = told("train", performance, "--run", "run", *options, folder=tmp_path)
    assert (ended["run"], ended["step"], ended["finished"]) == ("run", 4, True)
    assert ended["model"] == "run/model.safetensors"
    assert (tmp_path / ended["model"]).is_file()
    assert "dcor" in ended["figures"]
    write_wav(tmp_path / "quiet.wav", tone(1, 0.01).astype(np.float32), 48_000)
    made = told(
        "generate", "run", "quiet.wav", performance, "--seed", 2, "--out", "out/", folder=tmp_path, code=2
    )
    assert made["error"].startswith("out/quiet-run.mp4: expected an existing folder")
    (tmp_path / "out").mkdir()
    made = told("generate", "run", "quiet.wav", performance, "--seed", 2, "--out", "out/", folder=tmp_path)
    assert [each["file"] for each in made["files"]] == ["out/quiet-run.mp4", "out/performance-run.mp4"]
    assert made["files"][0]["frames"] == 20
    assert made["files"][1]["frames"] >= 80
    assert any("quieter than the training sound" in note for note in made["files"][0]["notes"])
    assert all((tmp_path / each["file"]).is_file() for each in made["files"])


def test_evaluate_and_compare(trained: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(trained, tmp_path / name)
        found = told("evaluate", name, folder=tmp_path, LISTEN_AND_MOVE_WEIGHTS=str(tmp_path / "none"))
        assert found["results_file"] == f"{name}/evaluation/results.json"
        assert found["results"] == json.loads((tmp_path / found["results_file"]).read_text())
        assert (tmp_path / found["report_file"]).is_file()
    compared = told("compare", "one", "two", folder=tmp_path)
    assert compared["page"] == "comparison.html"
    assert (tmp_path / "comparison.html").is_file()
    assert [column["name"] for column in compared["columns"]] == ["one", "two", "mean frame of one"]
    assert compared["columns"][0]["values"]["dcor"] == compared["columns"][1]["values"]["dcor"]
    assert isinstance(compared["warnings"], list)
    assert isinstance(compared["pools"], list)


def test_an_error_has_two_parts(tmp_path: Path) -> None:
    wrong = told("train", "clip.mp4", "--colour", "blue", folder=tmp_path, code=2)
    assert "--colour" in wrong["error"]
    assert wrong["hint"] == "see listen-and-move train --help"
    gone = told("generate", "run", "sound.wav", folder=tmp_path, code=2)
    assert gone["error"].startswith("run: expected a run folder or a model.safetensors; there is none")
