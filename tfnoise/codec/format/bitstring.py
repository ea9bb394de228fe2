"""A server's bitstrings: symbols packed to a fixed number of bits behind a prefix of 16 bytes.

    packed = pack(symbols, bits=1)                   # strings [batch]
    strings = join(prefix, packed)                   # [batch]
    prefix, packed = split(strings)
    symbols = unpack(packed, count, bits=1)          # [batch, count]

By stock TensorFlow operations, in a graph or eagerly, so that an unmodified server can run them. A bitstring
has no CRC: that, and coding to fewer bytes, is for `.tfn` files. docs/format.md has every byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfnoise.codec.format.header import BitstreamError

VERSION = 1
PREFIX_BYTES = 16
WIDTHS = (1, 2, 3, 4, 16)
"""Bits that a packed symbol may take: 1 to 4 without a sign, the highest first, or 16 with one."""

_MODEL_BYTES = 4
_BYTES = [bytes([value]) for value in range(256)]


class Prefix(NamedTuple):
    """The fields before the symbols, a value for each bitstring.

    Attributes:
      version: version of the format, int32 `[batch]`.
      step_index: index of the quantization step, int32 `[batch]`.
      height: height of an image, int32 `[batch]`; 0 for sound, whose image is as high as the front end's.
      model: the first 4 bytes of the model's fingerprint as a number, int32 `[batch]`.
      reference_db: level that 1 in the image stands for, in dB, float32 `[batch]`.
      extent: samples of sound at the model's rate, or width of an image; int32 `[batch]`.
    """

    version: tf.Tensor
    step_index: tf.Tensor
    height: tf.Tensor
    model: tf.Tensor
    reference_db: tf.Tensor
    extent: tf.Tensor


def model_number(fingerprint: str) -> int:
    """The number by which bitstrings name their model, from its 32 hexadecimal digits."""
    return int.from_bytes(bytes.fromhex(fingerprint)[:_MODEL_BYTES], "little", signed=True)


def join(prefix: Prefix, packed: tf.Tensor) -> tf.Tensor:
    """Bitstrings `[batch]` of prefixes and packed symbols, strings `[batch]`."""
    # The lowest bytes of each number come first.
    fields = [tf.bitcast(field, tf.uint8)[:, :size] for field, size in zip(prefix, (1, 1, 2, 4, 4, 4))]
    return _joined_bytes(tf.cast(tf.concat(fields, 1), tf.int32)) + packed


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


def join_one(prefix: Prefix, packed: bytes) -> bytes:
    """As `join`, of a prefix of numbers and one string."""
    tensors = (tf.constant([value], tf.float32 if isinstance(value, float) else tf.int32) for value in prefix)
    return join(Prefix(*tensors), tf.constant([packed])).numpy()[0]


def split_one(data: bytes) -> tuple[Prefix, bytes]:
    """As `split`, of one bitstring: a prefix of numbers, and the packed symbols.

    Raises:
      BitstreamError: it is cut short, of another version or damaged.
    """
    if len(data) < PREFIX_BYTES:
        raise BitstreamError("a bitstring is cut short: it has not even its prefix")
    prefix, packed = split(tf.constant([data]))
    prefix = Prefix(*(field.numpy()[0].item() for field in prefix))
    if prefix.version != VERSION:
        raise BitstreamError(f"not a bitstring of version {VERSION}; was it cut?")
    if prefix.extent < 0:
        raise BitstreamError("it claims to be empty; it is damaged")
    return prefix, packed.numpy()[0]


def packed_bits(architecture: Mapping[str, Any]) -> int:
    """The bits of a packed symbol of a model with this architecture: bottleneck, levels."""
    return 16 if architecture["bottleneck"] == "entropy" else int(architecture["levels"]).bit_length() - 1


def packed_bytes(count: int, bits: int) -> int:
    """The length of a string of `count` symbols."""
    return -(-count * bits // 8)


def pack(symbols: tf.Tensor, bits: int) -> tf.Tensor:
    r"""Packs symbols, each into the same number of bits.

    >>> pack(tf.constant([[1, 0, 0, 0, 0, 0, 1, 1]]), bits=1).numpy()
    array([b'\x83'], dtype=object)
    >>> unpack(tf.constant([b"\x83"]), 8, bits=1).numpy()
    array([[1, 0, 0, 0, 0, 0, 1, 1]], dtype=int32)

    Args:
      symbols: int32 `[batch, count]`: from 0 to 2 ** bits - 1, or with 16 bits from -32768 to 32767. Others
        lose the bits that do not fit.
      bits: bits of a symbol, one of WIDTHS.

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
    return _joined_bytes(values)


def _joined_bytes(values: tf.Tensor) -> tf.Tensor:
    """Strings `[batch]` of bytes as numbers from 0 to 255, int32 `[batch, bytes]`."""
    return tf.strings.reduce_join(tf.gather(_BYTES, values), -1)


def unpack(strings: tf.Tensor, count: int | tf.Tensor, bits: int) -> tf.Tensor:
    """The symbols of packed strings.

    Args:
      strings: `[batch]`, each of `packed_bytes(count, bits)` bytes.
      count: number of symbols of each.
      bits: bits of a symbol, one of WIDTHS.

    Returns:
      int32 `[batch, count]`.

    Raises:
      ValueError: another number of bits.
      tf.errors.InvalidArgumentError: a string of another length.
    """
    _check_width(bits)
    right = tf.debugging.assert_equal(
        tf.strings.length(strings),
        -(-count * bits // 8),
        "packed symbols of another length than their shape's",
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
