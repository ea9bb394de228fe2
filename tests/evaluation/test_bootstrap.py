"""Intervals are those of the percentile bootstrap, and repeat."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from tfnoise.evaluation import bootstrap_mean, bootstrap_paired

VALUES = np.random.default_rng(1).gamma(2.0, 0.02, 111)


def test_the_interval_of_a_mean_is_scipys():
    found = bootstrap_mean(VALUES, seed=3)
    other = scipy.stats.bootstrap((VALUES,), np.mean, n_resamples=20000, method="percentile", random_state=0)
    width = found.high - found.low
    assert found.value == pytest.approx(VALUES.mean())
    assert found.low == pytest.approx(other.confidence_interval.low, abs=0.04 * width)
    assert found.high == pytest.approx(other.confidence_interval.high, abs=0.04 * width)
    # The normal approximation, which holds for 111 values.
    assert width == pytest.approx(2 * 1.96 * VALUES.std() / math.sqrt(111), rel=0.06)


def test_a_seed_repeats_and_another_does_not():
    assert bootstrap_mean(VALUES, seed=5) == bootstrap_mean(VALUES, seed=5)
    assert bootstrap_mean(VALUES, seed=5) != bootstrap_mean(VALUES, seed=6)


def test_the_result_does_not_depend_on_how_resamples_are_cut(monkeypatch):
    whole = bootstrap_mean(VALUES, resamples=1000)
    monkeypatch.setattr("tfnoise.evaluation.bootstrap._VALUES_AT_ONCE", 7 * len(VALUES))
    assert bootstrap_mean(VALUES, resamples=1000) == pytest.approx(whole, rel=1e-12)


def test_one_clip_is_its_own_interval_and_no_clip_has_none():
    assert bootstrap_mean([0.25]) == (0.25, 0.25, 0.25)
    assert all(math.isnan(number) for number in bootstrap_mean([]))


def test_pairs_are_resampled_together():
    other = VALUES + 0.01
    assert bootstrap_paired(other, VALUES) == pytest.approx((0.01, 0.01, 0.01))
    assert bootstrap_paired(3 * VALUES, VALUES, "ratio") == pytest.approx((3, 3, 3))
    noisy = VALUES * np.random.default_rng(2).uniform(0.5, 1.0, len(VALUES))
    ratio = bootstrap_paired(noisy, VALUES, "ratio")
    assert 0.5 < ratio.low < ratio.value < ratio.high < 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: bootstrap_mean([[1.0, 2.0]]),
        lambda: bootstrap_mean([1.0], resamples=0),
        lambda: bootstrap_mean([1.0], level=1.0),
        lambda: bootstrap_paired([1.0], [1.0, 2.0]),
        lambda: bootstrap_paired([1.0], [1.0], "product"),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(ValueError):
        call()
