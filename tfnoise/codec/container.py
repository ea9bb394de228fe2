"""The container of coded sound, `.tfn`: a header, and blocks that are damaged or lost one by one.

    data = write_header(header) + b"".join(write_block(block, header) for block in blocks)

    header = read_header(stream)
    for item in read_blocks(stream, header):
        ...                               # a Block, a DamagedBlock, or the End of an open stream

Every byte stands in docs/format.md. Reading needs memory for two blocks, of at most 4 MiB each, and time in
proportion to the file, whatever the file holds.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tfnoise.codec.block_reader import BlockReader
from tfnoise.codec.block_records import (
    CHECK_BYTES,
    CRC_BYTES,
    END_BYTES,
    END_KIND,
    LONGEST_BYTES,
    Block,
    DamagedBlock,
    End,
    Kind,
    block_fields,
    sealed,
)
from tfnoise.codec.header import (
    FLAGS_OFFSET,
    HEADER_BYTES,
    MOST_BLOCKS,
    BitstreamError,
    Header,
    check_room,
    fields_bytes,
    read_header,
    write_header,
)
from tfnoise.codec.packed_front_end import pack_front_end, unpack_front_end

__all__ = [
    "BitstreamError",
    "Block",
    "DamagedBlock",
    "End",
    "Header",
    "Kind",
    "Summary",
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


class Summary(NamedTuple):
    """What a file holds.

    Attributes:
      header: its header.
      blocks: number of intact blocks.
      lost: number of blocks known to be damaged or missing.
      payload_bytes: of the intact blocks.
      framing_bytes: of the header, the intact blocks and the end record.
      samples: per channel; None where an open stream has no end.
      frames: per channel; None where samples is.
      first_problem: the first thing wrong, in one line; "" for nothing.
    """

    header: Header
    blocks: int
    lost: int
    payload_bytes: int
    framing_bytes: int
    samples: int | None
    frames: int | None
    first_problem: str

    @property
    def intact(self) -> bool:
        """Whether the file is just as it was written."""
        return not self.first_problem


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


def read_blocks(source: bytes | BinaryIO, header: Header) -> Iterator[Block | DamagedBlock | End]:
    """Reads the blocks after a header, and says which are damaged or missing.

    Blocks come in rising order, each number once: as a Block, or as a DamagedBlock with what is wrong. After
    damage the reading goes on at the next block that can be found.

    Args:
      source: the bytes of a file, or a stream that stands after the header; it need not seek, and may be
        read beyond the last block.
      header: of the same file.

    Yields:
      Blocks, what became of the others, bytes too many, and at the end of an open stream its End.

    Raises:
      BitstreamError: so much is missing that the file has no room for what its header claims.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = io.BytesIO(source)
        source.seek(HEADER_BYTES)
    reader = BlockReader(source, header)
    expected, skipped, ended = 0, 0, header.blocks == 0
    while not ended:
        more, framing = reader.next_framing()
        skipped += more
        if framing is None:
            break
        found = reader.opened(framing)
        number, is_end = framing.number, framing.kind == END_KIND
        if number < expected:
            what = "the end record" if is_end else f"block {number}"
            yield DamagedBlock(None, 0, f"{what} comes again or too late; it is left out")
            continue
        if is_end and not isinstance(found, End):
            yield found
            continue
        why = f"{skipped} bytes in its place are no block" if skipped else "the next one follows at once"
        yield from reader.lost(range(expected, number), framing, why)
        if skipped and number == expected:
            yield DamagedBlock(None, 0, f"{skipped} bytes before block {number} are no block; copy it again")
        yield found
        del found  # before the next one is read, for the sake of memory
        expected, skipped = number + 1, 0
        ended = is_end or expected == header.blocks
    if ended:
        if reader.has(1):
            yield DamagedBlock(None, 0, "more bytes follow the end of the file; they are left out")
    elif header.open:
        yield DamagedBlock(None, None, "the stream has no valid end record: it was cut short or damaged")
    else:
        check_room(header, reader.passed)
        why = f"the file ends with {skipped} bytes that are no whole block" if skipped else "the file ends"
        yield from reader.lost(range(expected, header.blocks), None, why)


def summary(source: bytes | BinaryIO) -> Summary:
    """Reads a whole file, block by block, and counts.

    Args:
      source: the bytes of a file, or a stream at its beginning.

    Raises:
      BitstreamError: as `read_header` and `read_blocks`.
    """
    stream = io.BytesIO(source) if isinstance(source, (bytes, bytearray, memoryview)) else source
    header = read_header(stream)
    samples, frames = header.samples, header.frames
    blocks, lost, payload_bytes, framing_bytes, first_problem = 0, 0, 0, HEADER_BYTES, ""
    for item in read_blocks(stream, header):
        if isinstance(item, Block):
            blocks += 1
            payload_bytes += len(item.payload)
            framing_bytes += header.framing_bytes
        elif isinstance(item, End):
            samples, frames = item.samples, item.frames
            framing_bytes += header.framing_bytes + END_BYTES
        else:
            lost += item.number is not None
            first_problem = first_problem or item.problem
    return Summary(header, blocks, lost, payload_bytes, framing_bytes, samples, frames, first_problem)


def reseal(data: bytes) -> bytes:
    """The same bytes with every check and CRC made right: what a forger would do, for tests of readers.

    Blocks are found by their lengths alone; those after a length that leads beyond the end stay as they are.
    """
    data = bytes(data)
    header, rest = data[: HEADER_BYTES - CRC_BYTES], data[HEADER_BYTES:]
    if len(data) < HEADER_BYTES:
        return data
    crc = zlib.crc32(header)
    parts = [header, crc.to_bytes(CRC_BYTES, "little")]
    size = fields_bytes(header[FLAGS_OFFSET])
    position = 0
    while position + size <= len(rest):
        fields = rest[position : position + size]
        begin = position + size + CHECK_BYTES
        end = begin + (int.from_bytes(fields[:3], "little") & LONGEST_BYTES)
        if end + CRC_BYTES > len(rest):
            break
        parts.append(sealed(fields, rest[begin:end], crc))
        position = end + CRC_BYTES
    return b"".join(parts) + rest[position:]
