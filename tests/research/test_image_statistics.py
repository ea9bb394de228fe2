"""Statistics of images and symbols with exact answers, and responses of a simple decoder."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfnoise.research.image_statistics import (
    EDGES,
    bits_per_pixel,
    cells,
    centroid,
    distances,
    draw,
    error,
    error_parts,
    histograms,
    radial_frequency,
    statistics,
    tiles,
    transfer,
)
from tfnoise.research.sections.ablation import responses

IMAGES = np.random.default_rng(0).uniform(size=[3, 128, 256])
BETA = np.random.default_rng(0).beta(2, 3, [6, 32, 64])


def test_tiles_are_of_the_middle_and_in_order():
    image = np.arange(70 * 100, dtype=np.float32).reshape(70, 100, 1)
    squares = tiles(image, 32)
    assert squares.shape == (6, 32, 32, 1)
    # 6 rows and 4 columns are left over.
    for square, row, column in ((0, 3, 2), (1, 3, 34), (5, 35, 66)):
        np.testing.assert_array_equal(squares[square], image[row : row + 32, column : column + 32])
        np.testing.assert_array_equal(tiles(squares[square], 32), squares[square][None])
    assert len(tiles(image, 71)) == 0


def test_drawing_reproduces_the_frequencies_of_each_channel():
    generator = np.random.default_rng(1)
    channels = [([-2, 0, 5], [0.5, 0.2, 0.3]), ([0, 1], [0.9, 0.1])]
    symbols = np.stack([generator.choice(values, 4000, p=shares) for values, shares in channels], axis=-1)
    drawn = draw(histograms(symbols.reshape(40, 100, 2)), [20, 100, 50], generator)
    assert drawn.shape == (20, 100, 50, 2) and drawn.dtype == np.int32
    for before, after in zip(histograms(symbols), histograms(drawn)):
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_allclose(before[1], after[1], atol=0.006)


def test_a_seed_repeats_and_channels_do_not_follow_each_other():
    frequencies = histograms(np.array([[0, 0], [1, 1]]))
    first, again = (draw(frequencies, [1000], np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.1


def test_the_rate_of_what_is_certain_is_nothing_and_of_coins_a_bit_each():
    coin = np.array([0.5, 0.5])
    assert bits_per_pixel([(np.array([7]), np.ones(1))]) == 0
    assert bits_per_pixel([(np.array([0, 1]), coin)] * 128) == pytest.approx(0.5)


def test_pixel_values_are_compared_by_scipys_wasserstein_distance():
    others = np.random.default_rng(1).beta(4, 2, [5, 32, 64])
    distance = distances(statistics(BETA), statistics(others), top_db=80)
    expected = scipy.stats.wasserstein_distance(BETA.ravel(), others.ravel())
    assert distance["values"] == pytest.approx(expected, rel=0.01)


def test_levels_and_spectra_in_decibels():
    of_images = statistics(BETA)
    assert set(distances(of_images, of_images, 80).values()) == {0.0}
    raised = distances(statistics(BETA * 0.5 + 0.1), statistics(BETA * 0.5), 80)
    assert (raised["level_db"], raised["along_time_db"]) == pytest.approx((8, 0), abs=1e-6)
    halved = distances(statistics(BETA * 0.5), of_images, 80)
    assert halved["along_time_db"] == pytest.approx(20 * np.log10(2))
    assert halved["along_frequency_db"] == pytest.approx(20 * np.log10(2))


def test_what_lasts_correlates_and_what_all_images_have_does_not_count():
    generator = np.random.default_rng(2)
    steady = np.repeat(generator.uniform(size=[20, 8, 4]), 64, axis=2)
    assert statistics(steady)["lasting"] > 0.5
    noise = generator.uniform(size=[20, 8, 256])
    grid = np.tile(np.linspace(0, 1, 16), 16)
    assert abs(statistics(noise)["lasting"]) < 0.03
    assert statistics(0.1 * noise + 0.9 * grid)["lasting"] == pytest.approx(statistics(noise)["lasting"])
    assert statistics(np.full([2, 16, 32], 0.5))["lasting"] == 0


def gain(originals, decoded) -> list[float]:
    return transfer(zip(originals, decoded))[0]


def test_the_gain_of_the_identity_is_1_of_a_half_a_half_and_of_nothing_0():
    assert gain(IMAGES, IMAGES) == pytest.approx([1] * 6)
    assert gain(IMAGES, 0.5 * IMAGES + 0.2) == pytest.approx([0.5] * 6)
    assert gain(IMAGES, 0 * IMAGES) == [0] * 6
    assert gain(IMAGES, -IMAGES) == pytest.approx([-1] * 6)
    # Images of several sizes are one set, and flat ones have no gain.
    assert gain([IMAGES[0], IMAGES[1, :, :160]], [IMAGES[0], IMAGES[1, :, :160]]) == pytest.approx([1] * 6)
    assert transfer([(np.ones([32, 32]), np.ones([32, 32]))]) == ([0] * 6, [0] * 6)


def test_a_low_pass_loses_what_is_fast_and_other_noise_has_no_gain():
    slow = np.fft.ifft2(np.fft.fft2(IMAGES) * (radial_frequency(128, 256) < 1 / 16)).real
    gains = gain(IMAGES, slow)
    assert gains[:2] == pytest.approx([1, 1], abs=0.1) and gains[4:] == pytest.approx([0, 0], abs=0.01)
    others = np.random.default_rng(1).uniform(size=IMAGES.shape)
    assert gain(IMAGES, others)[2:] == pytest.approx([0] * 4, abs=0.1)


def test_the_energy_of_white_noise_is_as_the_areas_of_bands():
    [*shares, fast] = transfer(zip(IMAGES, IMAGES))[1]
    areas = np.diff([0, *np.pi * np.square(EDGES)])
    assert shares == pytest.approx(areas, rel=0.3) and fast == pytest.approx(1 - areas.sum(), rel=0.02)


def test_the_centroid_of_a_wave_is_its_frequency():
    across = np.cos(2 * np.pi * 8 * np.arange(64) / 64)
    assert centroid(np.tile(across, [64, 1])) == pytest.approx(8 / 64)
    assert centroid(across[:, None] * across) == pytest.approx(np.hypot(8, 8) / 64)
    assert centroid(np.zeros([64, 64])) == 0


def test_cells_are_whole_and_of_all_images():
    image = np.arange(40 * 50).reshape(40, 50, 1)
    squares = cells([image, image])
    assert squares.shape == (2 * 2 * 3, 256)
    np.testing.assert_array_equal(squares[4].reshape(16, 16), image[20:36, 17:33, 0])


def test_the_parts_of_an_error_sum_to_it_and_are_what_they_are_called():
    original = cells(IMAGES[..., None])
    decoded = cells((0.3 * IMAGES + 0.4 * np.random.default_rng(1).uniform(size=IMAGES.shape))[..., None])
    parts = error_parts(original, decoded)
    assert sum(parts.values()) == pytest.approx(np.mean((original - decoded) ** 2))
    means, variance = original.mean(axis=1, keepdims=True), np.mean(original.var(axis=1))
    for changed, level, contrast, structure in (
        (original + 0.1, 0.01, 0, 0),
        (means + 0 * original, 0, variance, 0),
        (2 * means - original, 0, 0, 4 * variance),
    ):
        expected = {"level": level, "contrast": contrast, "structure": structure}
        assert error_parts(original, changed) == pytest.approx(expected)
    # A calibration finds what was done to all pixels.
    parts = error(original, 0.2 * original + 0.4)
    assert parts["calibrated"] == pytest.approx(0, abs=1e-12) and parts["mse"] > 0.01
    assert parts["level_line"] == pytest.approx([0.2, 0.4])
    assert parts["contrast_line"] == pytest.approx([0.2, 0], abs=1e-9)


class Decoder:
    """Draws a square of its height for each symbol; the third channel is never in use."""

    heights = tf.constant([0.1, 0.3, 9.0])

    def analyse(self, images):
        means = tf.nn.avg_pool2d(images, 16, 16, "VALID") - 0.5
        return tf.concat([means, -means, 0 * means], axis=-1)

    def symbols(self, latent, index):
        return tf.cast(tf.round(10 * latent), tf.int32)

    def dequantize(self, symbols, index):
        return tf.cast(symbols, tf.float32)

    def synthesise(self, latent):
        cells = 0.5 + tf.reduce_sum(latent * self.heights, axis=-1, keepdims=True)
        return tf.repeat(tf.repeat(cells, 16, axis=1), 16, axis=2)


def test_responses_are_means_over_the_channels_in_use():
    clips = np.float32(IMAGES[:, ::16, ::16, None]).repeat(16, axis=1).repeat(16, axis=2)
    response = responses(Decoder(), 0, list(clips))
    assert (response["in_use"], response["channels"]) == (2, 3)
    assert response["energy"] == pytest.approx(256 * (0.1**2 + 0.3**2) / 2, rel=1e-4)
    square = np.zeros([128, 128])
    square[64:80, 64:80] = 1
    assert response["centroid"] == pytest.approx(centroid(square), rel=1e-4)
    constant = np.full([32, 32, 1], 0.5, np.float32)
    unused = responses(Decoder(), 0, [constant])
    assert unused == {"in_use": 0, "channels": 3, "energy": None, "centroid": None}
