"""Kept frames in a file: what is damaged is told in a line, and opening does not read the packets."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from listen_and_move.errors import UserError
from listen_and_move.models.checkpoint import load_model, read_frames_file, read_tensors
from listen_and_move.models.kept_frames import ENTRY
from listen_and_move.models.packets import PACKETS
from listen_and_move.runs import RunFolder


@pytest.fixture
def model(filmed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(RunFolder(filmed).model_file, tmp_path / "model.safetensors"))


def rewritten(model: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The file with another header, tensors as they were."""
    data = model.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    model.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def entry(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def changed(header: dict[str, Any]) -> None:
        values = json.loads(header["__metadata__"][ENTRY])
        change(values)
        header["__metadata__"][ENTRY] = json.dumps(values)

    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.pop("fps"),
        lambda values: values.update(fps="1e999999"),
        lambda values: values.update(fps="0"),
        lambda values: values.update(start="nan"),
        lambda values: values.update(weights={"sound": -1, "guide": 0}),
        lambda values: values.update(weights={"sound": float("nan"), "guide": 0}),
        lambda values: values.update(weights=3),
        lambda values: values["frames"].update(width=1_000_000),
        lambda values: values["frames"].update(frames=3),
        lambda values: values["frames"].update(group=0),
        lambda values: values["frames"].update(more=1),
        lambda values: values.update(frames="many"),
    ],
)
def test_entries_that_make_no_sense(model: Path, change: Callable[[dict[str, Any]], None]) -> None:
    rewritten(model, entry(change))
    with pytest.raises(UserError, match="damaged") as error:
        load_model(model)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 100_000, "{}"])
def test_an_entry_that_is_none(model: Path, text: str) -> None:
    rewritten(model, lambda header: header["__metadata__"].update({ENTRY: text}))
    with pytest.raises(UserError, match="damaged"):
        load_model(model)


@pytest.mark.parametrize(
    "name", ["kept.sizes", "kept.positions", "path.features", "path.components", PACKETS]
)
def test_tensors_that_are_not_there(model: Path, name: str) -> None:
    def renamed(header: dict[str, Any]) -> None:
        header["other"] = header.pop(name)

    rewritten(model, renamed)
    with pytest.raises(UserError, match="damaged"):
        load_model(model)


def test_a_model_without_frames_is_as_before(trained: Path) -> None:
    tensors, metadata = read_tensors(RunFolder(trained).model_file)
    assert ENTRY not in metadata
    assert not any(name.startswith(("kept.", "path.")) for name in tensors)
    assert load_model(RunFolder(trained).model_file).kept is None


def test_the_weights_are_the_same_with_and_without_frames(trained: Path, filmed: Path) -> None:
    plain, with_frames = (read_tensors(RunFolder(run).model_file)[0] for run in (trained, filmed))
    assert set(plain) < set(with_frames)
    assert all(torch.equal(plain[name], with_frames[name]) for name in plain)


def test_opening_does_not_read_the_packets(filmed: Path) -> None:
    tensors, _ = read_tensors(RunFolder(filmed).model_file)
    assert PACKETS not in tensors


def test_a_file_of_something_else(trained: Path) -> None:
    with pytest.raises(UserError, match="expected kept frames"):
        read_frames_file(RunFolder(trained).model_file)


def test_stretches_and_places(filmed: Path) -> None:
    kept = load_model(RunFolder(filmed).model_file).kept
    assert kept is not None
    last = int(kept.positions[-1])
    assert kept.stretch(3) == (0, last)
    assert kept.place(last + 100) == last
    assert kept.place(-5) == 0
    assert kept.described().endswith("MB")
    assert "64x64 pixels" in kept.described()
