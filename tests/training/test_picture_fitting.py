"""Whether a path or composed pictures are shown is chosen on the training part."""

from pathlib import Path

import pytest

from listen_and_move.data.clip import load_clip
from listen_and_move.models.checkpoint import load_model
from listen_and_move.runs import RunFolder
from listen_and_move.training.path_fitting import rehearsals
from listen_and_move.training.picture_fitting import PictureQuality, better_picture

PATH = PictureQuality(distance=0.04, flicker=1.0, dcor=0.3)


@pytest.mark.parametrize(
    ("path", "composed", "better"),
    [
        pytest.param(PATH, PictureQuality(0.03, 1.0, 0.3), "composed", id="nearer"),
        pytest.param(PATH, PictureQuality(0.039, 1.0, 0.3), "path", id="hardly nearer"),
        pytest.param(PATH, PictureQuality(0.03, 1.2, 0.3), "path", id="flickers"),
        pytest.param(PATH, PictureQuality(0.03, 1.0, 0.26), "path", id="follows less"),
        pytest.param(PATH, PictureQuality(0.05, 1.0, 0.4), "composed", id="the path follows less"),
        pytest.param(
            PATH._replace(flicker=1.2), PictureQuality(0.05, 1.0, 0.3), "composed", id="the path flickers"
        ),
        pytest.param(
            PATH._replace(flicker=1.2), PictureQuality(0.03, 1.3, 0.3), "path", id="neither is steady"
        ),
        pytest.param(
            PATH._replace(flicker=1.3), PictureQuality(0.05, 1.2, 0.4), "composed", id="the steadier one"
        ),
    ],
)
def test_which_is_better(path: PictureQuality, composed: PictureQuality, better: str) -> None:
    assert better_picture(path, composed) == better


def test_a_stretch_is_rehearsed_without_its_own_frames(filmed: Path) -> None:
    folder = RunFolder(filmed)
    model, config = load_model(folder.model_file), folder.config()
    clip = load_clip(folder.films.video(), config)
    assert model.kept is not None
    found = rehearsals(model.network, clip, config, model.kept.path)
    assert sum(len(stretch.span) for stretch in found) == sum(map(len, clip.train))
    for stretch in found:
        assert len(stretch.guides) == len(stretch.cues) == len(stretch.span)
        assert not set(stretch.path.numbers.tolist()) & set(stretch.span)
        assert stretch.recalled is not None
        assert stretch.recalled.shape == stretch.guides.shape
        other = stretch.led_by(stretch.recalled)
        assert all((a.features == b.features).all() for a, b in zip(stretch.cues, other.cues, strict=True))
        assert any((a.guide != b.guide).any() for a, b in zip(stretch.cues, other.cues, strict=True))
