"""Range coders: exact, within 15 bits of the estimate, of integers alone, safe with strings from anywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.codec.entropy import (
    BackwardAdaptiveLevels,
    BackwardAdaptiveTables,
    IntegerTables,
    PayloadCoder,
    RangeCoder,
    build_tables,
)
from tfnoise.codec.entropy.coders import LARGEST_OVERHEAD_BITS
from tfnoise.layers import EntropyBottleneck

ROWS, CHANNELS = 4, 6


def random_tables(channels: int, width: int, seed: int = 0) -> np.ndarray:
    """Valid tables of very different shapes."""
    random = np.random.default_rng(seed)
    counts = np.ones([channels, width], np.int64)
    for row in counts:
        shares = random.dirichlet(np.full(width, random.choice([0.02, 0.3, 5.0])))
        row += random.multinomial(65536 - width, shares)
    return counts


def drawn(counts: np.ndarray, rows: int, seed: int = 0) -> np.ndarray:
    """Symbols as the tables expect them, `[rows, 3, channels]`."""
    random = np.random.default_rng(seed)
    columns = [random.choice(counts.shape[1], [rows, 3], p=row / row.sum()) for row in counts]
    return np.stack(columns, -1)


def check_exact(coder: RangeCoder, symbols: np.ndarray, least_bits: float = -np.inf) -> int:
    """Checks that symbols are exact and cost their estimate, or `least_bits` less or more; gives the bits."""
    data = coder.encode(symbols)
    decoded = coder.decode(data, symbols.shape)
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, symbols)
    assert least_bits <= 8 * len(data) - coder.estimated_bits(symbols) <= LARGEST_OVERHEAD_BITS
    return 8 * len(data)


def check_any_string(coder: RangeCoder, symbols: np.ndarray) -> None:
    """Checks that changed and random strings decode to symbols within the tables."""
    data, random = coder.encode(symbols), np.random.default_rng(2)
    strings = [b"", b"\0" * 500, b"\xff" * 500, data[1:], data + data, random.bytes(3000)]
    strings += [random.bytes(random.integers(0, 200)) for _ in range(60)]
    strings += [data[: random.integers(len(data))] for _ in range(30)]
    for _ in range(60):
        changed = bytearray(data)
        changed[random.integers(len(data))] ^= 1 << random.integers(8)
        strings.append(bytes(changed))
    for string in strings:
        decoded = coder.decode(string, symbols.shape)
        assert decoded.shape == symbols.shape and coder.least <= decoded.min() <= decoded.max() <= coder.most


@pytest.mark.parametrize(
    "channels,width,rows", [(1, 2, 1), (5, 255, 40), (128, 9, 16), (3, 1289, 7), (2, 1, 4)]
)
def test_fixed_tables_are_exact_and_cost_the_estimate(channels, width, rows):
    counts = random_tables(channels, width)
    for symbols in (
        drawn(counts, rows),
        np.random.default_rng(1).integers(0, width, [rows, 3, channels]),
        np.zeros([rows, 3, channels], np.int64),
        np.full([rows, 3, channels], width - 1, np.uint16),
    ):
        check_exact(RangeCoder(counts), symbols)


def test_the_estimate_is_the_information():
    coder = RangeCoder(np.array([[32768, 16384, 16384], [1, 65534, 1]]))
    symbols = np.array([[0, 1], [1, 1], [2, 0]])
    assert coder.estimated_bits(symbols) == pytest.approx(1 + 2 + 2 + 16, abs=1e-3)


def test_any_string_decodes_within_fixed_tables():
    counts = random_tables(7, 33)
    check_any_string(RangeCoder(counts, least=-16), drawn(counts, 20) - 16)


def test_another_process_with_other_threads_decodes_the_same(tmp_path, repo_root):
    counts = random_tables(16, 65)
    symbols = drawn(counts, 30)
    data = np.frombuffer(RangeCoder(counts).encode(symbols), np.uint8)
    np.savez(tmp_path / "coded.npz", counts=counts, data=data)
    code = """
import sys, numpy as np
from tfnoise.codec.entropy import RangeCoder
coded = np.load(sys.argv[1])
np.save(sys.argv[2], RangeCoder(coded["counts"]).decode(coded["data"].tobytes(), [30, 3, 16]))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "coded.npz"), str(tmp_path / "decoded.npy")]
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1"}
    subprocess.run(command, check=True, cwd=repo_root, env=environment, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "decoded.npy"), symbols)


def test_invalid_tables_symbols_and_shapes_are_refused():
    tables = [[65536, 0]], [[65536, -1, 1]], [[30000, 30000]], [32768, 32768], [[0.5, 65535.5]]
    for counts in (*map(np.array, tables), np.zeros([0, 4], np.int64)):
        with pytest.raises(ValueError, match="tables must be integers"):
            RangeCoder(counts)
    coder = RangeCoder(random_tables(2, 3))
    for symbols in ([[0, 3]], [[-1, 0]], [[2**40, 0]]):
        with pytest.raises(ValueError, match="symbols must be from 0 to 2"):
            coder.encode(np.array(symbols))
    for symbols in (np.zeros([4, 2]), np.zeros([4, 3], np.int32)):
        with pytest.raises(ValueError, match=r"integers \[..., 2\]"):
            coder.encode(symbols)
    for shape in ([4, 3], [-1, 2], [2, -2]):
        with pytest.raises(ValueError, match="the shape of the symbols"):
            coder.decode(b"abc", shape)
    assert coder.encode(np.zeros([0, 2], np.int32)) == b"" and coder.decode(b"", [0, 2]).shape == (0, 2)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(8, 16, 128), (1, 1, 1), (2, 0, 3), (3, 200, 5)])
def test_levels_are_exact_and_cost_the_estimate(bits, shape):
    coder, random = BackwardAdaptiveLevels(bits), np.random.default_rng(bits)
    uniform = random.integers(0, 2**bits, shape).astype(np.int32)
    skewed = np.minimum(random.geometric(0.7, shape) - 1, 2**bits - 1).astype(np.int32)
    for symbols in (uniform, skewed, np.zeros(shape, np.int32), np.full(shape, 2**bits - 1, np.int32)):
        # The coder drops zeros at the end; unpredictable symbols cost little more than their packed bits.
        assert check_exact(coder, symbols, -16) <= 1.2 * symbols.size * bits + 15


def test_probabilities_of_levels_follow_the_symbols():
    """A latent that is nearly always 1 costs about its entropy, and its change is learned."""
    coder, random = BackwardAdaptiveLevels(1), np.random.default_rng(0)
    ones = random.choice([0.1, 0.9], [8, 1, 64])
    symbols = (random.uniform(size=[8, 400, 64]) < ones).astype(np.int32)
    entropy = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    assert entropy < coder.estimated_bits(symbols) / symbols.size < 1.2 * entropy
    turned, constant = np.concatenate([symbols, 1 - symbols], 1), np.ones([8, 400, 64], np.int32)
    assert coder.estimated_bits(turned) / turned.size < 1.25 * entropy
    assert coder.estimated_bits(constant) / constant.size < 0.03


def test_any_string_decodes_to_levels():
    coder, random = BackwardAdaptiveLevels(2), np.random.default_rng(1)
    symbols = random.integers(0, 4, [3, 20, 7]).astype(np.int32)
    check_any_string(coder, symbols)
    # A change costs nothing before it: symbols are coded column by column.
    later = bytearray(coder.encode(symbols))
    later[-1] ^= 0x80
    np.testing.assert_array_equal(coder.decode(bytes(later), symbols.shape)[:, :10], symbols[:, :10])
    for beyond in (4, -1):
        with pytest.raises(ValueError, match="symbols must be from 0 to 3"):
            coder.encode(np.array([[[beyond]]]))


def test_the_bytes_of_levels_never_change_and_the_document_has_their_rates(repo_root):
    """Files hold them; the digest is that of the first version."""
    symbols = np.random.default_rng(2).integers(0, 16, [4, 30, 6]).astype(np.int32) // np.arange(1, 7)
    data = BackwardAdaptiveLevels(4).encode(symbols.astype(np.int32))
    assert hashlib.sha256(data).hexdigest()[:16] == "7fa96e538ab6bfc0"
    text = " ".join((repo_root / "docs" / "format.md").read_text().split())
    *first, last = BackwardAdaptiveLevels._RATES
    assert ", ".join(map(str, first)) + f", and from then on {last}." in text


@pytest.fixture(scope="module")
def tables() -> IntegerTables:
    tf.keras.utils.set_random_seed(1)
    bottleneck = EntropyBottleneck(init_scale=0.7)
    bottleneck(tf.zeros([1, 1, 1, CHANNELS]))
    return build_tables(bottleneck.prior, CHANNELS)


def lasting_symbols(columns: int, deviations, seed: int = 0, limit: int = 100) -> np.ndarray:
    """Normal symbols whose deviations `[rows, channels]` last over the columns."""
    values = np.random.RandomState(seed).normal(size=[ROWS, columns, CHANNELS])
    return np.clip(np.round(values * np.asarray(deviations)[:, None]), -limit, limit).astype(np.int32)


LASTING = lasting_symbols(40, [[0.05] * 6, [8] * 6, [0.05] * 6, [2] * 6])


@pytest.mark.parametrize("step_index", [0, 20, 24, 50, 75])
@pytest.mark.parametrize("columns", [1, 2, 40])
def test_adaptive_tables_are_exact_and_cost_the_estimate(tables, step_index, columns):
    coder = BackwardAdaptiveTables(tables, step_index)
    deviations = np.exp(np.random.RandomState(3).normal(size=[ROWS, CHANNELS]) * 2)
    symbols = lasting_symbols(columns, deviations, limit=coder.most)
    check_exact(coder, symbols, -8)


def test_tables_of_every_step_code_the_largest_symbols_and_are_those_of_neighbouring_steps(tables):
    reach, spacing = BackwardAdaptiveTables.REACH, BackwardAdaptiveTables.SPACING
    for step_index in range(len(tables.steps)):
        own, coder = tables.table(step_index), BackwardAdaptiveTables(tables, step_index)
        symbols = np.zeros([1, 3, CHANNELS], np.int32)
        symbols[:, ::2, ::2], symbols[:, ::2, 1::2] = coder.most, coder.least
        check_exact(coder, symbols)
        counts = coder._counts.reshape(-1, *own.shape)
        assert len(counts) == 2 * reach + 1
        np.testing.assert_array_equal(counts[reach], own)
        if spacing <= step_index < len(tables.steps) - spacing:
            # The distribution of a coarser step is narrower, of a finer one wider.
            zero = own.shape[1] // 2
            assert np.all(counts[reach + 1, :, zero] > own[:, zero])
            assert np.all(counts[reach - 1, :, zero] < own[:, zero])


def test_a_table_without_counts_to_spare_is_not_taken():
    """A distribution so wide that its most frequent symbol cannot pay for those that a coarse step lacks."""
    steps, limits = np.array([1.0, *[10.0] * 4], np.float32), np.array([20000, *[2] * 4], np.int32)
    wide = np.ones(40001, np.int64)
    wide[20000] += 65536 - wide.sum()
    narrow = np.array([13107, 13107, 13108, 13107, 13107])
    counts = np.concatenate([wide, *([narrow] * 4)]).astype(np.uint16)
    coder = BackwardAdaptiveTables(IntegerTables(steps, limits, counts, 1), 0)
    check_exact(coder, np.array([[[-20000], [7], [20000]]], np.int32))


def test_adaptive_tables_learn_what_lasts_and_cost_next_to_nothing_otherwise(tables):
    own = tables.table(24)
    coder, limit = BackwardAdaptiveTables(tables, 24), own.shape[1] // 2
    fixed = RangeCoder(own, -limit)
    assert coder.estimated_bits(LASTING) < 0.8 * fixed.estimated_bits(LASTING)
    like_prior = np.empty([ROWS, 60, CHANNELS], np.int32)
    for channel in range(CHANNELS):
        generator = np.random.RandomState(channel)
        like_prior[..., channel] = generator.choice(2 * limit + 1, [ROWS, 60], p=own[channel] / 65536) - limit
    assert coder.estimated_bits(like_prior) < 1.04 * fixed.estimated_bits(like_prior)


def test_any_string_decodes_within_adaptive_tables(tables):
    coder = BackwardAdaptiveTables(tables, 24)
    check_any_string(coder, LASTING)
    with pytest.raises(ValueError, match="symbols must be"):
        coder.encode(np.full([1, 1, CHANNELS], coder.most + 1, np.int32))
    with pytest.raises(ValueError, match="shape"):
        coder.decode(b"", [1, 1, CHANNELS + 1])
    assert coder.encode(np.zeros([1, 0, CHANNELS], np.int32)) == b""
    assert coder.decode(b"", [1, 0, CHANNELS]).shape == (1, 0, CHANNELS)


def test_the_choice_of_tables_rests_on_integers_alone(tables):
    coder = BackwardAdaptiveTables(tables, 24)
    assert coder._bounds.dtype == coder._own_mean.dtype == np.int64
    indices = []
    coder._code(LASTING.copy(), lambda index, values: indices.append(index) or values)
    assert len(indices) == 40 and all(index.dtype == np.int32 for index in indices)
    # The largest sums that there can be stay within 64 bits.
    sums = (15 << 8) * 8 << 16
    assert sums < 2**62 and int(coder._bounds.max()) * (8 << 8) < 2**62


def test_the_smaller_form_is_taken(tables):
    variables = [tf.Variable(values) for values in (tables.steps, tables.limits, tables.counts)]
    module = types.SimpleNamespace(tables=variables)
    payloads = PayloadCoder(module, {"bottleneck": "entropy", "bpp": 0.5, "levels": 2})
    for symbols in (LASTING, LASTING[:, :1]):
        forms = {kind: payloads.estimated_bits(kind, symbols, 24) for kind in (1, 3)}
        kind, data = payloads.encode(symbols, 24)
        assert forms[kind] == min(forms.values()) <= payloads.sufficient_bits(symbols, 24)
        np.testing.assert_array_equal(payloads.decode(kind, data, symbols.shape, 24), symbols)
    assert payloads.encode(LASTING, 24)[0] == 3
