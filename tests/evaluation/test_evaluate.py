"""A whole evaluation of a tiny run: its files, its figures, and that they are of frames that were never
trained on."""

import json
import shutil
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluation.making import Held, another_take, copied
from tests.media.making import make_wav
from tests.pretrained.weights import made_up_weights

from listen_and_move.data.clip import file_hash, load_clip
from listen_and_move.errors import UserError
from listen_and_move.evaluation.baselines import (
    HELD,
    MEAN,
    MODEL,
    MOVING,
    NEAREST,
    PATH,
    REAL,
    SHIFTED,
    mean_spread,
    silent_sound,
    temporal_spread,
)
from listen_and_move.evaluation.course import course
from listen_and_move.evaluation.evaluate import Evaluation, evaluate
from listen_and_move.evaluation.json_records import as_json
from listen_and_move.evaluation.measures import MEASURES
from listen_and_move.evaluation.results import read_results
from listen_and_move.evaluation.sensitivity import Truth, altered
from listen_and_move.inference.animator import Animator
from listen_and_move.metrics.frame import ssim
from listen_and_move.metrics.sync import difference_products, motion_energy
from listen_and_move.models.rendering import played
from listen_and_move.pretrained import weight_files as weights
from listen_and_move.runs import RunFolder

ROWS = [REAL, MODEL, MEAN, HELD, SHIFTED, NEAREST, PATH]
BY_NETWORKS = {name for name in MEASURES if name.startswith(("lpips", "perceptual"))} | {
    "tof",
    "warping_error",
}
CHANCE = {"dcor_excess", "dcor_p"}
OF_SOUNDS = {"farthest", "gain_db", "novelty"}
FOREIGN = (
    OF_SOUNDS
    | {"motion_ratio", "sharpness", "flicker", "frozen_share", "distance", "newness"}
    | {name for name in MEASURES if name.startswith(("loudness", "onset", "av_align", "motion_in"))}
)


def values(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    return {name: dict(row) for name, row in evaluation.results.by_row().items()}


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path / "no weights"))


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("evaluated") / "tiny"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Strokes of noise, 2.52 s."""
    count = 40_320
    samples = np.random.default_rng(0).normal(0, 6000, count) * np.exp(-(np.arange(count) % 8000) / 900)
    return make_wav(
        tmp_path_factory.mktemp("foreign") / "strokes.wav", samples.clip(-32768, 32767)[:, None], 16_000
    )


@pytest.fixture(scope="module")
def bare(run: Path, foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Without any weights, with a sound that has no picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path_factory.mktemp("empty")))
        return evaluate(run, sounds=[foreign], device="cpu")


@pytest.fixture(scope="module")
def full(run: Path, bare: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """The same once more, with the files of two networks."""
    folder = tmp_path_factory.mktemp("weights")
    with made_up_weights(folder, "raft-small", "squeezenet1_1-caffe", "lpips-squeeze"):
        return evaluate(run, device="cpu")


def test_the_files_hold_what_is_returned(bare: Evaluation, run: Path) -> None:
    assert bare.results_file == run / "evaluation/results.json"
    assert bare.report_file == run / "evaluation/report.html"
    assert bare.report_file.read_text(encoding="utf-8").startswith("<!")
    content = json.loads(json.dumps(as_json(bare.results)))
    assert content["format"] == 1
    assert content["took_s"] > 0
    assert content["environment"]["video_sha256"] == content["run"]["video_sha256"]
    assert content["run"]["model_sha256"] == file_hash(run / "model.safetensors")


def test_all_rows_have_all_measures(bare: Evaluation) -> None:
    found = values(bare)
    assert list(found) == ROWS
    for name, row in found.items():
        assert set(row) == set(MEASURES) - OF_SOUNDS - BY_NETWORKS - (set() if name in MOVING else CHANCE), (
            name
        )
    assert found[REAL]["dcor"] == pytest.approx(1)
    assert found[REAL]["newness"] == 1
    assert found[REAL]["mse"] == 0
    assert found[MEAN]["newness"] == pytest.approx(found[MEAN]["distance"] / found[REAL]["distance"])
    assert found[MEAN]["motion_ratio"] == found[HELD]["motion_ratio"] == 0
    assert all(found[name]["distance"] == 0 for name in (HELD, SHIFTED, NEAREST, PATH)), (
        "training frames, or beside them"
    )


def test_what_is_left_out_is_named(bare: Evaluation) -> None:
    assert all(any(name in sentence for sentence in bare.results.left_out) for name in weights.WEIGHTS)
    assert all(f"left out: {sentence}" in bare.lines() for sentence in bare.results.left_out)
    assert bare.results.sensitivity.verdict in bare.lines()
    assert bare.results.distribution == []


def test_only_held_out_frames_are_measured(bare: Evaluation, performance: Path, run: Path) -> None:
    section = bare.results.span
    assert (section.first_frame, section.frames, section.start_s, section.seconds) == (64, 16, 3.2, 0.8)
    clip = load_clip(performance, RunFolder(run).config())
    assert clip.held_out == (range(64, 80),)
    real = clip.frames[64:].numpy()
    last = np.repeat(clip.frames[63:64].numpy(), 16, 0)
    assert values(bare)[HELD]["ssim"] == pytest.approx(ssim(last, real, zero_border=True))
    assert bare.results.series is not None
    assert len(bare.results.series.motion) == 15
    assert len(bare.results.series.loudness) == 16


def test_sensitivity_is_that_of_the_model_played_with_another_sound(
    bare: Evaluation, performance: Path, run: Path
) -> None:
    animator, clip = Animator.load(run, "cpu"), load_clip(performance, RunFolder(run).config())
    silent = silent_sound(clip.features, clip.held_out[0], animator.extractor)
    right, other = (
        np.concatenate(list(played(animator.network, features, clip.held_out[0], animator.config)))
        for features in (clip.features, silent)
    )
    real = clip.frames[64:].numpy()
    both = difference_products(right, real), difference_products(other, real)
    spread = mean_spread(temporal_spread(Held(real), [range(len(real))]))
    sound_course = course(performance, animator.fps, Fraction(64, 20), 16)
    truth = Truth(both, motion_energy(real))
    expected = altered(Held(right), Held(other), sound_course, spread, animator.fps, truth)
    found = bare.results.sensitivity.altered["silent"]
    assert bare.results.sensitivity.frames == 16
    assert found.response == pytest.approx(expected.response, rel=1e-2)
    assert found.motion_ratio == pytest.approx(expected.motion_ratio, rel=1e-2)
    assert found.dcor == pytest.approx(expected.dcor, abs=1e-2)
    assert found.effect is not None
    assert found.effect.pairs == 1
    assert found.effect.size is None
    for name in ("motion_correlation", "onset_correlation", "av_align"):
        assert found.values[name] == pytest.approx(expected.values[name], abs=0.05), name
    unaltered = bare.results.sensitivity.altered["right"]
    assert (unaltered.response, unaltered.motion_ratio) == (0, 1)


def test_the_sound_without_a_picture(bare: Evaluation) -> None:
    (sound,) = bare.results.sounds
    assert sound.name == "strokes.wav"
    assert sound.seconds == 51 / 20, "as long as the sound, up to the next frame"
    assert set(sound.values) == FOREIGN
    assert set(sound.altered) == {
        "right",
        "shifted",
        "shuffled",
        "silent",
    }
    assert all(each.dcor is None and each.effect is None for each in sound.altered.values())
    assert "real video" in sound.verdict or "not used" in sound.verdict


def test_with_weights_their_measures_appear(full: Evaluation) -> None:
    found = values(full)
    for row in found.values():
        assert {"tof", "warping_error", "perceptual_squeeze_caffe"} <= set(row)
        assert "lpips_alex" not in row
    assert found[REAL]["tof"] == 0
    assert found[REAL]["perceptual_squeeze_caffe"] == 0
    assert found[MEAN]["warping_error"] == 0
    assert found[REAL]["warping_error"] > 0
    assert all(found[name]["tof"] > 0 and found[name]["perceptual_squeeze_caffe"] > 0 for name in ROWS[1:])
    assert found[MEAN]["tof"] == found[HELD]["tof"], "of any still: the mean speed of the real video"
    assert len(full.results.left_out) == 5


def test_a_second_time_gives_the_same_figures(bare: Evaluation, full: Evaluation) -> None:
    ours, again = values(bare), values(full)
    for name in ROWS:
        assert ours[name] == {measure: again[name][measure] for measure in ours[name]}, name
    for key in ("run", "span", "null", "pool", "sensitivity", "series", "settings"):
        assert as_json(getattr(bare.results, key)) == as_json(getattr(full.results, key)), key
    content = json.loads(full.results_file.read_text(encoding="utf-8"))
    assert content == json.loads(json.dumps(as_json(full.results))), "the later one is what is kept"
    assert as_json(read_results(full.results_file)) == content


@pytest.mark.usefixtures("no_weights")
def test_the_training_part_if_asked_lies_beside(trained: Path, tmp_path: Path) -> None:
    run = copied(trained, tmp_path)
    found = evaluate(run.path, training=True, device="cpu")
    assert found.results_file == run.path / "evaluation/training-part/results.json"
    assert not (run.path / "evaluation/results.json").exists()
    section = found.results.span
    assert (section.name, section.first_frame, section.frames) == ("training part", 0, 64)
    assert values(found)[REAL]["distance"] == 0
    assert values(found)[NEAREST]["distance"] == 0
    assert values(found)[NEAREST]["dcor"] > 0.9, "replay finds the very frames"


@pytest.mark.usefixtures("no_weights")
def test_another_video_is_measured_as_a_whole(trained: Path, tmp_path: Path) -> None:
    run, other = copied(trained, tmp_path, holdout="0"), another_take(tmp_path / "second take.mkv")
    with pytest.raises(UserError, match="--training"):
        evaluate(run.path, device="cpu")
    found = evaluate(run.path, video=other, device="cpu")
    assert found.results_file == run.path / "evaluation/second-take/results.json"
    section = found.results.span
    assert (section.name, section.video, section.first_frame, section.frames) == (
        "second take",
        "second take.mkv",
        0,
        32,
    )
    assert found.results.run.video == "performance.mp4"
    assert found.results.environment.video_sha256 == file_hash(other)
    assert values(found)[REAL]["newness"] == 1
    assert values(found)[SHIFTED]["distance"] == 0


@pytest.mark.usefixtures("no_weights")
def test_the_seed_changes_what_is_random_alone(noisy: Path, tmp_path: Path) -> None:
    run = copied(noisy, tmp_path)
    seen: dict[str, list[tuple[int, int]]] = defaultdict(list)
    watch = lambda doing, done, total: seen[doing].append((done, total))  # noqa: E731
    one, two = (values(evaluate(run.path, seed=seed, device="cpu", watch=watch)) for seed in (0, 1))
    assert {name for name in ROWS if one[name] != two[name]} == {MODEL, SHIFTED}
    assert all(0 <= done <= total for steps in seen.values() for done, total in steps)
    assert all(steps[-1][0] == steps[-1][1] for steps in seen.values()), "every progress reaches its end"


@pytest.mark.usefixtures("no_weights")
def test_nothing_is_left_on_disk_beside_the_results(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does a sound that cannot be played, which is noticed late, change what was there."""
    run, folder = copied(trained, tmp_path), tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    short = make_wav(tmp_path / "short.wav", np.full((3000, 1), 99), 16_000)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="at least 8 frames of sound; got 4"):
        evaluate(run.path, sounds=[short], device="cpu")
    assert list(folder.iterdir()) == []
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
    evaluate(run.path, device="cpu")
    assert list(folder.iterdir()) == []
    added = {
        str(path.relative_to(run.path))
        for path in run.path.rglob("*")
        if path.is_file() and path not in before
    }
    assert added == {"evaluation/results.json", "evaluation/report.html"}
