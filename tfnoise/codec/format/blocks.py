"""The records after the header of a `.tfn` file: blocks and an end. docs/format.md has every byte."""

from __future__ import annotations

import binascii
import dataclasses
import enum
import zlib

from tfnoise.codec.format.header import MOST_BLOCKS, Header

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
      frames: number of frames, without padding.
      kind: how the payload is coded.
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
    """A damaged or missing block, or bytes that belong to none.

    Attributes:
      number: the block's number; None where no block was lost, and where the end is missing.
      frames: number of lost frames; 0 for bytes too many; None where unknown.
      problem: what is wrong, in one line.
    """

    number: int | None
    frames: int | None
    problem: str


@dataclasses.dataclass(frozen=True)
class End:
    """The end of an open stream, which holds its length.

    Attributes:
      samples: samples per channel, at the original's rate.
      frames: frames per channel, without padding.
    """

    samples: int
    frames: int


def write_block(block: Block, header: Header) -> bytes:
    """The bytes of a block: `header.framing_bytes` more than its payload.

    Raises:
      ValueError: the block does not fit the header; the message names what is wrong.
    """
    most = MOST_BLOCKS if header.blocks is None else header.blocks
    if not 0 <= block.number < most:
        raise ValueError(f"the block's number must be from 0 to {most - 1}, not {block.number}")
    least = 1 if header.open else header.frames_in(block.number)
    most = header.frames_per_block if header.open else least
    if not least <= block.frames <= most:
        raise ValueError(f"block {block.number} must have {least} to {most} frames, not {block.frames}")
    longest = header.longest_payload(block.frames)
    if len(block.payload) > longest:
        raise ValueError(f"a payload may have {longest} bytes, not {len(block.payload)}")
    if (block.step_index is None) != (header.step_index is not None):
        raise ValueError("either the header or each block must have a step_index")
    step = block.step_index or 0
    if not 0 <= step <= 255:
        raise ValueError(f"step_index must be from 0 to 255, not {step}")
    fields = block_fields(header, Kind(block.kind), len(block.payload), block.number, step, block.frames)
    return sealed(fields, block.payload, header.crc)


def write_end(end: End, header: Header) -> bytes:
    """The bytes of the record that ends an open stream.

    Raises:
      ValueError: the stream is not open, or the numbers do not fit together.
    """
    if not header.open:
        raise ValueError("only an open stream has an end record: this header knows the length")
    samples, frames = header.checked_length(end.samples, end.frames)
    fields = block_fields(header, END_KIND, END_BYTES, header.blocks_of(frames), 0, 0)
    return sealed(fields, samples.to_bytes(6, "little") + frames.to_bytes(4, "little"), header.crc)


def block_fields(header: Header, kind: int, length: int, number: int, step: int, frames: int) -> bytes:
    """What frames a payload before its check: length and kind, number, step and frames as far as stored."""
    fields = (kind << LENGTH_BITS | length).to_bytes(3, "little") + number.to_bytes(4, "little")
    if header.step_index is None:
        fields += bytes([step])
    if header.open:
        fields += frames.to_bytes(2, "little")
    return fields


def check_of(fields: bytes | bytearray, header_crc: int) -> bytes:
    """The check of a framing, a CRC-16 that the header's CRC seeds."""
    return binascii.crc_hqx(fields, header_crc & 0xFFFF).to_bytes(CHECK_BYTES, "little")


def sealed(fields: bytes, payload: bytes, header_crc: int) -> bytes:
    """A whole block: framing, check, payload and CRC."""
    framing = fields + check_of(fields, header_crc)
    crc = zlib.crc32(payload, zlib.crc32(framing, header_crc))
    return framing + payload + crc.to_bytes(CRC_BYTES, "little")
