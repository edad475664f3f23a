from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from listen_and_move.models.memory import FrameMemory, ReferenceEncoder, ReferenceGate

FRAMES = torch.randint(0, 256, (5, 3, 8, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
HEARD = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(1))


def filled(scale: float = 1.0) -> FrameMemory:
    recall = FrameMemory(4, (8, 6))
    recall.fill(torch.full((4,), scale), torch.tensor(1e6), HEARD, FRAMES)
    return recall


def picture(frame: int) -> torch.Tensor:
    return FRAMES[frame].float() / 127.5 - 1


def test_a_sound_that_was_heard_recalls_its_frame() -> None:
    """In every version of it, where likeness is narrow."""
    recalled, _ = filled(scale=1000.0)(HEARD)
    for version in range(2):
        for frame in range(5):
            assert torch.allclose(recalled[version, frame], picture(frame), atol=1e-5)


def test_without_a_scale_everything_is_equally_alike() -> None:
    recalled, _ = filled(scale=0.0)(torch.randn(1, 3, 4))
    assert torch.allclose(
        recalled,
        torch.stack([picture(frame) for frame in range(5)]).mean(0).expand(1, 3, -1, -1, -1),
        atol=1e-5,
    )


def test_what_is_recalled_stays_within_what_was_seen() -> None:
    """However foreign the sound."""
    seen = torch.stack([picture(frame) for frame in range(5)])
    for recalled in filled()(100 * torch.randn(2, 7, 4)):
        assert (recalled <= seen.amax(0) + 1e-5).all()
        assert (recalled >= seen.amin(0) - 1e-5).all()


def test_the_best_frame_stands_alone_where_the_blend_does_not() -> None:
    near = 0.9 * HEARD[:1, :1] + 0.1 * HEARD[:1, 1:2]
    blend, best = filled()(near)
    assert (best[0, 0] - picture(0)).abs().mean() < 0.3 * (blend[0, 0] - picture(0)).abs().mean()


class Factors(TorchDispatchMode):
    """Keeps the first factor of each product of matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[torch.Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.mm.default:
            self.found.append(args[0].clone())
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def test_no_product_has_a_weight_below_the_smallest_normal_number() -> None:
    """A processor takes ten times as long for these, and they are nothing beside the others."""
    memory = FrameMemory(1, (8, 6))
    keys = torch.tensor([0.0, 4.5, 94.0, 300.0, 400.0])[None, :, None]  # exp(-94) is such a number
    memory.fill(torch.ones(1), torch.tensor(1e6), keys, FRAMES)
    with Factors() as factors:
        blend, best = memory(torch.zeros(1, 1, 1))
    weights = torch.cat(factors.found)
    assert len(weights) == 2
    assert ((weights == 0) | (weights >= torch.finfo(torch.float32).tiny)).all()
    assert (weights > 0).sum(1).tolist() == [2, 1]
    assert not torch.equal(blend, best)


def test_far_from_all_that_was_heard_the_choice_stays_as_clear() -> None:
    """Distances to far sounds are alike; without a reach they would all get the same weight."""
    far = 1000.0 * torch.tensor([[[1.0, 0, 0, 0], [0, 1.0, 0, 0]]])
    blurred, _ = filled(scale=0.1)(far)
    recall = filled(scale=0.1)
    recall.typical_distance = torch.tensor(0.1)
    clear, _ = recall(far)
    frames = torch.stack([picture(frame) for frame in range(5)])
    for place in range(2):
        assert (clear[0, place] - frames).abs().mean((1, 2, 3)).min() < 0.05
        assert (blurred[0, place] - frames).abs().mean((1, 2, 3)).min() > 0.2


def test_far_away_a_lean_makes_the_best_frame_stand_out_and_near_it_changes_nothing() -> None:
    far, recall = torch.tensor([[[3.0, 0, 0, 0]]]), filled(scale=0.05)
    alone = picture(int((HEARD - far).norm(dim=-1).amin(0).argmin()))

    def apart(sharpness: float) -> float:
        """From the frame that sounded most alike."""
        _, best = recall(far, None, torch.full((1, 1, 1), sharpness))
        return float((best[0, 0] - alone).abs().mean())

    assert torch.equal(recall(far)[1], recall(far, None, torch.zeros(1, 1, 1))[1])
    assert apart(-4.0) == pytest.approx(apart(4.0)), "within reach"
    recall.typical_distance = torch.tensor(1e-3)
    recall.metric_scale = recall.metric_scale * 0.1
    assert apart(-4.0) > apart(0.0) > apart(2.0) > apart(2.8) > 0
    assert apart(2.8) == pytest.approx(apart(4.0)), "never more than near it"


def test_within_reach_nothing_changes() -> None:
    recall = filled()
    recall.typical_distance = torch.tensor(3.0)
    near = HEARD + 0.1
    assert torch.equal(recall(near)[0], filled()(near)[0])


def test_versions_of_a_sound_add_up() -> None:
    """The same sound twice as two versions is as the sound once."""
    once, twice = FrameMemory(4, (8, 6)), FrameMemory(4, (8, 6))
    once.fill(torch.ones(4), torch.ones(()), HEARD[:1], FRAMES)
    twice.fill(torch.ones(4), torch.ones(()), HEARD[:1].repeat(2, 1, 1), FRAMES)
    features = torch.randn(1, 6, 4)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(once(features), twice(features), strict=True))


def test_banned_frames_are_left_out_of_their_own_window_alone() -> None:
    recall, features = filled(), torch.randn(2, 3, 4)
    memory_mask = torch.tensor([[True, True, False, False, False], [False] * 5])
    other = FrameMemory(4, (8, 6))
    other.fill(torch.ones(4), torch.tensor(1e6), HEARD[:, 2:], FRAMES[2:])
    for ours, without, free in zip(
        recall(features, memory_mask), other(features), recall(features), strict=True
    ):
        assert torch.allclose(ours[0], without[0], atol=1e-5)
        assert torch.allclose(ours[1], free[1], atol=1e-6)


def test_a_file_says_how_much_is_remembered() -> None:
    empty = FrameMemory(4, (8, 6))
    empty.load_state_dict(filled().state_dict())
    features = torch.randn(1, 3, 4)
    assert all(torch.equal(a, b) for a, b in zip(empty(features), filled()(features), strict=True))


@pytest.mark.parametrize(
    "change",
    [{"values": FRAMES[:4]}, {"keys": HEARD[:, :, :3]}, {"keys": HEARD[0]}, {"values": FRAMES[..., :5]}],
)
def test_a_file_that_does_not_fit_is_refused(change: dict[str, torch.Tensor]) -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        FrameMemory(4, (8, 6)).load_state_dict(filled().state_dict() | change)


def test_residuals_are_for_every_block_but_the_first_at_the_size_of_its_input() -> None:
    residuals = ReferenceEncoder([4, 5, 6])(*torch.randn(2, 2, 3, 32, 48))
    assert [tuple(each.shape) for each in residuals] == [(2, 6, 4, 6), (2, 5, 8, 12), (2, 4, 16, 24)]


def test_the_gate_takes_from_between() -> None:
    x, blend, best = torch.randn(2, 4, 8, 8), torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8)
    gate = ReferenceGate(4)
    mixed = gate(x, blend, best)
    assert ((mixed > 0) & (mixed < 1)).all()
    assert torch.equal(gate(x, blend, blend), blend)


def test_the_gate_opens_by_its_bias_and_is_the_same_in_training_and_after_it() -> None:
    x, blend, best = torch.randn(2, 4, 8, 8), torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8)
    gate = ReferenceGate(4)
    learnt = gate(x, blend, best)
    assert torch.equal(learnt, gate.eval()(x, blend, best))
    biased = gate(x, blend, best, torch.tensor([2.0, -1.0])[:, None, None, None])
    odds = torch.logit(biased) - torch.logit(learnt)
    assert torch.allclose(odds.mean((1, 2, 3)), torch.tensor([2.0, -1.0]), atol=1e-5)
    assert odds.std((1, 2, 3)).max() < 1e-5
