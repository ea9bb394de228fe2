"""What all losses ask of their images and options, and the words in which they refuse the rest."""

from __future__ import annotations

import math
import numbers
from typing import Any

import tensorflow as tf


def image_pair(a: Any, b: Any, max_val: float | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """Both images as `[batch, height, width, channels]` floats of one type, divided by `max_val`.

    Half-precision floats become float32.  Where a shape is not known before the graph runs, it is checked
    when it does.

    Args:
      a, b: images of any float type; or integers, if `max_val` says what their 1.0 is.
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
        with tf.control_dependencies([equal]):
            a, b = tf.identity(a), tf.identity(b)
        shape = a.shape.merge_with(b.shape)
        a.set_shape(shape)
        b.set_shape(shape)
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


def check_number(
    name: str, value: Any, above: float | None = None, at_least: float | None = None, allow_none: bool = False
) -> None:
    """Sees that an option is a finite number in its range.

    Raises:
      ValueError: it is not; the message names the option, what is allowed and the value.
    """
    if value is None and allow_none:
        return
    number = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    low = above if above is not None else at_least
    if not number or (above is not None and value <= above) or (at_least is not None and value < at_least):
        bound = "" if low is None else f" {'above' if above is not None else 'of at least'} {low:g}"
        raise ValueError(f"{name} must be a finite number{bound}, not {value!r}")


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Sees that an option is a whole number in its range.

    Raises:
      ValueError: it is not; the message names the option, what is allowed and the value.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        allowed = f"of {least} to {most}" if most is not None else f"of at least {least}"
        raise ValueError(f"{name} must be a whole number {allowed}, not {value!r}")


def check_sides(images: tf.Tensor, least: int, rule: str) -> tf.Tensor:
    """Sees that height and width of `[batch, height, width, channels]` are `least` pixels or more.

    Args:
      images: of known rank.
      least: pixels.
      rule: what needs them, with the formula; the message begins with it.

    Returns:
      The images; in a graph of dynamic shapes they depend on the check.

    Raises:
      ValueError: static sides are smaller.
      tf.errors.InvalidArgumentError: in a graph, dynamic sides are smaller.
    """
    height, width = images.shape[1:3]
    if any(side is not None and side < least for side in (height, width)):
        found = " x ".join("?" if side is None else str(side) for side in (height, width))
        raise ValueError(f"{rule}, not {found}; use fewer scales or larger images")
    if height is not None and width is not None:
        return images
    large_enough = tf.debugging.assert_greater_equal(tf.reduce_min(tf.shape(images)[1:3]), least, rule)
    with tf.control_dependencies([large_enough]):
        return tf.identity(images)
