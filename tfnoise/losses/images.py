"""Images of all losses: their checks, and filters on images laid out as planes.

Planes are `[1, height, width, batch * channels]`: with the images of a batch side by side in the innermost
axis, a filter of one channel is a depthwise convolution that works on whole vectors, and every element-wise
operation is as before: on a CPU four times as fast as banded matrix products.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, Union

import numpy as np
import tensorflow as tf

Size = Union[int, tf.Tensor]
"""The size of an axis: a Python int where it is static, else a scalar tensor."""


def image_pair(a: Any, b: Any, max_val: float | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Both images as `[batch, height, width, channels]` floats of one type, divided by `max_val`.

    Half-precision floats become float32.  Where a shape is not known before the graph runs, it is checked
    when it does.

    Args:
      a, b: images of any float type; or integers, if `max_val` gives their full scale.
      max_val: the value of full scale, above 0; None is 1.0, for floats only.

    Raises:
      ValueError: an image is not of rank 4, the static shapes differ, a type is neither, integers came
        without `max_val`, or `max_val` is no positive number.
      tf.errors.InvalidArgumentError: in a graph, shapes that turn out not to fit.
    """
    if max_val is not None:
        check_number("max_val", max_val, above=0)
    a, b = _images("a", a, max_val), _images("b", b, max_val)
    if not a.shape.is_compatible_with(b.shape):
        raise ValueError(f"b must have the shape of a, {_text(a.shape)}, not {_text(b.shape)}")
    if not (a.shape.is_fully_defined() and b.shape.is_fully_defined()):
        equal = tf.debugging.assert_equal(tf.shape(a), tf.shape(b), "b must have the shape of a")
        shape = a.shape.merge_with(b.shape)
        with tf.control_dependencies([equal]):
            a, b = tf.ensure_shape(a, shape), tf.ensure_shape(b, shape)
    dtype = tf.float64 if tf.float64 in (a.dtype, b.dtype) else tf.float32
    a, b = tf.cast(a, dtype), tf.cast(b, dtype)
    if max_val in (None, 1):
        return a, b
    scale = tf.constant(1 / float(max_val), dtype)
    return a * scale, b * scale


def _images(name: str, images: Any, max_val: float | None) -> tf.Tensor:
    images = tf.convert_to_tensor(images)
    if images.dtype.is_integer and max_val is None:
        raise ValueError(
            f"max_val must be given for integer images ({name} is {images.dtype.name}), as max_val=255 for "
            f"8 bits; or cast them to floats in [0, 1]"
        )
    if not (images.dtype.is_floating or images.dtype.is_integer):
        raise ValueError(f"{name} must hold floats, or integers with max_val, not {images.dtype.name}")
    if images.shape.rank not in (None, 4):
        raise ValueError(f"{name} must be [batch, height, width, channels], not {_text(images.shape)}")
    return tf.ensure_shape(images, [None] * 4) if images.shape.rank is None else images


def _text(shape: tf.TensorShape) -> str:
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def check_number(name: str, value: Any, above: float | None = None, at_least: float | None = None) -> None:
    """Raises ValueError where an option is no finite number in its range; the message names it."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    low = above if above is not None else at_least
    if not number or (above is not None and value <= above) or (at_least is not None and value < at_least):
        bound = "" if low is None else f" {'above' if above is not None else 'of at least'} {low:g}"
        raise ValueError(f"{name} must be a finite number{bound}, not {value!r}")


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Raises ValueError where an option is no whole number in its range; the message names it."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        allowed = f"of {least} to {most}" if most is not None else f"of at least {least}"
        raise ValueError(f"{name} must be a whole number {allowed}, not {value!r}")


def check_sides(images: tf.Tensor, least: int, rule: str) -> tf.Tensor:
    """The images `[batch, height, width, channels]`, whose sides are `least` pixels or more.

    Raises:
      ValueError: static sides are smaller; the message begins with `rule`.
      tf.errors.InvalidArgumentError: in a graph, dynamic sides are smaller.
    """
    height, width = images.shape[1:3]
    if any(side is not None and side < least for side in (height, width)):
        sides = " x ".join("?" if side is None else str(side) for side in (height, width))
        raise ValueError(f"{rule}, not {sides}; use fewer scales or larger images")
    if height is not None and width is not None:
        return images
    large_enough = tf.debugging.assert_greater_equal(tf.reduce_min(tf.shape(images)[1:3]), least, rule)
    with tf.control_dependencies([large_enough]):
        return tf.identity(images)


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


def sizes(tensor: tf.Tensor) -> list[Size]:
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


def upsample_taps(
    planes: tf.Tensor, taps: np.ndarray, height: Size, width: Size, stride: int = 1
) -> tf.Tensor:
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
