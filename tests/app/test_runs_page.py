"""Runs and trainings by the page's addresses: a tiny run is begun, watched, stopped and resumed, and survives
the page."""

import json
import shutil
from pathlib import Path

import pytest

from listen_and_move.app.library import curves
from listen_and_move.app.page import TRAINING_SETTINGS
from listen_and_move.app.trainings import command_of
from listen_and_move.config import Config
from listen_and_move.errors import SettingError
from listen_and_move.inference.controls import GAIN, Controls, dials
from listen_and_move.settings import with_values
from tests.app.serving import Visitor, ended, serving, until


def small(**settings: object) -> dict[str, object]:
    """A wish for the smallest run that the page offers."""
    return {"preset": "quick", "settings": {"clip.size": "16", "training.steps": 100_000, **settings}}


def test_dials_and_settings_are_told_as_their_entries_have_them(visitor: Visitor) -> None:
    choices = visitor.get("/api/choices")
    entries = {each.name: each for each in (*dials(Controls), GAIN)}
    told = {each["name"]: each for each in choices["dials"]}
    assert list(told) == list(entries)
    for name, entry in entries.items():
        assert told[name] == json.loads(json.dumps(entry.described()))
    settings = choices["settings"]
    assert set(settings) == TRAINING_SETTINGS
    assert settings["clip.size"]["help"].startswith("Size of the generated picture: one number for a square")
    assert settings["training.steps"]["label"] == "Steps"
    assert settings["clip.end"]["default"] is None
    for name, setting in settings.items():
        for bound in ("lowest", "highest"):
            if bound in setting:  # the entry says what the check allows
                with_values(Config(), {name: max(1, setting[bound])})
                beyond = setting[bound] + (1 if bound == "highest" else -1)
                word = name.rpartition(".")[2].replace("_", "-")
                with pytest.raises(SettingError, match=rf"{word}.*: expected"):
                    with_values(Config(), {name: beyond})
    for size in settings["clip.size"]["usual"]:
        with_values(Config(), {"clip.size": size})
    assert all(preset["about"] for preset in choices["presets"].values())


def test_a_run_is_shown_with_figures_curves_samples_and_model(visitor: Visitor) -> None:
    (card,) = [run for run in visitor.get("/api/runs")["runs"] if run["name"] == "tiny"]
    assert (card["width"], card["step"], card["steps"], card["training"], card["lacks"]) == (
        32,
        4,
        4,
        "resting",
        [],
    )
    run = visitor.get("/api/runs/tiny")
    assert "dcor" in run["figures"]
    assert run["samples"] == [4]
    assert run["curves"]["generator/l1"][-1][0] == 4
    assert run["can_paste"]
    assert run["look_ahead"] == pytest.approx(0.2)
    assert run["hears_ahead"] == pytest.approx(0.2825)
    model = visitor.client.get("/api/runs/tiny/model")
    assert len(model.content) == run["model_bytes"]
    assert "tiny.safetensors" in model.headers["content-disposition"]
    assert visitor.client.get("/api/runs/tiny/samples/4").headers["content-type"] == "video/mp4"
    visitor.get("/api/runs/tiny/samples/5", status=400)


def test_a_damaged_run_is_said_to_be_damaged(visitor: Visitor, runs: Path) -> None:
    folder = runs / "broken"
    folder.mkdir()
    (folder / "config.json").write_text("{")
    try:
        (card,) = [run for run in visitor.get("/api/runs")["runs"] if run["name"] == "broken"]
        assert "expected JSON" in card["error"]
        assert "expected JSON" in visitor.get("/api/runs/broken")["error"]
    finally:
        shutil.rmtree(folder)


def test_what_inspect_says_and_a_still(visitor: Visitor, performance: Path) -> None:
    upload = visitor.upload(performance, "video")
    assert (upload["width"], upload["has_sound"]) == (64, True)
    assert upload["seconds"] == pytest.approx(4, abs=0.1)
    assert visitor.client.get(f"/api/uploads/{upload['id']}/still").content[:2] == b"\xff\xd8"
    job = visitor.post(
        "/api/jobs", {"kind": "inspect", "upload": upload["id"], "clip": {"crop": "0,0,32,32", "size": "32"}}
    )
    found = visitor.finished(job)
    assert found["state"] == "done"
    assert found["advice"]
    assert any("crop: 0,0,32,32" in fact for fact in found["facts"])
    wrong = {"kind": "inspect", "upload": upload["id"], "clip": {"crop": "0,0,999,32"}}
    failed = visitor.finished(visitor.post("/api/jobs", wrong))
    assert failed["error"].startswith("performance.mp4: expected a crop inside the picture of 64x64")
    visitor.post("/api/jobs", {**wrong, "clip": {"fps": "1"}}, status=400)


def test_a_training_is_stopped_resumed_and_outlives_the_page(performance: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with ended(runs):
        _train_across_a_restart(performance, runs)


def _train_across_a_restart(performance: Path, runs: Path) -> None:
    with serving(runs) as (address, _):
        visitor = Visitor(address)
        upload = visitor.upload(performance, "video")["id"]
        visitor.post("/api/runs", {"name": "drums", "upload": upload, **small()})
        until(lambda: visitor.get("/api/runs/drums"), lambda run: run.get("step", 0) > 0)
        assert (
            "one at a time"
            in visitor.post("/api/runs", {"name": "more", "upload": upload, **small()}, status=400)["error"]
        )
        assert "no training is under way" in visitor.post("/api/runs/none/stop", status=400)["error"]
        visitor.close()
    with serving(runs) as (address, _):
        visitor = Visitor(address)
        assert visitor.get("/api/runs/drums")["training"] == "learning"
        visitor.post("/api/runs/drums/stop")
        stopped = until(lambda: visitor.get("/api/runs/drums"), lambda run: run["training"] == "resting")
        assert 0 < stopped["step"] < 100_000
        assert stopped["picture"]
        assert stopped["message"] == ""
        visitor.post("/api/runs/drums/resume", {"steps": stopped["step"] + 1})
        done = until(lambda: visitor.get("/api/runs/drums"), lambda run: run["training"] == "resting")
        assert done["step"] == done["steps"] == stopped["step"] + 1
        assert Path(json.loads((runs / "drums" / "environment.json").read_text())["video"]).is_relative_to(
            runs
        )
        visitor.close()


@pytest.mark.parametrize(
    ("wish", "saying"),
    [
        ({"name": "../out"}, "name: expected up to 40 small letters"),
        ({"name": ".page"}, "name: expected"),
        ({"name": ""}, "name: expected"),
        ({"name": "tiny"}, "there is a run tiny already"),
        ({"name": "new", "preset": "best"}, "preset: expected one of"),
        ({"name": "new", "settings": {"clip.size": "17"}}, "size: width and height"),
        ({"name": "new", "settings": {"training.steps": 0}}, "training.steps: expected at least 1"),
        ({"name": "new", "settings": {"clip.crop": "1,2"}}, "crop: expected"),
        ({"name": "new", "settings": {"clip.crop": 5}}, "clip.crop: expected str"),
        ({"name": "new", "settings": {"losses.l1": 5}}, "settings: expected some of"),
    ],
)
def test_wrong_trainings_get_one_sentence(
    visitor: Visitor, performance: Path, wish: dict[str, object], saying: str
) -> None:
    upload = visitor.upload(performance, "video")["id"]
    assert saying in visitor.post("/api/runs", {"upload": upload, **small(), **wish}, status=400)["error"]


def test_a_training_that_cannot_begin_says_why_and_is_dismissed(
    visitor: Visitor, performance: Path, runs: Path
) -> None:
    wish = small(**{"clip.start": 3.9})
    visitor.post("/api/runs", {"name": "short", "upload": visitor.upload(performance, "video")["id"], **wish})
    (failed,) = until(lambda: visitor.get("/api/runs")["failed"])
    assert failed["name"] == "short"
    assert failed["message"]
    assert str(runs) not in failed["message"]
    assert visitor.get("/api/runs/short")["message"] == failed["message"]
    visitor.remove("/api/runs/tiny", status=400)
    visitor.remove("/api/runs/short")
    assert visitor.get("/api/runs")["failed"] == []
    assert not (runs / ".page" / "short").exists()


def test_curves_keep_the_last_value_and_drop_what_is_no_number() -> None:
    lines = [{"step": step, "loss": 1 / step, "odd": float("nan")} for step in range(1, 1001)]
    found = curves(lines)
    assert list(found) == ["loss"]
    assert found["loss"][-1] == (1000, 0.001)
    assert len(found["loss"]) <= 300


def test_a_process_that_is_not_there_has_no_command() -> None:
    assert command_of(2**22 + 1) == ""
