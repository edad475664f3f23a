"""The commands that measure, as a user types them: evaluate, compare, robustness, weights, generate --mode
replay."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.cli.running import command, refused, tone
from tests.pretrained.weights import made_up_weights

from listen_and_move.media.files import probe
from listen_and_move.media.wav import write_wav


@pytest.fixture(scope="module")
def evaluated(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run, evaluated with one foreign sound."""
    folder = tmp_path_factory.mktemp("evaluated")
    run = Path(shutil.copytree(trained, folder / "tiny"))
    write_wav(folder / "tone.wav", tone(1.5).astype(np.float32), 48_000)
    result = command(
        "evaluate", run, "--sound", folder / "tone.wav", LISTEN_AND_MOVE_WEIGHTS=str(folder / "none")
    )
    assert result.returncode == 0, result.stderr
    for word in (
        "held-out part: 16 frames",
        "mean frame",
        "replay, smooth path",
        "tone.wav: ",
        "left out: FID and KID",
        "report:",
    ):
        assert word in result.stdout, word
    return run


def test_evaluate_writes_figures_and_a_report_that_needs_no_network(evaluated: Path) -> None:
    results = json.loads((evaluated / "evaluation" / "results.json").read_text())
    assert results["part"]["frames"] == 16
    assert results["part"]["first_frame"] == 64
    assert [sound["name"] for sound in results["sounds"]] == ["tone.wav"]
    page = (evaluated / "evaluation" / "report.html").read_text(encoding="utf-8")
    assert "data:video/mp4;base64," in page
    assert results["sensitivity"]["verdict"].split(":")[0] in page
    assert not any(f'{place}="http' in page for place in ("src", "href"))


def test_evaluate_refuses_what_cannot_be_measured(evaluated: Path, performance: Path, tmp_path: Path) -> None:
    refused("evaluate", tmp_path, saying="expected a run folder")
    run = Path(shutil.copytree(evaluated, tmp_path / "moved"))
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps(environment | {"video": str(tmp_path / "gone.mp4")}))
    refused("evaluate", run, saying="--video")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF nothing of the kind")
    before = (evaluated / "evaluation" / "results.json").read_bytes()
    refused("evaluate", evaluated, "--sound", broken, saying="broken.wav")
    assert (evaluated / "evaluation" / "results.json").read_bytes() == before
    copied = Path(shutil.copy(performance, tmp_path / "elsewhere.mp4"))
    assert command("evaluate", run, "--video", copied, LISTEN_AND_MOVE_WEIGHTS=str(tmp_path)).returncode == 0


def test_compare(evaluated: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(evaluated, tmp_path / "other"))
    result = command("compare", evaluated, other, folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "SSIM" in result.stdout
    assert (tmp_path / "comparison.html").exists()
    refused("compare", evaluated, saying="two", folder=tmp_path)
    refused("compare", evaluated, tmp_path, saying="evaluate", folder=tmp_path)


def test_robustness_goes_on_and_skips_what_is_broken(evaluated: Path, tmp_path: Path) -> None:
    run, sounds = Path(shutil.copytree(evaluated, tmp_path / "run")), tmp_path / "sounds"
    sounds.mkdir()
    for name in ("dog_1", "dog_2", "rain_1"):
        write_wav(sounds / f"{name}.wav", tone(1.2).astype(np.float32), 48_000)
    (sounds / "broken.wav").write_bytes(b"RIFF")
    for _ in range(2):
        result = command(
            "robustness", run, sounds, "--seconds", "1", LISTEN_AND_MOVE_WEIGHTS=str(tmp_path / "none")
        )
        assert result.returncode == 0, result.stderr
        assert "3 clips" in result.stdout
        assert "skipped: " in result.stdout
        assert "broken.wav" in result.stdout
    results = json.loads((run / "evaluation" / "robustness" / "results.json").read_text())
    assert [(each["name"], each["clips"]) for each in results["classes"]] == [("dog", 2), ("rain", 1)]
    lines = (run / "evaluation" / "robustness" / "clips.jsonl").read_text().splitlines()
    assert sum("dog_1" in line for line in lines) == 1
    refused("robustness", run, tmp_path / "nowhere", saying="nowhere")
    refused("robustness", run, sounds, "--seconds", "5-1", saying="seconds")


def test_weights(tmp_path: Path) -> None:
    here = partial(command, LISTEN_AND_MOVE_WEIGHTS=str(tmp_path / "weights"))
    assert "not here" in here("weights").stdout
    with made_up_weights(tmp_path / "mine", "raft-small") as mine:
        added = here("weights", "add", "raft-small", mine / "raft-small.pth")
    assert added.returncode == 0, added.stderr
    listed = here("weights", "list").stdout
    assert str(tmp_path / "weights" / "raft-small.pth") in listed
    assert "alexnet" in listed
    refused("weights", "add", "raft-small", Path(__file__), saying="expected")
    refused("weights", "fetch", saying="at least one name")
    refused("weights", "fetch", "nothing-of-the-kind", saying="raft-small")
    refused("weights", "list", "alexnet", saying="weights fetch alexnet")


def test_replay(evaluated: Path, tmp_path: Path) -> None:
    sound = tmp_path / "tone.wav"
    write_wav(sound, tone(1.0).astype(np.float32), 48_000)
    result = command("generate", evaluated, sound, "--mode", "replay", "--out", tmp_path / "replay.mp4")
    assert result.returncode == 0, result.stderr
    info = probe(tmp_path / "replay.mp4")
    assert info.video is not None
    assert abs(float(info.video.duration) - 1.0) < 0.06
    assert info.sounds
    refused(
        "generate",
        evaluated / "model.safetensors",
        sound,
        "--mode",
        "replay",
        saying="run folder",
        folder=tmp_path,
    )


def test_evaluate_at_the_size_of_the_source(filmed: Path, tmp_path: Path) -> None:
    run, none = Path(shutil.copytree(filmed, tmp_path / "run")), str(tmp_path / "none")
    result = command("evaluate", run, "--size", "source", LISTEN_AND_MOVE_WEIGHTS=none)
    assert result.returncode == 0, result.stderr
    assert "16 frames" in result.stdout
    assert "path" in result.stdout
    assert "ghosts" in result.stdout
    told = command("evaluate", run, "--size", "source", "--json", LISTEN_AND_MOVE_WEIGHTS=none)
    rows = json.loads(told.stdout)["results"]["rows"]
    assert [row["name"] for row in rows][:4] == ["real video", "path", "composed", "drawn"]
    assert not (run / "evaluation" / "results.json").exists()
    refused("evaluate", run, "--size", "source", "--training", saying="--size model")
    refused("evaluate", run, "--size", "large", saying="size")


def test_blind(filmed: Path, tmp_path: Path) -> None:
    run, page = Path(shutil.copytree(filmed, tmp_path / "run")), tmp_path / "blind.html"
    result = command("blind", run, "--out", page)
    assert result.returncode == 0, result.stderr
    assert "20 pairs" in result.stdout
    assert page.exists()
    (key,) = (run / "evaluation" / "blind").glob("*.json")
    votes = tmp_path / "votes.json"
    choices = [{"pair": 0, "choice": 1}, {"pair": 1, "choice": 0}]
    votes.write_text(json.dumps({"format": 1, "page": key.stem, "votes": choices}))
    counted = command("blind", run, "--votes", votes)
    assert counted.returncode == 0, counted.stderr
    assert "2 votes" in counted.stdout, counted.stderr
    told = json.loads(command("blind", run, "--votes", votes, "--json").stdout)
    assert told["votes"] == 2
    assert len(told["preferences"]) == 10
    votes.write_text("{}")
    refused("blind", run, "--votes", votes, saying="expected votes")
    refused("blind", tmp_path, saying="expected a run folder")
