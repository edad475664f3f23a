"""Fast and lean, by the same losses: counted operations, penalties with all their digits, activations
computed again."""

import pytest
import torch
from benchmarks.speed.counting import Counts, counted
from benchmarks.speed.subjects import BenchmarkTraining, animator
from tests.conftest import TINY

from listen_and_move.config import Config
from listen_and_move.losses.adversarial import interpolated_penalty
from listen_and_move.models.optimized import optimized
from listen_and_move.precision import autocast_bfloat16
from listen_and_move.presets import preset
from listen_and_move.settings import with_values
from listen_and_move.training.state import fresh_state

CPU = torch.device("cpu")


def settings(name: str, **changes: object) -> Config:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return with_values(
        preset(name),
        {
            **TINY,
            "clip.size": "16",
            "losses.perceptual": 0.0,
            "generator.recall": 4 if name == "quick" else 0,
            **named,
        },
    )


def gradients(config: Config, steps: int = 1) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Losses of the last step, and the gradients of every weight after it."""
    torch.manual_seed(0)
    training = BenchmarkTraining(config, CPU)
    losses = [training.step() for _ in range(steps)][-1]
    modules = {"network": training.state.network} | {
        each.name: each.discriminator for each in training.state.adversaries
    }
    found = {
        f"{name}.{key}": each.grad
        for name, module in modules.items()
        for key, each in module.named_parameters()
    }
    return losses, {name: each.clone() for name, each in found.items() if each is not None}


# Costs of this commit for tiny networks. What makes them smaller is welcome: lower the figures. What makes
# them larger
# costs every user time.
STEP = {"paper": Counts(339485112, 2987, 3118), "quick": Counts(253960816, 1894, 1956)}
WINDOW = {"paper": Counts(186532992, 580, 592), "quick": Counts(40577152, 303, 312)}
"""As it plays on CUDA."""
WINDOW_ON_A_CPU = {"paper": Counts(184435840, 973, 674), "quick": Counts(40577152, 303, 312)}
"""There what leaves the cache costs more than launches: each prediction goes through its gates alone."""


def assert_no_more(now: Counts, stated: Counts) -> None:
    """Products are exact; versions of torch differ in how many operations they make of one."""
    assert now.flops <= stated.flops, now
    assert now.launches <= 1.05 * stated.launches, now
    assert now.allocations <= 1.05 * stated.allocations, now


def test_what_results_hold_at_once_is_counted() -> None:
    given = torch.ones(1000)
    assert counted(lambda: (given + 1).mul_(2).sum()).peak == 4004
    assert counted(lambda: ((given + 1) * 2) + 3).peak == 8000


@pytest.mark.parametrize("name", STEP)
def test_a_step_costs_no_more_than_it_did(name: str) -> None:
    training = BenchmarkTraining(settings(name, losses__penalty_every=1), CPU)
    training.step()  # the first one makes room for Adam's moments
    now = counted(training.step)
    assert_no_more(now, STEP[name])


@pytest.mark.parametrize(("device", "most"), [("cuda", WINDOW), ("cpu", WINDOW_ON_A_CPU)])
@pytest.mark.parametrize("name", WINDOW)
def test_a_window_costs_no_more_than_it_did(name: str, device: str, most: dict[str, Counts]) -> None:
    player = animator(settings(name), CPU)
    player.renderer.network = optimized(
        player.model.network, device=torch.device(device)
    )  # its form, counted here
    features = torch.randn(8, player.config.features.size)
    _, state = player.draw(features, None, 0)
    now = counted(lambda: player.draw(features, state, 8))
    assert_no_more(now, most[name])


@pytest.mark.parametrize("name", STEP)
def test_a_step_never_waits_for_the_device(name: str) -> None:
    """Meta tensors have no values: whatever would read one on the host fails here."""
    training = BenchmarkTraining(settings(name), torch.device("meta"))
    losses = training.step()
    assert all(loss.device.type == "meta" for loss in losses.values())


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_real_frames_pass_each_discriminator_once_and_penalties_are_exact(norm: str) -> None:
    training = BenchmarkTraining(settings("paper", critics__norm=norm, training__speed="fast"), CPU)
    real, seen, digits = training.batch.real, {"image": 0, "video": 0}, {"image": [], "video": []}
    for adversary in training.state.adversaries:

        def look(module: object, given: tuple[torch.Tensor, ...], name: str = adversary.name) -> None:
            digits[name].append(not torch.is_autocast_enabled("cpu"))
            wanted = real if name == "video" else real[0]
            seen[name] += sum(bool((view == frames).all()) for view in given[0] for frames in wanted)

        adversary.discriminator.register_forward_pre_hook(look)
    training.step()
    assert seen == {"image": 1, "video": 1}
    assert (sum(digits["image"]), sum(digits["video"])) == (1, 2)  # the penalties: of one fake, and of two


def test_penalty_is_the_same_to_the_last_digit_inside_fast() -> None:
    discriminator = fresh_state(settings("paper"), CPU).adversaries.video.discriminator
    real, fake = torch.rand(2, 1, 4, 3, 16, 16)
    weights, results = list(discriminator.parameters()), []
    for outer in (False, True):
        with autocast_bfloat16(CPU, outer), autocast_bfloat16(CPU, False):
            penalty = interpolated_penalty(discriminator, real, fake, torch.full((1,), 0.3))
        results.append(torch.autograd.grad(penalty, weights, allow_unused=True))
    for one, other in zip(*results, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("prediction", ["plain", "directional"])
def test_fast_goes_from_window_to_window(prediction: str, recompute: bool) -> None:
    """What is remembered keeps its numbers' type, whatever computes them."""
    config = settings("paper", training__speed="fast", training__recompute=recompute, training__window=10)
    training = BenchmarkTraining(with_values(config, {"generator.prediction": prediction}), CPU)
    for _ in range(3):
        losses = training.step()
        training.batch = training.batch._replace(state=training.state.lanes)
        assert all(torch.isfinite(loss) for loss in losses.values())


def test_fast_learns_as_exact_does() -> None:
    losses = {
        speed: gradients(settings("quick", training__speed=speed), steps=3)[0] for speed in ("exact", "fast")
    }
    for name, exact in losses["exact"].items():
        assert losses["fast"][name].dtype == torch.float32
        torch.testing.assert_close(losses["fast"][name], exact, rtol=0.1, atol=0.05)


@pytest.mark.parametrize("changes", [{}, {"generator__connections": "skip", "generator__dimensions": 3}])
def test_recomputed_is_the_same(changes: dict[str, object]) -> None:
    results = []
    for again in (False, True):
        config = settings("paper", training__window=6, training__recompute=again, **changes)
        results.append(gradients(config))
    torch.testing.assert_close(*results)


def test_recomputation_keeps_less() -> None:
    kept = []
    for again in (False, True):
        training, sizes = (
            BenchmarkTraining(settings("paper", training__window=8, training__recompute=again), CPU),
            [],
        )
        with torch.autograd.graph.saved_tensors_hooks(
            lambda each, sizes=sizes: (sizes.append(each.numel()), each)[1], lambda each: each
        ):
            training.state.network(
                training.batch.features, training.batch.noise, None, training.batch.pixel_noise
            )
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 2


def test_a_step_with_recomputation_holds_less_at_once() -> None:
    held = []
    for again in (False, True):
        training = BenchmarkTraining(
            settings("paper", training__window=8, training__recompute=again, clip__size="32"),
            torch.device("meta"),
        )
        training.step()
        held.append(counted(training.step).peak)
    assert held[1] < 0.6 * held[0]


def test_batch_norms_count_once_with_recomputation() -> None:
    counts = []
    for again in (False, True):
        training = BenchmarkTraining(settings("baseline", training__recompute=again), CPU)
        training.step()
        counts.append(
            [
                buffer.clone()
                for name, buffer in training.state.network.named_buffers()
                if "num_batches" in name
            ]
        )
    assert counts[0]
    assert all(int(each) == 1 for each in counts[1])
    assert len(counts[0]) == len(counts[1])
