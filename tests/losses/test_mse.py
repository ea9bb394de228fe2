"""The mean squared error of images."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.losses import mse


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).uniform(size=shape).astype(np.float32)


def test_is_the_mean_over_height_width_and_channels_per_image():
    a, b = noise(3, 7, 5, 2), noise(3, 7, 5, 2, seed=1)
    np.testing.assert_allclose(mse(a, b), np.mean((a - b) ** 2, axis=(1, 2, 3)), rtol=1e-5)


def test_identical_images_have_error_zero():
    a = noise(2, 8, 8, 1)
    assert mse(a, a).numpy().tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    # 1 + 2^-7 is the float after 1 in bfloat16; the square of the difference is no float16 above its least.
    a, b = tf.ones([1, 64, 64, 1], dtype), tf.fill([1, 64, 64, 1], tf.cast(1 + 2**-7, dtype))
    error = mse(a, b)
    assert error.dtype == tf.float32
    assert error.numpy() == pytest.approx([2**-14], rel=1e-6)


def test_float64_stays_float64():
    a = noise(1, 8, 8, 1)
    assert mse(a.astype(np.float64), a).dtype == tf.float64


def test_integers_are_refused():
    a = np.zeros([1, 8, 8, 1], np.uint8)
    with pytest.raises(ValueError, match="max_val must be given for integer images"):
        mse(a, a)


def test_images_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match="b must have the shape of a"):
        mse(noise(2, 8, 8, 1), noise(1, 8, 8, 1))
