"""Sound features: the authors' values, librosa's values, and laws of time."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file as load_numpy
from safetensors.torch import load_file
from tools.librosa_goldens import sweep_and_noise

from listen_and_move.audio.features import (
    FFT,
    SAMPLE_RATE,
    FeatureExtractor,
    measure,
    mel_filters,
)
from listen_and_move.clock import frame_count, frame_sample
from listen_and_move.config import FeatureConfig

GOLDEN = Path(__file__).parents[1] / "golden"
RATES = [Fraction(10), Fraction(20), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(int(seconds * SAMPLE_RATE), generator=generator)


def extractor(fps: Fraction, **settings: object) -> FeatureExtractor:
    config = FeatureConfig(**settings)  # type: ignore[arg-type]
    raw = FeatureExtractor(replace(config, standardise=False), fps).chunks(noise(1), 0, 20)
    return FeatureExtractor(config, fps, measure(raw))


@pytest.mark.parametrize("fps", [10, 20, 25])
@pytest.mark.parametrize("kind", ["lms", "mel", "mfcc"])
@pytest.mark.parametrize("name", ["sweep", "noise", "silence", "clip0", "clip1"])
def test_golden(name: str, kind: str, fps: int) -> None:
    golden = load_file(GOLDEN / f"sound_{name}.safetensors")
    expected = golden[f"io.{kind}_fps{fps}"]
    features = FeatureExtractor(FeatureConfig(kind=kind), Fraction(fps)).whole(golden["io.waveform"])  # type: ignore[arg-type]
    assert len(expected) <= len(features) <= len(expected) + 1  # nothing of the sound is cut here
    error = (features[: len(expected)] - expected).abs().max()
    assert error <= 1e-5 * max(1e-5, expected.abs().max())


def test_mel_filters_equal_librosa() -> None:
    golden = load_numpy(GOLDEN / "librosa.safetensors")
    judge = np.zeros((64, FFT // 2 + 1), np.float32)
    judge[tuple(golden["filter_places"].T)] = golden["filter_values"]
    assert (judge > 0).any(1).all()
    np.testing.assert_allclose(mel_filters(64).numpy(), judge, atol=1e-8)


def test_features_equal_librosa_at_20_fps() -> None:
    golden = load_numpy(GOLDEN / "librosa.safetensors")["features"]
    ours = FeatureExtractor(FeatureConfig(), Fraction(20)).whole(torch.from_numpy(sweep_and_noise()))
    assert golden.shape == (18, 64)
    np.testing.assert_allclose(ours[:18].numpy(), golden, atol=2e-4)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(
    "settings",
    [{}, *({"kind": kind, "past": 2, "future": 4, "standardise": True} for kind in ("level", "shape"))],
)
def test_blocks_equal_the_whole(fps: Fraction, settings: dict[str, object]) -> None:
    ear, sound = extractor(fps, **settings), noise(1.3)
    whole = ear.whole(sound)
    assert len(whole) == frame_count(len(sound), SAMPLE_RATE, fps)
    for cut in ([1, 700, 30_000], [64_000], [0, 100, 100, 83_199]):
        state, parts = None, []
        for piece in torch.tensor_split(sound, cut):
            frames, state = ear.push(piece, state)
            parts.append(frames)
        parts.append(ear.finish(state))
        torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-5)


def test_an_old_state_stays_usable() -> None:
    ear, sound = extractor(Fraction(20), kind="level", future=2), noise(1)
    _, state = ear.push(sound[:30_000])
    first, _ = ear.push(sound[30_000:], state)
    second, _ = ear.push(sound[30_000:], state)
    assert torch.equal(first, second)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_last_window_of_an_hour_starts_within_a_sample(fps: Fraction) -> None:
    samples = 3600 * SAMPLE_RATE
    last = frame_count(samples, SAMPLE_RATE, fps) - 1
    assert abs(frame_sample(last, fps, SAMPLE_RATE) - last / fps * SAMPLE_RATE) <= 1
    assert samples - SAMPLE_RATE / fps - 1 <= frame_sample(last, fps, SAMPLE_RATE) < samples


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001)])
def test_a_click_is_heard_in_its_own_frames_only(fps: Fraction) -> None:
    frame, ear = 40, FeatureExtractor(FeatureConfig(kind="mel"), fps)
    sound = torch.zeros(3 * SAMPLE_RATE)
    place = frame_sample(frame, fps, SAMPLE_RATE) + 2000
    sound[place] = 1
    nonzero_frames = ear.whole(sound).sum(1).nonzero().flatten().tolist()
    reach = (-800, 640 * 7 + 800)
    expected = [t for t in range(72) if reach[0] <= place - frame_sample(t, fps, SAMPLE_RATE) < reach[1]]
    # at the very edge of the Hann window a click has no weight, so a frame may be missing there but none
    # added
    assert frame in nonzero_frames
    assert set(nonzero_frames) <= set(expected)
    assert len(nonzero_frames) >= len(expected) - 1


def test_a_frame_hears_no_further_than_its_look_ahead() -> None:
    ear = extractor(Fraction(20), kind="level", past=1, future=2, standardise=True)
    sound = noise(1).requires_grad_()
    ear.whole(sound)[5].sum().backward()
    assert sound.grad is not None
    nonzero_samples = sound.grad.nonzero().flatten().tolist()
    assert max(nonzero_samples) <= frame_sample(5, Fraction(20), SAMPLE_RATE) + ear.look_ahead * SAMPLE_RATE
    assert (
        max(nonzero_samples)
        >= frame_sample(5, Fraction(20), SAMPLE_RATE) + (ear.look_ahead - Fraction(1, 500)) * SAMPLE_RATE
    )
    assert min(nonzero_samples) >= frame_sample(4, Fraction(20), SAMPLE_RATE) - 800


def test_level_knows_loudness_and_silence() -> None:
    ear = FeatureExtractor(FeatureConfig(kind="level"), Fraction(20))
    silent, quiet, loud = (ear.whole(noise(0.5) * gain)[2:6].mean() for gain in (0, 0.1, 1))
    assert silent == 0
    assert 18 < loud - quiet < 20.1
    hiss = ear.whole(noise(0.5) * 1e-2)[2:6]  # -60 dBFS
    assert hiss.max() < 3


def test_shape_is_apart_from_loudness() -> None:
    """Well above the floor, ten times the power is 10 dB more in one number and nothing in the others."""
    ear = FeatureExtractor(FeatureConfig(kind="shape", bands=64), Fraction(20))
    quiet, loud = ear.whole(noise(1)), ear.whole(noise(1) * 10**0.5)
    steady = slice(2, -4)  # not the borders, where there is silence too
    assert torch.allclose(loud[steady, 64] - quiet[steady, 64], torch.tensor(10.0), atol=0.05)
    assert torch.allclose(loud[steady, :64], quiet[steady, :64], atol=0.05)
    assert torch.allclose(quiet[:, :64].mean(1), torch.zeros(len(quiet)), atol=1e-4)
    assert not ear.whole(torch.zeros(SAMPLE_RATE)).any()


def test_flux_is_heard_where_a_sound_begins() -> None:
    ear, sound = FeatureExtractor(FeatureConfig(kind="shape"), Fraction(20)), noise(2)
    sound[: SAMPLE_RATE + SAMPLE_RATE // 25] = 0  # begins in the middle of the chunk of frame 20
    flux = ear.whole(sound)[:, 65]
    assert flux.argmax() == 20
    assert flux[20] > 3 * flux[22:-4].max()


def test_context_keeps_loudness_and_flux() -> None:
    config = FeatureConfig(kind="shape", past=1, future=1)
    alone = FeatureExtractor(FeatureConfig(kind="shape"), Fraction(20)).whole(noise(1))
    features = FeatureExtractor(config, Fraction(20)).whole(noise(1))
    assert features.shape[1] == config.size == 66 + 2 * 18
    assert torch.equal(features[1:, 66 + 16 : 66 + 18], alone[:-1, 64:66])
    assert torch.equal(features[:-1, -2:], alone[1:, 64:66])


def test_statistics_standardise_the_track_they_come_from() -> None:
    ear = extractor(Fraction(20), kind="level", standardise=True)
    features = ear.whole(noise(1))
    assert features[:18].mean().abs() < 0.2
    assert features.abs().max() <= 4


def test_no_sound_gives_no_frames() -> None:
    ear = extractor(Fraction(20), past=2, future=4)
    assert ear.whole(torch.zeros(0)).shape == (0, ear.config.size)
    assert ear.finish(None).shape == (0, ear.config.size)
