"""`benchmarks.discussion`: each row changes what it says and nothing else, goes on exactly, and plays."""

import signal
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from benchmarks.discussion.__main__ import DiscussionArguments, study
from benchmarks.discussion.encoders import COMPRESSED, ConditioningAugmentation, EncodedNetwork, divergence
from benchmarks.discussion.joint import JointAdversary
from benchmarks.discussion.norms import ConditionalPixelNorm
from benchmarks.discussion.rows import ROWS, SETTINGS
from torch import Tensor, nn

from listen_and_move.cli.arguments import parse
from listen_and_move.config import Config
from listen_and_move.data.clip import Clip, load_clip
from listen_and_move.errors import UserError
from listen_and_move.models.build import build_network
from listen_and_move.models.checkpoint import Model, load_model, save_model
from listen_and_move.models.generator import Network
from listen_and_move.models.norms import BatchNorm, InstanceNorm, PixelNorm
from listen_and_move.settings import from_preset
from listen_and_move.training import trainer
from listen_and_move.training.batches import Batch, Batches
from listen_and_move.training.randomness import draw_step_noise
from listen_and_move.training.state import TrainingState, fresh_state, load_state, save_state
from listen_and_move.training.validation import play
from tests.conftest import TINY

CPU = torch.device("cpu")
SMALL = {
    **TINY,
    "clip.size": "16",
    "generator.channels_max": 8,
    "critics.channels_max": 8,
    "losses.perceptual": 0.0,
}


class Step(NamedTuple):
    """What a step of training computed from, and its losses."""

    batch: Batch
    losses: dict[str, float]


class Trained(NamedTuple):
    """A row after some steps."""

    state: TrainingState
    steps: list[Step]
    saves: list[bytes]
    """The checkpoints of every step."""


def config_of(name: str) -> Config:
    return from_preset("paper", {**SETTINGS, **SMALL, **ROWS[name].settings})


def steps(state: TrainingState, clip: Clip, config: Config, count: int) -> list[Step]:
    """Trains some steps, within the context of a row."""
    done, batches = [], Batches(clip, config, CPU)
    for _ in range(count):
        batch, positions = batches.next(state)
        losses = trainer.training_step(state, batch, config)
        state.positions = positions
        done.append(Step(batch, {name: float(loss) for name, loss in losses.items()}))
    return done


@pytest.fixture(scope="module")
def clip(performance: Path) -> Clip:
    return load_clip(performance, config_of("published"))


@pytest.fixture(scope="module")
def trained(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """Every row after three steps."""
    file, found = tmp_path_factory.mktemp("rows") / "state.safetensors", {}
    for name, row in ROWS.items():
        config = config_of(name)
        with row.within():
            state, done, saves = fresh_state(config, CPU), [], []
            for _ in range(3):
                done += steps(state, clip, config, 1)
                save_state(file, state)
                saves.append(file.read_bytes())
        found[name] = Trained(state, done, saves)
    return found


@pytest.mark.parametrize("name", ROWS)
def test_a_training_that_goes_on_is_the_same_to_the_byte(
    name: str, trained: dict[str, Trained], clip: Clip, tmp_path: Path
) -> None:
    config, file = config_of(name), tmp_path / "state.safetensors"
    file.write_bytes(trained[name].saves[0])
    with ROWS[name].within():
        state = load_state(file, config, CPU)
        steps(state, clip, config, 2)
        save_state(file, state)
    assert file.read_bytes() == trained[name].saves[2]


@pytest.mark.parametrize("name", ROWS)
def test_a_row_draws_what_the_published_one_draws_and_learns_all_its_weights(
    name: str, trained: dict[str, Trained]
) -> None:
    row, published = trained[name], trained["published"]
    assert torch.equal(row.state.random.get_state(), published.state.random.get_state())
    for mine, theirs in zip(row.steps, published.steps, strict=True):
        for part in ("real", "features", "noise"):
            assert torch.equal(getattr(mine.batch, part), getattr(theirs.batch, part))
        assert all(np.isfinite(loss) for loss in mine.losses.values())
    with ROWS[name].within():
        first = fresh_state(config_of(name), CPU)
    for module, before in first.modules.items():
        after = dict(row.state.modules[module].named_parameters())
        for weight, values in before.named_parameters():
            if weight == "decision.bias":  # Wasserstein's loss is that of differences of scores
                continue
            assert not torch.equal(values, after[weight]), f"{module}: {weight}"


@pytest.mark.parametrize("name", ROWS)
def test_playing_is_the_same_each_time_and_stays_so_in_a_file(
    name: str, trained: dict[str, Trained], clip: Clip, tmp_path: Path
) -> None:
    network, config, file = deepcopy(trained[name].state.network), config_of(name), tmp_path / "model"
    # Few steps draw a plain grey.
    weight = nn.init.normal_(network.generator.picture.convolution.weight, std=3e3)
    with torch.no_grad():
        weight[1] = -weight[0]  # red where there is no green: neither all white nor all black
    frames, again = (play(network, clip, config, range(8)) for _ in range(2))
    save_model(file, Model(network, config, clip.statistics, 3))
    with ROWS[name].within():
        opened = load_model(file).network
    assert frames.std() > 10
    assert np.array_equal(frames, again)
    assert np.array_equal(frames, play(opened, clip, config, range(8)))
    if name in ("compressed", "augmented", "pixel"):
        with pytest.raises(UserError, match="expected the weights that its settings describe"):
            load_model(file)
    else:  # the network is the published one
        assert np.array_equal(frames, play(load_model(file).network, clip, config, range(8)))


def test_all_routes_hear_the_compressed_sound_alone() -> None:
    with ROWS["compressed"].within():
        network = build_network(config_of("compressed"))
    assert isinstance(network, EncodedNetwork)
    assert network.generator.start.convolution.in_channels == 2 + 2 * COMPRESSED
    matrix = network.encoder.get_parameter("linear.weight").detach()
    assert matrix.shape == (COMPRESSED, 64)
    unheard = torch.linalg.svd(matrix).Vh[COMPRESSED:].sum(0)  # what the encoder maps to nothing
    sound, noise = torch.full((1, 3, 64), -30.0), torch.rand(1, 3, 2)

    def heard(sound: Tensor) -> list[Tensor]:
        z, norm, _ = network.listen(sound, noise)
        return [*z.split([2 + COMPRESSED, COMPRESSED], dim=-1), norm]

    wanted = heard(sound)
    torch.testing.assert_close(heard(sound + unheard), wanted, atol=1e-4, rtol=0)
    for route, other in zip(wanted, heard(sound + matrix[0]), strict=True):
        assert (route - other).abs().max() > 1e-3


def test_conditioning_augmentation_draws_in_training_and_means_in_playing() -> None:
    encoder, sound = ConditioningAugmentation(4), torch.full((1, 5, 4), -30.0)
    first, second = encoder(sound), encoder(sound)
    assert len(torch.cat([first, second], dim=1)[0].unique(dim=0)) == 10, "every frame has a draw of its own"
    mean, log_variance = encoder.distribution(sound)
    samples = torch.cat([encoder(sound) for _ in range(2000)]).flatten(0, 1)
    torch.testing.assert_close(samples.mean(0), (mean[0, 0] - 1) * 40, atol=2.0, rtol=0)
    torch.testing.assert_close(samples.std(0), 40 * (log_variance[0, 0] / 2).exp(), atol=0, rtol=0.05)
    assert torch.equal(encoder.eval()(sound), (mean - 1) * 40)


def test_trainings_of_other_seeds_draw_other_samples() -> None:
    drawn = []
    for seed in range(3):
        torch.manual_seed(seed)
        encoder = ConditioningAugmentation(4)
        nn.init.zeros_(encoder.moments.weight)
        nn.init.zeros_(encoder.moments.bias)
        drawn += [encoder(torch.zeros(1, 1, 4)).detach() for _ in range(4)]
    assert len(torch.cat(drawn).flatten(1).unique(dim=0)) == 12


def test_the_divergence_joins_the_loss_of_the_pictures() -> None:
    with ROWS["augmented"].within():
        network = build_network(config_of("augmented"))
    assert isinstance(network, EncodedNetwork)
    encoder = network.encoder
    assert isinstance(encoder, ConditioningAugmentation)
    nn.init.normal_(encoder.moments.weight)
    sound, noise, found = torch.linspace(-80, 0, 64).expand(1, 3, 64), torch.rand(1, 3, 2), list[float]()
    for _ in range(10):
        encoder.zero_grad()
        (0 * network(sound, noise)[0].sum()).backward()
        joined = encoder.moments.weight.grad
        assert joined is not None
        loss = divergence(*encoder.distribution(sound))
        torch.testing.assert_close(joined, torch.autograd.grad(loss, encoder.moments.weight)[0])
        found.append(loss.item())
        with torch.no_grad():
            encoder.moments.weight -= 0.02 * joined
    assert found == sorted(found, reverse=True)


def test_the_divergence_is_that_from_the_standard_normal_distribution() -> None:
    mean, log_variance = torch.randn(2, 1, 5, 64, generator=torch.Generator().manual_seed(0))
    described = torch.distributions.Normal(mean, (log_variance / 2).exp())
    wanted = torch.distributions.kl_divergence(described, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mean, log_variance), wanted.mean())


def test_spectral_norm_holds_every_convolution_and_passes_second_derivatives(
    trained: dict[str, Trained],
) -> None:
    state, batch = trained["spectral"].state, trained["spectral"].steps[-1].batch
    noise = draw_step_noise(config_of("spectral"), batch.real, True, torch.Generator().manual_seed(0))
    for adversary in state.adversaries:
        layers = dict(adversary.discriminator.named_modules())
        assert not [name for name, each in layers.items() if isinstance(each, BatchNorm)]
        convolutions = {
            name: each for name, each in layers.items() if isinstance(each, nn.Conv2d | nn.Conv3d)
        }
        assert len(convolutions) == 3 * 2 + 1  # two layers: of the image, two of the layer; the decision
        for name, layer in convolutions.items():
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
            assert float(largest) == pytest.approx(1, abs=0.02), name
        estimates, calls = [each for name, each in layers.items() if name.endswith(".weight.0")], list[str]()
        hooks = [each.register_forward_hook(lambda *_, calls=calls: calls.append("")) for each in estimates]
        adversary.discriminator(adversary.view(batch.real, noise))
        assert len(calls) == len(convolutions), "one estimate serves all times that a weight is used"
        for hook in hooks:
            hook.remove()
        adversary.discriminator.requires_grad_(True)
        losses = adversary.discriminator_loss(
            batch.real, adversary.view(batch.real, noise), -batch.real, noise, True
        )[1]
        adversary.optimizer.zero_grad()
        losses["fake_penalty"].backward()
        for name, layer in convolutions.items():
            gradient = layer.get_parameter("parametrizations.weight.original").grad
            assert gradient is not None, name
            assert gradient.isfinite().all()
            assert gradient.any()


def test_pixel_norm_is_in_the_place_of_every_norm(trained: dict[str, Trained]) -> None:
    network, seen = trained["pixel"].state.network, list[Tensor]()

    def see(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        shift, scale = inputs[1] if len(inputs) > 1 else torch.tensor([[[0.0]], [[1.0]]])
        seen.append((output - shift[..., None, None]) / scale[..., None, None])

    norms = [each for each in network.modules() if isinstance(each, PixelNorm)]
    assert len(norms) == 1 + 2 * len(network.generator.blocks)
    assert sum(isinstance(each, ConditionalPixelNorm) for each in norms) == len(norms) - 1
    assert not [each for each in network.modules() if isinstance(each, BatchNorm | InstanceNorm)]
    hooks = [norm.register_forward_hook(see) for norm in norms]
    sound = torch.linspace(-80, 0, 64).expand(1, 3, 64)
    with torch.no_grad():
        network(sound, torch.rand(1, 3, 2))
    _ = [hook.remove() for hook in hooks]
    assert len(seen) == len(norms)
    for normalised in seen:
        square = normalised.square().mean(1)
        torch.testing.assert_close(square, torch.ones_like(square), atol=1e-2, rtol=0)


def test_the_joint_discriminator_tells_right_sound_from_wrong(trained: dict[str, Trained]) -> None:
    state, batch = trained["joint"].state, trained["joint"].steps[-1].batch
    video, image = state.adversaries
    assert isinstance(image, JointAdversary)
    noise = draw_step_noise(config_of("joint"), batch.real, True, torch.Generator().manual_seed(0))
    view = image.view(batch.real, noise)
    assert torch.equal(view[:, :3], batch.real[:, int(noise.frame)])
    assert torch.equal(view[:, 3].flatten(1)[:, :64] * 40 - 40, batch.features[:, int(noise.frame)])
    assert torch.equal(video.view(batch.real, noise), batch.real)
    image.sound = batch.features + torch.linspace(-20, 20, 64)
    other = image.view(batch.real, noise)
    assert torch.equal(other[:, :3], view[:, :3])
    assert not torch.equal(image.discriminator(other), image.discriminator(view))
    image.sound = batch.features

    real = torch.rand_like(batch.real)

    def shuffled(order: Tensor) -> float:
        step = noise._replace(order=order)
        losses = image.discriminator_loss(real, image.view(real, noise), real, step, True)[1]
        return losses["shuffled"].item()

    frames = torch.arange(real.shape[1])
    assert shuffled(frames) == 0, "the picture has its own sound"
    assert shuffled(frames.roll(1)) != 0


def test_losses_are_the_published_ones_but_for_those_of_the_row(trained: dict[str, Trained]) -> None:
    published = trained["published"].steps[0].losses.keys()
    more = {name: set(row.steps[0].losses.keys() ^ published) for name, row in trained.items()}
    assert {name: each for name, each in more.items() if each} == {
        "joint": {"image_critic/shuffled", "image_critic/shuffled_penalty"},
        "matching": {"generator/feature_matching"},
    }


def test_a_study_that_was_stopped_goes_on_and_does_nothing_twice(performance: Path, tmp_path: Path) -> None:
    small = [f"--{name.replace('_', '-').removeprefix('clip.')}={value}" for name, value in TINY.items()]
    line = [str(performance), "--out", str(tmp_path), "--seeds", "1", "--rows", "augmented", *small]
    options = parse(DiscussionArguments, "discussion", [*line, "--losses.perceptual=0", "--steps", "2"])

    def stop(doing: str, done: int, total: int, note: str) -> None:
        if done == 1:
            signal.raise_signal(signal.SIGINT)

    assert not study(options, stop).finished
    assert type(build_network(config_of("augmented"))) is Network, "the context is left"
    found = study(options, unwatched)
    table = (tmp_path / "table.md").read_text()
    assert found.finished
    assert "| conditioning augmentation | " in table
    assert "after 2 steps" in table
    models = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert study(options, unwatched).finished
    assert {path: path.stat().st_mtime_ns for path in models} == models
    assert (tmp_path / "table.md").read_text() == table


def unwatched(doing: str, done: int, total: int, note: str) -> None:
    pass


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        (["--rows", "lstm"], "expected some of published, compressed"),
        (["--training.speed", "fast"], "expected exact"),
        (["--features.kind", "mel"], "features: expected lms as they are; got mel"),
        (["--features.standardise"], "got lms, standardised"),
    ],
)
def test_senseless_studies_are_refused(words: list[str], saying: str, tmp_path: Path) -> None:
    options = parse(DiscussionArguments, "discussion", ["clip.mp4", "--out", str(tmp_path / "study"), *words])
    with pytest.raises(UserError, match=saying):
        study(options, unwatched)
    assert not [*tmp_path.iterdir()]
