"""Intervals are those of the percentile bootstrap, over clips, clusters, and seeds and clips; and repeat."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from tfnoise.evaluation import bootstrap_clusters, bootstrap_crossed, bootstrap_mean, bootstrap_paired

VALUES = np.random.default_rng(1).gamma(2.0, 0.02, 111)


def test_the_interval_of_a_mean_is_scipys():
    interval = bootstrap_mean(VALUES, seed=3)
    other = scipy.stats.bootstrap((VALUES,), np.mean, n_resamples=20000, method="percentile", random_state=0)
    width = interval.high - interval.low
    assert interval.value == pytest.approx(VALUES.mean())
    assert interval.low == pytest.approx(other.confidence_interval.low, abs=0.04 * width)
    assert interval.high == pytest.approx(other.confidence_interval.high, abs=0.04 * width)
    # The normal approximation, which holds for 111 values.
    assert width == pytest.approx(2 * 1.96 * VALUES.std() / math.sqrt(111), rel=0.06)
    assert bootstrap_mean([0.25]) == (0.25, 0.25, 0.25)
    assert all(math.isnan(number) for number in bootstrap_mean([]))


def test_a_seed_repeats_however_resamples_are_cut_and_another_does_not(monkeypatch):
    a, b = _scores(), np.roll(_scores(), 1)
    assert bootstrap_crossed(a, b, 1) == bootstrap_crossed(a, b, 1) != bootstrap_crossed(a, b, 2)
    assert bootstrap_mean(VALUES, seed=5) == bootstrap_mean(VALUES, seed=5) != bootstrap_mean(VALUES, seed=6)
    whole = bootstrap_mean(VALUES, resamples=1000)
    monkeypatch.setattr("tfnoise.evaluation.bootstrap._VALUES_AT_ONCE", 7 * len(VALUES))
    assert bootstrap_mean(VALUES, resamples=1000) == pytest.approx(whole, rel=1e-12)


def test_pairs_are_resampled_together():
    other = VALUES + 0.01
    assert bootstrap_paired(other, VALUES) == pytest.approx((0.01, 0.01, 0.01))
    assert bootstrap_paired(3 * VALUES, VALUES, "ratio") == pytest.approx((3, 3, 3))
    noisy = VALUES * np.random.default_rng(2).uniform(0.5, 1.0, len(VALUES))
    ratio = bootstrap_paired(noisy, VALUES, "ratio")
    assert 0.5 < ratio.low < ratio.value < ratio.high < 1


def test_clusters_of_one_are_clips_and_large_ones_are_resampled_whole():
    def mean(indices):
        return VALUES[indices].mean(keepdims=True)

    assert bootstrap_clusters(range(111), mean, seed=4, resamples=500) == [
        pytest.approx(bootstrap_mean(VALUES, seed=4, resamples=500), rel=1e-12)
    ]
    [of_two] = bootstrap_clusters([0] * 50 + [1] * 61, mean, resamples=500)
    assert of_two[1:] == pytest.approx(sorted((VALUES[:50].mean(), VALUES[50:].mean())))
    [of_one] = bootstrap_clusters([0] * 111, mean, resamples=10)
    assert of_one.value == VALUES.mean() and math.isnan(of_one.low) and math.isnan(of_one.high)


def _scores(seeds: int = 4, clips: int = 60) -> np.ndarray:
    return np.random.RandomState(0).lognormal(size=(seeds, clips))


def test_equal_and_proportional_losses_are_certain_and_those_of_one_distribution_are_not():
    interval = bootstrap_crossed(0.7 * _scores(), _scores())
    assert interval == (*[pytest.approx(0.7)] * 3, 1, 4)
    assert bootstrap_crossed(_scores(), _scores()) == (1, 1, 1, 0, 0)
    interval = bootstrap_crossed(*np.random.RandomState(1).lognormal(size=(2, 3, 100)))
    assert interval.low < 1 < interval.high and 0.02 < interval.confidence < 0.98


def test_a_difference_that_one_seed_makes_is_less_sure_than_one_that_all_make():
    base = _scores(3, 200)
    one = base.copy()
    one[0] *= 0.7
    of_one, of_all = bootstrap_crossed(one, base), bootstrap_crossed(base * 0.9, base)
    assert of_one.ratio == pytest.approx(of_all.ratio, abs=0.03)
    # A resample without the first seed, (2/3)^3 of all, sees no difference.
    assert of_one.confidence == pytest.approx(1 - (2 / 3) ** 3, abs=0.02)
    assert of_all.confidence == 1


def test_the_crossed_interval_is_that_of_resampling_rows_and_columns_by_hand():
    a, b = _scores(3, 30), np.random.RandomState(5).lognormal(size=(3, 30))
    generator, ratios = np.random.default_rng(7), []
    for _ in range(4000):
        rows, columns = generator.integers(0, 3, 3), generator.integers(0, 30, 30)
        ratios.append(a[rows][:, columns].mean() / b[rows][:, columns].mean())
    interval = bootstrap_crossed(a, b)
    np.testing.assert_allclose([interval.low, interval.high], np.quantile(ratios, [0.025, 0.975]), rtol=0.06)


def test_what_makes_no_sense_is_refused():
    for call, arguments in [
        (bootstrap_mean, ([[1.0, 2.0]],)),
        (bootstrap_mean, ([1.0], 0, 0)),
        (bootstrap_paired, ([1.0], [1.0, 2.0])),
        (bootstrap_paired, ([1.0], [1.0], "product")),
        *((bootstrap_crossed, (np.ones(shape), np.ones((3, 4)))) for shape in [(3, 5), (0, 4), (4,)]),
    ]:
        with pytest.raises(ValueError, match="must be"):
            call(*arguments)
