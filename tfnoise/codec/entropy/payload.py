"""A block's symbols as bytes and back, in the smallest of three forms: packed, range-coded or adaptive.

Range coding takes the tables of the step or, with levels, probabilities that follow the symbols; adaptive is
range coding of the entropy bottleneck's symbols by tables of other steps, too, which follow the symbols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.codec.entropy.coders import BackwardAdaptiveLevels, BackwardAdaptiveTables, RangeCoder
from tfnoise.codec.entropy.tables import IntegerTables
from tfnoise.codec.format import Kind
from tfnoise.codec.format.bitstring import pack, packed_bits, packed_bytes, unpack
from tfnoise.codec.step_choice import search_step
from tfnoise.layers.levels import latent_channels_for

# A few megabytes each; in a stream the step changes from block to block.
_CACHED_CODERS = 8


class PayloadCoder:
    """Codes the symbols of a frozen model, without any floating point.

    Args:
      module: a `FrozenModel`, or one that was loaded.
      architecture: the model's settings: bottleneck, levels, bpp.

    Attributes:
      latents: channels of the latent.
      steps: number of quantization steps; 1 of levels.
    """

    def __init__(self, module: Any, architecture: Mapping[str, Any]):
        self._module, self._bits = module, packed_bits(architecture)
        self._coders: dict[tuple[Kind, int], RangeCoder] = {}
        self._tables: IntegerTables | None = None
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
        """The length of the packed form of `count` symbols."""
        return packed_bytes(count, self._bits)

    def encode(self, symbols: np.ndarray, step_index: int) -> tuple[Kind, bytes]:
        """Codes a block's symbols in the smallest form.

        Args:
          symbols: int32 `[rows, columns, latents]` as `FrozenModel.symbols` gives them.
          step_index: index of their step in the grid.

        Returns:
          The form, and the string.

        Raises:
          ValueError: a symbol is outside of its step's table.
        """
        kind = Kind.RANGE_CODED
        if self._tables is not None and symbols.size:
            kinds = (Kind.RANGE_CODED, Kind.ADAPTIVE)
            kind = min(kinds, key=lambda kind: self.estimated_bits(kind, symbols, step_index))
        data = self._coder(kind, step_index).encode(symbols)
        if len(data) <= self.packed_bytes(symbols.size):
            return kind, data
        return Kind.PACKED, self.packed(symbols)

    def encode_latent(self, latent: np.ndarray, most_bits: float) -> tuple[Kind, bytes, int]:
        """Codes a latent, float32 `[rows, columns, latents]`, with the finest step at or under `most_bits`.

        Where none is, the coarsest step is taken. Returns the form, the string and the step's index.
        """
        strings: dict[int, tuple[Kind, bytes]] = {}

        def symbols(step: int) -> np.ndarray:
            return self._module.symbols(latent[None], tf.constant([step])).numpy()[0]

        def payload_bits(step: int) -> int:
            strings[step] = self.encode(symbols(step), step)
            return 8 * len(strings[step][1])

        def bits(step: int) -> float:
            return self.sufficient_bits(symbols(step), step)

        step, _ = search_step(self.steps, most_bits, 1, bits, payload_bits)
        if step not in strings:
            payload_bits(step)
        return (*strings[step], step)

    def decode(self, kind: Kind, data: bytes, shape: Sequence[int], step_index: int) -> np.ndarray:
        """The symbols of a string.

        Args:
          kind: the string's form.
          data: the string.
          shape: shape of the symbols, which the caller has checked not to be absurd.
          step_index: index of their step in the grid.

        Returns:
          int32 of that shape, always within the model's tables or levels.

        Raises:
          ValueError: the kind, or the string's length, or the step cannot be this model's.
        """
        if not 0 <= step_index < self.steps:
            raise ValueError(f"step {step_index} of a model with {self.steps}")
        if kind == Kind.RANGE_CODED or (kind == Kind.ADAPTIVE and self._tables is not None):
            return self._coder(kind, step_index).decode(data, shape)
        count = int(np.prod(shape, dtype=np.int64))
        if kind != Kind.PACKED or len(data) != self.packed_bytes(count):
            raise ValueError(f"a payload of kind {kind} and {len(data)} bytes for {count} symbols")
        symbols = unpack(tf.constant([data]), count, self._bits).numpy().reshape(shape)
        coder = self._coder(Kind.RANGE_CODED, step_index)
        return np.clip(symbols, coder.least, coder.most)

    def estimated_bits(self, kind: Kind, symbols: np.ndarray, step_index: int) -> float:
        """The information of symbols by the integers that code them in a form at a step, in bits."""
        if kind == Kind.PACKED:
            return float(symbols.size * self._bits)
        return self._coder(kind, step_index).estimated_bits(symbols)

    def sufficient_bits(self, symbols: np.ndarray, step_index: int) -> float:
        """An upper bound on the information of the string in bits: `encode` may find a smaller form."""
        kind = Kind.RANGE_CODED if self._tables is None else Kind.ADAPTIVE
        return self.estimated_bits(kind, symbols, step_index)

    def _coder(self, kind: Kind, step_index: int) -> RangeCoder:
        key = kind, step_index
        if key not in self._coders:
            if len(self._coders) >= _CACHED_CODERS:
                del self._coders[next(iter(self._coders))]
            if self._tables is None:
                self._coders[key] = BackwardAdaptiveLevels(self._bits)
            elif kind == Kind.ADAPTIVE:
                self._coders[key] = BackwardAdaptiveTables(self._tables, step_index)
            else:
                limit = int(self._tables.limits[step_index])
                self._coders[key] = RangeCoder(self._tables.table(step_index), -limit)
        return self._coders[key]
