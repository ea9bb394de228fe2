"""Images and sounds to bytes and back: frozen models with integer tables, payloads, the .tfn container."""

from tfnoise.codec.codec import Codec
from tfnoise.codec.disk_array import DiskArray
from tfnoise.codec.entropy import IntegerTables, build_tables, step_grid
from tfnoise.codec.format import (
    BitstreamError,
    Block,
    DamagedBlock,
    Header,
    bitstring,
    read_blocks,
    read_header,
    reseal,
    summary,
    unpack_front_end,
)
from tfnoise.codec.frozen import FrozenModel, LoadedModel, find, load, read_settings, resolve, versions

__all__ = [
    "BitstreamError",
    "Block",
    "Codec",
    "DamagedBlock",
    "DiskArray",
    "FrozenModel",
    "Header",
    "IntegerTables",
    "LoadedModel",
    "bitstring",
    "build_tables",
    "find",
    "load",
    "read_blocks",
    "read_header",
    "read_settings",
    "reseal",
    "resolve",
    "step_grid",
    "summary",
    "unpack_front_end",
    "versions",
]
