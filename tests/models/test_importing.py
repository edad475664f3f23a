"""Import of the authors' checkpoints: the same input gives the same frames, and nothing in a file is run."""

import os
import re
from pathlib import Path
from random import Random
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch
from benchmarks.fuzz.mutations import altered_bytes
from benchmarks.fuzz.outcomes import judged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from tests.refusals import refusal_of
from torch import Tensor

from listen_and_move.cli.main import run_command
from listen_and_move.errors import UserError, printable
from listen_and_move.models.checkpoint import load_model
from listen_and_move.models.importing import import_checkpoint

GOLDEN = Path(__file__).parents[1] / "golden"


def published(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The authors' weights under their names; inputs and outputs."""
    tensors = load_file(GOLDEN / f"{name}.safetensors")
    weights = {
        key.removeprefix("param."): value for key, value in tensors.items() if key.startswith("param.")
    }
    return weights, {
        key.removeprefix("io."): value for key, value in tensors.items() if key.startswith("io.")
    }


def saved(content: object, folder: Path) -> Path:
    path = folder / "authors.model"
    torch.save(content, path)
    return path


FORMS = {
    "plain": lambda weights: weights,
    "model": lambda weights: {"model": weights, "step": 7},
    "state_dict, parallel": lambda weights: {
        "state_dict": {f"module.{name}": each for name, each in weights.items()}
    },
}


@pytest.mark.parametrize(
    ("name", "form"), [("rnn", "plain"), ("gen", "model"), ("rnngen", "state_dict, parallel")]
)
def test_the_same_frames_as_the_authors(name: str, form: str, tmp_path: Path) -> None:
    weights, io = published(f"network_{name}")
    imported = import_checkpoint(saved(FORMS[form](weights), tmp_path), tmp_path / "model.safetensors")
    model = load_model(imported.path)
    first, state = model.network(io["feats1"], io["noise1"])
    second, _ = model.network(io["feats2"], io["noise2"], state)
    assert torch.allclose(first, io["video1"], atol=1e-5)
    assert torch.allclose(second, io["video2"], atol=1e-5)
    assert model.config == imported.config
    assert model.config.clip.size == "32"
    assert model.config.motion.noise == 2
    routes = (
        model.config.motion.sound,
        model.config.generator.sound_content,
        model.config.generator.sound_norm,
    )
    assert (
        routes
        == {"rnn": (True, False, False), "gen": (False, True, False), "rnngen": (True, True, True)}[name]
    )


def test_what_weights_cannot_say_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = saved(published("network_rnn")[0], tmp_path), tmp_path / "model.safetensors"
    assert run_command(["import", str(path), "--out", str(out), "--fps", "25", "--chunk-ms", "100"]) == 0
    printed = capsys.readouterr().out
    assert "tell: --kind lms" in printed
    assert "tell: --motion-noise 2" in printed
    assert "--fps" not in printed
    assert "tell: --dilation 2" in printed
    config = load_model(out).config
    assert config.clip.fps == "25"
    assert config.features.chunk_ms == 100.0
    assert config.features.bands == 64


class Malicious:
    """Makes a folder when it is unpickled by a careless program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_never_runs(tmp_path: Path) -> None:
    weights, _ = published("network_rnn")
    for content in (Malicious(tmp_path / "harm"), {"model": weights, "more": Malicious(tmp_path / "harm")}):
        with pytest.raises(UserError, match="holds code, which is not run"):
            import_checkpoint(saved(content, tmp_path), tmp_path / "model.safetensors")
    assert {item.name for item in tmp_path.iterdir()} == {"authors.model"}


def without(weights: dict[str, Tensor], *ends: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in weights.items() if not name.endswith(ends)}


START, SHORTCUT = "generator.format_layer.1.module.0.conv.weight", "generator.layers.1.residual.conv.weight"


@pytest.mark.parametrize(
    ("change", "options", "saying"),
    [
        (
            lambda weights: without(weights, SHORTCUT),
            [],
            "1 are missing, such as generator.blocks.1.shortcut.weight",
        ),
        (lambda weights: weights | {SHORTCUT: torch.zeros(16, 31, 1, 1)}, [], "1 are of another shape"),
        (
            lambda weights: weights | {START: torch.zeros(32, 131, 3, 3)},
            [],
            "content noise cannot be imported",
        ),
        (lambda weights: weights | {"audio.weight": torch.zeros(2)}, [], "audio.weight is none of them"),
        (
            lambda weights: {name: each for name, each in weights.items() if name.startswith("motion")},
            [],
            "none of generator",
        ),
        (
            lambda weights: {
                name.replace("vp_layers.2", "vp_layers.1"): each for name, each in weights.items()
            },
            [],
            "another shape",
        ),
        (lambda weights: weights, ["--kind", "mfcc"], "this network hears 64"),
        (lambda weights: weights, ["--motion-noise", "3"], "motion-noise: expected 2"),
        (lambda weights: weights, ["--fps", "zero"], "fps: expected a number or a fraction"),
        (lambda weights: [1, 2], [], "expected tensors by their names"),
        (lambda weights: {"model": {"epoch": 3}}, [], "expected tensors by their names"),
    ],
)
def test_other_checkpoints_are_refused_in_one_line(change, options, saying, tmp_path: Path, capsys) -> None:
    path, out = saved(change(published("network_rnngen")[0]), tmp_path), tmp_path / "model.safetensors"
    assert run_command(["import", str(path), "--out", str(out), *options]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert saying in message
    assert not out.exists()


def altered(weights: dict[str, Tensor], chance: Random) -> dict[str, object]:
    """The weights with another name, shape, type or value of one."""
    name = chance.choice(list(weights))
    tensor = weights[name]
    count = tensor.numel()
    shapes = [(), (0,), (count,), (1, count), (1, *tensor.shape), tensor.shape[::-1], (2, 2, 2, 2, 2)]
    others = [
        *(torch.zeros(shape) for shape in shapes),
        tensor.double() * 1e300,
        tensor.bool(),
        tensor.to(torch.complex64),
        tensor.to_sparse(),
        torch.zeros(1).expand(10**6, 10**6),
        tensor.double() * torch.nan,
        tensor.to("meta"),
        "text",
        None,
        7,
    ]
    if chance.random() < 0.7:
        return {**weights, name: chance.choice(others)}
    digits = "9" * chance.choice([1, 3, 5, 5000])
    names = [re.sub(r"\d+", digits, name), "\x1b[2J", name[::-1], f"module.{name}", f"generator.{name}", ""]
    return {chance.choice(names) if key == name else key: each for key, each in weights.items()}


@settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.sampled_from(["network_rnn", "network_gen", "network_rnngen"]), seed=st.integers(0, 2**32))
def test_altered_checkpoints_are_imported_or_refused(tmp_path: Path, name: str, seed: int) -> None:
    chance = Random(seed)
    path, out = saved(altered(published(name)[0], chance), tmp_path), tmp_path / "model.safetensors"
    if chance.random() < 0.3:
        path.write_bytes(altered_bytes(path.read_bytes(), chance))
    error = refusal_of(lambda: import_checkpoint(path, out, overwrite=True))
    assert printable(str(error)) == str(error)
    if error is None:
        load_model(out)


def test_what_is_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    weights, out = published("network_rnn")[0], tmp_path / "model.safetensors"
    path = saved(weights | {START: torch.zeros(1).expand(65536, 65536, 3, 3)}, tmp_path)
    outcome = judged(0, "repeated", lambda: import_checkpoint(path, out))
    assert outcome.outcome == "refused"
    assert "as large as they are stored" in outcome.said
    whole, bomb = saved({"weights": torch.zeros(3 * 10**7)}, tmp_path), tmp_path / "bomb.model"
    with ZipFile(whole) as stored, ZipFile(bomb, "w", ZIP_DEFLATED) as packed:
        for each in stored.infolist():
            packed.writestr(each.filename, stored.read(each))
    outcome = judged(0, "compressed", lambda: import_checkpoint(bomb, out))
    assert bomb.stat().st_size < 10**6
    assert outcome.outcome == "refused"
    assert outcome.bytes < 5 * 10**7
    assert not out.exists()


def test_a_checkpoint_may_hold_itself(tmp_path: Path) -> None:
    content: dict[str, object] = {}
    content["model"] = content
    with pytest.raises(UserError, match="expected tensors by their names"):
        import_checkpoint(saved(content, tmp_path), tmp_path / "model.safetensors")


def test_files_that_are_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "text.model").write_text("no checkpoint")
    with pytest.raises(UserError, match="damaged, something else"):
        import_checkpoint(tmp_path / "text.model", tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="there is no such file"):
        import_checkpoint(tmp_path / "none.model", tmp_path / "model.safetensors")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path, out = saved(published("network_gen")[0], tmp_path), tmp_path / "model.safetensors"
    out.write_text("mine")
    with pytest.raises(UserError, match="give --overwrite"):
        import_checkpoint(path, out)
    assert out.read_text() == "mine"
    import_checkpoint(path, out, overwrite=True)
    assert load_model(out).config.generator.sound_content
