"""Packed symbols: NumPy's bits, the length that was promised, and stock operations only."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.codec.format.bitstring import pack, packed_bytes, unpack


def drawn(bits: int, batch: int, count: int) -> np.ndarray:
    least, end = (-32768, 32768) if bits == 16 else (0, 2**bits)
    return np.random.default_rng(bits).integers(least, end, [batch, count]).astype(np.int32)


def twin(row: np.ndarray, bits: int) -> bytes:
    if bits == 16:
        return row.astype("<i2").tobytes()
    digits = (row[:, None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(digits.reshape(-1).astype(np.uint8)).tobytes()


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("batch,count", [(1, 1), (3, 8), (2, 1001), (1, 0), (2, 16384)])
def test_comes_back_and_is_as_long_as_it_should(bits, batch, count):
    symbols = drawn(bits, batch, count)
    strings = pack(symbols, bits)
    assert strings.shape == [batch]
    assert [len(string) for string in strings.numpy()] == [packed_bytes(count, bits)] * batch
    assert list(strings.numpy()) == [twin(row, bits) for row in symbols]
    unpacked = unpack(strings, count, bits)
    assert unpacked.dtype == tf.int32
    np.testing.assert_array_equal(unpacked, symbols)


@pytest.mark.parametrize("bits", [1, 4, 16])
def test_another_length_is_refused(bits):
    strings = pack(drawn(bits, 2, 24), bits).numpy()
    for wrong in ([strings[0], strings[1] + b"x"], [strings[0], b""], [strings[0][:-1]] * 2):
        with pytest.raises(tf.errors.InvalidArgumentError, match="of another length"):
            unpack(tf.constant(wrong), 24, bits)


def test_a_clip_of_the_papers_bottleneck_is_half_a_bit_a_pixel_and_other_widths_are_refused():
    """128 mels, 256 frames, 128 channels of one bit: 8 x 16 x 128 bits."""
    assert packed_bytes(8 * 16 * 128, 1) == 2048 == 128 * 256 * 0.5 / 8
    for bits in (0, 5, 8, 32):
        with pytest.raises(ValueError, match="1, 2, 3, 4, 16 bits"):
            pack(np.zeros([1, 4], np.int32), bits)
        with pytest.raises(ValueError, match="1, 2, 3, 4, 16 bits"):
            unpack(tf.constant([b"abc"]), 4, bits)


def test_dynamic_shapes_in_one_graph_of_stock_operations():
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def there_and_back(symbols: tf.Tensor) -> tf.Tensor:
        return unpack(pack(symbols, 2), tf.shape(symbols)[1], 2)

    for batch, count in ((1, 7), (5, 64)):
        symbols = drawn(2, batch, count)
        np.testing.assert_array_equal(there_and_back(symbols), symbols)
    names = {node.op for node in there_and_back.get_concrete_function().graph.as_graph_def().node}
    assert "DecodeRaw" in names and not {name for name in names if "PyFunc" in name}
