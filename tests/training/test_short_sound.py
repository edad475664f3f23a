"""A video whose sound ends before its picture is learnt, measured and played to the end."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.cli.running import refused
from tests.conftest import TINY
from tests.media.making import make_video, whole

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.evaluation.baselines import MODEL
from listen_and_move.evaluation.evaluate import evaluate
from listen_and_move.evaluation.film import Film
from listen_and_move.evaluation.frame_measures import OF_SOUND
from listen_and_move.evaluation.robustness.study import robustness
from listen_and_move.inference.generate import generate
from listen_and_move.media.files import probe
from listen_and_move.media.sound import read_sound, sound_samples
from listen_and_move.runs import RunFolder
from listen_and_move.training.loop import train

SETTINGS = {**TINY, "training.steps": 2, "training.sample_every": 2, "losses.perceptual": 0.0}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 s of picture, of which the first 1.8 have sound: the last fifth, which is held out, has none."""
    notes, times = melody(1, 3.0), [50 * number for number in range(60)]
    pictures = list(render_frames(notes, 3.0, Fraction(20), 64, 64))
    sound = (0, render_sound(notes, 1.8).mean(axis=1), 48_000)
    return make_video(
        tmp_path_factory.mktemp("short") / "v.mkv",
        times,
        size=(64, 64),
        rate=20,
        pictures=pictures,
        sound=sound,
    )


@pytest.fixture(scope="module")
def run(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Learnt in two goes."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    assert train(video, folder, settings=SETTINGS, device="cpu").note == ""
    assert train(video, folder, settings={"training.steps": 4}, device="cpu").note == ""
    return folder


def test_under_a_picture_without_sound_there_is_silence(run: Path, tmp_path: Path) -> None:
    for step in (2, 4):
        sample = RunFolder(run).sample_file(step)
        found = probe(sample).video
        samples = whole(read_sound(sample, 16_000, start=0))
        assert found is not None
        assert float(found.duration) == pytest.approx(0.6, abs=0.01)
        assert len(samples) >= 0.6 * 16_000 - 16
        assert not samples.any()
    (part,) = Film.of_run(RunFolder(run), tmp_path).held_out
    heard = np.concatenate([*part.heard()])
    assert len(heard) == 0.6 * SAMPLE_RATE
    assert not heard.any()


def test_of_a_held_out_part_without_sound_the_rest_is_told(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LISTEN_AND_MOVE_WEIGHTS", str(tmp_path))
    found = evaluate(run, device="cpu")
    values = next(row.values for row in found.results.rows if row.name == MODEL)
    assert all(values[name] is None for name in OF_SOUND)
    assert 0 < (values["ssim"] or 0) <= 1
    assert found.results.sensitivity.verdict.startswith("The sound is silent here")
    assert sum("the sound of this part is silent" in line for line in found.lines()) == 1
    report = found.report_file.read_text(encoding="utf-8")
    assert "The sound of this part is silent" in report
    assert "moves on regardless" not in report
    assert evaluate(run, device="cpu", training=True).results.sensitivity.verdict.startswith("The sound is ")


def test_such_a_run_is_played_in_every_way(run: Path, video: Path, tmp_path: Path) -> None:
    count, rate = sound_samples(video, start=0)
    outs = [tmp_path / "replayed.mp4", tmp_path / "pasted.mp4"]
    generate(run, video, outs[0], mode="replay", device="cpu")
    generate(run, video, outs[1], paste=True, device="cpu")
    for out in outs:
        made, rate_made = sound_samples(out, start=0)
        assert made / rate_made == pytest.approx(count / rate, abs=0.03)
    refused(
        "generate",
        run,
        video,
        "--start=2",
        "--out",
        tmp_path / "none.mp4",
        saying="before the end of the sound",
    )
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / video.name).write_bytes(video.read_bytes())
    assert robustness(run, tmp_path / "sounds", device="cpu").results.overall.clips == 1


@pytest.mark.parametrize("clip", [{"clip.start": 1.0}, {"clip.end": 1.6}, {"clip.holdout": "0-0.3"}], ids=str)
def test_parts_with_and_without_sound_are_learnt(
    video: Path, tmp_path: Path, clip: dict[str, object]
) -> None:
    result = train(video, tmp_path / "run", settings={**SETTINGS, **clip}, device="cpu")
    assert result.finished
    assert RunFolder(result.run).sample_file(2).stat().st_size > 1000


def test_a_part_that_has_no_sound_at_all_is_refused(video: Path, tmp_path: Path) -> None:
    refused(
        "train",
        video,
        "--start=2",
        "--run",
        tmp_path / "run",
        "--preset=quick",
        saying="before the end of the sound",
    )
    assert not (tmp_path / "run").exists()
