"""Symbols to bytes and back by a range coder with integer tables: tensorflow-compression's, made safe.

    counts = tables.table(step_index)                       # [channels, 2 limit + 1]
    data = encode(symbols + limit, counts)
    symbols = decode(data, shape, counts) - limit

The tables have no slot for values beyond them, which the coder would write as a code of unbounded length:
every string of bytes decodes, in time that the shape alone decides, to symbols within the tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow_compression as tfc

from tfnoise.codec.tables import PRECISION_BITS

LARGEST_OVERHEAD_BITS = 15
"""What a string may have beyond `estimated_bits`."""

_TOTAL = 2**PRECISION_BITS


def encode(symbols: np.ndarray, counts: np.ndarray) -> bytes:
    """Codes symbols, each by its channel's table.

    Args:
      symbols: integers `[..., channels]`, from 0 to below the tables' width.
      counts: integers `[channels, width]`, each at least 1; those of a channel sum to 65536.

    Returns:
      The string; at most 15 bits longer than `estimated_bits`, and empty for no symbols.

    Raises:
      ValueError: counts are no such tables, or a symbol is outside of them.
    """
    counts = _checked_tables(counts)
    symbols = np.asarray(symbols)
    if not np.issubdtype(symbols.dtype, np.integer) or symbols.shape[-1:] != counts.shape[:1]:
        raise ValueError(
            f"symbols must be integers [..., {len(counts)}], not {symbols.dtype} {list(symbols.shape)}"
        )
    if symbols.size == 0:
        return b""
    if symbols.min() < 0 or symbols.max() >= counts.shape[1]:
        raise ValueError(
            f"symbols must be from 0 to {counts.shape[1] - 1}, not {symbols.min()} to {symbols.max()}"
        )
    coder = tfc.create_range_encoder([], coder_lookup(counts))
    coder = tfc.entropy_encode_channel(coder, symbols.astype(np.int32))
    return bytes(tfc.entropy_encode_finalize(coder).numpy())


def decode(data: bytes, shape: Sequence[int], counts: np.ndarray) -> np.ndarray:
    """Decodes what `encode` wrote; of any other string, some symbols within the tables.

    Args:
      data: the string.
      shape: of the symbols, `[..., channels]`; the caller has seen that it is not absurd.
      counts: the tables that it was coded with.

    Returns:
      int32 of that shape.

    Raises:
      ValueError: counts are no tables, or the shape has another number of channels.
    """
    counts = _checked_tables(counts)
    shape = tuple(int(size) for size in shape)
    if shape[-1:] != counts.shape[:1] or min(shape) < 0:
        raise ValueError(f"the shape of the symbols must be [..., {len(counts)}], not {list(shape)}")
    if math.prod(shape) == 0:
        return np.zeros(shape, np.int32)
    coder = tfc.create_range_decoder(data, coder_lookup(counts))
    _, symbols = tfc.entropy_decode_channel(coder, shape, np.int32)
    return symbols.numpy()


def estimated_bits(symbols: np.ndarray, counts: np.ndarray) -> float:
    """The information of symbols under their tables, in bits: what a string of them needs, but for rounding.

    Args:
      symbols: integers `[..., channels]` within the tables.
      counts: integers `[channels, width]`.
    """
    chosen = np.asarray(counts)[np.arange(len(counts)), symbols]
    return float(np.sum(PRECISION_BITS - np.log2(chosen)))


def _checked_tables(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts)
    fits = counts.ndim == 2 and counts.size and np.issubdtype(counts.dtype, np.integer)
    if not fits or counts.min() < 1 or np.any(counts.sum(1, dtype=np.int64) != _TOTAL):
        raise ValueError(f"tables must be integers [channels, width] of at least 1 that sum to {_TOTAL}")
    return counts


def coder_lookup(counts: np.ndarray) -> np.ndarray:
    """The coder's form of tables; that the precision is positive says that there is no overflow slot."""
    channels = len(counts)
    precision, zero = np.full([channels, 1], PRECISION_BITS), np.zeros([channels, 1])
    return np.concatenate([precision, zero, np.cumsum(counts, 1)], 1).astype(np.int32)
