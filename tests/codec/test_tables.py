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


def test_counts_of_every_table_sum_to_two_to_the_sixteen_and_none_is_zero(tables):
    assert tables.counts.dtype == np.uint16
    for index in range(len(tables.steps)):
        counts = tables.table(index)
        assert counts.shape == (CHANNELS, 2 * tables.limits[index] + 1)
        np.testing.assert_array_equal(counts.sum(axis=1), 65536)
        assert counts.min() >= 1


def test_every_table_reaches_the_largest_latent(tables):
    assert (tables.limits * tables.steps >= LARGEST_LATENT - 1e-3).all()


def test_counts_follow_the_prior(prior, tables):
    """Where the prior is likely, a count is its probability but for the share of outliers."""
    index = int(np.argmin(np.abs(tables.steps - 1)))
    limit = int(tables.limits[index])
    symbols = np.arange(-4, 5)
    values = np.repeat(symbols[:, None], CHANNELS, axis=1).astype(np.float32)
    expected = prior.prob(values).numpy()
    got = tables.table(index)[:, limit + symbols].T / 65536
    assert (np.abs(got - expected) <= OUTLIER_SHARE * 1.5 + 1e-3).all()


def test_rate_of_samples_is_that_of_the_density(prior, tables):
    """Bits by the tables stay within 2 % of the prior's cross entropy on values drawn from it."""
    index = int(np.argmin(np.abs(tables.steps - 1)))
    limit = int(tables.limits[index])
    points = np.arange(-limit, limit + 1, dtype=np.float32)
    probabilities = prior.prob(np.repeat(points[:, None], CHANNELS, axis=1)).numpy().astype(np.float64)
    probabilities /= probabilities.sum(axis=0)
    entropy = -np.sum(probabilities * np.log2(np.maximum(probabilities, 1e-300)))
    bits = -np.sum(probabilities * np.log2(tables.table(index).T / 65536))
    assert entropy <= bits <= 1.02 * entropy


def test_all_tables_of_a_model_take_about_five_megabytes():
    widths = 2 * np.ceil(LARGEST_LATENT / step_grid()) + 1
    assert 128 * widths.sum() * 2 < 5.2e6


def test_tables_are_the_same_each_time(prior, tables):
    np.testing.assert_array_equal(build_tables(prior, CHANNELS).counts, tables.counts)
