"""Live play: any cutting, any rate, many at once; what is no sound is refused."""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.inference.test_controls import moving
from tests.waiting import until

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.clock import frame_count
from listen_and_move.errors import UserError
from listen_and_move.inference.animator import Animator
from listen_and_move.inference.batching import RenderRequest
from listen_and_move.inference.controls import AS_TRAINED, Controls
from listen_and_move.inference.live.session import Live
from listen_and_move.media.sound import read_sound
from listen_and_move.media.wav import write_wav

ROUNDING = 2e-5  # of a range of 2
FINE_ROUNDING = 1e-10  # the same where a network computes in float64
RATES = [8000, 22_050, 44_100, 48_000, 64_000, 96_000]


def wave(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """Bursts of noise, three a second."""
    random, count = np.random.default_rng(seed), int(seconds * rate)
    return (0.15 * random.standard_normal(count) * np.exp(-8 * (3 * np.arange(count) / rate % 1))).astype(
        np.float32
    )


def cuts(count: int, seed: int = 0) -> list[int]:
    """Nothing, one sample, and blocks of up to 100 ms at 44.1 kHz."""
    random, places = np.random.default_rng(seed), [0, 0, 1, 2]
    while places[-1] < count:
        places.append(places[-1] + int(random.integers(0, 4410)))
    return places[:-1]


@contextmanager
def recorded(animator: Animator):
    """All that the stage draws, in [-1, 1], before it is rounded to 8 bits."""
    network_pictures, draw = [], animator.renderer.draw

    def recording(render_request: RenderRequest):
        frames, state = draw(render_request)
        network_pictures.extend(frames)
        return frames, state

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(animator.renderer, "draw", recording)
        yield network_pictures


def in_float64(animator: Animator, monkeypatch: pytest.MonkeyPatch) -> Animator:
    """The same network with so many digits that rounding, which processors do differently, is not seen."""
    animator.network.double()
    renderer = animator.renderer
    renderer.silence, draw = renderer.silence.double(), renderer.draw

    def drawn(render_request: RenderRequest):
        render_request.features = render_request.features.double()
        return draw(render_request)

    monkeypatch.setattr(renderer, "draw", drawn)
    return animator


def hear_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks are analysed one at a time: how a processor rounds depends on how many it is given at once."""
    powers = FeatureExtractor.powers

    def each(
        self: FeatureExtractor, waveform: torch.Tensor, first: int, last: int, offset: int = 0
    ) -> torch.Tensor:
        found = [powers(self, waveform, chunk, chunk + 1, offset) for chunk in range(first, last)]
        return torch.cat(found) if found else powers(self, waveform, first, last, offset)

    monkeypatch.setattr(FeatureExtractor, "powers", each)


def played(live: Live, blocks: list[np.ndarray]) -> list[np.ndarray]:
    return [frame for block in blocks for frame in live.push(block)] + live.finish()


@pytest.mark.parametrize("form", ["trained", "noisy"])
@pytest.mark.parametrize("rate", RATES)
def test_it_is_the_picture_of_the_same_sound_in_a_file(
    form: str, rate: int, request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    animator, sound = in_float64(moving(request.getfixturevalue(form)), monkeypatch), wave(1.31, rate)
    hear_chunk_by_chunk(monkeypatch)  # from here on: the models of other tests are trained as ever
    write_wav(tmp_path / "sound.wav", np.stack([sound, 0.5 * sound], 1), rate)
    stereo = np.rint(np.stack([sound, 0.5 * sound], 1).astype(np.float64) * 32767) / 32768
    controls = Controls(smoothing=0.1, amount=1.3)
    with recorded(animator) as whole:
        expected = list(animator.frames(read_sound(tmp_path / "sound.wav", SAMPLE_RATE), 5, controls))
    with recorded(animator) as parts:
        found = played(
            animator.live(rate, 5, controls), np.split(stereo.astype(np.float32), cuts(len(sound)))
        )
    total = frame_count(len(sound), rate, animator.fps)
    assert len(found) == total
    assert len(expected) - total in (0, 1)
    assert torch.stack(whole[:total]).sub(torch.stack(parts[:total])).abs().max() <= FINE_ROUNDING
    assert np.abs(np.stack(found).astype(int) - np.stack(expected[:total])).max() <= 1
    assert np.abs(np.diff(np.stack(found).astype(int), axis=0)).max() > 5, (
        "a still picture would prove nothing"
    )


def test_a_frame_comes_as_soon_as_its_sound_has_come(trained: Path) -> None:
    animator, rate = Animator.load(trained, "cpu"), 44_100
    live = animator.live(rate)
    assert live.latency == pytest.approx(float(sum(live.delays)))
    for sample_count, block in zip(
        range(9, rate, 9), np.split(wave(1.0, rate), range(9, rate, 9)), strict=False
    ):
        for _ in live.push(block):
            late = sample_count / rate - (live.frame - 1) / float(animator.fps)
            assert late == pytest.approx(live.latency, abs=10 / rate)
    assert live.frame > 10


def test_the_latency_is_told_apart(trained: Path) -> None:
    live = Animator.load(trained, "cpu").live(44_100, controls=Controls(delay=0.2))
    window, look_ahead, resampling, control = live.delays
    assert window == Fraction(825, 10_000)
    assert look_ahead == Fraction(4, 20)
    assert control == Fraction(1, 5)
    assert 0 < resampling < Fraction(1, 1000)
    assert Animator.load(trained, "cpu").live(64_000).delays.resampling == 0


def test_controls_and_gain_may_change_on_the_way(trained: Path) -> None:
    animator, sound = moving(trained), wave(2.0, 44_100)
    first, second = np.split(sound, 2)
    plain, changed = animator.live(44_100), animator.live(44_100)
    assert np.array_equal(plain.push(first), changed.push(first))
    changed.controls, changed.gain = Controls(amount=0), 6.0
    one, other = np.stack(plain.push(second)).astype(int), np.stack(changed.push(second)).astype(int)
    assert np.abs(one - other).max() > 5
    with pytest.raises(UserError, match="gain: expected"):
        changed.gain = 100.0
    with pytest.raises(UserError, match="amount: expected"):
        changed.controls = Controls(amount=9)
    assert changed.gain == 6.0
    assert changed.controls.amount == 0


@pytest.mark.parametrize(
    ("samples", "saying"),
    [
        (np.array([0.1, np.nan]), "NaN or infinity at place 1"),
        (np.array([[0.1, 0.1], [np.inf, 0.1]], np.float32), "NaN or infinity at place 1"),
        (np.array([1, 2]), r"array of floats.*got int64 \(2,\)"),
        (np.zeros((2, 2, 2), np.float32), r"got float32 \(2, 2, 2\)"),
        (np.zeros((2, 0), np.float32), r"got float32 \(2, 0\)"),
        ([0.1, 0.2], "got list"),
        (np.array([3e4, 2e9]), "full scale 1; got 2e.09"),
    ],
)
def test_what_is_no_sound_is_refused_and_not_heard(trained: Path, samples, saying: str) -> None:
    animator, sound = Animator.load(trained, "cpu"), wave(0.5, 44_100)
    live, undisturbed = animator.live(44_100), animator.live(44_100)
    frames, expected = live.push(sound), undisturbed.push(sound)
    with pytest.raises(UserError, match=saying):
        live.push(samples)
    assert np.array_equal(frames + live.finish(), expected + undisturbed.finish())


@pytest.mark.parametrize("rate", [0, -44_100, 44_100.0, "44100", None, True, 10_000_000])
def test_a_rate_that_is_none_is_refused(trained: Path, rate) -> None:
    with pytest.raises(UserError, match="rate: expected 1000 to 1000000 samples per second"):
        Animator.load(trained, "cpu").live(rate)


def test_the_end(trained: Path) -> None:
    live = Animator.load(trained, "cpu").live(44_100)
    assert live.push(np.zeros(0, np.float32)) == []
    assert live.finish() == []
    assert live.finish() == []
    with pytest.raises(UserError, match="no sound after its end"):
        live.push(np.zeros(4, np.float32))


@pytest.mark.parametrize("form", ["trained", "noisy"])
def test_late_frames_are_heard_and_not_drawn(form: str, request) -> None:
    animator, sound = moving(request.getfixturevalue(form)), wave(2.0, 64_000)
    first, second = np.split(sound, 2)
    whole = played(animator.live(64_000), [first, second])
    live = animator.live(64_000)
    with recorded(animator) as network_pictures:
        before = live.push(first)
        after = live.push(second, late=15)
    assert len(network_pictures) == len(before) + len(after) - 15
    assert all(np.array_equal(frame, before[-1]) for frame in after[:15])
    distance = np.abs(
        np.stack(after[15:]).astype(int) - np.stack(whole[len(before) + 15 : len(before) + len(after)])
    ).max()
    # Without memory of its own pictures a generator draws what it would have drawn.
    assert distance <= 1 if not animator.network.generator.is_recurrent else distance > 0


def test_there_is_always_a_first_picture(trained: Path) -> None:
    live = moving(trained).live(64_000)
    assert len(live.push(wave(1.0, 64_000), late=100)) == live.frame > 0


def together(animator: Animator, players: list[Callable[[], object]]) -> list[int]:
    """Runs players in threads that all wait for the stage at first; sizes of the batches that are drawn."""
    sizes: list[int] = []

    def count(network: torch.nn.Module, inputs: tuple[object, torch.Tensor]) -> None:
        sizes.append(len(inputs[1]))  # the noise of each

    counting = animator.network.register_forward_pre_hook(count)
    threads = [threading.Thread(target=player) for player in players]
    animator.renderer.turn.acquire()
    for thread in threads:
        thread.start()
    until(lambda: len(animator.renderer.waiting) == len(players))
    animator.renderer.turn.release()
    for thread in threads:
        thread.join()
    counting.remove()
    return sizes


SHARP = {"trained": 2.0, "noisy": 0.0}
"""The second recalls no frames."""


@pytest.mark.parametrize("form", ["trained", "noisy"])
def test_players_at_once_are_drawn_together_and_do_not_mix(form: str, request) -> None:
    animator = moving(request.getfixturevalue(form))
    kinds = [
        AS_TRAINED,
        Controls(smoothing=0.2),
        Controls(amount=0.5, delay=0.1),
        Controls(sharpness=SHARP[form]),
    ]
    sounds = [wave(1.2 + 0.1 * index, 48_000, seed=index) for index in range(4)]

    def play(index: int) -> list[np.ndarray]:
        live = animator.live(48_000, seed=index, controls=kinds[index])
        return played(live, np.split(sounds[index], cuts(len(sounds[index]), index)))

    alone, floats = [], []
    for index in range(4):
        with recorded(animator) as network_pictures:
            alone.append(play(index))
        floats.append(torch.stack(network_pictures))
    found: list[list[np.ndarray]] = [[]] * 4
    sizes = together(
        animator, [lambda index=index: found.__setitem__(index, play(index)) for index in range(4)]
    )
    assert max(sizes) == 4, "the first frames wait together"
    for index in range(4):
        assert len(found[index]) == len(alone[index])
        assert np.abs(np.stack(found[index]).astype(int) - np.stack(alone[index])).max() <= 1
    both = zip(alone[0], alone[3], strict=False)
    assert max(np.abs(one.astype(int) - other).max() for one, other in both) > 5, (
        "equal pictures would prove nothing"
    )


@pytest.mark.parametrize("form", ["trained", "noisy"])
def test_a_batch_is_what_each_would_be_alone(form: str, request) -> None:
    animator = moving(request.getfixturevalue(form))
    kinds = [AS_TRAINED, Controls(smoothing=0.3), Controls(amount=0.5, sharpness=-SHARP[form])]
    features = torch.randn(3, 24, animator.config.features.size, generator=torch.Generator().manual_seed(0))

    def parts(states: list, first: int, lengths: list[int]) -> list[RenderRequest]:
        return [
            RenderRequest(features[i, first : first + n], states[i], first, i, kinds[i])
            for i, n in enumerate(lengths)
        ]

    alone, batched = [], []
    for lengths in ([4, 4, 4], [3, 8, 1]):
        first = 0 if not alone else 4
        states = [None] * 3 if not alone else [state for _, state in alone[-3:]]
        alone += [animator.renderer.draw(render_request) for render_request in parts(states, first, lengths)]
        states = [None] * 3 if not batched else [render_request.state for render_request in batched[-3:]]
        waiting = parts(states, first, lengths)
        sizes = together(animator, [partial(animator.renderer.draw, request) for request in waiting])
        assert max(sizes) == 3
        batched += waiting
    for (frames, _), render_request in zip(alone, batched, strict=True):
        assert torch.cat(render_request.pictures).sub(frames).abs().max() <= ROUNDING


def test_what_goes_wrong_reaches_all_who_waited_and_nobody_after(trained: Path) -> None:
    animator = moving(trained)
    features = torch.zeros(
        2, animator.config.features.size, dtype=torch.float64
    )  # of another kind than weights
    with pytest.raises(RuntimeError, match="dtype"):
        animator.renderer.draw(RenderRequest(features, None, 0, 0, AS_TRAINED))
    assert len(played(animator.live(64_000), [wave(0.5, 64_000)])) == 10
    assert not animator.renderer.waiting
