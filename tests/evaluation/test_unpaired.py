"""A sound without a picture: played as generate plays it, held against the training part as a whole."""

from collections.abc import Iterator
from fractions import Fraction
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.making import Held, ignored, noise, swinging
from tests.media.making import make_wav

from listen_and_move.audio.features import SAMPLE_RATE
from listen_and_move.audio.loudness import gated_level, matching_gain
from listen_and_move.data.frame_store import Shelf
from listen_and_move.errors import UserError
from listen_and_move.evaluation.baselines import BLOCK
from listen_and_move.evaluation.unpaired import THUMBNAIL, SoundResult, TrainingReference, sound_result
from listen_and_move.inference.animator import Animator
from listen_and_move.media.sound import read_sound
from listen_and_move.metrics.coherence import flicker
from listen_and_move.metrics.frame import laplacian_energies
from listen_and_move.metrics.memory import nearest_distances, thumbnails
from listen_and_move.metrics.sync import motion_energy

LEARNT = swinging(0, 90, 32, 32)
PARTS = (range(40), range(50, 83))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3.01 s of strokes that die away."""
    count = 3 * 16_000 + 160
    samples = np.random.default_rng(0).normal(0, 6000, count) * np.exp(-(np.arange(count) % 7000) / 900)
    return make_wav(
        tmp_path_factory.mktemp("sound") / "strokes.wav", samples.clip(-32768, 32767)[:, None], 16_000
    )


@pytest.fixture(scope="module")
def training() -> TrainingReference:
    return TrainingReference.of(Held(LEARNT), PARTS, Held(LEARNT[83:]))


@pytest.fixture(scope="module")
def animator(trained: Path) -> Animator:
    return Animator.load(trained, "cpu")


@pytest.fixture(scope="module")
def performance_of(animator: Animator, sound: Path, training: TrainingReference) -> Iterator[SoundResult]:
    with Shelf() as shelf:
        yield sound_result(animator, sound, training, shelf, watch=ignored)


def test_what_the_training_part_is_like(training: TrainingReference) -> None:
    """A change from one part to the next is no motion."""
    motion = np.concatenate([motion_energy(LEARNT[span.start : span.stop]) for span in PARTS])
    assert training.motion == pytest.approx(motion.mean())
    frames = np.concatenate([LEARNT[span.start : span.stop] for span in PARTS])
    assert training.detail == pytest.approx(laplacian_energies(frames).mean())
    assert np.array_equal(training.thumbnails, frames), "frames of 32 pixels are small enough"
    distances = [
        np.sqrt(np.square(frames / 255 - frame / 255).mean((1, 2, 3))).min() for frame in LEARNT[83:]
    ]
    assert training.newness == pytest.approx(np.median(distances))


def test_distance_and_newness(training: TrainingReference) -> None:
    assert training.nearest(Held(LEARNT[3:30])) == {"distance": 0, "newness": 0}
    assert training.nearest(Held(LEARNT[83:])) == {"distance": pytest.approx(training.newness), "newness": 1}
    far = training.nearest(Held(noise(1, 9, 32, 32)))
    assert (far["distance"] or 0) > 0.2
    assert far["newness"] == pytest.approx((far["distance"] or 0) / training.newness)
    unknown = TrainingReference.of(Held(LEARNT), PARTS, Held(LEARNT[:0])).nearest(Held(LEARNT[83:]))
    assert isnan(unknown["newness"] or 0)
    assert unknown["distance"] == pytest.approx(training.newness)


def test_memory_does_not_grow_with_length() -> None:
    frames = Held(noise(2, 150))
    TrainingReference.of(frames, (range(150),), frames).nearest(frames)
    assert frames.largest <= BLOCK + 1


def test_the_picture_is_that_of_generate(
    performance_of: SoundResult, animator: Animator, sound: Path
) -> None:
    gain = matching_gain(gated_level(read_sound(sound, SAMPLE_RATE)), animator.model.level)
    assert abs(gain) > 0.5
    assert performance_of.values["gain_db"] == performance_of.check.gain == pytest.approx(gain)
    expected = np.stack(list(animator.frames(read_sound(sound, SAMPLE_RATE, start=0), gain=gain)))
    assert len(expected) == len(performance_of.frames) == 61
    assert np.abs(performance_of.frames.read(0, 61).astype(int) - expected).max() <= 1


def test_the_figures_are_those_of_the_whole(performance_of: SoundResult, training: TrainingReference) -> None:
    frames, found = performance_of.frames.read(0, 61), performance_of.values
    assert found["motion_ratio"] == pytest.approx(motion_energy(frames).mean() / training.motion)
    assert found["sharpness"] == pytest.approx(laplacian_energies(frames).mean() / training.detail)
    assert found["flicker"] == pytest.approx(flicker(frames).mean())
    apart = nearest_distances(thumbnails(frames, THUMBNAIL), training.thumbnails)[0]
    assert found["farthest"] == pytest.approx(apart.max())
    novelty = performance_of.check.novelty
    assert novelty is not None
    assert len(novelty) == 3
    assert found["novelty"] == pytest.approx(novelty.mean())
    assert len(performance_of.motion) == 60
    assert len(performance_of.course.loudness) == 61
    assert set(performance_of.altered) == {"right", "shifted", "shuffled", "silent"}


def test_a_part_of_a_sound(animator: Animator, sound: Path, training: TrainingReference) -> None:
    with Shelf() as shelf:
        found = sound_result(animator, sound, training, shelf, start=0.5, seconds=1.25, watch=ignored)
        samples = list(read_sound(sound, SAMPLE_RATE, start=Fraction(1, 2), end=Fraction(7, 4)))
        gain = matching_gain(gated_level(samples), animator.model.level)
        expected = np.stack(list(animator.frames(samples, gain=gain)))
        assert len(expected) == len(found.frames) == 25
        differences = np.abs(found.frames.read(0, 25).astype(int) - expected)
        assert differences.max() <= 1
    with (
        Shelf() as shelf,
        pytest.raises(UserError, match=r"at least 8 frames of sound; got 6: take a longer one"),
    ):
        sound_result(animator, sound, training, shelf, seconds=0.3, watch=ignored)


def test_a_quiet_copy_is_played_as_the_original_is(
    animator: Animator, sound: Path, training: TrainingReference, tmp_path: Path
) -> None:
    samples = np.concatenate(list(read_sound(sound, 16_000)))
    quiet = make_wav(tmp_path / "quiet.wav", (samples * 10_362)[:, None], 16_000)
    with Shelf() as shelf:
        both = [sound_result(animator, path, training, shelf, watch=ignored) for path in (sound, quiet)]
        loud, soft = (each.frames.read(0, 61).astype(int) for each in both)
    assert float(both[1].check.gain) - float(both[0].check.gain) == pytest.approx(10, abs=0.1)
    assert np.abs(loud - soft).max() <= 3
