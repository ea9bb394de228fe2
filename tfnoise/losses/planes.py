"""Filters on images laid out as "planes": `[1, height, width, batch * channels]`.

With the images of a batch side by side in the innermost axis, a filter of one channel is a depthwise
convolution that works on whole vectors, and every element-wise operation is as before.  On a CPU a separable
blur of 64 planes of 256 x 256 pixels takes 4 ms so, 15 ms as banded matrix products, and 11 ms as
convolutions of one channel (two cores).
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def to_planes(images: tf.Tensor) -> tf.Tensor:
    """`[batch, height, width, channels]` to `[1, height, width, batch * channels]`.

    An empty batch, which the last one of an epoch can be for a replica, becomes one plane of zeros, since
    there is no convolution of none; `per_image` drops it.
    """
    batch, height, width, channels = sizes(images)
    planes = tf.reshape(tf.transpose(images, [1, 2, 0, 3]), [1, height, width, batch * channels])
    if isinstance(batch, int) and batch > 0:
        return planes
    return tf.pad(planes, [[0, 0], [0, 0], [0, 0], [0, tf.cast(tf.equal(batch, 0), tf.int32)]])


def per_image(values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Values of planes, `[batch * channels]`, as `[batch, channels]` of the images that they come from."""
    batch, _, _, channels = sizes(images)
    return tf.reshape(values[: batch * channels], [batch, channels])


def sizes(tensor: tf.Tensor) -> list:
    """The sizes of the axes: Python ints where they are static, else scalar tensors."""
    dynamic = tf.shape(tensor)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(tensor.shape)]


def filtered(planes: tf.Tensor, taps: np.ndarray, stride: int = 1, padding: str = "VALID") -> tf.Tensor:
    """The cross-correlation of each plane with `taps [rows, columns]`; "SAME" pads with zeros."""
    kernel = _kernel(planes, taps)
    if planes.shape[3] == 1:
        # A plane alone has no vectors: the ordinary convolution is faster there.
        return tf.nn.conv2d(planes, kernel, stride, padding)
    return tf.nn.depthwise_conv2d(planes, kernel, [1, stride, stride, 1], padding)


def spread(planes: tf.Tensor, taps: np.ndarray, height, width, stride: int = 1) -> tf.Tensor:
    """The transpose of `filtered` without padding: from its results back to planes of `height` x `width`.

    It is the gradient of that filter; and with a stride, zeros inserted between the pixels, then the filter.
    """
    shape = tf.stack([1, height, width, sizes(planes)[3]])
    kernel = _kernel(planes, taps)
    if planes.shape[3] == 1:
        return tf.nn.conv2d_transpose(planes, kernel, shape, stride, "VALID")
    return tf.nn.depthwise_conv2d_backprop_input(shape, kernel, planes, [1, stride, stride, 1], "VALID")


def _kernel(planes: tf.Tensor, taps: np.ndarray) -> tf.Tensor:
    count = sizes(planes)[3]
    taps = np.asarray(taps)[:, :, None, None]
    if isinstance(count, int):
        return tf.constant(np.tile(taps, [1, 1, count, 1]), planes.dtype)
    return tf.tile(tf.constant(taps, planes.dtype), [1, 1, count, 1])
