"""Confidence over clips and seeds: known cases, and agreement with resampling by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tfnoise.research.confidence import compare


def _scores(seeds: int = 4, clips: int = 60) -> np.ndarray:
    return np.random.RandomState(0).lognormal(size=(seeds, clips))


def test_a_loss_that_is_always_a_share_of_the_other_is_that_share_for_sure():
    found = compare(0.7 * _scores(), _scores())
    assert (
        found.ratio == pytest.approx(0.7)
        and found.low == pytest.approx(0.7)
        and found.high == pytest.approx(0.7)
    )
    assert found.confidence == 1 and found.seeds_below == 4


def test_equal_scores_give_no_confidence():
    found = compare(_scores(), _scores())
    assert found.ratio == 1 and found.confidence == 0 and found.seeds_below == 0


def test_losses_of_one_distribution_are_not_told_apart():
    values = np.random.RandomState(1).lognormal(size=(2, 3, 100))
    found = compare(*values)
    assert found.low < 1 < found.high and 0.02 < found.confidence < 0.98


def test_a_difference_that_one_seed_makes_is_less_sure_than_one_that_all_make():
    base = _scores(3, 200)
    one = base.copy()
    one[0] *= 0.7
    every = base * 0.9
    assert compare(one, base).ratio == pytest.approx(compare(every, base).ratio, abs=0.03)
    # A resample without the first seed, (2/3)^3 of all, sees no difference.
    assert compare(one, base).confidence == pytest.approx(1 - (2 / 3) ** 3, abs=0.02)
    assert compare(every, base).confidence == 1


def test_the_interval_is_that_of_resampling_rows_and_columns_by_hand():
    a, b = _scores(3, 30), np.random.RandomState(5).lognormal(size=(3, 30))
    generator, ratios = np.random.default_rng(7), []
    for _ in range(4000):
        rows, columns = generator.integers(0, 3, 3), generator.integers(0, 30, 30)
        ratios.append(a[rows][:, columns].mean() / b[rows][:, columns].mean())
    found = compare(a, b)
    np.testing.assert_allclose([found.low, found.high], np.quantile(ratios, [0.025, 0.975]), rtol=0.06)


def test_the_seed_decides():
    a, b = _scores(), np.roll(_scores(), 1)
    assert compare(a, b, seed=1) == compare(a, b, seed=1) != compare(a, b, seed=2)


@pytest.mark.parametrize("shape", [(3, 5), (0, 4), (4,)])
def test_shapes_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="alike"):
        compare(np.ones(shape), np.ones((3, 4)))
