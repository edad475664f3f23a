"""The camera of a path: still, or moving as it did, without a jerk where the path jumps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from listen_and_move.data.light import relit
from listen_and_move.data.poses import displacement
from listen_and_move.errors import UserError
from listen_and_move.inference.picture_pipelines import PictureChoice, path_pipeline
from listen_and_move.inference.playable import playable
from listen_and_move.inference.sources.camera import PathCamera
from listen_and_move.models.checkpoint import read_frames_file
from listen_and_move.models.kept_frames import ENTRY, KeptFrames, kept_tensors, write_with_frames
from listen_and_move.models.packets import write_with_packets
from listen_and_move.runs import RunFolder

DRIFT = np.linspace(-0.5, 0.5, 400)[:, None] * [1.0, 0.8, 1.2]
"""Light of frames, in stops."""


@pytest.fixture
def drifting(filmed: Path) -> KeptFrames:
    """Kept frames whose light rises by about a stop."""
    kept = read_frames_file(RunFolder(filmed).frames_file)
    assert kept.light is None
    assert "kept.light" not in kept_tensors(kept), "of a clip in steady light"
    return replace(kept, light=DRIFT[: len(kept.positions)] * 400 / len(kept.positions))


@pytest.fixture
def wandering(filmed: Path) -> KeptFrames:
    """Kept frames of a camera that wanders by a twentieth of the width."""
    kept = read_frames_file(RunFolder(filmed).frames_file)
    time = np.arange(len(kept.positions)) / 8
    poses = 0.05 * np.stack([np.sin(time), np.cos(time), 0 * time, np.sin(2 * time)], axis=-1)
    return replace(kept, poses=poses)


def views_of(camera: PathCamera, places: list[int]) -> np.ndarray:
    """Views along places of the clip, of which one does not follow those before it."""
    views: list[np.ndarray] = []
    for number in range(len(places)):
        views.append(camera.after(views, lambda ago, at=places[number]: max(0, at + ago)))
    return np.array(views)


def test_the_view_goes_on_smoothly_across_a_jump(wandering: KeptFrames) -> None:
    places = [*range(10, 25), *range(40, 64)]
    camera = PathCamera(wandering, "as-filmed")
    views = views_of(camera, places)
    own = np.array([camera.after([], lambda ago, at=place: at) for place in places])
    np.testing.assert_allclose(views[:15], own[:15], atol=1e-9)  # before the jump: as it was filmed
    steps = displacement(np.diff(views[:, :4], axis=0), 1.0)
    assert displacement((own[15] - own[14])[:4], 1.0) > 0.04, "the poses themselves jump"
    assert steps.max() < 0.012
    assert np.abs(np.diff(steps)).max() < 0.004, "no jerk"
    assert displacement((views[-1] - own[-1])[:4], 1.0) < 0.04, "it comes back to its own movement"
    assert not PathCamera(wandering, "still").after([], lambda ago: 12).any()


def test_as_filmed_frames_are_those_that_were_kept(wandering: KeptFrames) -> None:
    filming, still = PathCamera(wandering, "as-filmed"), PathCamera(wandering, "still")
    view = filming.after([], lambda ago: 20 + ago)
    assert np.array_equal(filming.picture(20, view), wandering.reader.frame(20))
    assert not np.array_equal(still.picture(20), wandering.reader.frame(20))


def test_light_goes_on_smoothly_across_a_jump(drifting: KeptFrames) -> None:
    places, light = [*range(5, 20), *range(40, 64)], drifting.light
    assert light is not None
    filming, still = PathCamera(drifting, "as-filmed"), PathCamera(drifting, "still")
    shown = views_of(filming, places)[:, 4:]
    np.testing.assert_allclose(shown[:15], light[5:20], atol=1e-9)
    assert np.abs(np.diff(shown, axis=0)).max() < 0.3 * np.abs(light[40] - light[19]).max(), "no jump"
    view = filming.after([], lambda ago: 20 + ago)
    assert np.array_equal(filming.picture(20, view), drifting.reader.frame(20)), "as it was filmed"
    assert np.array_equal(still.picture(20), relit(drifting.reader.frame(20), -light[20]))


def test_poses_and_light_are_read_as_they_were_written(
    wandering: KeptFrames, drifting: KeptFrames, tmp_path: Path
) -> None:
    wandering, file = replace(wandering, light=drifting.light), tmp_path / "frames.safetensors"
    tensors = kept_tensors(wandering)
    assert wandering.poses is not None
    assert wandering.light is not None
    write_with_frames(file, {}, {}, wandering)
    read = read_frames_file(file)
    assert read.poses is not None
    assert read.light is not None
    np.testing.assert_allclose(read.light, wandering.light, atol=1e-6)
    np.testing.assert_allclose(read.poses, wandering.poses, atol=1e-6)
    for name in ("kept.poses", "kept.light"):
        for wrong in (tensors[name][1:], 9 + tensors[name]):
            whole = {**tensors, name: wrong.contiguous()}
            write_with_packets(file, whole, {ENTRY: wandering.about.to_json()}, wandering.packets)
            with pytest.raises(UserError, match="damaged"):
                read_frames_file(file)


def test_however_the_sound_is_cut_the_camera_moves_alike(wandering: KeptFrames, filmed: Path) -> None:
    choice = PictureChoice(by_sound=True, camera="as-filmed")
    reference = playable(filmed, choice).pipeline.front_end.reference
    pipeline = path_pipeline(reference, wandering, choice)
    sound = np.random.default_rng(0).normal(0, 0.1, 96_000).astype(np.float32)
    whole = list(pipeline.frames([sound]))
    frames, state = [], None
    for piece in np.array_split(sound, 7):
        made, state = pipeline.push(piece, state)
        frames += made
    frames += pipeline.finish(state)
    assert all(np.array_equal(frame.picture, picture) for frame, picture in zip(frames, whole, strict=True))


def test_what_has_no_poses_says_that_no_camera_moves(filmed: Path) -> None:
    for choice in (PictureChoice(camera="as-filmed"), PictureChoice("drawn", camera="as-filmed")):
        assert any("has no effect" in note for note in playable(filmed, choice).notes)
    assert RunFolder(filmed).config().clip.camera == "as-filmed", "as the camera of this clip stands"
