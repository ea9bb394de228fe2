"""What stands after the header of a `.tfn` file: blocks and an end, and their bytes."""

from __future__ import annotations

import binascii
import dataclasses
import enum
import zlib

from tfnoise.codec.header import Header

END_KIND = 2
END_BYTES = 10
LENGTH_BITS = 22
CHECK_BYTES, CRC_BYTES = 2, 4
LONGEST_BYTES = (1 << LENGTH_BITS) - 1


class Kind(enum.IntEnum):
    """How a payload is coded."""

    PACKED = 0
    RANGE_CODED = 1
    ADAPTIVE = 3


@dataclasses.dataclass(frozen=True)
class Block:
    """A stretch of one channel, coded by itself.

    Attributes:
      number: its place, from 0, in the order of the file; see `Header.channel` and `Header.first_frame`.
      frames: without padding.
      kind: of the payload.
      payload: the coded symbols.
      step_index: index of its quantization step; None where the header has one for the whole file.
    """

    number: int
    frames: int
    kind: Kind
    payload: bytes
    step_index: int | None = None


@dataclasses.dataclass(frozen=True)
class DamagedBlock:
    """A block that is not there as it was written, or bytes that should not be there.

    Attributes:
      number: of the block; None where no block was lost, and where the end is missing.
      frames: that are lost; 0 for bytes too many; None where that cannot be known.
      problem: what is wrong, in one line.
    """

    number: int | None
    frames: int | None
    problem: str


@dataclasses.dataclass(frozen=True)
class End:
    """The end of an open stream, which says how long it was.

    Attributes:
      samples: per channel, at the original's rate.
      frames: per channel, without padding.
    """

    samples: int
    frames: int


def block_fields(header: Header, kind: int, length: int, number: int, step: int, frames: int) -> bytes:
    """What frames a payload before its check: length and kind, number, step and frames as far as stored."""
    fields = (kind << LENGTH_BITS | length).to_bytes(3, "little") + number.to_bytes(4, "little")
    if header.step_index is None:
        fields += bytes([step])
    if header.open:
        fields += frames.to_bytes(2, "little")
    return fields


def check_of(fields: bytes, header_crc: int) -> bytes:
    """The check of a framing, a CRC-16 that the header's CRC seeds."""
    return binascii.crc_hqx(fields, header_crc & 0xFFFF).to_bytes(CHECK_BYTES, "little")


def sealed(fields: bytes, payload: bytes, header_crc: int) -> bytes:
    """A whole block: framing, check, payload and CRC."""
    framing = fields + check_of(fields, header_crc)
    crc = zlib.crc32(payload, zlib.crc32(framing, header_crc))
    return framing + payload + crc.to_bytes(CRC_BYTES, "little")
