"""The integer tables against the density that they were built from."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_compression as tfc

from tfnoise.codec import build_tables, step_grid
from tfnoise.codec.entropy.tables import LARGEST_LATENT
from tfnoise.layers.entropy import OUTLIER_SHARE

CHANNELS = 3


@pytest.fixture(scope="module")
def prior():
    tf.random.set_seed(1)
    return tfc.NoisyDeepFactorized(batch_shape=[CHANNELS], init_scale=2.0)


@pytest.fixture(scope="module")
def tables(prior):
    return build_tables(prior, CHANNELS)


def test_grid_is_geometric_and_holds_the_step_of_training():
    steps = step_grid()
    ratios = steps[1:] / steps[:-1]
    np.testing.assert_allclose(ratios, 1.07, rtol=1e-5)
    assert 1.0 in steps
    assert steps[0] == pytest.approx(0.2, rel=0.03) and steps[-1] == pytest.approx(32, rel=0.03)
    # All tables of a model take about five megabytes.
    widths = 2 * np.ceil(LARGEST_LATENT / steps) + 1
    assert 128 * widths.sum() * 2 < 5.2e6


def test_every_table_is_valid_reaches_the_largest_latent_and_is_the_same_each_time(prior, tables):
    """Its counts sum to 2^16, and none is zero."""
    assert tables.counts.dtype == np.uint16
    assert (tables.limits * tables.steps >= LARGEST_LATENT - 1e-3).all()
    np.testing.assert_array_equal(build_tables(prior, CHANNELS).counts, tables.counts)
    for index in range(len(tables.steps)):
        counts = tables.table(index)
        assert counts.shape == (CHANNELS, 2 * tables.limits[index] + 1)
        np.testing.assert_array_equal(counts.sum(axis=1), 65536)
        assert counts.min() >= 1


def test_counts_and_their_rate_follow_the_prior(prior, tables):
    """Where it is likely, a count is its probability but for the share of outliers; bits within 2 %."""
    index = int(np.argmin(np.abs(tables.steps - 1)))
    limit = int(tables.limits[index])
    points = np.arange(-limit, limit + 1, dtype=np.float32)
    probabilities = prior.prob(np.repeat(points[:, None], CHANNELS, axis=1)).numpy().astype(np.float64)
    shares = tables.table(index).T / 65536
    likely = slice(limit - 4, limit + 5)
    assert (np.abs(shares - probabilities)[likely] <= OUTLIER_SHARE * 1.5 + 1e-3).all()
    probabilities /= probabilities.sum(axis=0)
    entropy = -np.sum(probabilities * np.log2(np.maximum(probabilities, 1e-300)))
    assert entropy <= -np.sum(probabilities * np.log2(shares)) <= 1.02 * entropy
