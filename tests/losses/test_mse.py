"""The mean squared error of images."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.losses.numpy_twins import noise
from tfnoise.losses import mse


def test_is_the_mean_over_height_width_and_channels_per_image():
    a, b = noise(3, 7, 5, 2), noise(3, 7, 5, 2, seed=1)
    np.testing.assert_allclose(mse(a, b), np.mean((a - b) ** 2, axis=(1, 2, 3)), rtol=1e-5)


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
