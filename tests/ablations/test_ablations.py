"""The ablation on a real clip: runs that are resumed and not repeated, and a table whose marks mean
something."""

import json
import signal
from pathlib import Path

import pytest
from tests.cli.running import command
from tests.conftest import TINY

from listen_and_move.ablations.ablation import ablation
from listen_and_move.ablations.rows import PAPER, PUBLISHED, parse_rows
from listen_and_move.ablations.table import Figure, Table
from listen_and_move.errors import UserError
from listen_and_move.presets import preset
from listen_and_move.settings import with_values

SETTINGS = {**TINY, "losses.perceptual": 0.0, "training.steps": 2}


def test_the_papers_rows_are_its_presets() -> None:
    base = preset("paper")
    assert list(parse_rows([], base)) == ["baseline", "rnn", "sac", "acin", "convgru", "dirconvgru"]
    assert PUBLISHED["talking-head"]["dirconvgru"] == [0.80, 0.05, 280]
    assert PUBLISHED["cello"]["baseline"] == [0.82, 0.16, 2219]
    assert all(list(clip) == list(PAPER) for clip in PUBLISHED.values())


def test_rows_in_words() -> None:
    rows = parse_rows(["sac", "skip:generator.connections=skip,generator.sound-norm=false"], preset("paper"))
    assert rows["skip"].settings == {"generator.connections": "skip", "generator.sound_norm": False}
    assert rows["sac"] == PAPER["sac"]


def test_values_of_rows_may_be_words_numbers_and_lists() -> None:
    rows = parse_rows(
        [
            "wide:generator.prediction_layers=2,4,clip.size=64,motion.layers=2",
            "one:generator.prediction-layers=3",
        ],
        preset("paper"),
    )
    assert rows["wide"].settings == {
        "generator.prediction_layers": "2,4",
        "clip.size": "64",
        "motion.layers": 2,
    }
    assert rows["one"].settings == {"generator.prediction_layers": "3"}


@pytest.mark.parametrize("name", ["paper", "studio"])
def test_the_papers_rows_go_with_what_all_rows_have(name: str) -> None:
    base = with_values(preset(name), {"generator.prediction": "plain", "generator.prediction_layers": "3,5"})
    assert list(parse_rows([], base)) == list(PAPER)
    assert with_values(base, dict(PAPER["baseline"].settings)).prediction_blocks == ()
    assert with_values(base, dict(PAPER["dirconvgru"].settings)).prediction_blocks == (2, 4)


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        (["lstm"], "expected baseline, rnn"),
        (["rnn", "rnn"], "different names"),
        (["../x:motion.layers=2"], "small letters"),
        (["x:motion.layers"], "section.setting=value"),
        (["x:motion.depth=2"], "motion.depth is not known"),
        (["x:motion.layers=many"], "expected int; got 'many'"),
    ],
)
def test_senseless_rows_are_refused(words: list[str], saying: str) -> None:
    with pytest.raises(UserError, match=saying):
        parse_rows(words, preset("paper"))


def test_a_difference_is_marked_where_it_exceeds_the_spread() -> None:
    a, near, far = Figure((0.70, 0.72)), Figure((0.71, 0.74)), Figure((0.80, 0.81))
    table = Table(
        {"a": {"ssim": a}, "near": {"ssim": near}, "far": {"ssim": far}}, {"far": [0.9, 0.1, 100]}, ["a note"]
    )
    lines = table.markdown().splitlines()
    assert lines[2:5] == [
        "| a | 0.710 ± 0.014 | - | - | - |",
        "| near | 0.725 ± 0.021 | - | - | - |",
        "| far | 0.805 ± 0.007* | 0.90 | 0.10 | 100 |",
    ]
    assert r"far & 0.805 $\pm$ 0.007$^*$ & 0.90 & 0.10 & 100 \\" in table.latex()
    differs = [row["figures"]["ssim"]["differs"] for row in table.values()["rows"]]
    assert differs == [False, False, True]
    assert not Figure((1.0,)).clearly_other(Figure((2.0,)))  # one seed says nothing


def test_the_command(performance: Path, tmp_path: Path) -> None:
    words = [f"--{name.replace('_', '-').removeprefix('clip.')}={value}" for name, value in SETTINGS.items()]
    rows = ["baseline", "skip:generator.connections=skip"]
    line = ["--rows", *rows, "--seeds", 2, "--published", "drums", *words]
    first = command("ablation", performance, "--out", tmp_path / "study", *line)
    assert first.returncode == 0, first.stderr
    assert "| baseline (MfS) |" in first.stdout
    assert "| skip |" in first.stdout
    assert "50000 steps" in first.stdout
    assert "table.md, table.tex, table.json, table.png" in first.stdout
    files = {path.name for path in (tmp_path / "study").iterdir()}
    assert files == {"table.md", "table.tex", "table.json", "table.png"} | {
        f"{row}-seed{seed}" for row in ("baseline", "skip") for seed in (0, 1)
    }
    found = json.loads((tmp_path / "study" / "table.json").read_text())["rows"]
    assert [row["paper"] for row in found] == [[0.68, 0.16, 2387], None]
    assert all(len(row["figures"]["ssim"]["seeds"]) == 2 for row in found)
    states = {path: path.stat().st_mtime_ns for path in (tmp_path / "study").rglob("*.safetensors")}
    again = ablation(performance, tmp_path / "study", rows=rows, seeds=2, settings=SETTINGS)
    assert again.finished
    assert {path: path.stat().st_mtime_ns for path in states} == states
    assert _interrupted(performance, tmp_path / "other") == found[0]["figures"]["ssim"]["seeds"][:1]
    with pytest.raises(UserError, match=r"expected the settings it was begun with, motion\.noise"):
        ablation(performance, tmp_path / "study", rows=["baseline"], settings={**SETTINGS, "motion.noise": 3})
    with pytest.raises(UserError, match=r"steps: expected at least the \d+ of .*baseline-seed0; got 1"):
        ablation(
            performance, tmp_path / "study", rows=["baseline"], settings={**SETTINGS, "training.steps": 1}
        )
    another = tmp_path / "another.mp4"
    another.write_bytes(performance.read_bytes() + b"0")
    with pytest.raises(UserError, match="expected a run of the video of this study"):
        ablation(another, tmp_path / "study", rows=rows, seeds=2, settings=SETTINGS)
    another.unlink()
    assert ablation(another, tmp_path / "study", rows=rows, seeds=2, settings=SETTINGS).finished
    with pytest.raises(UserError, match=r"another\.mp4"):
        ablation(another, tmp_path / "study", rows=rows, seeds=3, settings=SETTINGS)


def _interrupted(performance: Path, folder: Path) -> list[float]:
    """The SSIM of one row that was stopped at its first step and went on from there."""

    def stop(doing: str, done: int, total: int, note: str) -> None:
        if done == 1:
            signal.raise_signal(signal.SIGINT)

    study = ablation(performance, folder, rows=["baseline"], seeds=1, settings=SETTINGS, watch=stop)
    assert not study.finished
    assert study.table is None
    assert "The same command goes on" in study.lines()[0]
    assert {path.name for path in folder.iterdir()} == {"baseline-seed0"}
    table = ablation(performance, folder, rows=["baseline"], seeds=1, settings=SETTINGS).table
    assert table is not None
    return list(table.figures["baseline (MfS)"]["ssim"].values)
