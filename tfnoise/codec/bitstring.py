"""Bitstrings: what a server gives for an image or a sound, and takes back; docs/format.md has their bytes.

    strings = join(prefix, packed)             # [batch], by stock operations, in a graph or eagerly
    prefix, packed = split(strings)

A prefix of 16 bytes, then the symbols, each of the same number of bits. There is no CRC: that, and coding to
fewer bytes, is for `.tfn` files.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfnoise.codec.packed import joined_bytes

VERSION = 1
PREFIX_BYTES = 16
_MODEL_BYTES = 4


class Prefix(NamedTuple):
    """What stands before the symbols, a value for each bitstring.

    Attributes:
      version: of the format, int32 `[batch]`.
      step_index: of the quantization, int32 `[batch]`.
      height: of an image, int32 `[batch]`; 0: it is sound, whose image is as high as the model's front end.
      model: the first 4 bytes of the model's fingerprint as a number, int32 `[batch]`.
      reference_db: what 1 in the image stands for, float32 `[batch]`.
      extent: of sound its samples at the model's rate, of an image its width; int32 `[batch]`.
    """

    version: tf.Tensor
    step_index: tf.Tensor
    height: tf.Tensor
    model: tf.Tensor
    reference_db: tf.Tensor
    extent: tf.Tensor


def model_number(fingerprint: str) -> int:
    """The number by which bitstrings know their model, from its 32 hexadecimal digits."""
    return int.from_bytes(bytes.fromhex(fingerprint)[:_MODEL_BYTES], "little", signed=True)


def join(prefix: Prefix, packed: tf.Tensor) -> tf.Tensor:
    """Bitstrings `[batch]` of prefixes and packed symbols, strings `[batch]`."""
    fields = [
        _bytes_of(prefix.version)[:, :1],
        _bytes_of(prefix.step_index)[:, :1],
        _bytes_of(prefix.height)[:, :2],
        _bytes_of(prefix.model),
        _bytes_of(prefix.reference_db),
        _bytes_of(prefix.extent),
    ]
    return joined_bytes(tf.cast(tf.concat(fields, 1), tf.int32)) + packed


def split(bitstrings: tf.Tensor) -> tuple[Prefix, tf.Tensor]:
    """The prefixes and the packed symbols of bitstrings `[batch]`; nothing is checked but their length.

    Raises:
      tf.errors.InvalidArgumentError: one is shorter than a prefix.
    """
    long_enough = tf.debugging.assert_greater_equal(
        tf.strings.length(bitstrings), PREFIX_BYTES, "a bitstring is cut short: it has not even its prefix"
    )
    with tf.control_dependencies([] if long_enough is None else [long_enough]):
        # Filled up, since decode_raw refuses strings of different lengths before any message can be read.
        filled = tf.strings.substr(bitstrings + bytes(PREFIX_BYTES), 0, PREFIX_BYTES)
    values = tf.reshape(tf.io.decode_raw(filled, tf.uint8), [-1, PREFIX_BYTES])
    numbers = tf.cast(values, tf.int32)
    prefix = Prefix(
        version=numbers[:, 0],
        step_index=numbers[:, 1],
        height=numbers[:, 2] + 256 * numbers[:, 3],
        model=tf.bitcast(values[:, 4:8], tf.int32),
        reference_db=tf.bitcast(values[:, 8:12], tf.float32),
        extent=tf.bitcast(values[:, 12:16], tf.int32),
    )
    rest = tf.maximum(tf.strings.length(bitstrings) - PREFIX_BYTES, 0)
    begin = tf.fill(tf.shape(rest), PREFIX_BYTES)
    return prefix, tf.strings.substr(bitstrings + bytes(PREFIX_BYTES), begin, rest)


def _bytes_of(values: tf.Tensor) -> tf.Tensor:
    """The 4 bytes of each number, uint8 `[batch, 4]`, the lowest first."""
    return tf.bitcast(values, tf.uint8)
