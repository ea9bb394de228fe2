"""Symbols are drawn as often as they were counted, and distances are what their names say."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from tfnoise.research.sections.generation import (
    bits_per_pixel,
    distances,
    draw,
    histograms,
    statistics,
)

IMAGES = np.random.default_rng(0).beta(2, 3, [6, 32, 64])


def test_drawing_reproduces_the_frequencies_of_each_channel():
    generator = np.random.default_rng(1)
    shares = [np.array([0.5, 0.2, 0.3]), np.array([0.9, 0.1])]
    symbols = np.stack(
        [generator.choice([-2, 0, 5], 4000, p=shares[0]), generator.choice([0, 1], 4000, p=shares[1])],
        axis=-1,
    )
    drawn = draw(histograms(symbols.reshape(40, 100, 2)), [20, 100, 50], generator)
    assert drawn.shape == (20, 100, 50, 2) and drawn.dtype == np.int32
    for before, after in zip(histograms(symbols), histograms(drawn)):
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_allclose(before[1], after[1], atol=0.006)


def test_a_seed_repeats_and_channels_do_not_follow_each_other():
    found = histograms(np.array([[0, 0], [1, 1]]))
    first, again = (draw(found, [1000], np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.1


def test_the_rate_of_what_is_certain_is_nothing_and_of_coins_a_bit_each():
    coin = np.array([0.5, 0.5])
    assert bits_per_pixel([(np.array([7]), np.ones(1))]) == 0
    assert bits_per_pixel([(np.array([0, 1]), coin)] * 128) == pytest.approx(0.5)


def test_grey_values_are_compared_by_scipys_wasserstein_distance():
    others = np.random.default_rng(1).beta(4, 2, [5, 32, 64])
    found = distances(statistics(IMAGES), statistics(others), top_db=80)
    expected = scipy.stats.wasserstein_distance(IMAGES.ravel(), others.ravel())
    assert found["values"] == pytest.approx(expected, rel=0.01)


def test_levels_and_spectra_in_decibels():
    of_images = statistics(IMAGES)
    assert set(distances(of_images, of_images, 80).values()) == {0.0}
    raised = distances(statistics(IMAGES * 0.5 + 0.1), statistics(IMAGES * 0.5), 80)
    assert raised["level_db"] == pytest.approx(8)
    assert raised["along_time_db"] == pytest.approx(0, abs=1e-6)
    halved = distances(statistics(IMAGES * 0.5), of_images, 80)
    assert halved["along_time_db"] == pytest.approx(20 * np.log10(2))
    assert halved["along_frequency_db"] == pytest.approx(20 * np.log10(2))


def test_what_lasts_correlates_and_what_all_images_have_does_not_count():
    generator = np.random.default_rng(2)
    steady = np.repeat(generator.uniform(size=[20, 8, 4]), 64, axis=2)
    assert statistics(steady).lasting > 0.5
    noise = generator.uniform(size=[20, 8, 256])
    grid = np.tile(np.linspace(0, 1, 16), 16)
    assert abs(statistics(noise).lasting) < 0.03
    assert statistics(0.1 * noise + 0.9 * grid).lasting == pytest.approx(statistics(noise).lasting)
    assert statistics(np.full([2, 16, 32], 0.5)).lasting == 0
