"""What all losses ask of their images: rank, equal shapes and a floating type of 32 bits or more."""

from __future__ import annotations

import tensorflow as tf


def image_pair(a, b) -> tuple[tf.Tensor, tf.Tensor]:
    """Both images as `[batch, height, width, channels]` tensors of one floating type.

    Half-precision floats become float32; integers are refused, since their range would have to be guessed.

    Raises:
      ValueError: an image is not of rank 4, the static shapes differ, or a type is no float.
    """
    a, b = tf.convert_to_tensor(a), tf.convert_to_tensor(b)
    for images in (a, b):
        if not images.dtype.is_floating:
            raise ValueError(f"images must be floats, not {images.dtype.name}; cast and rescale them first")
        if images.shape.rank not in (None, 4):
            raise ValueError(f"images must be [batch, height, width, channels], not of shape {images.shape}")
    if not a.shape.is_compatible_with(b.shape):
        raise ValueError(f"images of different shapes: {a.shape} and {b.shape}")
    dtype = tf.float64 if tf.float64 in (a.dtype, b.dtype) else tf.float32
    return tf.cast(a, dtype), tf.cast(b, dtype)
