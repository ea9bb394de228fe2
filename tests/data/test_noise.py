"""Endless noise: uniform, never the same image twice, the same stream however it is read."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.data.noise import noise_images


def first(count: int, batch_size: int = 8, size: int = 16, **options) -> np.ndarray:
    """The first `count` images as one array."""
    batches = noise_images(size, size, batch_size, **options).take(-(-count // batch_size))
    return np.concatenate([batch.numpy() for batch in batches])[:count]


def test_batches_are_float32_images_of_a_static_shape():
    batches = noise_images(16, 24, 4, channels=2)
    assert batches.element_spec == tf.TensorSpec([4, 16, 24, 2], tf.float32)
    assert batches.cardinality() == tf.data.INFINITE_CARDINALITY


def test_no_image_repeats_within_or_across_epochs_of_one_iterator():
    tf.keras.utils.set_random_seed(0)
    iterator = iter(noise_images(8, 8, 16))
    images = np.concatenate([next(iterator).numpy() for _ in range(40)])
    assert len({image.tobytes() for image in images}) == 640


def test_no_value_of_an_image_is_another_images_shifted():
    # Streams that overlap would share values though no image is equal to another.
    images = first(200, size=8)
    assert len(np.unique(images)) > 0.998 * images.size


def test_the_stream_does_not_depend_on_the_batch_size():
    np.testing.assert_array_equal(first(48, batch_size=3), first(48, batch_size=16))


def test_the_stream_does_not_depend_on_where_it_starts():
    np.testing.assert_array_equal(first(20, batch_size=4, first_image=13), first(40, batch_size=5)[13:33])


def test_the_stream_does_not_depend_on_the_global_seed():
    tf.random.set_seed(1)
    before = first(8)
    tf.random.set_seed(2)
    np.testing.assert_array_equal(first(8), before)


def test_another_seed_gives_other_images():
    ours = {image.tobytes() for image in first(100, seed=0)}
    assert ours.isdisjoint(image.tobytes() for image in first(100, seed=1))


def test_seed_and_index_are_not_interchangeable():
    one, other = first(1, 1, seed=3, first_image=5), first(1, 1, seed=5, first_image=3)
    assert not np.array_equal(one, other)


def test_values_are_uniform_on_the_unit_interval():
    values = first(200, size=64).ravel()
    assert values.min() >= 0 and values.max() < 1
    assert values.mean() == pytest.approx(1 / 2, abs=2e-3)
    assert values.var() == pytest.approx(1 / 12, abs=1e-3)
    shares, _ = np.histogram(values, bins=16, range=(0, 1), density=True)
    np.testing.assert_allclose(shares, 1, atol=0.02)


def test_neighbouring_pixels_and_images_are_not_correlated():
    images = first(200, size=32)[..., 0] - 0.5
    for product in (
        images[:, 1:] * images[:, :-1],
        images[:, :, 1:] * images[:, :, :-1],
        images[1:] * images[:-1],
    ):
        assert product.mean() * 12 == pytest.approx(0, abs=0.01)
