"""Whatever lies in one folder of the runs: the others are shown as usual, and it as damaged."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from listen_and_move.models.checkpoint import ENTRY, read_tensors
from tests.app.serving import Visitor, until, waiting

CONFIG, ENVIRONMENT, METRICS, MODEL = (
    "odd/config.json",
    "odd/environment.json",
    "odd/metrics.jsonl",
    "odd/model.safetensors",
)
PROCESS, LOG = ".page/odd/process.json", ".page/odd/train.log"
FILES = (CONFIG, ENVIRONMENT, METRICS, MODEL, PROCESS, LOG)
JUNK = {
    "nothing": b"",
    "torn": b'{"step": 1, "pi',
    "deep lists": b"[" * 100_000,
    "deep but whole": b"[" * 900 + b"]" * 900,
    "deep objects": b'{"pid":' * 100_000,
    "no text": b"\xff\xfe\x00\xd8",
    "zeros": bytes(1000),
    "a number": b"5",
    "a large number": b"1e999",
    "many digits": b"9" * 5000,
    "no number": b"NaN",
    "a list": b"[1]",
    "null": b"null",
    "a text": b'"text"',
    "an empty object": b"{}",
    "half a letter": b'{"\\ud800": "\\udfff", "clip": {"\\ud800": 1}}',
    "a long name": b'{"' + b"a" * 100_000 + b'": 1}',
}


@pytest.fixture(scope="module")
def visitor(address: str) -> Iterator[Visitor]:
    """One for all that is asked here: a new one takes a moment."""
    someone = Visitor(address)
    yield someone
    someone.close()


@pytest.fixture
def odd(runs: Path, trained: Path) -> Iterator[Path]:
    """A run that was trained from the page, beside the good one."""
    folder, kept = runs / "odd", runs / ".page" / "odd"
    shutil.copytree(trained, folder)
    kept.mkdir(parents=True)
    (runs / PROCESS).write_text(json.dumps({"pid": 2**22 + 1, "asked_to_stop": 0}))
    (runs / LOG).write_text("error: no room\n")
    yield folder
    shutil.rmtree(folder)
    shutil.rmtree(kept, ignore_errors=True)


def strict(visitor: Visitor, path: str, *good: int) -> Any:
    """The answer, as a browser reads it: JSON without NaN."""
    answer = visitor.client.get(path)
    assert answer.status_code in good, (answer.status_code, answer.text)

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in {answer.text}")

    return json.loads(answer.content, parse_constant=refuse)


def shown(visitor: Visitor, name: str = "odd") -> dict[str, Any]:
    """The card of a run, after a look at its page and at the good run, which must be as they are."""
    cards = {card["name"]: card for card in strict(visitor, "/api/runs", 200)["runs"]}
    tiny = cards["tiny"]
    assert (tiny["step"], tiny["steps"], tiny["width"], tiny["training"], "error" in tiny) == (
        4,
        4,
        32,
        "resting",
        False,
    )
    page = strict(visitor, f"/api/runs/{name}", 200, 400)
    for said in (cards[name].get("error"), cards[name]["message"], page.get("error")):
        assert said is None or (said == "" if not said else "\n" not in said and len(said) <= 600)
    return cards[name]


@pytest.mark.parametrize("content", JUNK.values(), ids=JUNK)
@pytest.mark.parametrize("file", FILES)
def test_one_damaged_file_harms_nothing_else(
    visitor: Visitor, runs: Path, odd: Path, errors: Path, file: str, content: bytes
) -> None:
    (runs / file).write_bytes(content)
    card = shown(visitor)
    if file in (CONFIG, ENVIRONMENT, MODEL, PROCESS):
        assert "expected" in card["error"] or card["error"].startswith("settings: ")
        assert "error" in visitor.get("/api/runs/odd")
    else:  # lines that are none are passed over
        assert "error" not in card
        assert card["step"] == 4
    assert "Traceback" not in errors.read_text()


def test_files_that_are_damaged_anywhere(visitor: Visitor, runs: Path, odd: Path, errors: Path) -> None:
    """Bytes changed, cut off, doubled or put in between."""
    chance = random.Random(0)
    for file in FILES:
        good = (runs / file).read_bytes()
        for _ in range(12):
            place, length = chance.randrange(len(good)), chance.choice([1, 3, 30, 300])
            piece = chance.choice(
                [b"", b"[", b"{", b'"', b"1e999", b"NaN", b"-1", b"\xff", b"\0", good[:length]]
            )
            (runs / file).write_bytes(
                good[:place] + piece * chance.choice([1, 1, 50]) + good[place + length :]
            )
            shown(visitor)
        (runs / file).write_bytes(good)
    assert "error" not in shown(visitor)
    assert "Traceback" not in errors.read_text()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("file", FILES)
def test_what_is_no_file_is_not_read(visitor: Visitor, runs: Path, odd: Path, file: str) -> None:
    """A folder, a pipe that nobody writes to, a link to itself."""
    for make in (Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)):
        if (runs / file).is_dir():
            (runs / file).rmdir()
        else:
            (runs / file).unlink()
        make(runs / file)
        if file != CONFIG or (runs / file).exists():
            card = shown(visitor)
            assert ("error" in card) == (file not in (MODEL, LOG) and (runs / file).exists())


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"steps": "many"}},
        {"training": {"steps": 1e999}},
        {"training": {"steps": True}},
        {"training": {"seed": 10**400}},
        {"training": 5},
        {"training": None},
        {"clip": {"size": "\ud800"}},
        {"clip": {"size": ["128"]}},
        {"clip": {"fps": 1e999}},
        {"clip": {"holdout": "1e999999999"}},
        {"features": {"chunk_ms": float("nan")}},
        {"features": {"chunk_ms": 10**400}},
        {"\ud800": 1},
    ],
)
def test_settings_that_make_no_sense_are_said(visitor: Visitor, odd: Path, changes: dict[str, Any]) -> None:
    values = json.loads((odd / "config.json").read_text())
    for name, change in changes.items():
        values[name] = {**values[name], **change} if isinstance(change, dict) else change
    (odd / "config.json").write_text(json.dumps(values))
    card = shown(visitor)
    assert "expected" in card["error"] or "is not known" in card["error"]
    assert card["width"] == 32
    assert card["picture"], "the model is as good as it was"


WRONG_FIGURES = ['"text"', "NaN", "-Infinity", "1e999", "1" + "0" * 400, "true", "null", "[1]", '{"a": 1}']


@pytest.mark.parametrize("value", WRONG_FIGURES)
def test_figures_that_are_none_are_left_out(visitor: Visitor, odd: Path, value: str) -> None:
    names = ("held_out/dcor", "generator/l1", "steps_per_second", "held_out/constructor", "\\ud800")
    line = ", ".join(f'"{name}": {value}' for name in names)
    with (odd / "metrics.jsonl").open("a") as file:
        file.write(f'{{"step": 9, {line}}}\n{{"step": {value}, "generator/l1": 1}}\n')
    assert shown(visitor)["step"] == 9
    run = visitor.get("/api/runs/odd")
    assert run["curves"]["generator/l1"][-1][0] == 4
    assert run["speed"] is None
    assert all(isinstance(figure, float) for figure in run["figures"].values())


@pytest.mark.parametrize(
    "changes", [{"step": 1e999}, {"step": "4"}, {"step": -1}, {"step": None}, {"settings": [1]}]
)
def test_a_model_that_says_nonsense_of_itself_is_damaged(
    visitor: Visitor, odd: Path, changes: dict[str, Any]
) -> None:
    file = odd / "model.safetensors"
    entry = json.loads(read_tensors(file)[1][ENTRY]) | changes
    save_file(load_file(file), file, {ENTRY: json.dumps(entry)})
    card = shown(visitor)
    assert "expected a model" in card["error"]
    assert card["picture"] is None
    assert card["step"] == 4


PROCESSES = [
    {"pid": "12"},
    {"pid": "self"},
    {"pid": -1},
    {"pid": 0},
    {"pid": True},
    {"pid": 1.5},
    {"pid": 10**30},
    {"pid": [1]},
    {"pid": None},
    {"pid": float("nan")},
]


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_that_is_none_is_not_there(
    visitor: Visitor, runs: Path, odd: Path, process: dict[str, Any]
) -> None:
    (runs / PROCESS).write_text(json.dumps({"asked_to_stop": 0, **process}))
    card = shown(visitor)
    assert card["training"] == "resting"
    assert "expected the number" in card["error"] == card["message"]
    assert "no training is under way" in visitor.post("/api/runs/odd/stop", status=400)["error"]
    shutil.rmtree(odd)
    (failed,) = strict(visitor, "/api/runs", 200)["failed"]
    assert failed["name"] == "odd"
    assert "expected the number" in failed["message"]
    visitor.remove("/api/runs/odd")
    odd.mkdir()


@pytest.mark.parametrize(
    "asked", ['"soon"', "NaN", "Infinity", "-1e999", "1" + "0" * 400, "null", "[0]", "1e99"]
)
def test_a_wrong_time_of_stopping_is_none(visitor: Visitor, runs: Path, odd: Path, asked: str) -> None:
    with waiting(odd) as process:
        (runs / PROCESS).write_text(f'{{"pid": {process.pid}, "asked_to_stop": {asked}}}')
        assert until(lambda: shown(visitor)["training"], lambda state: state == "learning")
        visitor.post("/api/runs/odd/stop")
        assert process.wait(60) < 0
        assert json.loads((runs / PROCESS).read_text())["asked_to_stop"] > 0


def test_samples_of_odd_names_are_left_out(visitor: Visitor, odd: Path, runs: Path) -> None:
    samples = odd / "samples"
    for name in (
        "step-.mp4",
        "step-4.mp4",
        "step--00004.mp4",
        "step-+00004.mp4",
        "step-0_0005.mp4",
        "step-00001e.mp4",
    ):
        (samples / name).touch()
    for name in (
        "step-00000٥.mp4",
        f"step-{'9' * 200}.mp4",
        os.fsdecode(b"step-\xff.mp4"),
        "step-000006.mp4 ",
    ):
        (samples / name).touch()
    (samples / "step-000007.mp4").mkdir()
    (samples / "step-000008.mp4").symlink_to(runs.parent / "secret.txt")
    shown(visitor)
    assert visitor.get("/api/runs/odd")["samples"] == [4]
    for step in ("7", "8", "-4", "1e3", "9" * 200, "9" * 5000, "%00", "nan"):
        visitor.get(f"/api/runs/odd/samples/{step}", status=400)


def test_a_folder_whose_name_is_no_text_is_shown(visitor: Visitor, runs: Path, trained: Path) -> None:
    try:
        folder = Path(shutil.copytree(trained, runs / os.fsdecode(b"r\xff")))
    except OSError:
        pytest.skip("this file system takes no such names")
    try:
        card = shown(visitor, "r?")
        assert "UTF-8" in card["error"]
        assert card["step"] == 4
        assert "no run" in visitor.get("/api/runs/r%FF", status=400)["error"]
    finally:
        shutil.rmtree(folder)


def test_a_run_without_an_environment_is_none_the_worse(visitor: Visitor, odd: Path) -> None:
    (odd / "environment.json").unlink()
    assert "error" not in shown(visitor)
    assert not visitor.get("/api/runs/odd")["can_paste"]
    assert "missing or damaged" in visitor.post("/api/runs/odd/resume", {"steps": 9}, status=400)["error"]
