"""Symbols to strings and back: integer tables, range coders, and the choice among a block's forms."""

from tfnoise.codec.entropy.coders import BackwardAdaptiveLevels, BackwardAdaptiveTables, RangeCoder
from tfnoise.codec.entropy.payload import PayloadCoder
from tfnoise.codec.entropy.tables import IntegerTables, build_tables, step_grid

__all__ = [
    "BackwardAdaptiveLevels",
    "BackwardAdaptiveTables",
    "IntegerTables",
    "PayloadCoder",
    "RangeCoder",
    "build_tables",
    "step_grid",
]
