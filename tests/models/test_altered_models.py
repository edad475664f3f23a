"""Model files that were altered in every way are played, or refused in one line, in little memory."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.fuzz.mutations import altered_value
from benchmarks.fuzz.outcomes import judged
from benchmarks.fuzz.tensor_files import ALTERATIONS, StoredTensor, TensorFileParts
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.made_up import SAME_EVERYWHERE, put_anywhere
from tests.refusals import refusal_of

from listen_and_move.cli.main import run_command
from listen_and_move.errors import UserError, printable
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.picture_pipelines import PictureChoice, model_pipeline
from listen_and_move.inference.stage import PlaySettings
from listen_and_move.media.frame_archive import MOST_GROUP, FrameReader
from listen_and_move.models.checkpoint import ENTRY, load_model
from listen_and_move.models.kept_frames import ENTRY as KEPT_ENTRY
from listen_and_move.models.kept_frames import held_frames
from listen_and_move.runs import RunFolder

SOUND = np.sin(np.arange(9_600) ** 1.5 / 90).astype(np.float32)  # three frames
MANY = 200_000_000
"""Bytes; the file has a hundredth of them."""


@pytest.fixture(scope="module")
def good(filmed: Path) -> TensorFileParts:
    """The parts of a model that keeps its frames."""
    return TensorFileParts.of(RunFolder(filmed).model_file.read_bytes())


def play(file: Path) -> None:
    """Plays a model in each of its pictures; refuses no other way than by one line."""

    def play_each() -> None:
        animator = Animator.load(file, "cpu")
        for picture in ("drawn", "path", "composed"):
            if picture == "drawn" or animator.model.kept is not None:
                pipeline = model_pipeline(animator, PictureChoice(picture), file.name)
                shown = list(pipeline.frames([SOUND], PlaySettings()))
                assert shown
                assert all(picture.dtype == np.uint8 for picture in shown)

    said = str(refusal_of(play_each))
    assert printable(said) == said
    assert len(said) < 2000


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers that no training makes
@settings(SAME_EVERYWHERE, max_examples=80)
@given(name=st.sampled_from(sorted(ALTERATIONS)), seed=st.integers(0, 2**32))
def test_altered_files_are_played_or_refused(
    tmp_path: Path, good: TensorFileParts, name: str, seed: int
) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(ALTERATIONS[name](good, Random(seed)))
    play(file)


@pytest.mark.parametrize("entry", [ENTRY, KEPT_ENTRY])
@settings(SAME_EVERYWHERE, max_examples=25)
@given(data=st.data())
def test_entries_of_any_json(tmp_path: Path, good: TensorFileParts, entry: str, data: st.DataObject) -> None:
    """A value of any kind in the place of each that an entry holds."""
    values = json.loads(good.metadata[entry])
    put_anywhere(values, data)
    file = tmp_path / "model.safetensors"
    file.write_bytes(good._replace(metadata={**good.metadata, entry: json.dumps(values)}).content())
    play(file)
    error = refusal_of(lambda: held_frames(file))
    if error is not None:
        assert str(tmp_path) not in error.message
        assert printable(error.message) == error.message


def with_settings(good: TensorFileParts, change: Callable[[dict[str, Any]], None]) -> bytes:
    entry = json.loads(good.metadata[ENTRY])
    change(entry["settings"])
    return good._replace(metadata={**good.metadata, ENTRY: json.dumps(entry)}).content()


@pytest.mark.parametrize(
    "change",
    [
        lambda each: each["generator"].update(channels_base=65536, channels_max=65536),
        lambda each: each["generator"].update(norm_bottleneck=65536),
        lambda each: each["clip"].update(size="1792"),
        lambda each: each["features"].update(past=64, future=64, bands=256, context_bands=256),
        lambda each: each["motion"].update(noise=256, layers=8, dilation=1),
    ],
)
def test_a_huge_network_is_refused_before_it_is_built(
    tmp_path: Path, good: TensorFileParts, change: Callable[[dict[str, Any]], None]
) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(with_settings(good, change))
    outcome = judged(0, "huge", lambda: load_model(file))
    assert outcome.outcome == "refused"
    assert "names or sizes differ" in outcome.said
    assert outcome.bytes < MANY


def test_nothing_is_allocated_for_what_a_header_says(tmp_path: Path, good: TensorFileParts) -> None:
    content = good.content()
    for length in (10**8, 2**40, 2**64 - 1):
        file = tmp_path / "model.safetensors"
        file.write_bytes(length.to_bytes(8, "little") + content[8:])
        outcome = judged(0, "length", lambda file=file: load_model(file))
        assert outcome.outcome == "refused"
        assert outcome.bytes < MANY


@pytest.mark.parametrize(
    "name", ["features.mean", "novelty.chunks", "novelty.distance", "path.centre", "path.components"]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 3), (0,), (0, 10**9)])
def test_tensors_of_other_shapes_are_named(
    tmp_path: Path, good: TensorFileParts, name: str, shape: tuple[int, ...]
) -> None:
    if good.tensors[name].shape == shape:
        return
    tensor = StoredTensor("F32", shape, bytes(4 * int(np.prod(shape))))
    file = tmp_path / "model.safetensors"
    file.write_bytes(good.with_tensor(name, tensor).content())
    with pytest.raises(UserError, match=f"expected '{name}' as"):
        load_model(file)


def test_a_terminal_is_not_written_to_by_a_model(
    tmp_path: Path, good: TensorFileParts, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202e"
    file = tmp_path / "model.safetensors"
    chance = Random(0)
    for change in (
        lambda each: each.update({hostile: 1}),
        lambda each: each["clip"].update({hostile: altered_value(1, chance)}),
        lambda each: each["clip"].update(size=hostile),
        lambda each: each["features"].update(kind=hostile),
    ):
        file.write_bytes(with_settings(good, change))
        assert run_command(["generate", str(file), "sound.wav"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "\x1b" not in said
        assert "\u202e" not in said
        assert "expected" in said


def test_damage_that_the_decoder_reports_is_told(filmed: Path) -> None:
    """Of 100 flipped bits most: others are another picture of the same right to be one."""
    kept = load_model(RunFolder(filmed).model_file).kept
    assert kept is not None
    length = kept.packets.length
    good, chance, told = kept.packets.read(0, length), Random(0), list[str]()
    for _ in range(100):
        data = bytearray(good)
        data[chance.randrange(length)] ^= 1 << chance.randrange(8)
        reader = FrameReader(
            "m", kept.about.header, kept.sizes, length, lambda a, b, data=data: bytes(data[a:b])
        )
        error = refusal_of(lambda reader=reader: [reader.frame(number) for number in range(len(reader))])
        told += [] if error is None else [error.message]
    assert all("the file is damaged" in message for message in told)
    assert len(told) >= 50


def test_groups_of_frames_are_bounded_in_memory(filmed: Path) -> None:
    kept = load_model(RunFolder(filmed).model_file).kept
    assert kept is not None
    header = kept.about.header._replace(width=4096, height=4096, group=MOST_GROUP)
    with pytest.raises(UserError, match="expected groups"):
        FrameReader("m", header, kept.sizes, kept.packets.length, kept.packets.read)
    animator = Animator(load_model(RunFolder(filmed).model_file))
    bias = animator.network.generator.picture.convolution.bias
    assert bias is not None
    with torch.no_grad():
        bias.fill_(torch.nan)
    pipeline = model_pipeline(animator, PictureChoice("drawn"), "m")
    with pytest.raises(UserError, match="finite"):
        list(pipeline.frames([SOUND], PlaySettings()))
