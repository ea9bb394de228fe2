"""A block's symbols as bytes and back, in the smallest of three forms: packed, range-coded or adaptive.

Range coding takes the tables of the step or, with levels, probabilities that follow the symbols; adaptive is
range coding of the entropy bottleneck's symbols by tables of other steps, too, which follow the symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.codec import adaptive, range_coding
from tfnoise.codec.adaptive_tables import TableFollower
from tfnoise.codec.container import Kind
from tfnoise.codec.packed import pack, packed_bits, packed_bytes, unpack
from tfnoise.codec.tables import IntegerTables
from tfnoise.layers.levels import latent_channels_for

# A few megabytes each; in a stream the step changes from block to block.
_KEPT_FOLLOWERS = 4


class PayloadCoder:
    """Codes the symbols of a frozen model; nothing that it does touches floating point.

    Args:
      module: a `FrozenModel`, or one that was loaded.
      architecture: the model's settings: bottleneck, levels, bpp.

    Attributes:
      latents: channels of the latent.
      steps: how many quantization steps there are; 1 of levels.
    """

    def __init__(self, module: Any, architecture: dict[str, Any]):
        self._tables, self._bits = None, packed_bits(architecture)
        self._followers: dict[int, TableFollower] = {}
        if architecture["bottleneck"] == "entropy":
            self._tables = IntegerTables.from_variables(module.tables)
            self.latents, self.steps = self._tables.channels, len(self._tables.steps)
        else:
            self.latents, self.steps = latent_channels_for(architecture["bpp"], architecture["levels"]), 1

    def packed(self, symbols: np.ndarray) -> bytes:
        """The packed form of symbols, int32 `[rows, columns, latents]`."""
        flat = np.ascontiguousarray(symbols, np.int32).reshape(1, -1)
        return bytes(pack(tf.constant(flat), self._bits).numpy()[0])

    def packed_bytes(self, count: int) -> int:
        """The length of the packed form of so many symbols."""
        return packed_bytes(count, self._bits)

    def encode(self, symbols: np.ndarray, step_index: int) -> tuple[Kind, bytes]:
        """The kind and the bytes of a block's symbols.

        Args:
          symbols: int32 `[rows, columns, latents]` as `FrozenModel.symbols` gives them.
          step_index: which step of the grid they have.

        Returns:
          How it is coded, and the string.

        Raises:
          ValueError: a symbol is outside of its step's table.
        """
        if self._tables is not None and symbols.size:
            limit = int(self._tables.limits[step_index])
            if not -limit <= symbols.min() <= symbols.max() <= limit:
                raise ValueError(
                    f"symbols must be from {-limit} to {limit}, not {symbols.min()} to {symbols.max()}"
                )
        kind = self._smallest(symbols, step_index)
        if kind == Kind.ADAPTIVE:
            coded = self._follower(step_index).encode(symbols)
        elif self._tables is None:
            coded = adaptive.encode(symbols, self._bits)
        else:
            limit = int(self._tables.limits[step_index])
            coded = range_coding.encode(symbols + limit, self._tables.table(step_index))
        if len(coded) <= packed_bytes(symbols.size, self._bits):
            return kind, coded
        return Kind.PACKED, self.packed(symbols)

    def sufficient_bits(self, symbols: np.ndarray, step_index: int) -> float:
        """What is enough for the symbols, in bits: `encode` may find a form that needs fewer."""
        kind = Kind.RANGE_CODED if self._tables is None else Kind.ADAPTIVE
        return self.estimated_bits(kind, symbols, step_index)

    def _smallest(self, symbols: np.ndarray, step_index: int) -> Kind:
        if self._tables is None or symbols.size == 0:
            return Kind.RANGE_CODED
        kinds = (Kind.RANGE_CODED, Kind.ADAPTIVE)
        return min(kinds, key=lambda kind: self.estimated_bits(kind, symbols, step_index))

    def _follower(self, step_index: int) -> TableFollower:
        if step_index not in self._followers:
            if len(self._followers) >= _KEPT_FOLLOWERS:
                del self._followers[next(iter(self._followers))]
            self._followers[step_index] = TableFollower(self._tables, step_index)
        return self._followers[step_index]

    def decode(self, kind: Kind, data: bytes, shape: Sequence[int], step_index: int) -> np.ndarray:
        """The symbols of a string.

        Args:
          kind: how it is coded.
          data: the string.
          shape: of the symbols, which the caller has seen not to be absurd.
          step_index: which step of the grid they have.

        Returns:
          int32 of that shape, always within the model's tables or levels.

        Raises:
          ValueError: the kind, or the string's length, or the step cannot be this model's.
        """
        if not 0 <= step_index < self.steps:
            raise ValueError(f"step {step_index} of a model with {self.steps}")
        if kind == Kind.ADAPTIVE and self._tables is not None:
            return self._follower(step_index).decode(data, shape)
        if kind == Kind.RANGE_CODED and self._tables is None:
            return adaptive.decode(data, shape, self._bits)
        if kind == Kind.RANGE_CODED:
            limit = int(self._tables.limits[step_index])
            return range_coding.decode(data, shape, self._tables.table(step_index)) - limit
        count = int(np.prod(shape, dtype=np.int64))
        if kind != Kind.PACKED or len(data) != packed_bytes(count, self._bits):
            raise ValueError(f"a payload of kind {kind} and {len(data)} bytes for {count} symbols")
        symbols = unpack(tf.constant([data]), count, self._bits).numpy().reshape(shape)
        if self._tables is not None:
            limit = int(self._tables.limits[step_index])
            symbols = np.clip(symbols, -limit, limit)
        return symbols

    def estimated_bits(self, kind: Kind, symbols: np.ndarray, step_index: int) -> float:
        """The information of symbols by the integers that they are coded with, in bits.

        Args:
          kind: how they are coded.
          symbols: int32 `[rows, columns, latents]`.
          step_index: which step of the grid they have.
        """
        if kind == Kind.PACKED:
            return float(symbols.size * self._bits)
        if self._tables is None:
            return adaptive.estimated_bits(symbols, self._bits)
        if kind == Kind.ADAPTIVE:
            return self._follower(step_index).estimated_bits(symbols)
        limit = int(self._tables.limits[step_index])
        return range_coding.estimated_bits(symbols + limit, self._tables.table(step_index))
