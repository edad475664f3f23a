"""dcor at the wrong times in parts that can be added: equal to the whole, and to sums by hand."""

import numpy as np
import pytest
from tests.evaluation.making import Held, noise, swinging

from listen_and_move.evaluation import shifts
from listen_and_move.evaluation.baselines import BLOCK, Still
from listen_and_move.evaluation.frame_measures import LEAST_SHIFT
from listen_and_move.evaluation.results import Products
from listen_and_move.evaluation.shifts import pooled, products
from listen_and_move.metrics.sync import difference_correlation, difference_products, shifted_null


@pytest.mark.parametrize("count", [9, 32, 33, 34, 65, 80])
def test_equal_to_dcor_and_its_null(count: int) -> None:
    ours, real = swinging(0, count), swinging(1, count)
    found = products(Held(ours), Held(real))
    assert found.dcor == pytest.approx(difference_correlation(ours, real), abs=1e-6)
    assert np.allclose(found.null, shifted_null(ours, real, LEAST_SHIFT), atol=1e-6)
    assert len(found.null) == count - 1 - 2 * LEAST_SHIFT + 1
    assert found.excess is not None


def test_laws() -> None:
    ours, real = swinging(2, 40), swinging(3, 40)
    same, other, back = (products(Held(a), Held(b)) for a, b in ((real, real), (ours, real), (real, ours)))
    assert same.dcor == pytest.approx(1)
    assert same.null.max() < 1
    assert other.dcor == pytest.approx(back.dcor)
    assert np.allclose(other.null, back.null[::-1]), "shifting one forward is shifting the other back"
    still = products(Still(real[0], 40), Held(real))
    assert still.dcor == 0
    assert not still.null.any()


def test_a_short_part_has_no_null() -> None:
    found = products(Held(noise(0, 8)), Held(noise(1, 8)))
    assert found.shifted == ()
    assert found.excess is None
    assert pooled([found, found]).excess is None


def test_a_long_part_is_the_sum_of_equal_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, real = swinging(4, 50), swinging(5, 50)
    monkeypatch.setattr(shifts, "LONGEST", 20)
    found = products(Held(ours), Held(real))  # three stretches of 16 frames
    rows = [difference_products(ours[at : at + 16], real[at : at + 16]) for at in (0, 16, 32)]
    product, squares, real_squares = np.concatenate(rows).sum(0)
    assert found.dcor == pytest.approx(product / np.sqrt(squares * real_squares), abs=1e-6)
    expected = np.zeros(8)
    for at in (0, 16, 32):
        ours_changes, real_changes = (np.diff(video[at : at + 16] / 255, axis=0) for video in (ours, real))
        expected += [
            float((ours_changes * np.roll(real_changes, shift, axis=0)).sum()) for shift in range(4, 12)
        ]
    assert np.allclose(found.null, expected / np.sqrt(squares * real_squares), atol=1e-6)


def test_two_parts_by_hand() -> None:
    both = pooled([Products(1.0, 2.0, 3.0, (0.5, 0.25, 4.0)), Products(2.0, 6.0, 5.0, (1.0, -0.5))])
    assert both == Products(3.0, 8.0, 8.0, (1.5, -0.25))
    assert both.dcor == 3 / 8
    assert both.null.tolist() == [1.5 / 8, -0.25 / 8]
    assert both.excess is not None
    assert both.excess.p == 1 / 3


def test_memory_does_not_grow_with_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shifts, "LONGEST", 90)
    ours, real = Held(noise(6, 200, 12, 12)), Held(noise(7, 200, 12, 12))
    products(ours, real)
    assert max(ours.largest, real.largest) <= BLOCK + 1
