"""Symbols as strings of fixed length, by stock TensorFlow operations, so that an unmodified server can do it.

strings = pack(symbols, bits=1)                  # [batch]
symbols = unpack(strings, count, bits=1)         # [batch, count]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

WIDTHS = (1, 2, 3, 4, 16)
"""Bits that a symbol may take: 1 to 4 without a sign, the highest first, or 16 with one."""

_BYTES = [bytes([value]) for value in range(256)]


def packed_bits(architecture: Mapping[str, Any]) -> int:
    """The bits of a packed symbol of a model with this architecture: bottleneck, levels."""
    return 16 if architecture["bottleneck"] == "entropy" else int(architecture["levels"]).bit_length() - 1


def packed_bytes(count: int, bits: int) -> int:
    """The length of a string of `count` symbols."""
    return -(-count * bits // 8)


def pack(symbols: tf.Tensor, bits: int) -> tf.Tensor:
    """Packs symbols, each into the same number of bits.

    Args:
      symbols: int32 `[batch, count]`: from 0 to 2 ** bits - 1, or with 16 bits from -32768 to 32767. Others
        lose what does not fit.
      bits: of a symbol, one of WIDTHS.

    Returns:
      Strings `[batch]` of `packed_bytes(count, bits)` bytes; the last byte is filled with zeros, and 16 bits
      are in little-endian order.

    Raises:
      ValueError: another number of bits.
    """
    _check_width(bits)
    if bits == 16:
        values = tf.bitwise.bitwise_and(symbols, 0xFFFF)
        parts = tf.stack([values % 256, values // 256], -1)
        values = tf.reshape(parts, [tf.shape(symbols)[0], 2 * tf.shape(symbols)[1]])
    else:
        digits = _digits(symbols, bits)
        padded = tf.pad(digits, [[0, 0], [0, -tf.shape(digits)[1] % 8]])
        groups = tf.reshape(padded, [tf.shape(symbols)[0], tf.shape(padded)[1] // 8, 8])
        values = _value(groups)
    return joined_bytes(values)


def joined_bytes(values: tf.Tensor) -> tf.Tensor:
    """Strings `[batch]` of bytes as numbers from 0 to 255, int32 `[batch, bytes]`."""
    return tf.strings.reduce_join(tf.gather(_BYTES, values), -1)


def unpack(strings: tf.Tensor, count: int | tf.Tensor, bits: int) -> tf.Tensor:
    """The symbols of packed strings.

    Args:
      strings: `[batch]`, each of `packed_bytes(count, bits)` bytes.
      count: symbols of each.
      bits: of a symbol, one of WIDTHS.

    Returns:
      int32 `[batch, count]`.

    Raises:
      ValueError: another number of bits.
      tf.errors.InvalidArgumentError: a string of another length.
    """
    _check_width(bits)
    expected = -(-count * bits // 8)
    right = tf.debugging.assert_equal(
        tf.strings.length(strings), expected, "packed symbols of another length than their shape says"
    )
    # decode_raw cuts or fills without a word, and refuses an empty string.
    with tf.control_dependencies([] if right is None else [right]):
        ended = strings + b"\0\0"
    if bits == 16:
        values = tf.cast(tf.io.decode_raw(ended, tf.int16, little_endian=True), tf.int32)
    else:
        digits = _digits(tf.cast(tf.io.decode_raw(ended, tf.uint8), tf.int32), 8)[:, : count * bits]
        values = _value(tf.reshape(digits, [tf.shape(digits)[0], count, bits]))
    return values[:, :count]


def _digits(values: tf.Tensor, bits: int) -> tf.Tensor:
    """The lowest bits of each value, the highest first, all in a row: `[batch, count * bits]`."""
    shifted = tf.bitwise.right_shift(values[..., tf.newaxis], tf.range(bits - 1, -1, -1))
    shape = [tf.shape(values)[0], bits * tf.shape(values)[1]]
    return tf.reshape(tf.bitwise.bitwise_and(shifted, 1), shape)


def _value(digits: tf.Tensor) -> tf.Tensor:
    """The number that the binary digits of the last axis write."""
    places = [2**place for place in reversed(range(digits.shape[-1]))]
    return tf.reduce_sum(digits * places, -1)


def _check_width(bits: int) -> None:
    if bits not in WIDTHS:
        raise ValueError(f"a packed symbol has {', '.join(map(str, WIDTHS))} bits, not {bits}")
