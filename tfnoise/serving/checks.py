"""Checks of the signatures' inputs, in the graph.

A failed check fails its request with InvalidArgument and the check's message; the server keeps running.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfnoise.audio import FrontEnd
from tfnoise.audio.files import LARGEST_VALUE
from tfnoise.codec import bitstring
from tfnoise.codec.decoder import HIGHEST_REFERENCE_DB
from tfnoise.codec.format.bitstring import packed_bytes
from tfnoise.layers.transforms import TOTAL_STRIDE

MOST_PIXELS = 2**22
"""Most pixels of all images of a request together: with 128 mels 32,768 frames, some 8 minutes of sound."""

MOST_HEIGHT = 2**16 - 1
"""Greatest height of an image: a bitstring has 16 bits for it."""

# Images computed elsewhere may miss [0, 1] by rounding.
_ROUNDING = 1e-3


def images(values: tf.Tensor, name: str) -> tf.Tensor:
    """Images `[batch, height, width, channels]` of a request: finite, in [0, 1], not too large.

    Args:
      values: the input.
      name: name of the input.
    """
    values = _whole_batch(values, name)
    shape = tf.shape(values)
    values = _require(values, shape[1:] >= 1, f"{name} is empty: it must have one pixel or more", shape)
    values = _require(values, shape[1] <= MOST_HEIGHT, f"{name} is higher than {MOST_HEIGHT} pixels", shape)
    values = _require_few_pixels(values, shape[:3], name)
    values = _require(values, tf.math.is_finite(values), f"{name} holds values that are NaN or infinite")
    inside = (tf.reduce_min(values) >= -_ROUNDING) & (tf.reduce_max(values) <= 1 + _ROUNDING)
    return _require(values, inside, f"{name} must be within [0, 1]; divide it by its full scale")


def rates(values: tf.Tensor, batch: tf.Tensor, own: float) -> tf.Tensor:
    """Requested rates, `[batch]`, bits per pixel above 0; 0 stands for the model's own."""
    values = tf.ensure_shape(values, [None])
    count = tf.shape(values)[0]
    values = _require(values, tf.equal(count, batch), "bpp must be one number for each row", count, batch)
    valid = tf.math.is_finite(values) & (values >= 0)
    values = _require(values, valid, "bpp must be above 0, or 0 for the model's own rate", values)
    return tf.where(values > 0, values, own)


def waveforms(values: tf.Tensor, front_end: FrontEnd) -> tf.Tensor:
    """Waveforms `[batch, samples]` of one frame or more: finite, not too long."""
    values = _whole_batch(values, "waveform")
    shape, least = tf.shape(values), front_end.samples(1)
    values = _require(values, shape[1] >= least, f"waveform must have {least} samples or more", shape)
    values = _require_few_pixels(values, (shape[0], front_end.mels, front_end.frames(shape[1])), "waveform")
    values = _require(values, tf.math.is_finite(values), "waveform holds values that are NaN or infinite")
    loudest = tf.reduce_max(tf.abs(values))
    message = "waveform must have a full scale of 1; its values reach"
    return _require(values, loudest <= LARGEST_VALUE, message, loudest)


def bitstrings(
    values: tf.Tensor, fingerprint: str, front_end: FrontEnd, steps: int, latents: int, bits: int
) -> tuple[bitstring.Prefix, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The parts of bitstrings `[batch]` of this model, all of one shape and of the right length.

    Args:
      values: the input.
      fingerprint: the model's, 32 hexadecimal digits.
      front_end: the model's.
      steps: number of steps of the model's grid.
      latents: channels of the model's latent.
      bits: bits of a packed symbol.

    Returns:
      The prefixes, the packed symbols, and the height and the width of their images.
    """
    values = _whole_batch(values, "bitstring_bytes")
    prefix, packed = bitstring.split(values)
    height, extent = prefix.height[0], prefix.extent[0]
    for valid, message, *shown in (
        (
            tf.equal(prefix.version, bitstring.VERSION),
            f"not a bitstring of version {bitstring.VERSION}; was it cut, or is it another file?",
            prefix.version,
        ),
        (
            tf.equal(prefix.model, bitstring.model_number(fingerprint)),
            f"a bitstring of another model; this one's fingerprint is {fingerprint}",
        ),
        (prefix.step_index < steps, f"damaged: the model has {steps} steps", prefix.step_index),
        (
            tf.abs(prefix.reference_db) <= HIGHEST_REFERENCE_DB,
            "damaged: a reference that no sound has",
            prefix.reference_db,
        ),
        (
            tf.equal(prefix.height, height) & tf.equal(prefix.extent, extent),
            "all bitstrings of a request must have one shape",
        ),
        (extent > 0, "damaged: it claims to be empty", extent),
    ):
        packed = _require(packed, valid, message, *shown)
    # No more can be, and fewer do not overflow.
    extent = tf.minimum(extent, 2**30)
    width = tf.where(tf.equal(height, 0), front_end.frames(extent), extent)
    height = tf.where(tf.equal(height, 0), front_end.mels, height)
    packed = _require(packed, width > 0, "damaged: it has not one frame", extent)
    packed = _require_few_pixels(packed, (tf.shape(packed)[0], height, width), "bitstring_bytes")
    rows, columns = (tf.cast(-(-side // TOTAL_STRIDE), tf.int64) for side in (height, width))
    expected = packed_bytes(rows * columns * latents, bits)
    lengths = tf.strings.length(packed)
    message = (
        "a bitstring of the wrong length: was it cut, or something added? bytes after the prefix, expected:"
    )
    packed = _require(packed, tf.equal(tf.cast(lengths, tf.int64), expected), message, lengths, expected)
    with tf.control_dependencies([packed]):
        # What is computed from these waits for all checks.
        prefix = bitstring.Prefix(*map(tf.identity, prefix))
        return prefix, packed, tf.identity(height), tf.identity(width)


def symbols(values: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
    """Symbols `[batch, ...]` within the model's tables, from -limits to limits `[batch]`."""
    valid = tf.abs(values) <= tf.reshape(limits, [-1, 1, 1, 1])
    return _require(values, valid, "damaged: symbols beyond the model's tables")


def image_symbols_of_sound(values: tf.Tensor, height: tf.Tensor, mels: int) -> tf.Tensor:
    """Symbols of images that sound can be made of: as high as the model's front end has mels."""
    message = f"sound is made of images of {mels} pixels' height, the model's mels; use decompress; height:"
    return _require(values, tf.equal(height, mels), message, height)


def pair(a: tf.Tensor, b: tf.Tensor, least: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Two batches of images to be compared: of one shape, with `least` pixels a side or more."""
    a, b = images(a, "image"), images(b, "reference")
    alike = tf.reduce_all(tf.equal(tf.shape(a), tf.shape(b)))
    b = _require(b, alike, "image and reference must have one shape", tf.shape(a), tf.shape(b))
    message = f"images too small for the metrics: {least} pixels a side or more are needed"
    return _require(a, tf.shape(b)[1:3] >= least, message, tf.shape(b)), b


def _whole_batch(values: tf.Tensor, name: str) -> tf.Tensor:
    """Of the rank of its specification, which a server does not check, and not empty."""
    # Its name stands in the message of ensure_shape, and no optimizer removes it.
    named = tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None), name=name)
    values = tf.ensure_shape(named, values.shape)
    return _require(values, tf.shape(values)[0] >= 1, f"{name} is an empty batch")


def _require_few_pixels(values: tf.Tensor, shape: Any, name: str) -> tf.Tensor:
    """The values, if images of this shape have at most MOST_PIXELS."""
    message = f"{name} is too large: a request may have {MOST_PIXELS} pixels of all images; split it"
    return _require(values, tf.reduce_prod(tf.cast(shape, tf.int64)) <= MOST_PIXELS, message, shape)


def _require(values: tf.Tensor, valid: tf.Tensor, message: str, *shown: Any) -> tf.Tensor:
    """The values, if all of `valid` is true; else the request fails with the message."""
    check = tf.debugging.Assert(tf.reduce_all(valid), [message, *shown], summarize=8)
    with tf.control_dependencies([check]):
        return tf.identity(values)
