"""The bytes of `.tfn` files and of a server's bitstrings; docs/format.md describes them."""

from tfnoise.codec.format.blocks import Block, DamagedBlock, End, Kind, write_block, write_end
from tfnoise.codec.format.header import (
    BitstreamError,
    Header,
    pack_front_end,
    read_header,
    unpack_front_end,
    write_header,
)
from tfnoise.codec.format.reader import read_blocks, reseal, summary

__all__ = [
    "BitstreamError",
    "Block",
    "DamagedBlock",
    "End",
    "Header",
    "Kind",
    "pack_front_end",
    "read_blocks",
    "read_header",
    "reseal",
    "summary",
    "unpack_front_end",
    "write_block",
    "write_end",
    "write_header",
]
