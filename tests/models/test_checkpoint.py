"""The model file: round trip, equal models, and what is refused."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from listen_and_move.audio.features import FeatureExtractor
from listen_and_move.audio.novelty import Repertoire
from listen_and_move.data.clip import load_clip
from listen_and_move.errors import UserError
from listen_and_move.models.checkpoint import ENTRY, load_model, read_tensors, save_model
from listen_and_move.runs import RunFolder


def test_a_model_survives_a_round_trip_as_the_same_file(trained: Path, tmp_path: Path) -> None:
    original = RunFolder(trained).model_file
    save_model(tmp_path / "copy.safetensors", load_model(original))
    assert (tmp_path / "copy.safetensors").read_bytes() == original.read_bytes()


def test_it_is_readable_by_others_as_files_are(trained: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    assert RunFolder(trained).model_file.stat().st_mode == plain.stat().st_mode


def test_it_holds_no_time_and_no_path(trained: Path, performance: Path) -> None:
    _, metadata = read_tensors(RunFolder(trained).model_file)
    assert list(metadata) == [ENTRY]
    assert str(performance.parent) not in metadata[ENTRY]
    assert json.loads(metadata[ENTRY])["settings"]["clip"]["crop"] == "0,0,64,64"


def changed(path: Path, original: Path, **changes: object) -> Path:
    tensors, metadata = read_tensors(original)
    entry = json.loads(metadata[ENTRY]) | changes
    save_file(tensors, path, {ENTRY: json.dumps(entry)})
    return path


def test_a_newer_file_is_refused(trained: Path, tmp_path: Path) -> None:
    path = changed(tmp_path / "new.safetensors", RunFolder(trained).model_file, format=99)
    with pytest.raises(UserError, match="got 99: update listen-and-move"):
        load_model(path)


def test_hostile_settings_are_refused(trained: Path, tmp_path: Path) -> None:
    for changes, wrong in (
        ({"settings": []}, "settings"),
        ({"settings": {"clip": 3}}, "features is missing"),
        ({"step": "x"}, "step"),
        ({"level": []}, "level"),
        ({"level": "loud"}, "level"),
    ):
        path = changed(tmp_path / "odd.safetensors", RunFolder(trained).model_file, **changes)
        with pytest.raises(UserError, match=rf"odd\.safetensors: .*{wrong}"):
            load_model(path)


def test_weights_of_another_size_are_refused(trained: Path, tmp_path: Path) -> None:
    tensors, metadata = read_tensors(RunFolder(trained).model_file)
    tensors.pop(next(name for name in tensors if name.startswith("network.")))
    save_file(tensors, tmp_path / "part.safetensors", metadata)
    with pytest.raises(UserError, match="names or sizes differ"):
        load_model(tmp_path / "part.safetensors")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", ["network.generator.picture.convolution.weight", "level"])
def test_numbers_that_are_not_finite_are_refused(
    trained: Path, tmp_path: Path, number: float, place: str
) -> None:
    tensors, metadata = read_tensors(RunFolder(trained).model_file)
    if place == "level":
        metadata[ENTRY] = json.dumps(json.loads(metadata[ENTRY]) | {"level": number})
    else:
        tensors[place].view(-1)[-1] = number
    save_file(tensors, tmp_path / "model.safetensors", metadata)
    with pytest.raises(UserError, match=f"NaN or infinity in {place}") as told:
        load_model(tmp_path / "model.safetensors")
    assert "\n" not in str(told.value)


class Attack:
    """A pickle that would write a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_pickled_content_is_not_opened(tmp_path: Path, form: str) -> None:
    path, trace = tmp_path / "model.safetensors", tmp_path / "trace"
    if form == "torch":
        torch.save({"x": Attack(trace)}, path)
    else:
        path.write_bytes(pickle.dumps(Attack(trace)))
    with pytest.raises(UserError, match="could run code when opened"):
        load_model(path)
    assert not trace.exists()


@pytest.mark.parametrize("beginning", [b"\x80\x04", b"PK"])
def test_a_header_as_long_as_a_pickle_begins_is_none(tmp_path: Path, beginning: bytes) -> None:
    path, length = tmp_path / "model.safetensors", int.from_bytes(beginning, "little")
    without = len(save({"x": torch.ones(2)}, {"note": ""})) - 16
    path.write_bytes(save({"x": torch.ones(2)}, {"note": "." * (length - without)}))
    assert path.read_bytes().startswith(beginning)
    tensors, _ = read_tensors(path)
    assert tensors["x"].tolist() == [1, 1]


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 100, (10**6).to_bytes(8, "little") + b"{}"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged or something else"):
        load_model(path)


def test_truncated_and_foreign_files_are_refused(trained: Path, tmp_path: Path) -> None:
    whole = RunFolder(trained).model_file.read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged or something else"):
        load_model(tmp_path / "half")
    save_file({"x": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(UserError, match="is something else"):
        load_model(tmp_path / "foreign")
    with pytest.raises(UserError, match="there is none"):
        load_model(tmp_path / "missing")
    with pytest.raises(UserError, match="got a folder"):
        load_model(tmp_path)


def test_the_average_is_what_is_shared(trained: Path) -> None:
    model = load_file(RunFolder(trained).model_file)
    state = load_file(RunFolder(trained).state_file)
    name = "generator.picture.convolution.weight"
    assert torch.equal(model[f"network.{name}"], state[f"average/{name}"])
    assert not torch.equal(model[f"network.{name}"], state[f"network/{name}"])


def test_level_and_repertoire_survive_the_round_trip(
    trained: Path, performance: Path, tmp_path: Path
) -> None:
    model = load_model(RunFolder(trained).model_file)
    config = RunFolder(trained).config()
    clip = load_clip(performance, config)
    assert model.level is not None
    assert model.level == clip.level
    assert -60 < model.level < 0
    expected = Repertoire.of(
        clip.features, clip.train, FeatureExtractor(config.features, config.clip.rate, clip.statistics)
    )
    assert model.repertoire is not None
    assert torch.equal(model.repertoire.chunks, expected.chunks)
    assert torch.equal(model.repertoire.distance, expected.distance)
    silent = model._replace(level=None)
    save_model(tmp_path / "silent.safetensors", silent)
    assert load_model(tmp_path / "silent.safetensors").level is None


def test_files_from_before_levels_were_kept_still_load(trained: Path, tmp_path: Path) -> None:
    tensors, metadata = read_tensors(RunFolder(trained).model_file)
    entry = json.loads(metadata[ENTRY])
    del entry["level"]
    old = {name: tensor for name, tensor in tensors.items() if not name.startswith("novelty.")}
    save_file(old, tmp_path / "old.safetensors", {ENTRY: json.dumps(entry)})
    model = load_model(tmp_path / "old.safetensors")
    assert model.level is None
    assert model.repertoire is None
    assert model.step == 4
