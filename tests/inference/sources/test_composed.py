"""Composed pictures are what the network draws, as sharp as the film."""

from pathlib import Path

import av
import numpy as np
import pytest

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.data.clip import file_hash
from listen_and_move.errors import UserError
from listen_and_move.inference.generate import generate
from listen_and_move.inference.picture_pipelines import PictureChoice
from listen_and_move.inference.playable import playable
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.frame import sharpness_ratio
from listen_and_move.models.checkpoint import load_model
from listen_and_move.runs import RunFolder

COMPOSED = PictureChoice("composed")


@pytest.fixture(scope="module")
def wave(performance: Path) -> np.ndarray:
    return np.concatenate(list(read_sound(performance, SAMPLE_RATE, end=2)))


def test_it_is_as_coarse_as_the_guide_and_as_fine_as_the_film(filmed: Path, wave: np.ndarray) -> None:
    composed, path, drawn = (
        np.stack(list(playable(filmed, PictureChoice(name)).pipeline.frames([wave])))
        for name in ("composed", "path", "drawn")
    )
    assert composed.shape == path.shape == drawn.shape
    assert sharpness_ratio(composed, path) > 0.8 > 0.5 > sharpness_ratio(drawn, path)


def test_late_frames_stay_without_picture_and_the_guide_goes_on(filmed: Path, wave: np.ndarray) -> None:
    pipeline = playable(filmed, COMPOSED._replace(live=True)).pipeline
    first, state = pipeline.push(wave[:SAMPLE_RATE])
    second, _ = pipeline.push(wave[SAMPLE_RATE:], state, PlaySettings(late=5))
    shown = [frame.picture for frame in second if frame.picture is not None]
    last = first[-1].picture
    assert last is not None
    assert len(shown) == len(second)
    assert all(np.array_equal(picture, last) for picture in shown[:5])
    assert not np.array_equal(shown[6], shown[4])


def test_the_file_says_what_it_shows(filmed: Path, performance: Path, tmp_path: Path) -> None:
    (out,) = generate(filmed, performance, tmp_path / "out.mp4", picture="composed", end=0.5)
    with av.open(str(out)) as container:
        comment = container.metadata["comment"]
    assert comment.startswith("Generated picture, no recording: Listen and Move ")
    assert comment.endswith(f", with detail of frames of video sha256 {file_hash(performance)}")
    with pytest.raises(UserError, match="expected a path, whose frames are moments of the clip"):
        generate(
            filmed, performance, tmp_path / "o.mp4", picture="composed", path_list=tmp_path / "o.csv", end=0.5
        )


def test_it_needs_frames(trained: Path) -> None:
    with pytest.raises(UserError, match="expected a model that keeps frames of its clip"):
        playable(trained, COMPOSED)


def test_a_model_says_which_picture_it_shows(filmed: Path) -> None:
    file = RunFolder(filmed).model_file
    auto = playable(filmed).pipeline
    kept = load_model(file).kept
    assert kept is not None
    assert type(kept.about).from_json(kept.about.to_json()) == kept.about
    assert [type(stage) for stage in auto.stages] == [
        type(stage) for stage in playable(filmed, PictureChoice(kept.about.picture)).pipeline.stages
    ]
