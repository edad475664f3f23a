"""Frames are added to models that keep none, of version 0.1 too, and their weights stay what they were."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from tests.conftest import TINY
from tests.media.making import picture_of

from listen_and_move import add_frames
from listen_and_move.data.synthetic.marimba import melody, render_frames, render_sound
from listen_and_move.errors import UserError
from listen_and_move.inference.generate import generate
from listen_and_move.media.files import probe
from listen_and_move.media.soundtrack import Waveform
from listen_and_move.media.video import VideoWriter
from listen_and_move.models.checkpoint import load_model
from listen_and_move.models.packets import PACKETS
from listen_and_move.models.path_costs import BY_SOUND
from listen_and_move.runs import RunFolder
from listen_and_move.training.loop import train

OLD = Path(__file__).parents[1] / "fixtures" / "v0.1"


def weights(file: Path) -> dict[str, torch.Tensor]:
    with safe_open(file, "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys() if name.startswith("network.")}  # noqa: SIM118


def test_a_run_gets_the_frames_of_its_video(trained: Path, performance: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    before = weights(RunFolder(run).model_file)
    added = add_frames(run)
    assert "64x64 pixels, 20 frames/s" in added.described
    assert added.model == RunFolder(run).model_file
    after = weights(added.model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    (out,) = generate(run, performance, tmp_path / "out.mp4", end=1)
    video = probe(out).video
    assert video is not None
    assert video.width == 64


def test_a_model_of_version_0_1(tmp_path: Path) -> None:
    model = tmp_path / "old.safetensors"
    shutil.copy(OLD / "run" / "model.safetensors", model)
    add_frames(model, OLD / "performance.mp4", keep="small")
    kept = load_model(model).kept
    assert kept is not None
    assert kept.about.small
    (out,) = generate(model, OLD / "melody.wav", tmp_path / "out.mp4", picture="path", end=1)
    assert out.stat().st_size > 1000


def test_another_video_is_refused(trained: Path, performance: Path, tmp_path: Path) -> None:
    other, notes, fps = tmp_path / "other.mp4", melody(9, 4.0), picture_of(performance).frame_rate
    sound = Waveform(render_sound(notes, 4.0), 48_000)
    with VideoWriter(other, width=64, height=64, fps=fps, sound=sound) as writer:
        for frame in render_frames(notes, 4.0, fps, 64, 64):
            writer.write(255 - frame)
    model = tmp_path / "model.safetensors"
    shutil.copy(RunFolder(trained).model_file, model)
    content = model.read_bytes()
    with pytest.raises(UserError, match="expected the video that this model learnt"):
        add_frames(model, other)
    with pytest.raises(UserError, match=r"another one|other"):
        add_frames(shutil.copytree(trained, tmp_path / "run"), other)
    with pytest.raises(UserError, match="got a model alone"):
        add_frames(model)
    assert model.read_bytes() == content


def test_training_writes_frames_once_and_joins_them_at_the_end(filmed: Path) -> None:
    folder = RunFolder(filmed)
    kept = load_model(folder.model_file).kept
    assert kept is not None
    assert folder.frames_file.exists()
    with safe_open(folder.frames_file, "pt") as file:
        packets = file.get_tensor(PACKETS).numpy().tobytes()
    assert packets == kept.packets.read(0, kept.packets.length)
    assert np.array_equal(kept.positions, np.arange(len(kept.positions)))


def test_a_clip_of_one_second(performance: Path, tmp_path: Path) -> None:
    """All of it is near to every stretch of it: no weights can be chosen, and sound alone leads."""
    settings = {**TINY, "training.keep": "source", "clip.end": 1.0}
    run = train(performance, tmp_path / "run", preset_name="quick", settings=settings, device="cpu").run
    kept = load_model(RunFolder(run).model_file).kept
    assert kept is not None
    assert kept.about.weights == BY_SOUND
    (out,) = generate(run, performance, tmp_path / "out.mp4", end=1)
    assert out.stat().st_size > 1000
    with pytest.raises(UserError, match="preview: expected more than 0 seconds; got -1"):
        generate(run, performance, tmp_path / "other.mp4", preview=-1)


def test_a_new_training_whose_frames_cannot_be_kept_leaves_no_folder(
    performance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise UserError("picture: expected a smaller one")

    def learnt(steps: int, *, keeping: bool = True) -> None:
        settings = {**TINY, "losses.perceptual": 0.0, "training.steps": steps}
        with monkeypatch.context() as patch:
            if not keeping:
                patch.setattr("listen_and_move.training.loop.keep_training_frames", refused)
            train(performance, tmp_path / "run", preset_name="quick", settings=settings, device="cpu")

    with pytest.raises(UserError, match="expected a smaller one"):
        learnt(1, keeping=False)
    assert not (tmp_path / "run").exists()
    learnt(1)
    with pytest.raises(UserError, match="expected a smaller one"):
        learnt(2, keeping=False)
    assert (tmp_path / "run" / "model.safetensors").exists(), "a run of before stays"
