"""Peaks, lags, stillness, effects and chance: against scipy, by hand, and by known shifts."""

from math import inf, isclose

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.stats

from listen_and_move.metrics.alignment import (
    av_align,
    av_align_null,
    circular_null,
    effect_size,
    excess,
    lagged_correlation,
    peaks,
    stillness,
)
from listen_and_move.metrics.sync import best_lag, correlation, shifted_null


def noise(seed, *shape):
    return np.random.default_rng(seed).random(shape)


def smooth(seed, length):
    return scipy.ndimage.gaussian_filter1d(noise(seed, length), 2)


def scores(seed, pairs, gain=0.0):
    return np.random.default_rng(seed).standard_normal(pairs) + gain


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("prominence", [None, 0.0, 0.02, 0.3])
def test_peaks_are_those_of_scipy(seed, prominence):
    for series in (
        noise(seed, 200),
        smooth(seed, 200),
        np.round(6 * smooth(seed, 200)),
    ):  # the last one has plateaus
        least = series.std() if prominence is None else prominence
        expected, _ = scipy.signal.find_peaks(series, prominence=least)
        assert peaks(series, prominence).tolist() == expected.tolist()
        assert len(expected) > 0 or least > 0.1


def test_peaks_are_where_onsets_are():
    """Where librosa's `onset_detect` finds them too."""
    strength = np.full(200, 0.01)
    strength[[12, 40, 41, 77, 130, 180]] += [3, 2, 1, 2.5, 4, 2]
    assert peaks(strength).tolist() == [12, 40, 77, 130, 180]


def test_peaks_of_series_without_any():
    for series in (
        np.zeros(0),
        np.ones(1),
        np.ones(30),
        np.full(30, 0.1),
        np.arange(30),
        np.arange(30)[::-1],
    ):
        assert peaks(series).shape == (0,)
    assert peaks(np.array([0, 5, 0])).tolist() == [1]
    series = smooth(0, 100)
    assert peaks(5e6 * series - 3).tolist() == peaks(series).tolist()
    assert peaks(series, 1.0).tolist() == []
    with pytest.raises(ValueError, match="not all are finite"):
        peaks(np.array([0, np.nan, 0]))


def published(sound, motion, tolerance):
    """Intersection over union as in the paper, for peaks so far apart that no two can share one."""
    common = sum(any(abs(a - v) <= tolerance for v in motion) for a in sound)
    return common / (len(sound) + len(motion) - common)


def test_av_align():
    sound, motion = np.array([3, 10, 20, 41]), np.array([4, 12, 20, 30, 40])
    assert av_align(sound, motion) == published(sound, motion, 1) == 3 / 6
    assert av_align(sound, motion, 2) == published(sound, motion, 2) == 4 / 5
    assert av_align(sound, motion, 0) == 1 / 8
    assert av_align(sound / 20, motion / 20, 0.0501) == 3 / 6, "seconds at 20 fps"
    assert av_align(sound, sound) == av_align(sound, sound + 1) == av_align(sound, sound - 1) == 1
    assert av_align(sound, sound + 3) == 0
    for seed in range(20):
        a, b = (np.flatnonzero(noise(seed + offset, 60) > 0.7) for offset in (0, 100))
        assert av_align(a, b) == av_align(b, a)
        assert av_align(a, b) == av_align(a + 7, b + 7)


def test_av_align_matches_each_peak_once_and_as_many_as_can_be():
    assert av_align(np.array([4, 5, 6]), np.array([5])) == 1 / 3
    assert av_align(np.array([4, 5, 6]), np.array([5, 6, 7])) == 1
    for seed in range(20):
        a, b = (np.flatnonzero(noise(seed + offset, 40) > 0.6) for offset in (0, 100))
        near = np.abs(a[:, None] - b) <= 1
        rows, columns = scipy.optimize.linear_sum_assignment(near, maximize=True)
        most = near[rows, columns].sum()
        assert av_align(a, b) == most / (len(a) + len(b) - most)


def test_av_align_without_peaks():
    none, some = np.zeros(0, int), np.array([3, 9])
    assert av_align(none, none) is None
    assert av_align(none, some) == av_align(some, none) == 0.0
    assert av_align_null(none, none, 50, 4).shape == (0,)
    assert (av_align_null(some, none, 50, 4) == 0).all()


def test_av_align_null_is_what_chance_gives():
    beats = np.arange(5, 200, 10)
    null = av_align_null(beats, beats, 200, 5)
    assert len(null) == 191
    assert null.max() == 1, "periodic peaks meet again"
    assert null.min() == 0
    alone = np.array([7, 30, 31, 90, 150])
    assert av_align_null(alone, alone, 200, 5).max() < 0.5
    assert len(av_align_null(alone, alone, 5000, 4)) <= 500
    assert av_align_null(alone, alone, 6, 4).shape == (0,)


@pytest.mark.parametrize("lag", [-5, 0, 3])
def test_lagged_correlation_has_its_top_where_best_lag_finds_it(lag):
    series = noise(3, 80)
    a, b = series[10:70] + 0.3 * noise(4, 60), series[10 + lag : 70 + lag]
    lags, values = lagged_correlation(a, b, 8)
    assert lags.tolist() == list(range(-8, 9))
    assert (lags[np.argmax(values)], values.max()) == best_lag(a, b, 8)
    assert lags[np.argmax(values)] == lag
    assert np.allclose(lagged_correlation(b, a, 8)[1], values[::-1])
    assert values[8] == correlation(a, b)
    assert isclose(values[11], float(np.corrcoef(a[3:], b[:-3])[0, 1]))


def test_lags_of_short_series():
    assert lagged_correlation(noise(0, 4), noise(1, 4), 50)[0].tolist() == [-2, -1, 0, 1, 2]
    assert lagged_correlation(noise(0, 1), noise(1, 1), 5)[1].tolist() == [0]
    with pytest.raises(ValueError, match="5 and 6"):
        lagged_correlation(np.zeros(5), np.zeros(6), 2)


def test_stillness():
    motion, loudness = np.array([1.0, 3.0, 0.5, 0.5, 2.0]), np.array([-20.0, -10.0, -100.0, -61.0, -60.0])
    assert stillness(motion, loudness) == (0.25, 2, 3)
    assert stillness(7 * motion, loudness).ratio == 0.25
    assert stillness(motion, loudness, -15).ratio == 1 / 3
    assert stillness(motion, loudness + 200) == (None, 0, 5)
    assert stillness(motion, loudness - 200) == (None, 5, 0)
    assert stillness(np.ones(5), loudness).ratio == 1
    assert stillness(np.zeros(5), loudness).ratio == 1
    assert stillness((loudness < -60) * 1.0, loudness).ratio == inf
    assert stillness((loudness > -60) * 1.0, loudness).ratio == 0
    with pytest.raises(ValueError, match="5 and 4"):
        stillness(motion, loudness[:4])


def test_effect_size_is_hedges_corrected():
    a, b = scores(0, 10, 1.0), scores(1, 10)
    found = effect_size(a, b)
    difference = a - b
    assert found.size is not None
    assert isclose(found.size, difference.mean() / difference.std(ddof=1) * (1 - 3 / 35))
    assert found.pairs == 10
    other = effect_size(b, a)
    assert other.size == -found.size
    assert isclose(other.p, found.p)
    assert effect_size(5 * a + 2, 5 * b + 2).size == pytest.approx(found.size)


def test_effect_size_is_unbiased_for_few_pairs():
    sizes = [effect_size(scores(seed, 5, 0.8), np.zeros(5)).size for seed in range(3000)]
    assert isclose(np.mean(np.array(sizes, float)), 0.8, rel_tol=0.05)


@pytest.mark.parametrize("pairs", [3, 8, 12])
def test_p_is_that_of_scipys_permutation_test(pairs):
    a, b = scores(2, pairs, 0.7), scores(3, pairs)
    expected = scipy.stats.permutation_test(
        (a, b),
        lambda x, y: float(np.mean(x - y)),
        permutation_type="samples",
        vectorized=False,
        n_resamples=2**pairs,
    )
    assert isclose(effect_size(a, b).p, expected.pvalue)


def test_p_of_many_pairs():
    a, b = scores(4, 40, 0.3), scores(5, 40)
    p = effect_size(a, b).p
    assert p == effect_size(a, b).p, "the draws are fixed"
    assert isclose(p, float(scipy.stats.ttest_rel(a, b).pvalue), abs_tol=0.03)
    assert effect_size(a + 5, b).p == 1 / 4096
    assert (
        np.mean([effect_size(scores(seed, 15), scores(seed + 500, 15)).p < 0.1 for seed in range(200)]) < 0.15
    )


def test_effect_of_degenerate_scores():
    a = scores(6, 6)
    assert effect_size(a, a) == (0.0, 1.0, 6)
    assert effect_size(a + 0.1, a) == (inf, 2 / 64, 6)
    assert effect_size(a - 0.1, a) == (-inf, 2 / 64, 6)
    assert effect_size(a[:2], a[1:3]).size is None
    assert effect_size(a[:1], a[1:2]) == (None, 1.0, 1)
    with pytest.raises(ValueError, match="at least one pair"):
        effect_size(a[:0], a[:0])


def test_circular_null_is_the_correlation_at_every_wrong_time():
    a, b = noise(7, 31), smooth(8, 31) + 1e3
    null = circular_null(a, b, 4)
    assert np.allclose(null, [correlation(a, np.roll(b, shift)) for shift in range(4, 28)], atol=1e-9)
    assert np.allclose(circular_null(b, a, 4), null[::-1])
    assert circular_null(a[:7], b[:7], 4).shape == (0,)
    assert (circular_null(np.full(31, 0.1), b, 4) == 0).all()
    with pytest.raises(ValueError, match="at least 1 frame; got 0"):
        circular_null(a, b, 0)


def test_excess_tells_a_link_from_a_period():
    a = noise(9, 200)
    linked = excess(correlation(a, a + 0.5 * noise(10, 200)), circular_null(a, a + 0.5 * noise(10, 200), 4))
    assert linked is not None
    assert linked.p == 1 / 194
    assert linked.above > 0.8
    period = np.tile(noise(11, 8), 25)
    found = excess(correlation(period, period), circular_null(period, period, 4))
    assert found is not None
    assert isclose(found.largest, 1)
    assert found.p > 0.1


def test_excess_by_hand():
    found = excess(0.5, np.array([0.1, 0.5, 0.2, 0.0]))
    assert found is not None
    assert np.allclose(found, [0.3, 2 / 5, 0.2, np.quantile([0.1, 0.5, 0.2, 0.0], 0.95), 0.5])
    assert excess(0.5, np.zeros(0)) is None
    video = noise(12, 30, 4, 4, 3)
    dcor = excess(1.0, shifted_null(video, video))
    assert dcor is not None
    assert dcor.p == 1 / 23, "22 shifts of 29 differences"
