"""Decoding for evaluation gives what training saw; what is heard during a part is what is heard in the
whole."""

import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.evaluation.making import ignored
from tests.media.making import blobs, make_video, make_wav

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor
from listen_and_move.config import Config
from listen_and_move.data.clip import load_clip
from listen_and_move.data.frame_store import Shelf
from listen_and_move.errors import UserError
from listen_and_move.evaluation import course as material
from listen_and_move.evaluation.course import COURSE_RATE, course
from listen_and_move.evaluation.dataset import decode
from listen_and_move.metrics.coupling import onset_strength, spectra
from listen_and_move.metrics.sync import SILENCE_DB, loudness
from listen_and_move.presets import preset
from listen_and_move.settings import with_values

RATES = [Fraction(20), Fraction(30000, 1001), Fraction(24)]


def quick(**clip: object) -> Config:
    return with_values(
        preset("quick"), {"clip.size": "32", **{f"clip.{name}": value for name, value in clip.items()}}
    )


def check_equal_to_training(video: Path, config: Config) -> None:
    clip = load_clip(video, config)
    with Shelf() as shelf:
        found = decode(video, config.clip, config.features, clip.statistics, shelf, ignored)
        assert np.array_equal(found.frames.read(0, len(found.frames)), clip.frames.numpy())
        torch.testing.assert_close(found.features, clip.features, atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def murmur(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Noise that swells and fades, 25 s and a bit at the rate of measuring, and its samples."""
    count = 25 * COURSE_RATE + 77
    swell = np.sin(np.arange(count) / 3000) ** 2
    samples = (
        (8000 * swell * np.random.default_rng(0).standard_normal(count)).clip(-32768, 32767).astype(np.int16)
    )
    path = make_wav(tmp_path_factory.mktemp("murmur") / "murmur.wav", samples[:, None], COURSE_RATE)
    return path, (samples / 32768).astype(np.float32)


@pytest.fixture(scope="module")
def falls_silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of picture with 2.5 s of sound."""
    pictures = np.random.default_rng(1).integers(0, 256, (100, 32, 64, 3), dtype=np.uint8)
    sound = (0, 0.2 * np.random.default_rng(2).standard_normal(120_000), 48_000)
    path = tmp_path_factory.mktemp("silent") / "falls silent.mkv"
    return make_video(path, range(100), tick=Fraction(1, 25), pictures=pictures, sound=sound)


@pytest.mark.parametrize("name", ["quick", "paper"])
@pytest.mark.parametrize(
    "clip",
    [{}, {"start": 0.33, "end": 3.1}, {"fps": "30000/1001", "holdout": "0.3-0.6", "crop": "4,0,60,56"}],
)
def test_a_video_is_decoded_as_for_training(name: str, clip: dict[str, object], performance: Path) -> None:
    changes = {"clip.size": "32", **{f"clip.{key}": value for key, value in clip.items()}}
    check_equal_to_training(performance, with_values(preset(name), changes))


def test_a_recorded_video_is_decoded_as_for_training(tmp_path: Path) -> None:
    """As cameras write: 25 frames per second, some hidden, some of both directions, and AAC at 44.1 kHz."""
    noise = 0.2 * np.random.default_rng(0).standard_normal(4 * 44_100)
    pictures = [blobs(128, 96, seed) for seed in range(105)]
    settings = {"size": (128, 96), "pictures": pictures, "options": {"preset": "veryfast", "bf": "3"}}
    path = tmp_path / "recorded.mp4"
    make_video(path, range(-5, 100), tick=Fraction(1, 25), sound=(0, noise, 44_100), **settings)
    check_equal_to_training(path, quick(start=1.5, end=3.5, size="64"))


def test_where_the_sound_has_ended_features_go_on_with_silence(falls_silent: Path) -> None:
    config = quick()
    check_equal_to_training(falls_silent, config)
    statistics = load_clip(falls_silent, config).statistics
    with Shelf() as shelf:
        found = decode(falls_silent, config.clip, config.features, statistics, shelf, ignored)
    silence = FeatureExtractor(config.features, Fraction(20), statistics).whole(torch.zeros(SAMPLE_RATE))
    assert found.features.shape == (80, config.features.size)
    torch.testing.assert_close(found.features[53:], silence[:1].expand(27, -1), atol=1e-5, rtol=0)
    assert not torch.allclose(found.features[49], silence[0], atol=0.1)


def test_a_frame_knows_its_instant_and_progress_ends_at_the_end(performance: Path) -> None:
    config, seen = quick(start=1.5, end=4.0, fps="24"), []
    features = replace(config.features, standardise=False)
    with Shelf() as shelf:
        found = decode(
            performance, config.clip, features, None, shelf, lambda *progress: seen.append(progress)
        )
        assert len(found.frames) == 60
        assert found.seconds(7) == Fraction(3, 2) + Fraction(7, 24)
    assert seen == [("decoding performance.mp4", 32, 60), ("decoding performance.mp4", 60, 60)]


def test_a_part_without_frames_is_refused(performance: Path) -> None:
    config = quick(start=3.95)
    with (
        Shelf() as shelf,
        pytest.raises(UserError, match=r"expected at least 3 frames from 3.95 s on; got 1"),
    ):
        decode(performance, config.clip, replace(config.features, standardise=False), None, shelf, ignored)


@pytest.mark.parametrize("piece", [300, 600])
@pytest.mark.parametrize("seconds", [20, 25, 27])
@pytest.mark.parametrize("fps", RATES)
def test_pieces_of_the_sound_are_heard_as_the_whole(
    fps: Fraction, seconds: int, piece: int, murmur: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the part ends before the sound does, and the other way round."""
    path, samples = murmur
    monkeypatch.setattr(material, "PIECE", piece)
    count = int(seconds * fps) + 1
    found = course(path, fps, 0, count)
    assert np.array_equal(found.loudness, loudness(samples, COURSE_RATE, fps, count))
    assert np.array_equal(found.onsets, onset_strength(spectra(samples), COURSE_RATE, fps, count))
    assert found.onsets.std() > 0
    assert found.loudness.std() > 0


@pytest.mark.parametrize("piece", [6, 7, 60])
@pytest.mark.parametrize("fps", [Fraction(20), Fraction(24), Fraction(240)])
def test_cuts_are_no_onsets(
    fps: Fraction, piece: int, murmur: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, samples = murmur
    monkeypatch.setattr(material, "PIECE", max(piece, (Fraction(100) / fps).denominator))
    found = course(path, fps, 0, 400)
    assert np.array_equal(found.onsets, onset_strength(spectra(samples), COURSE_RATE, fps, 400))
    assert np.array_equal(found.loudness, loudness(samples, COURSE_RATE, fps, 400))


@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 20), Fraction(7), Fraction(81, 4), Fraction(30)])
def test_a_part_is_that_part_of_the_whole(start: Fraction, murmur: tuple[Path, np.ndarray]) -> None:
    """Its first frame too, although it begins in the middle of the sound, and after the sound as well."""
    fps = Fraction(20)
    whole = course(murmur[0], fps, 0, 740)
    section, first = course(murmur[0], fps, start, 130), int(start * fps)
    assert np.array_equal(section.loudness, whole.loudness[first : first + 130])
    assert np.array_equal(section.onsets, whole.onsets[first : first + 130])
    assert (whole.loudness[501:] == SILENCE_DB).all()
    assert (whole.onsets[502:] == 0).all()


def test_a_start_between_frames_is_kept_to_the_sample(murmur: tuple[Path, np.ndarray]) -> None:
    path, samples = murmur
    for start in (Fraction(3, 100), Fraction(7013, 1000)):
        expected = loudness(samples[int(start * COURSE_RATE) :], COURSE_RATE, Fraction(20), 30)
        assert np.array_equal(course(path, Fraction(20), start, 30).loudness, expected)


def test_the_sound_of_a_video_at_its_own_rate(performance: Path) -> None:
    found = course(performance, Fraction(20), 0, 80)
    quiet = found.loudness < -60
    assert quiet[:10].all(), "four steps of rest before the first stroke"
    assert not quiet.all()
    assert found.onsets[~quiet].max() > 10 * found.onsets[:10].max()


def test_memory_does_not_grow_with_the_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "PIECE", 50)
    peaks = []
    for seconds in (10, 60):
        samples = np.random.default_rng(0).integers(-9000, 9000, (seconds * COURSE_RATE, 1), np.int16)
        path = make_wav(tmp_path / f"{seconds}.wav", samples, COURSE_RATE)
        tracemalloc.start()
        course(path, Fraction(20), 0, 20 * seconds)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
