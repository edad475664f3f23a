"""A checkpoint that is damaged in any way is refused in one line, which says how to go on from the model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import torch
from benchmarks.fuzz.tensor_files import ALTERATIONS, StoredTensor, TensorFileParts
from hypothesis import given
from hypothesis import strategies as st
from tests.made_up import SAME_EVERYWHERE, put_anywhere
from tests.refusals import refusal_of

from listen_and_move.errors import UserError, printable
from listen_and_move.models.checkpoint import load_model
from listen_and_move.runs import RunFolder
from listen_and_move.training.loop import train
from listen_and_move.training.state import load_state
from listen_and_move.training.trainer import TrainingProgress

CPU = torch.device("cpu")
MORE = {"training.steps": 6}


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> RunFolder:
    """A run of 4 steps, which may be damaged."""
    return RunFolder(Path(shutil.copytree(trained, tmp_path / "run")))


def refused(video: Path, run: RunFolder) -> UserError:
    """Goes on with a run and returns what is said; nothing but the lock has changed."""
    model = run.model_file.read_bytes()
    with pytest.raises(UserError) as told:
        train(video, run.path, settings=MORE, device="cpu")
    assert printable(str(told.value)) == str(told.value)
    assert run.model_file.read_bytes() == model
    return told.value


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def of_a_model(file: Path) -> None:
    shutil.copy(file.parents[1] / "model.safetensors", file)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_file_for_the_folder(file: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.write_text("gone")


def pickled(file: Path) -> None:
    torch.save({"x": torch.ones(2)}, file)


DAMAGES = (emptied, cut, of_a_model, a_folder, a_file_for_the_folder, pickled)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_says_how_to_go_on(
    performance: Path, run: RunFolder, damage: Callable[[Path], None]
) -> None:
    damage(run.state_file)
    error = refused(performance, run)
    assert f"delete {run.state_file.parent}" in error.hint
    assert "from the model of step 4" in error.hint
    place = run.state_file.parent
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    notes: list[str] = []

    def watch(progress: TrainingProgress) -> None:
        notes.extend([progress.note] if progress.note else [])

    result = train(performance, run.path, settings=MORE, device="cpu", watch=watch)
    assert (result.step, result.finished) == (6, True)
    assert len(notes) == 1
    assert "no checkpoint is there: goes on from the model of step 4" in notes[0]
    steps = [json.loads(line)["step"] for line in run.metrics_file.read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert steps[-1] == 6
    assert load_model(run.model_file).step == 6


def test_what_is_learnt_from_a_model_begins_with_its_weights(performance: Path, run: RunFolder) -> None:
    before = load_model(run.model_file).network.state_dict()
    run.state_file.unlink()
    train(performance, run.path, settings={"training.steps": 5, "training.sample_every": 9}, device="cpu")
    after = load_model(run.model_file).network.state_dict()
    weights = [name for name in before if name.endswith((".weight", ".weight_ih"))]
    moved = [float((after[name] - before[name]).abs().max()) for name in weights]
    assert 0 < max(moved) < 0.01, "one step of Adam moves a weight by little more than its rate"


def test_without_a_model_there_is_nothing_to_go_on_from(performance: Path, run: RunFolder) -> None:
    run.state_file.write_bytes(b"")
    run.model_file.write_bytes(b"")
    assert refused(performance, run).hint == "start another --run"


@SAME_EVERYWHERE
@given(name=st.sampled_from(sorted(ALTERATIONS)), seed=st.integers(0, 2**32))
def test_altered_checkpoints_are_loaded_or_refused(
    tmp_path: Path, trained: Path, name: str, seed: int
) -> None:
    run, file = RunFolder(trained), tmp_path / "state.safetensors"
    file.write_bytes(ALTERATIONS[name](TensorFileParts.of(run.state_file.read_bytes()), Random(seed)))

    def load() -> None:
        state = load_state(file, run.config(), CPU)
        assert state.lanes is not None
        assert len(state.positions) == run.config().training.lanes

    error = refusal_of(load)
    assert printable(str(error)) == str(error)


@pytest.mark.parametrize(
    "name", ["random", "optimizer/generator/0/exp_avg", "lanes/motion/0", "video_critic/"]
)
def test_every_tensor_of_another_shape_is_refused(tmp_path: Path, trained: Path, name: str) -> None:
    run, file = RunFolder(trained), tmp_path / "state.safetensors"
    parts = TensorFileParts.of(run.state_file.read_bytes())
    name = next(each for each in parts.tensors if each.startswith(name))
    tensor = parts.tensors[name]
    wider = StoredTensor(tensor.dtype, (2, *tensor.shape), 2 * tensor.data)
    bytes_alone = StoredTensor("I8", (len(tensor.data),), tensor.data)
    for other in (wider, bytes_alone):
        file.write_bytes(parts.with_tensor(name, other).content())
        with pytest.raises(UserError, match="damaged or of another one: expected"):
            load_state(file, run.config(), CPU)


@SAME_EVERYWHERE
@given(data=st.data(), name=st.sampled_from(["config.json", "environment.json", "metrics.jsonl"]))
def test_run_folders_with_any_json(tmp_path: Path, trained: Path, data: st.DataObject, name: str) -> None:
    """A value of any kind in the place of each that a file of a run holds, or of the whole file."""
    run = RunFolder(tmp_path)
    for each in (run.config_file, run.environment_file, run.metrics_file):
        shutil.copy(trained / each.name, each)
    file = tmp_path / name
    values = json.loads(file.read_text().splitlines()[0] if name == "metrics.jsonl" else file.read_text())
    other = put_anywhere(values, data)
    file.write_text(json.dumps(values if data.draw(st.integers(0, 9)) else other))
    films = (lambda: run.films.video(), lambda: run.films.videos(), lambda: run.films.check_scene(2))
    for read in (run.config, *films):
        error = refusal_of(read)
        assert printable(str(error)) == str(error)
    assert all(type(line["step"]) is int for line in run.metrics())
