"""Separable filters as banded matrices, so that a filter along an axis is one matrix product.

A blur, a strided low-pass filter and a bilinear enlargement are linear along each axis; written as a
matrix `M [out, in]`, the two-dimensional filter is `M_h X M_w^T`.  On small images this is several times
faster on a CPU than a convolution of one channel, and its gradient is again a matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Union

import tensorflow as tf

Size = Union[int, tf.Tensor]


def axis_size(images: tf.Tensor, axis: int) -> Size:
    """The size of an axis: a Python int where the shape is static, else a scalar tensor."""
    static = images.shape[axis]
    return tf.shape(images)[axis] if static is None else static


def banded(
    rows: Size, columns: Size, taps: Sequence[float], stride: int, first: int, dtype: tf.DType
) -> tf.Tensor:
    """The matrix `[rows, columns]` whose row r holds `taps` from column `stride * r + first` on.

    Taps that fall outside of the matrix are dropped, which is zero padding of the signal.
    """
    row = tf.range(rows)[:, None]
    tap = tf.range(columns)[None, :] - stride * row - first
    inside = (tap >= 0) & (tap < len(taps))
    values = tf.gather(tf.constant(taps, dtype), tf.clip_by_value(tap, 0, len(taps) - 1))
    return tf.where(inside, values, tf.zeros([], dtype))


def bilinear(rows: Size, columns: Size, dtype: tf.DType) -> tf.Tensor:
    """The matrix `[rows, columns]` of TensorFlow 1's bilinear resize: no half-pixel centres, corners free.

    Row r interpolates between columns floor(r c) and floor(r c) + 1 (the last one repeated), where
    c = columns / rows, as `tf.compat.v1.image.resize_bilinear` does.
    """
    scale = tf.cast(columns, tf.float32) / tf.cast(rows, tf.float32)
    position = tf.cast(tf.range(rows), tf.float32) * scale
    low = tf.cast(tf.floor(position), tf.int32)
    fraction = tf.cast(position - tf.floor(position), dtype)[:, None]
    high = tf.minimum(low + 1, columns - 1)
    return (1 - fraction) * tf.one_hot(low, columns, dtype=dtype) + fraction * tf.one_hot(
        high, columns, dtype=dtype
    )


def filter_axes(planes: tf.Tensor, vertical: tf.Tensor, horizontal: tf.Tensor) -> tf.Tensor:
    """`vertical @ X @ horizontal^T` of every plane X of `planes [..., height, width]`."""
    return tf.linalg.matmul(vertical, tf.linalg.matmul(planes, horizontal, transpose_b=True))


def to_planes(images: tf.Tensor) -> tf.Tensor:
    """`[batch, height, width, channels]` to `[batch, channels, height, width]`."""
    return tf.transpose(images, [0, 3, 1, 2])


def operators(build: Callable[[Size, tf.DType], tf.Tensor], planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`build(size, dtype)` for the height and for the width of `planes [..., height, width]`."""
    return build(axis_size(planes, -2), planes.dtype), build(axis_size(planes, -1), planes.dtype)
