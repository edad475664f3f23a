"""`benchmarks.artefacts`: coloured patches are seen, and blur and noise are not taken for them; noise has a
known power; a study goes on."""

import json
from fractions import Fraction
from math import inf
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from benchmarks.artefacts.__main__ import ROWS, study
from benchmarks.artefacts.figures import FINDINGS, findings, findings_table, tables
from benchmarks.artefacts.patches import CELLS, ColourRange
from benchmarks.artefacts.playing import COLOURED, MEASURED, AtLevel, NoisyPlay, noisy
from jaxtyping import UInt8

from listen_and_move.ablations.rows import PAPER, parse_rows
from listen_and_move.data.synthetic.marimba import melody, render_frames
from listen_and_move.errors import UserError
from listen_and_move.evaluation.dataset import FrameSpan
from listen_and_move.evaluation.measures import Values
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from tests.conftest import TINY

SIDE, CELL = 128, 128 // CELLS
PATCH = 4 * CELL
AREA = (PATCH / SIDE) ** 2
Video = UInt8[np.ndarray, "T H W 3"]


class Decoded:
    """Frames in memory."""

    def __init__(self, frames: Video) -> None:
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, first: int, last: int) -> Video:
        return self.frames[first:last]


@pytest.fixture(scope="module")
def film() -> Video:
    """Two seconds of a coloured performance in which something moves."""
    return np.stack(list(render_frames(melody(1, 2.0), 2.0, Fraction(20), SIDE, SIDE)))


@pytest.fixture(scope="module")
def colours(film: Video) -> ColourRange:
    """What colours the first 32 frames had."""
    return ColourRange.of(Decoded(film), [range(32)])


def patched(frames: Video, colour: tuple[int, int, int], strength: float = 1.0) -> Video:
    found = frames.astype(np.float32)
    places = slice(5 * CELL, 5 * CELL + PATCH)
    found[:, places, places] += strength * (np.array(colour, np.float32) - found[:, places, places])
    return found.round().astype(np.uint8)


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 255)])
def test_coloured_patches_are_seen_with_their_area(
    film: Video, colours: ColourRange, colour: tuple[int, int, int]
) -> None:
    for strength in (0.4, 1.0):
        shares = colours.shares(patched(film[32:], colour, strength))
        assert shares.min() > 0.8 * AREA
        assert shares.max() < 1.4 * AREA  # what covers half of a cell may count


def test_the_share_is_the_mean_over_frames(film: Video, colours: ColourRange) -> None:
    frames = np.concatenate([film[32:40], patched(film[32:40], (255, 0, 255))])
    assert colours.share(FrameSpan(Decoded(frames), range(16))) == pytest.approx(AREA / 2, rel=0.4)


def test_nothing_else_is_taken_for_coloured_patches(film: Video, colours: ColourRange) -> None:
    held, random = film[32:], np.random.default_rng(0)
    others = {
        "real": held,
        "blurred": np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in held]),
        "noise": (held + random.normal(0, 25, held.shape)).clip(0, 255).astype(np.uint8),
        "brighter": np.minimum(held, 215) + np.uint8(40),
        "mean of training": film[:32].mean(0, keepdims=True).astype(np.uint8),
    }
    assert {
        name: share for name, video in others.items() if (share := colours.shares(video).mean()) > 0.01
    } == {}


@pytest.mark.parametrize("step", [2, CELL // 2, CELL])
def test_what_moves_by_up_to_a_cell_is_no_patch(film: Video, step: int) -> None:
    colours = ColourRange.of(Decoded(film[:, :, CELL:-CELL]), [range(32)])
    assert colours.shares(film[32:, :, CELL + step : SIDE - CELL + step]).mean() < 0.02


@pytest.mark.parametrize("level", [20.0, 0.0, -5.0])
def test_noise_has_the_asked_power_on_each_feature(level: float) -> None:
    random = torch.Generator().manual_seed(3)
    spread = torch.tensor([0.0, 0.5, 20.0])
    features = -40 + spread * torch.randn(6000, 3, generator=random)
    span, train = range(1000, 6000), [range(500), range(500, 1000)]
    noise = noisy(features, span, train, level, seed=1) - features
    assert not noise[:1000].any()
    assert not noise[:, 0].any()
    ratio = features[:1000].var(0, correction=0) / noise[1000:].square().mean(0)
    assert (10 * ratio[1:].log10()).tolist() == pytest.approx([level, level], abs=0.3)


def test_noise_is_one_draw_at_every_level() -> None:
    features, span = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)), range(30, 40)
    loud, soft = (noisy(features, span, [range(30)], level, 2) - features for level in (0.0, 20.0))
    assert torch.allclose(loud, 10 * soft, atol=1e-5)
    assert torch.equal(noisy(features, span, [range(30)], 0.0, 2) - features, loud)
    assert not torch.equal(noisy(features, span, [range(30)], 0.0, 3) - features, loud)
    assert torch.equal(noisy(features, span, [range(30)], inf, 2), features)


def test_each_row_changes_one_part() -> None:
    base = preset("paper")
    parts = {
        name: (config.generator.connections, config.critics.connections)
        for name, row in parse_rows(ROWS, base).items()
        if (config := with_values(base, dict(row.settings)))
    }
    assert parts["published"] == (base.generator.connections, base.critics.connections)
    assert len(set(parts.values())) == len(parts) == 5
    assert {generator for generator, critic in parts.values() if critic == "skip"} == {
        "skip",
        "residual",
        "basic",
    }
    assert {critic for generator, critic in parts.values() if generator == "residual"} == {
        "skip",
        "residual",
        "basic",
    }


def made_up(row: str, seed: int, coloured: float, sharpness: float) -> NoisyPlay:
    def values(coloured: float) -> Values:
        return {COLOURED: coloured, "sharpness_moving": sharpness + seed / 100}

    levels = (AtLevel(None, values(0.01 * seed)), AtLevel(0.0, values(coloured + 0.01 * seed)))
    return NoisyPlay(row, seed, levels, {COLOURED: 0.0, "sharpness_moving": 1.0}, 8.0)


def test_findings_are_told_by_the_spread_of_seeds() -> None:
    runs = [
        made_up(row, seed, coloured, sharpness)
        for row, coloured, sharpness in (
            ("published", 0.1, 0.9),
            ("g-skip", 0.4, 0.5),
            ("g-basic", 0.1, 0.9),
            ("d-residual", 0.1, 0.95),
        )
        for seed in range(3)
    ]
    said = [each["verdicts"] for each in findings(runs)]
    assert said == [
        {"own sound": "cannot be told", "0 dB": "as found"},
        {"own sound": "cannot be told", "0 dB": "as found"},
        dict.fromkeys(("own sound", "0 dB"), "as found"),
        dict.fromkeys(("own sound", "0 dB"), "cannot be told"),
        dict.fromkeys(("own sound", "0 dB"), "the other way"),
    ]
    assert f"| {FINDINGS[0].text} | cannot be told | as found |" in findings_table(findings(runs))
    assert "| g-skip | 0.000 | 0.010 ± 0.010 | 0.410 ± 0.010 |" in tables(runs)
    assert findings(runs[:3]) == findings_table([]) == []


def test_patches_that_do_not_come_with_the_noise_tell_nothing() -> None:
    def verdict(own: float, noisy: float) -> str:
        def values(share: float) -> Values:
            return {COLOURED: share, "sharpness_moving": 1.0}

        runs = [
            NoisyPlay(row, seed, (AtLevel(None, values(one)), AtLevel(0.0, values(two))), values(0.0), 0.0)
            for row, one, two in (("published", 0.02, 0.01), ("g-skip", own, noisy))
            for seed in range(3)
        ]
        found = findings(runs)[0]["verdicts"]
        assert isinstance(found, dict)
        return found["0 dB"]

    assert verdict(0.05, 0.4) == "as found"
    assert verdict(0.05, 0.05) == "cannot be told", (
        "its patches do not grow, though the other row's become less"
    )
    assert verdict(0.7, 0.98) == "cannot be told", "what is wrong everywhere cannot grow"


@pytest.mark.parametrize("levels", [(), (float("nan"), 0.0), (-inf,)])
def test_what_is_no_ratio_is_refused_before_anything_is_trained(
    levels: tuple[float, ...], performance: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="snr: expected dB"):
        study(performance, tmp_path / "study", TINY, levels=levels)
    assert not (tmp_path / "study").exists()


def test_a_study_is_written_and_goes_on(performance: Path, tmp_path: Path) -> None:
    small = {"losses.perceptual": 0.0, "training.steps": 2, "training.sample_every": 9}
    settings = {**TINY, **PAPER["acin"].settings, **small}

    def studied(levels: tuple[float, ...]) -> list[str] | None:
        return study(performance, tmp_path, settings, rows=ROWS[:1], seeds=1, levels=levels, device="cpu")

    lines = studied((inf, 0.0))
    assert lines is not None
    values = json.loads((tmp_path / "artefacts.json").read_text())
    assert [(run["row"], run["seed"]) for run in values["runs"]] == [("published", 0)]
    for run in values["runs"]:
        assert [level["snr_db"] for level in run["levels"]] == [None, 0.0]
        assert run["real"]["sharpness_moving"] == run["real"]["ssim"] == 1
        assert all(level["values"].keys() == set(MEASURED) for level in run["levels"])
        clean, noise = run["levels"]
        assert clean["values"] != noise["values"]
    picture = cv2.imdecode(np.fromfile(tmp_path / "sheet-seed0.png", np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.std() > 10
    pictures = np.load(tmp_path / "played" / "published-seed0.npy")
    assert pictures.shape == (3, 32, 32, 3)
    kept = {
        path: path.stat().st_mtime_ns
        for path in tmp_path.rglob("*")
        if path.suffix in (".safetensors", ".npy") or path.parent.name == "played"
    }
    assert len(kept) == 4
    assert studied((inf, 0.0)) == lines
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    (tmp_path / "played" / "published-seed0.json").unlink()  # stopped before it was written
    assert studied((inf, 0.0)) == lines
    again = {path.name for path, time in kept.items() if path.stat().st_mtime_ns != time}
    assert again == {"published-seed0.npy", "published-seed0.json"}
    assert studied((inf,)) != lines
