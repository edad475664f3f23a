"""Distances of distributions: closed formulas, scipy's matrix root, bias and its absence, counts."""

from math import isclose, sqrt

import numpy as np
import pytest
import scipy.linalg

from listen_and_move.metrics.frechet import (
    LEAST_FRAMES,
    LEAST_WINDOWS,
    compare_distributions,
    frechet_distance,
    kernel_distance,
)


def draw(seed, samples=60, features=8, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal((samples, features))


def mixed(seed, samples, features=12):
    """Features that depend on each other and have an offset."""
    return draw(seed, samples, features) @ draw(99, features, features) + 5


def with_moments(features, mean, scale):
    """Features moved so that their mean is ``mean`` and their covariance exactly diag(scale)^2."""
    centred = features - features.mean(0)
    white = centred @ np.linalg.inv(np.linalg.cholesky(np.cov(centred.T)).T)
    return white * scale + mean


def test_frechet_of_known_gaussians():
    a = with_moments(draw(0), np.zeros(8), np.arange(1, 9))
    b = with_moments(draw(1), np.full(8, 3.0), np.full(8, 2.0))
    assert isclose(frechet_distance(a, b), 8 * 9 + np.square(np.arange(1, 9) - 2).sum())


@pytest.mark.parametrize("samples", [50, 12, 7])  # more than features, as many, fewer
def test_frechet_with_the_root_of_scipy(samples):
    a, b = mixed(0, samples), 0.5 * mixed(1, samples + 3) + draw(2, 1, 12)
    covariance_a, covariance_b = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(covariance_a @ covariance_b + 1e-9 * np.eye(12))  # it needs a full rank
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(
        covariance_a + covariance_b - 2 * np.real(root)
    )
    assert isclose(frechet_distance(a, b), expected, rel_tol=1e-4)
    assert isclose(frechet_distance(a, b), frechet_distance(b, a))


def test_frechet_laws():
    a, b = mixed(0, 40), mixed(1, 45)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a[:5], a[:5]) == pytest.approx(0, abs=1e-9), "a singular covariance"
    assert isclose(frechet_distance(a, a + 2), 12 * 4)
    assert isclose(frechet_distance(a - 3, b - 3), frechet_distance(a, b))
    assert isclose(frechet_distance(7 * a, 7 * b), 49 * frechet_distance(a, b))
    turned = np.linalg.qr(draw(3, 12, 12))[0]
    assert isclose(frechet_distance(a @ turned, b @ turned), frechet_distance(a, b))
    assert isclose(frechet_distance(a[::-1], b), frechet_distance(a, b)), (
        "the order of samples does not matter"
    )


def test_few_samples_score_what_the_documentation_says():
    """Twice the trace for few, half of it for N = D, D / 2N of it for many."""
    for samples, expected in ((3, 2.0), (100, 0.5), (400, 0.125)):
        share = np.mean(
            [
                frechet_distance(draw(seed, samples, 100), draw(seed + 9, samples, 100)) / 100
                for seed in range(3)
            ]
        )
        assert isclose(share, expected, rel_tol=0.2)


def test_kernel_by_its_definition():
    a, b = mixed(0, 25, 4), mixed(1, 31, 4)
    distance = 0.0
    for x, y, factor in ((a, a, 1), (b, b, 1), (a, b, -2)):
        pairs = [
            (p @ q / 4 + 1) ** 3 for i, p in enumerate(x) for j, q in enumerate(y) if x is not y or i != j
        ]
        distance += factor * float(np.mean(pairs))
    assert isclose(kernel_distance(a, b).value, distance, rel_tol=1e-9)
    assert isclose(kernel_distance(b, a).value, distance, rel_tol=1e-9)


def test_kernel_distance_is_unbiased_at_any_count():
    for samples in (5, 40):
        values = np.array(
            [kernel_distance(draw(seed, samples), draw(seed + 1000, samples)).value for seed in range(400)]
        )
        assert abs(values.mean()) < 3 * values.std() / sqrt(400)
        assert (values < 0).mean() > 0.3
        shifted = np.array(
            [
                kernel_distance(draw(seed, samples), draw(seed + 1000, samples) + 0.5).value
                for seed in range(400)
            ]
        )
        expected = kernel_distance(draw(0, 4000), draw(1, 4000) + 0.5).value
        assert isclose(shifted.mean(), expected, abs_tol=3 * shifted.std() / sqrt(400) + 0.02)


def test_kernel_distance_grows_with_a_shift_and_of_a_set_with_itself_is_below_zero():
    a, b = draw(0), draw(1)
    values = [kernel_distance(a, b + shift).value for shift in (0, 0.5, 1, 2)]
    assert values == sorted(values)
    assert values[1] > values[0] + 0.05
    assert kernel_distance(a, a).value < 0, (
        "the pairs of a sample with its equal are counted across the sets only"
    )


def test_standard_error_is_the_spread_of_many_draws():
    found = [kernel_distance(draw(seed), draw(seed + 1000) + 0.6) for seed in range(200)]
    values, errors = np.array(found).T
    assert 0.7 < errors.mean() / values.std() < 1.5
    still = kernel_distance(np.repeat(draw(0, 12), 10, axis=0), np.repeat(draw(1, 12), 10, axis=0) + 0.6)
    each = kernel_distance(draw(0, 120), draw(1, 120) + 0.6)
    assert still.standard_error is not None
    assert each.standard_error is not None
    assert still.standard_error > 1.5 * each.standard_error, "repeated frames make nothing surer"
    assert kernel_distance(draw(0, 19), draw(1, 60)).standard_error is None


@pytest.mark.parametrize("measure", ["frechet", "kernel"])
def test_a_comparison_uses_equal_counts_and_shows_the_floor(measure):
    found = compare_distributions(draw(0, 90), draw(1, 70), draw(2, 120) + 1, measure=measure)
    assert found.counts == (70, 70)
    assert found.note == ""
    assert found.value is not None
    assert found.floor is not None
    assert found.value > found.floor + 0.5
    assert (found.standard_error is None) == (measure == "frechet")
    same = compare_distributions(draw(0, 90), draw(1, 90), draw(2, 90), measure=measure)
    assert same.value is not None
    assert same.floor is not None
    assert isclose(same.value, same.floor, abs_tol=0.5)


def test_samples_are_spread_over_the_whole_set():
    real = np.repeat(np.arange(60.0), 3)[:, None]  # each value three times: every third is the set itself
    found = compare_distributions(real, real + 1, np.arange(60.0)[:, None] + 1, measure="frechet")
    assert found.counts == (60, 60)
    assert found.value == pytest.approx(1) == found.floor


@pytest.mark.parametrize(
    ("measure", "count", "least", "needed"),
    [
        ("kernel", LEAST_FRAMES - 1, LEAST_FRAMES, 50),
        ("kernel", LEAST_WINDOWS - 1, LEAST_WINDOWS, 20),
        ("kernel", 0, LEAST_WINDOWS, 20),
        ("frechet", 80, LEAST_WINDOWS, 81),
        ("frechet", 40, LEAST_FRAMES, 81),
    ],
)
def test_too_few_samples_give_no_number(measure, count, least, needed):
    sets = [draw(seed, 200, 80) for seed in range(3)]
    for few in range(3):
        found = compare_distributions(
            *(features[:count] if index == few else features for index, features in enumerate(sets)),
            measure=measure,
            least=least,
        )
        assert found.value is found.floor is found.standard_error is None
        assert f"{count}, at least {needed} are needed" in found.note
        assert found.counts == (count, count)
    enough = compare_distributions(*(features[:needed] for features in sets), measure=measure, least=least)
    assert enough.value is not None


def test_the_protocol_of_the_paper_prints_its_biased_numbers():
    real, other, generated = draw(0, 20, 40), draw(1, 30, 40), draw(2, 4, 40)
    found = compare_distributions(real, other, generated, measure="frechet", protocol="paper")
    assert found.counts == (20, 4)
    assert found.value == frechet_distance(real, generated)
    assert found.value is not None
    assert found.value > 40, "more than the trace, for one and the same distribution"
    assert found.floor == pytest.approx(found.value, rel=0.3)
    assert "20 real and 4 generated" in found.note
    assert "bias" in found.note
    kernel = compare_distributions(real, other[:3], generated, measure="kernel", protocol="paper")
    assert kernel.value is not None
    assert kernel.floor is None, "three real samples are no floor for four"
    assert (
        compare_distributions(real, other, generated[:1], measure="frechet", protocol="paper").value is None
    )


def test_what_are_no_features_is_refused():
    with pytest.raises(ValueError, match="shape \\(N, D\\); got shape \\(8,\\)"):
        frechet_distance(draw(0)[0], draw(1))
    with pytest.raises(ValueError, match="got 8 and 9"):
        frechet_distance(draw(0), draw(1, 60, 9))
    with pytest.raises(ValueError, match="not all are finite"):
        kernel_distance(draw(0), np.full((60, 8), np.nan))
    with pytest.raises(ValueError, match="at least 2 samples; got 1"):
        kernel_distance(draw(0)[:1], draw(1))
    with pytest.raises(ValueError, match="at least 2 samples; got 1"):
        frechet_distance(draw(0)[:1], draw(1))
