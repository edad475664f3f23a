"""Novelty: 0 for what was heard, 1 for what is as different as the training sounds are, more for the rest."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from listen_and_move.audio.features import SAMPLE_RATE, FeatureExtractor, measure
from listen_and_move.audio.loudness import gated_level, matching_gain
from listen_and_move.audio.novelty import FAR, KEPT, Repertoire, by_second, novelty
from listen_and_move.config import FeatureConfig
from listen_and_move.data.synthetic.bowed_string import bow_strokes, render_sound
from listen_and_move.media.sound import read_sound

FPS = Fraction(20)


def features(count, seed=0):
    """Chunks far from silence, which is 0."""
    return 20 + torch.randn(count, 64, generator=torch.Generator().manual_seed(seed))


LISTENER = FeatureExtractor(FeatureConfig(kind="level"), FPS)


def test_what_was_heard_and_silence_are_not_new():
    sound_features = features(200)
    repertoire = Repertoire.of(sound_features, (range(150),), LISTENER)
    assert repertoire.chunks.shape == (151, 64)
    assert (novelty(sound_features[:150], repertoire) == 0).all()
    assert (novelty(sound_features[150:], repertoire) > 0.3).all()
    assert (novelty(LISTENER.whole(torch.zeros(SAMPLE_RATE)), repertoire) == 0).all()
    assert novelty(sound_features[:0], repertoire).shape == (0,)


def test_the_unit_is_the_mean_distance_to_the_nearest_that_is_a_second_away():
    sound_features, train = features(130), (range(60), range(90, 130))
    places = np.concatenate([np.arange(60), np.arange(90, 130)])
    distances = cdist(sound_features[places], sound_features[places])
    distances[np.abs(places[:, None] - places) < FPS] = np.inf
    repertoire = Repertoire.of(sound_features, train, LISTENER)
    assert float(repertoire.distance) == pytest.approx(distances.min(1).mean(), rel=1e-5)
    assert novelty(features(500, 1), repertoire).mean() == pytest.approx(1, abs=0.1), "more of the same"
    further = novelty(20 + (features(500, 1) - 20) * 3, repertoire)
    assert further.mean() > 2
    assert novelty(20 + (features(500, 1) - 20) * 20, repertoire).mean() > 5 * further.mean()


def test_context_makes_no_difference():
    repertoire, other = Repertoire.of(features(100), (range(100),), LISTENER), features(10, 1)
    assert torch.equal(
        novelty(torch.cat([other, features(10, 2)], 1), repertoire), novelty(other, repertoire)
    )


def test_few_chunks_of_a_long_sound_are_kept():
    sound_features = features(3000)
    repertoire = Repertoire.of(sound_features, (range(3000),), LISTENER)
    assert len(repertoire.chunks) == KEPT + 1
    assert novelty(features(500, 1), repertoire).mean() == pytest.approx(1, abs=0.05)


def test_sounds_that_repeat_themselves_or_are_short():
    loop = features(25).repeat(8, 1)
    assert novelty(features(200, 1), Repertoire.of(loop, (range(200),), LISTENER)).max() < 20
    assert torch.isfinite(novelty(features(9, 1), Repertoire.of(features(8), (range(8),), LISTENER))).all()
    assert torch.isfinite(
        novelty(features(9, 1), Repertoire.of(torch.ones(50, 64), (range(50),), LISTENER))
    ).all()


def test_seconds():
    assert by_second(torch.arange(50.0), FPS).tolist() == [9.5, 29.5, 44.5]
    assert by_second(torch.ones(90), Fraction(30000, 1001)).tolist() == [1, 1, 1]  # 90 frames last 3.003 s
    assert by_second(torch.arange(49.0), FPS).tolist() == [9.5, 34.0]
    assert by_second(torch.arange(5.0), FPS).tolist() == [2]
    assert len(by_second(torch.ones(105), Fraction(30000, 1001))) == 4
    assert by_second(torch.zeros(0), FPS).shape == (0,)


@pytest.fixture(scope="session", params=["made up", "real"])
def worlds(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Ten seconds that are struck, and what is not: noise and a bowed string, or drums and an organ.

    Only real music can show that the bounds suit it.
    """
    if request.param == "made up":
        place = np.arange(10 * SAMPLE_RATE)
        noise = np.random.default_rng(0).standard_normal(len(place))
        struck = 0.2 * noise * np.exp(-(place % 21_000) / 2600)  # three times a second
        bowed = render_sound(bow_strokes(1, 4.0), 4.0, SAMPLE_RATE).mean(1)
        return struck.astype(np.float32), bowed.astype(np.float32)
    data: Path = request.getfixturevalue("shared") / "data"
    files = (data / "videos/percussion_drums_overhead_10s.mp4", data / "sounds/music_bach_organ.mp3")
    drums, organ = (np.concatenate(list(read_sound(path, SAMPLE_RATE))) for path in files)
    return drums, organ


@pytest.mark.parametrize("kind", ["level", "lms", "mfcc"])
def test_a_clips_own_sound_is_near_and_another_world_is_far(worlds: tuple[np.ndarray, np.ndarray], kind):
    """Strokes that were held out, those from which they were, and another world."""
    sound, other = worlds
    config = FeatureConfig(kind=kind, standardise=True, past=1, future=2)
    train = (range(160),)
    raw = FeatureExtractor(config, FPS)
    extractor = FeatureExtractor(config, FPS, measure(raw.chunks(torch.from_numpy(sound), 0, 160)))
    struck = extractor.whole(torch.from_numpy(sound))
    repertoire = Repertoire.of(struck, train, extractor)
    gain = matching_gain(gated_level([other]), gated_level([sound[: 8 * SAMPLE_RATE]]))
    far = by_second(
        novelty(extractor.whole(torch.from_numpy(other * np.float32(10 ** (gain / 20)))), repertoire), FPS
    )
    own = by_second(novelty(struck[160:], repertoire), FPS)
    assert own.max() < FAR
    assert own.mean() < 1.6
    assert np.median(far) > 1.5 * own.mean()
