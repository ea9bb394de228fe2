"""Images and sounds to bytes and back: frozen models with integer tables, payloads, the .tfn container."""

from tfnoise.codec.codec import Codec
from tfnoise.codec.container import (
    BitstreamError,
    Block,
    DamagedBlock,
    End,
    Header,
    Kind,
    pack_front_end,
    read_blocks,
    read_header,
    reseal,
    summary,
    unpack_front_end,
    write_block,
    write_end,
    write_header,
)
from tfnoise.codec.disk_array import DiskArray
from tfnoise.codec.frozen import FrozenModel
from tfnoise.codec.loading import LoadedModel, find, load, read_settings, resolve, versions
from tfnoise.codec.tables import IntegerTables, build_tables, step_grid

__all__ = [
    "BitstreamError",
    "Block",
    "Codec",
    "DamagedBlock",
    "DiskArray",
    "End",
    "FrozenModel",
    "Header",
    "IntegerTables",
    "Kind",
    "LoadedModel",
    "build_tables",
    "find",
    "load",
    "pack_front_end",
    "read_blocks",
    "read_header",
    "read_settings",
    "reseal",
    "resolve",
    "step_grid",
    "summary",
    "unpack_front_end",
    "versions",
    "write_block",
    "write_end",
    "write_header",
]
