"""The range coder: exact, within 15 bits of the estimate, and harmless with strings from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tfnoise.codec.range_coding import LARGEST_OVERHEAD_BITS, decode, encode, estimated_bits


def tables(channels: int, width: int, seed: int = 0) -> np.ndarray:
    """Tables of very different shapes, all of them legal."""
    random = np.random.default_rng(seed)
    counts = np.ones([channels, width], np.int64)
    for row in counts:
        left = 65536 - width
        shares = random.dirichlet(np.full(width, random.choice([0.02, 0.3, 5.0])))
        row += random.multinomial(left, shares)
    return counts


def drawn(counts: np.ndarray, rows: int, seed: int = 0) -> np.ndarray:
    """Symbols as the tables expect them, `[rows, 3, channels]`."""
    random = np.random.default_rng(seed)
    columns = [random.choice(counts.shape[1], [rows, 3], p=row / row.sum()) for row in counts]
    return np.stack(columns, -1)


SIZES = [(1, 2, 1), (5, 255, 40), (128, 9, 16), (3, 1289, 7), (2, 1, 4)]


@pytest.mark.parametrize("channels,width,rows", SIZES)
def test_comes_back_and_costs_what_it_should(channels, width, rows):
    counts = tables(channels, width)
    for symbols in (
        drawn(counts, rows),
        np.random.default_rng(1).integers(0, width, [rows, 3, channels]),
        np.zeros([rows, 3, channels], np.int64),
        np.full([rows, 3, channels], width - 1, np.uint16),
    ):
        data = encode(symbols, counts)
        found = decode(data, symbols.shape, counts)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, symbols)
        assert 8 * len(data) <= estimated_bits(symbols, counts) + LARGEST_OVERHEAD_BITS


def test_the_estimate_is_the_information():
    counts = np.array([[32768, 16384, 16384], [1, 65534, 1]])
    symbols = np.array([[0, 1], [1, 1], [2, 0]])
    assert estimated_bits(symbols, counts) == pytest.approx(1 + 2 + 2 + 16, abs=1e-3)


def test_other_strings_decode_to_something_within_the_tables():
    counts = tables(7, 33)
    symbols = drawn(counts, 20)
    data = encode(symbols, counts)
    random = np.random.default_rng(2)
    strings = [b"", b"\0" * 500, b"\xff" * 500, data[:-3], data[1:], data + data]
    strings += [random.bytes(random.integers(0, 200)) for _ in range(300)]
    for _ in range(300):
        changed = bytearray(data)
        changed[random.integers(len(data))] ^= 1 << random.integers(8)
        strings.append(bytes(changed))
    for string in strings:
        found = decode(string, symbols.shape, counts)
        assert found.shape == symbols.shape and found.min() >= 0 and found.max() < 33


def test_no_symbols():
    counts = tables(4, 3)
    assert encode(np.zeros([0, 4], np.int32), counts) == b""
    assert decode(b"", [0, 4], counts).shape == (0, 4)


def test_another_process_with_other_threads_decodes_the_same(tmp_path, repo_root):
    counts = tables(16, 65)
    symbols = drawn(counts, 30)
    np.savez(tmp_path / "given.npz", counts=counts, data=np.frombuffer(encode(symbols, counts), np.uint8))
    code = (
        "import sys, numpy as np\n"
        "from tfnoise.codec.range_coding import decode\n"
        "given = np.load(sys.argv[1])\n"
        "np.save(sys.argv[2], decode(given['data'].tobytes(), [30, 3, 16], given['counts']))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "given.npz"), str(tmp_path / "found.npy")]
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1"}
    subprocess.run(command, check=True, cwd=repo_root, env=environment, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), symbols)


@pytest.mark.parametrize(
    "counts",
    [
        np.array([[65536, 0]]),
        np.array([[65536, -1, 1]]),
        np.array([[30000, 30000]]),
        np.array([32768, 32768]),
        np.array([[0.5, 65535.5]]),
        np.zeros([0, 4], np.int64),
    ],
)
def test_refuses_tables(counts):
    with pytest.raises(ValueError, match="tables must be integers"):
        encode(np.zeros([1, 1], np.int32), counts)
    with pytest.raises(ValueError, match="tables must be integers"):
        decode(b"abc", [1, 1], counts)


def test_refuses_symbols_and_shapes():
    counts = tables(2, 3)
    for symbols in ([[0, 3]], [[-1, 0]], [[2**40, 0]]):
        with pytest.raises(ValueError, match="symbols must be from 0 to 2"):
            encode(np.array(symbols), counts)
    with pytest.raises(ValueError, match=r"integers \[..., 2\]"):
        encode(np.zeros([4, 2]), counts)
    with pytest.raises(ValueError, match=r"integers \[..., 2\]"):
        encode(np.zeros([4, 3], np.int32), counts)
    for shape in ([4, 3], [-1, 2], [2, -2]):
        with pytest.raises(ValueError, match="the shape of the symbols"):
            decode(b"abc", shape, counts)
