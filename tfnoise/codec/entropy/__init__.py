"""Symbols to strings and back: integer tables, range coders, and the choice among a block's forms."""

from tfnoise.codec.entropy.coders import (
    LARGEST_OVERHEAD_BITS,
    BackwardAdaptiveLevels,
    BackwardAdaptiveTables,
    RangeCoder,
)
from tfnoise.codec.entropy.payload import PayloadCoder
from tfnoise.codec.entropy.tables import (
    LARGEST_LATENT,
    PRECISION_BITS,
    IntegerTables,
    build_tables,
    step_grid,
)

__all__ = [
    "LARGEST_LATENT",
    "LARGEST_OVERHEAD_BITS",
    "PRECISION_BITS",
    "BackwardAdaptiveLevels",
    "BackwardAdaptiveTables",
    "IntegerTables",
    "PayloadCoder",
    "RangeCoder",
    "build_tables",
    "step_grid",
]
