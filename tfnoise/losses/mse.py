"""Mean squared error per image."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfnoise.losses.images import image_pair


def mse(a: Any, b: Any, max_val: float | None = None) -> tf.Tensor:
    """Mean squared error over height, width and channels; 0 is identical.

    Args:
      a, b: images `[batch, height, width, channels]`, any float type; integers with `max_val`.
      max_val: full scale, by which the images are divided first; None: 1.0.

    Returns:
      `[batch]`, float32 (float64 for float64 images).

    Raises:
      ValueError: shapes or types do not fit.

    >>> mse(tf.zeros([1, 2, 2, 1]), tf.fill([1, 2, 2, 1], 0.5)).numpy()
    array([0.25], dtype=float32)
    """
    a, b = image_pair(a, b, max_val)
    return tf.reduce_mean(tf.math.squared_difference(a, b), axis=[1, 2, 3])
