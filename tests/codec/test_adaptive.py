"""Adaptive coding of levels: exact, near its estimate, of integers alone, and safe with any string."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tfnoise.codec import adaptive

SHAPES = [(8, 16, 128), (1, 1, 1), (2, 0, 3), (3, 200, 5)]


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back(bits, shape):
    random = np.random.default_rng(bits)
    uniform = random.integers(0, 2**bits, shape).astype(np.int32)
    skewed = np.minimum(random.geometric(0.7, shape) - 1, 2**bits - 1).astype(np.int32)
    for symbols in (uniform, skewed, np.zeros(shape, np.int32), np.full(shape, 2**bits - 1, np.int32)):
        data = adaptive.encode(symbols, bits)
        found = adaptive.decode(data, shape, bits)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, symbols)
        # The coder leaves zeros at the end away.
        assert -16 <= 8 * len(data) - adaptive.estimated_bits(symbols, bits) <= 15
        # What cannot be foretold costs little more than its packed bits.
        assert 8 * len(data) <= 1.2 * symbols.size * bits + 15


def test_it_follows_the_symbols():
    """A latent that is nearly always 1 in a row costs about its entropy, and its change is learned."""
    random = np.random.default_rng(0)
    of_one = random.choice([0.1, 0.9], [8, 1, 64])
    symbols = (random.uniform(size=[8, 400, 64]) < of_one).astype(np.int32)
    entropy = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    assert entropy < adaptive.estimated_bits(symbols, 1) / symbols.size < 1.2 * entropy
    turned = np.concatenate([symbols, 1 - symbols], 1)
    assert adaptive.estimated_bits(turned, 1) / turned.size < 1.25 * entropy
    constant = np.ones([8, 400, 64], np.int32)
    assert adaptive.estimated_bits(constant, 1) / constant.size < 0.03


def test_any_string_decodes():
    random = np.random.default_rng(1)
    symbols = random.integers(0, 4, [3, 20, 7]).astype(np.int32)
    data = adaptive.encode(symbols, 2)
    strings = [b"", b"\xff" * 40, *(data[:size] for size in range(len(data))), *map(random.bytes, range(50))]
    for string in strings:
        found = adaptive.decode(string, symbols.shape, 2)
        assert found.shape == symbols.shape and 0 <= found.min() <= found.max() < 4
    # A change costs nothing before it: symbols are coded column by column.
    later = bytearray(data)
    later[-1] ^= 0x80
    np.testing.assert_array_equal(adaptive.decode(bytes(later), symbols.shape, 2)[:, :10], symbols[:, :10])


def test_the_bytes_never_change():
    """Files hold them; the digest is that of the first version."""
    symbols = np.random.default_rng(2).integers(0, 16, [4, 30, 6]).astype(np.int32) // np.arange(1, 7)
    data = adaptive.encode(symbols.astype(np.int32), 4)
    assert hashlib.sha256(data).hexdigest()[:16] == "7fa96e538ab6bfc0"


def test_the_numbers_are_those_of_the_documents(repo_root):
    text = " ".join((repo_root / "docs" / "format.md").read_text().split())
    *first, last = adaptive._RATES
    assert ", ".join(map(str, first)) + f", and from then on {last}." in text


def test_refuses_what_is_out_of_range():
    for symbols in ([[[2]]], [[[-1]]]):
        with pytest.raises(ValueError, match="symbols must be from 0 to 1"):
            adaptive.encode(np.array(symbols), 1)
