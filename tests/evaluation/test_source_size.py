"""An evaluation at the size of the source, of what was really written; and what it is made of."""

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import UInt8

from listen_and_move.config import ClipConfig
from listen_and_move.errors import UserError
from listen_and_move.evaluation.baselines import HELD, MEAN, REAL, SHIFTED
from listen_and_move.evaluation.film import MOST_PARTS, Film
from listen_and_move.evaluation.json_records import from_json
from listen_and_move.evaluation.results import SourceSizeResults
from listen_and_move.evaluation.shown_rows import COMPOSED, DRAWN, REPLAY, SHOWN_PATH, film_rows, still_rows
from listen_and_move.evaluation.source_size import SourceSizeEvaluation, evaluate_source_size
from listen_and_move.evaluation.written_measures import (
    WrittenMeasures,
    WrittenSeries,
    learnt_film,
    region_of,
    transitions,
)
from listen_and_move.media.conversion import rgb
from listen_and_move.media.edit_list import ClipMoment
from listen_and_move.media.picture import source_frames
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.metrics.coherence import flicker
from listen_and_move.metrics.frame import MOVING_SHARE, laplacian_energies, moving_region, unit_range
from listen_and_move.metrics.sync import motion_energy
from listen_and_move.runs import RunFolder


@pytest.fixture(scope="module")
def run(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(filmed, tmp_path_factory.mktemp("source") / "filmed"))


def decoded(video: Path) -> UInt8[np.ndarray, "T H W 3"]:
    frames = source_frames(video, Fraction(20), box=(0, 0, 64, 64))
    return np.stack([rgb(frame) for frame in frames])


@pytest.fixture(scope="module")
def evaluation(run: Path, tmp_path_factory: pytest.TempPathFactory) -> SourceSizeEvaluation:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path_factory.mktemp("none")))
        return evaluate_source_size(run, device="cpu")


def test_all_rows_are_there_and_the_real_video_bounds_them(evaluation: SourceSizeEvaluation) -> None:
    rows = evaluation.results.by_row()
    assert [*rows] == [REAL, SHOWN_PATH, COMPOSED, DRAWN, REPLAY, MEAN, HELD, SHIFTED]
    real = rows[REAL]
    for name in ("sharpness_moving", "motion_ratio", "flicker_ratio"):
        assert real[name] == pytest.approx(1, abs=0.1)
    dcor = {name: values["dcor"] for name, values in rows.items()}
    assert dcor[REAL] == max(value for value in dcor.values() if value is not None)
    assert dcor[REAL] == pytest.approx(1, abs=0.05)
    for name in (MEAN, HELD):
        assert rows[name]["motion_ratio"] == pytest.approx(0, abs=0.02)
        assert (rows[name]["jump"] is None and rows[name]["dcor_excess"] is None) or abs(
            dcor[name] or 0
        ) < 0.2
    assert rows[DRAWN]["sharpness_moving"] != pytest.approx(1, abs=0.01)  # four steps of training
    assert rows[SHOWN_PATH]["sharpness_moving"] == pytest.approx(1, abs=0.25)


def test_the_file_holds_the_results(run: Path, evaluation: SourceSizeEvaluation) -> None:
    assert evaluation.results_file == run / "evaluation" / "source-size" / "results.json"
    kept = json.loads(evaluation.results_file.read_text())
    assert from_json(SourceSizeResults, kept).by_row() == evaluation.results.by_row()
    part = kept["part"]
    assert (part["width"], part["height"], part["frames"], part["fps"]) == (64, 64, 16, "20")
    assert not (run / "evaluation" / "results.json").exists()
    assert any("LPIPS" in line for line in kept["left_out"])
    lines = evaluation.lines()
    assert any(line.strip().startswith("path") for line in lines)
    assert str(evaluation.results_file) in lines[-1]


def test_a_model_without_frames_has_no_path(trained: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(trained, tmp_path / "run"))
    results = evaluate_source_size(copy, device="cpu").results
    assert SHOWN_PATH not in results.by_row()
    assert REPLAY in results.by_row()
    assert any("keeps no frames" in line for line in results.left_out)


def test_refused_without_its_video(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(b"another video")
    with pytest.raises(UserError, match="another one"):
        evaluate_source_size(run, video=other, device="cpu")


def test_film_is_the_source(run: Path, performance: Path, tmp_path: Path) -> None:
    film = Film.of_run(RunFolder(run), tmp_path)
    (part,) = film.held_out
    assert (film.size, film.rate, part.span) == ((64, 64), 20, range(64, 80))
    whole = decoded(performance)
    assert (np.stack(list(part.frames())) == whole[64:]).all()
    _, last = still_rows(film, whole[0])
    assert (next(last.frames(part)).picture == whole[63]).all()
    parts = replace(film, held_out=(part.cut(part.span[1:]),) * 15 + (part,) * 10).measured(Fraction(10))
    assert [len(each.span) for each in parts] == [10] * MOST_PARTS, "half a second of each"
    assert [each.span.start for each in parts] == [65] * 10 + [64] * 10, "all of the longest"
    real, shifted = film_rows(film, seed=3)
    assert (np.stack([each.picture for each in real.frames(part)]) == whole[64:]).all()
    found = np.stack([each.picture for each in islice(shifted.frames(part), 70)])
    assert len(found) == 70
    place = int(np.random.default_rng(3).integers(64))
    assert (found[: 64 - place] == whole[place:64]).all()
    assert (found[64 - place] == whole[0]).all()


def test_where_the_picture_ends_within_the_last_frame_of_the_model(tmp_path: Path) -> None:
    """Here 3 ms after its begin: the last frame is found, and a shifted film begins before."""
    video, rate = tmp_path / "film.mp4", Fraction(1000)
    sound = Waveform(np.full((500, 1), 0.1, np.float32), 1000)
    with VideoWriter(video, width=16, height=16, fps=rate, sound=sound) as writer:
        for number in range(453):
            writer.write(np.full((16, 16, 3), number % 256, np.uint8))
    clip = ClipConfig(size="16", fps="20", holdout="0-0.4")
    film = Film.of_clip(video, clip)
    (part,) = film.held_out
    assert [each.span for each in film.train] == [range(4, 10)]
    for seed in range(40):
        _, shifted = film_rows(film, seed)
        assert len(list(islice(shifted.frames(part), 2))) == 2
    _, last = still_rows(film, np.zeros((16, 16, 3), np.uint8))
    (frame,) = islice(last.frames(part), 1)
    assert abs(frame.picture.mean() - (452 - 256)) < 40


def test_measures_are_those_of_whole_videos() -> None:
    random = np.random.default_rng(0)
    real = random.integers(0, 256, (9, 24, 24, 3)).astype(np.uint8)
    ours = random.integers(0, 256, (9, 24, 24, 3)).astype(np.uint8)
    region, counts = region_of([iter(real)])
    assert counts == [9]
    assert (region == moving_region(unit_range(real).std(0, dtype=np.float64).mean(-1), MOVING_SHARE)).all()
    measures = WrittenMeasures(region, 0.1, {}, frozenset())
    series, theirs = (measures.series(iter(video), iter(real), 0, [2, 5, 99]) for video in (ours, real))
    assert series.changes == pytest.approx(motion_energy(ours))
    assert series.flicker == pytest.approx(flicker(ours))
    values = measures.values(series, theirs)
    halves = [measures.series(iter(ours[part]), iter(real[part])) for part in (np.s_[:5], np.s_[5:])]
    joined = WrittenSeries.joined(halves)
    assert (joined.detail == series.detail).all()
    assert (joined.changes == np.delete(series.changes, 4)).all(), "all but the change from part to part"
    energies = [laplacian_energies(video, region).mean() for video in (ours, real)]
    assert values["sharpness_moving"] == pytest.approx(energies[0] / energies[1])
    assert values["largest_change"] == pytest.approx(motion_energy(ours).max() / 0.1)
    assert values["jump"] == pytest.approx(motion_energy(ours)[[2, 5]].max() / 0.1)


def test_transitions_are_jumps_and_mixes() -> None:
    rate = Fraction(25)

    def at(frame: int, share: float = 1.0) -> ClipMoment:
        return ClipMoment(frame / rate, share, False)

    steady = [(at(3),), (at(4),), (at(4),), (at(5),)]
    assert transitions(steady, rate) == []
    assert transitions([(at(3),), (at(9),), (at(10),)], rate) == [0]
    assert transitions([(at(3),), (at(2),)], rate) == [0]
    assert transitions([(at(3),), (at(4), at(20, 0.5)), (at(21),), (at(22),)], rate) == [0, 1]
    assert transitions([(), (), ()], rate) == []


def test_what_was_learnt_sets_the_usual_change(run: Path, performance: Path, tmp_path: Path) -> None:
    film = Film.of_run(RunFolder(run), tmp_path)
    whole = decoded(performance)[:64]
    learnt = learnt_film(film)
    assert np.abs(learnt.mean.astype(int) - whole.mean(0)).max() <= 0.51
    assert learnt.usual_change == pytest.approx(np.percentile(motion_energy(whole), 95))
