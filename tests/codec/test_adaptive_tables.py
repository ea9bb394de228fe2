"""Tables that follow symbols: round trips, counted bits, bounds, and that nothing rests on floats."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.codec.adaptive_tables import REACH, SPACING, TableFollower
from tfnoise.codec.payload import PayloadCoder
from tfnoise.codec.range_coding import estimated_bits
from tfnoise.codec.tables import IntegerTables, build_tables
from tfnoise.layers import EntropyBottleneck

ROWS, CHANNELS = 4, 6


@pytest.fixture(scope="module")
def tables() -> IntegerTables:
    tf.keras.utils.set_random_seed(1)
    bottleneck = EntropyBottleneck(init_scale=0.7)
    bottleneck(tf.zeros([1, 1, 1, CHANNELS]))
    return build_tables(bottleneck.prior, CHANNELS)


def _symbols(columns: int, deviations, seed: int = 0, limit: int = 100) -> np.ndarray:
    """Normal symbols whose deviations `[rows, channels]` last over the columns."""
    values = (
        np.random.RandomState(seed).normal(size=[ROWS, columns, CHANNELS]) * np.asarray(deviations)[:, None]
    )
    return np.clip(np.round(values), -limit, limit).astype(np.int32)


def _some(columns: int, limit: int) -> np.ndarray:
    deviations = np.exp(np.random.RandomState(3).normal(size=[ROWS, CHANNELS]) * 2)
    return _symbols(columns, deviations, limit=limit)


@pytest.mark.parametrize("step_index", [0, 20, 24, 50, 75])
@pytest.mark.parametrize("columns", [1, 2, 40])
def test_symbols_come_back_and_the_bits_are_those_that_were_counted(tables, step_index, columns):
    follower = TableFollower(tables, step_index)
    symbols = _some(columns, follower.limit)
    data = follower.encode(symbols)
    np.testing.assert_array_equal(follower.decode(data, symbols.shape), symbols)
    assert -8 < 8 * len(data) - follower.estimated_bits(symbols) <= 15


def test_the_largest_symbols_come_back_at_every_step(tables):
    for step_index in range(len(tables.steps)):
        follower = TableFollower(tables, step_index)
        symbols = np.zeros([1, 3, CHANNELS], np.int32)
        symbols[:, ::2, ::2], symbols[:, ::2, 1::2] = follower.limit, -follower.limit
        np.testing.assert_array_equal(follower.decode(follower.encode(symbols), symbols.shape), symbols)


def test_every_table_is_whole(tables):
    for step_index in range(0, len(tables.steps), 5):
        counts = TableFollower(tables, step_index)._counts
        assert counts.shape[:2] == (2 * REACH + 1, CHANNELS) and counts.min() >= 1
        np.testing.assert_array_equal(counts.sum(-1), np.full(counts.shape[:2], 65536))
        own = tables.table(step_index)
        np.testing.assert_array_equal(counts[REACH], own)
        if SPACING <= step_index < len(tables.steps) - SPACING:
            # Of a coarser step the distribution is narrower, of a finer one wider.
            zero = own.shape[1] // 2
            assert np.all(counts[REACH + 1, :, zero] > own[:, zero])
            assert np.all(counts[REACH - 1, :, zero] < own[:, zero])


def test_a_table_that_has_nothing_to_give_is_not_taken():
    """A distribution so wide that its most frequent symbol cannot pay for those that a coarse step lacks."""
    steps, limits = (
        np.array([1.0, 10.0, 10.0, 10.0, 10.0], np.float32),
        np.array([20000, 2, 2, 2, 2], np.int32),
    )
    wide = np.ones(40001, np.int64)
    wide[20000] += 65536 - wide.sum()
    narrow = np.array([13107, 13107, 13108, 13107, 13107])
    counts = np.concatenate([wide, *([narrow] * 4)]).astype(np.uint16)
    follower = TableFollower(IntegerTables(steps, limits, counts, 1), 0)
    assert follower._counts.min() >= 1 and np.all(follower._counts.sum(-1) == 65536)
    symbols = np.array([[[-20000], [7], [20000]]], np.int32)
    np.testing.assert_array_equal(follower.decode(follower.encode(symbols), symbols.shape), symbols)


def test_what_lasts_is_learned_and_what_is_like_the_prior_costs_next_to_nothing(tables):
    step_index = 24
    follower, own = TableFollower(tables, step_index), tables.table(step_index)
    limit = follower.limit
    lasting = _symbols(40, [[0.05] * 6, [8] * 6, [0.05] * 6, [2] * 6])
    assert follower.estimated_bits(lasting) < 0.8 * estimated_bits(lasting + limit, own)
    drawn = np.empty([ROWS, 60, CHANNELS], np.int32)
    for channel in range(CHANNELS):
        generator = np.random.RandomState(channel)
        drawn[..., channel] = generator.choice(2 * limit + 1, [ROWS, 60], p=own[channel] / 65536) - limit
    assert follower.estimated_bits(drawn) < 1.04 * estimated_bits(drawn + limit, own)


def test_any_bytes_decode_to_symbols_within_the_tables(tables):
    follower = TableFollower(tables, 24)
    generator = np.random.RandomState(0)
    for size in (0, 1, 7, 100, 3000):
        found = follower.decode(generator.bytes(size), [ROWS, 20, CHANNELS])
        assert found.shape == (ROWS, 20, CHANNELS) and np.abs(found).max() <= follower.limit


def test_what_does_not_fit_is_refused(tables):
    follower = TableFollower(tables, 24)
    with pytest.raises(ValueError, match="symbols must be"):
        follower.encode(np.full([1, 1, CHANNELS], follower.limit + 1, np.int32))
    with pytest.raises(ValueError, match="shape"):
        follower.decode(b"", [1, 1, CHANNELS + 1])
    assert follower.encode(np.zeros([1, 0, CHANNELS], np.int32)) == b""
    assert follower.decode(b"", [1, 0, CHANNELS]).shape == (1, 0, CHANNELS)


def test_the_choice_of_tables_rests_on_integers_alone(tables):
    follower = TableFollower(tables, 24)
    assert follower._bounds.dtype == follower._own_mean.dtype == np.int64
    assert all(index.dtype == np.int32 for index, _ in follower._columns(_some(5, follower.limit)))
    # The largest sums that there can be stay within 64 bits.
    sums = (15 << 8) * 8 << 16
    assert sums < 2**62 and int(follower._bounds.max()) * (8 << 8) < 2**62


class _Module:
    """As much of a frozen model as its payloads need."""

    def __init__(self, tables: IntegerTables):
        self.tables = [tf.Variable(values) for values in (tables.steps, tables.limits, tables.counts)]


def test_the_form_with_fewer_bits_is_taken(tables):
    payloads = PayloadCoder(_Module(tables), {"bottleneck": "entropy", "bpp": 0.5, "levels": 2})
    lasting = _symbols(40, [[0.05] * 6, [8] * 6, [0.05] * 6, [2] * 6])
    for symbols in (lasting, lasting[:, :1]):
        forms = {}
        for kind in (1, 3):
            forms[kind] = payloads.estimated_bits(kind, symbols, 24)
        kind, data = payloads.encode(symbols, 24)
        assert forms[kind] == min(forms.values()) <= payloads.sufficient_bits(symbols, 24)
        np.testing.assert_array_equal(payloads.decode(kind, data, symbols.shape, 24), symbols)
    assert payloads.encode(lasting, 24)[0] == 3
