"""What the signatures ask of a request, checked in the graph, and the words in which they refuse it.

A check that fails fails its request with InvalidArgument and this message; the server goes on.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfnoise.audio import FrontEnd
from tfnoise.audio.files import LARGEST_VALUE
from tfnoise.codec import bitstring
from tfnoise.codec.decompression import HIGHEST_REFERENCE_DB
from tfnoise.codec.packed import packed_bytes
from tfnoise.layers.transforms import TOTAL_STRIDE

MOST_PIXELS = 2**22
"""Of all images of a request together: with 128 mels 32,768 frames, some 8 minutes of sound."""

MOST_HEIGHT = 2**16 - 1
"""A bitstring has 16 bits for it."""

# Images computed elsewhere may miss [0, 1] by rounding.
_ROUNDING = 1e-3


def images(values: tf.Tensor, name: str) -> tf.Tensor:
    """Images `[batch, height, width, channels]` that can be worked with: finite, in [0, 1], not too large.

    Args:
      values: of the request.
      name: of the input.
    """
    values = _whole_batch(values, name)
    shape = tf.shape(values)
    ends = tf.reduce_min(shape[1:])
    values = _require(values, ends >= 1, f"{name} is empty: it must have one pixel or more", shape)
    values = _require(values, shape[1] <= MOST_HEIGHT, f"{name} is higher than {MOST_HEIGHT} pixels", shape)
    pixels = tf.reduce_prod(tf.cast(shape[:3], tf.int64))
    values = _require(values, pixels <= MOST_PIXELS, _too_large(name), shape)
    values = _require(values, _all_finite(values), f"{name} holds values that are NaN or infinite")
    inside = (tf.reduce_min(values) >= -_ROUNDING) & (tf.reduce_max(values) <= 1 + _ROUNDING)
    return _require(values, inside, f"{name} must be within [0, 1]; divide it by its full scale")


def rates(values: tf.Tensor, batch: tf.Tensor, own: float) -> tf.Tensor:
    """Rates asked for, `[batch]` above 0; 0 stands for the model's own."""
    values = tf.ensure_shape(values, [None])
    count = tf.shape(values)[0]
    values = _require(values, tf.equal(count, batch), "bpp must be one number for each row", count, batch)
    right = tf.reduce_all(tf.math.is_finite(values) & (values >= 0))
    values = _require(values, right, "bpp must be above 0, or 0 for the model's own rate", values)
    return tf.where(values > 0, values, own)


def waveforms(values: tf.Tensor, front_end: FrontEnd) -> tf.Tensor:
    """Waveforms `[batch, samples]` of one frame or more: finite, not too long."""
    name = "waveform"
    values = _whole_batch(values, name)
    shape = tf.shape(values)
    least = front_end.samples(1)
    values = _require(values, shape[1] >= least, f"{name} must have {least} samples or more", shape)
    frames = tf.cast(front_end.frames(shape[1]), tf.int64)
    pixels = tf.cast(shape[0], tf.int64) * front_end.mels * frames
    values = _require(values, pixels <= MOST_PIXELS, _too_large(name), shape)
    values = _require(values, _all_finite(values), f"{name} holds values that are NaN or infinite")
    loudest = tf.reduce_max(tf.abs(values))
    what = f"{name} must have a full scale of 1; its values reach"
    return _require(values, loudest <= LARGEST_VALUE, what, loudest)


def bitstrings(
    values: tf.Tensor, fingerprint: str, front_end: FrontEnd, steps: int, latents: int, bits: int
) -> tuple[bitstring.Prefix, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The parts of bitstrings `[batch]` of this model and of one shape, as long as they must be.

    Args:
      values: of the request.
      fingerprint: the model's, 32 hexadecimal digits.
      front_end: the model's.
      steps: of the model's grid.
      latents: channels of the model's latent.
      bits: of a packed symbol.

    Returns:
      The prefixes, the packed symbols, and the height and the width of their images.
    """
    values = _whole_batch(values, "bitstring_bytes")
    prefix, packed = bitstring.split(values)
    right = tf.reduce_all(tf.equal(prefix.version, bitstring.VERSION))
    what = f"not a bitstring of version {bitstring.VERSION}; was it cut, or is it another file?"
    packed = _require(packed, right, what, prefix.version)
    right = tf.reduce_all(tf.equal(prefix.model, bitstring.model_number(fingerprint)))
    what = f"a bitstring of another model; this one's fingerprint is {fingerprint}"
    packed = _require(packed, right, what)
    right = tf.reduce_all(prefix.step_index < steps)
    packed = _require(packed, right, f"damaged: the model has {steps} steps", prefix.step_index)
    right = tf.reduce_all(tf.abs(prefix.reference_db) <= HIGHEST_REFERENCE_DB)
    packed = _require(packed, right, "damaged: a reference that no sound has", prefix.reference_db)
    alike = (prefix.height == prefix.height[0]) & (prefix.extent == prefix.extent[0])
    packed = _require(packed, tf.reduce_all(alike), "all bitstrings of a request must have one shape")
    height, extent = prefix.height[0], prefix.extent[0]
    packed = _require(packed, extent > 0, "damaged: it claims to be empty", extent)
    # No more can be, and fewer do not overflow.
    extent = tf.minimum(extent, 2**30)
    width = tf.where(tf.equal(height, 0), front_end.frames(extent), extent)
    height = tf.where(tf.equal(height, 0), front_end.mels, height)
    packed = _require(packed, width > 0, "damaged: it has not one frame", extent)
    rows, columns = (tf.cast(-(-side // TOTAL_STRIDE), tf.int64) for side in (height, width))
    pixels = tf.cast(tf.shape(packed)[0], tf.int64) * tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    packed = _require(packed, pixels <= MOST_PIXELS, _too_large("bitstring_bytes"), pixels)
    expected = packed_bytes(rows * columns * latents, bits)
    lengths = tf.strings.length(packed)
    right = tf.reduce_all(tf.equal(tf.cast(lengths, tf.int64), expected))
    what = (
        "a bitstring of the wrong length: was it cut, or something added? bytes after the prefix, expected:"
    )
    packed = _require(packed, right, what, lengths, expected)
    with tf.control_dependencies([packed]):
        # What is computed from these waits for all checks.
        prefix = bitstring.Prefix(*map(tf.identity, prefix))
        return prefix, packed, tf.identity(height), tf.identity(width)


def symbols(values: tf.Tensor, limits: tf.Tensor) -> tf.Tensor:
    """Symbols `[batch, ...]` within the model's tables, from -limits to limits `[batch]`."""
    bound = tf.reshape(limits, [-1, 1, 1, 1])
    right = tf.reduce_all((values >= -bound) & (values <= bound))
    return _require(values, right, "damaged: symbols beyond the model's tables")


def of_sound(values: tf.Tensor, height: tf.Tensor, mels: int) -> tf.Tensor:
    """Values of images that sound can be made of: as high as the model's front end has mels."""
    what = f"sound is made of images of {mels} pixels' height, the model's mels; use decompress; height:"
    return _require(values, tf.equal(height, mels), what, height)


def pair(a: tf.Tensor, b: tf.Tensor, least: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Two batches of images to be compared: of one shape, with `least` pixels a side or more."""
    a, b = images(a, "image"), images(b, "reference")
    one = tf.reduce_all(tf.equal(tf.shape(a), tf.shape(b)))
    b = _require(b, one, "image and reference must have one shape", tf.shape(a), tf.shape(b))
    what = f"images too small for the metrics: {least} pixels a side or more are needed"
    return _require(a, tf.reduce_min(tf.shape(b)[1:3]) >= least, what, tf.shape(b)), b


def _whole_batch(values: tf.Tensor, name: str) -> tf.Tensor:
    """Of the rank that its specification says, which a server does not see to, and not empty."""
    # Its name stands in the message of ensure_shape, and no optimiser removes it.
    named = tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None), name=name)
    values = tf.ensure_shape(named, values.shape)
    return _require(values, tf.shape(values)[0] >= 1, f"{name} is an empty batch")


def _all_finite(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all(tf.math.is_finite(values))


def _too_large(name: str) -> str:
    return f"{name} is too large: a request may have {MOST_PIXELS} pixels of all images; split it"


def _require(values: tf.Tensor, right: tf.Tensor, message: str, *shown: Any) -> tf.Tensor:
    """The values, if something is right about them."""
    with tf.control_dependencies([tf.debugging.Assert(right, [message, *shown], summarize=8)]):
        return tf.identity(values)
