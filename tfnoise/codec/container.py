"""The container of coded sound, `.tfn`: a header, and blocks that are damaged or lost one by one.

    data = write_header(header) + b"".join(write_block(block, header) for block in blocks)

    header = read_header(stream)
    for item in read_blocks(stream, header):
        ...                               # a Block, a DamagedBlock, or the End of an open stream

Every byte stands in docs/format.md. Reading needs memory for two blocks, of at most 4 MiB each, and time in
proportion to the file, whatever the file holds.
"""

from __future__ import annotations

import binascii
import dataclasses
import enum
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tfnoise.codec.header import (
    FLAGS_OFFSET,
    HEADER_BYTES,
    MOST_BLOCKS,
    BitstreamError,
    Header,
    check_room,
    fields_bytes,
    pack_front_end,
    read_header,
    unpack_front_end,
    write_header,
)

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

_END_KIND = 2
_END_BYTES = 10
_LENGTH_BITS = 22
_CHECK_BYTES, _CRC_BYTES = 2, 4
_LONGEST = (1 << _LENGTH_BITS) - 1
_PIECE_BYTES = 1 << 16
# Blocks may be missing for as many bytes as this would frame, beyond those that there is room for.
_MISSING_BYTES = 1 << 16


class Kind(enum.IntEnum):
    """How a payload is coded."""

    PACKED = 0
    RANGE_CODED = 1


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
    fields = _fields(header, Kind(block.kind), len(block.payload), block.number, step, block.frames)
    return _sealed(fields, block.payload, header.crc)


def write_end(end: End, header: Header) -> bytes:
    """The bytes of the record that ends an open stream.

    Raises:
      ValueError: the stream is not open, or the numbers do not fit together.
    """
    if not header.open:
        raise ValueError("only an open stream has an end record: this header knows the length")
    samples, frames = header.checked_length(end.samples, end.frames)
    fields = _fields(header, _END_KIND, _END_BYTES, header.blocks_of(frames), 0, 0)
    return _sealed(fields, samples.to_bytes(6, "little") + frames.to_bytes(4, "little"), header.crc)


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
    reader = _Reader(source, header)
    expected, skipped, ended = 0, 0, header.blocks == 0
    while not ended:
        more, framing = reader.next_framing()
        skipped += more
        if framing is None:
            break
        found = reader.opened(framing)
        number, is_end = framing.number, framing.kind == _END_KIND
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
            framing_bytes += header.framing_bytes + _END_BYTES
        else:
            lost += item.number is not None
            first_problem = first_problem or item.problem
    return Summary(header, blocks, lost, payload_bytes, framing_bytes, samples, frames, first_problem)


def reseal(data: bytes) -> bytes:
    """The same bytes with every check and CRC made right: what a forger would do, for tests of readers.

    Blocks are found by their lengths alone; those after a length that leads beyond the end stay as they are.
    """
    header, rest = data[: HEADER_BYTES - _CRC_BYTES], data[HEADER_BYTES:]
    if len(data) < HEADER_BYTES:
        return data
    crc = zlib.crc32(header)
    parts = [header, crc.to_bytes(_CRC_BYTES, "little")]
    size = fields_bytes(header[FLAGS_OFFSET])
    position = 0
    while position + size <= len(rest):
        fields = rest[position : position + size]
        begin = position + size + _CHECK_BYTES
        end = begin + (int.from_bytes(fields[:3], "little") & _LONGEST)
        if end + _CRC_BYTES > len(rest):
            break
        parts.append(_sealed(fields, rest[begin:end], crc))
        position = end + _CRC_BYTES
    return b"".join(parts) + rest[position:]


class _Framing(NamedTuple):
    kind: int
    length: int
    number: int
    step: int
    frames: int


class _Reader:
    """A place in a stream, and what is known of the stream's length."""

    def __init__(self, stream: BinaryIO, header: Header):
        # What is there, without waiting for more: a stream may be live.
        self._read = getattr(stream, "read1", stream.read)
        self._header = header
        self._buffer = bytearray()
        self._place = 0  # in the buffer
        self._dropped = 0
        self._fields_bytes = header.framing_bytes - _CHECK_BYTES - _CRC_BYTES
        self._frames = header.frames
        self._least_frames = 0

    @property
    def passed(self) -> int:
        """The bytes before this place."""
        return self._dropped + self._place

    def has(self, count: int) -> bool:
        """Whether `count` bytes follow; they are in the buffer then."""
        missing = count - (len(self._buffer) - self._place)
        while missing > 0:
            piece = self._read(_PIECE_BYTES)
            if not piece:
                return False
            self._drop()
            self._buffer += piece
            missing -= len(piece)
        return True

    def _drop(self) -> None:
        self._dropped += self._place
        del self._buffer[: self._place]
        self._place = 0

    def next_framing(self) -> tuple[int, _Framing | None]:
        """Goes to the next whole block: the bytes passed over, and its framing or None at the end.

        A framing that has its check right and fits the header is trusted with its length, so that no byte is
        looked at as part of two blocks: the time is linear. By chance garbage passes once in 2^16 places, and
        then nearly never has a fitting number.
        """
        start = self.passed
        while self.has(self._header.framing_bytes):
            framing = self._framing()
            if framing and self.has(self._header.framing_bytes + framing.length):
                return self.passed - start, framing
            self._step()
        self._place = len(self._buffer)
        return self.passed - start, None

    def _step(self) -> None:
        """Goes on by a byte, or to the next place where the highest byte of a block's number could be."""
        self._place += 1
        if self._highest(self._dropped + len(self._buffer)) < 1 << 24:
            place = self._buffer.find(0, self._place + 6)
            self._place = max(self._place, (len(self._buffer) if place < 0 else place) - 6)

    def _highest(self, passed: int) -> int:
        """The highest number of a block after so many bytes: no few bytes tell of many lost blocks."""
        return (passed + _MISSING_BYTES) // self._header.framing_bytes

    def _framing(self) -> _Framing | None:
        """The framing at this place, if there is one that can be."""
        header = self._header
        end = self._place + self._fields_bytes
        fields = self._buffer[self._place : end]
        number = int.from_bytes(fields[3:7], "little")
        check = self._buffer[end : end + _CHECK_BYTES]
        if number > self._highest(self.passed) or check != _check(fields, header.crc):
            return None
        kind_and_length = int.from_bytes(fields[:3], "little")
        kind, length = kind_and_length >> _LENGTH_BITS, kind_and_length & _LONGEST
        step = fields[7] if header.step_index is None else 0
        frames = int.from_bytes(fields[-2:], "little") if header.open else 0
        if kind == _END_KIND:
            fits = header.open and length == _END_BYTES and not step and not frames
            return _Framing(kind, length, number, step, frames) if fits else None
        if kind > _END_KIND:
            return None
        if self._frames is not None:
            expected = header.frames_in(number, self._frames)
            if expected < 1 or header.open and frames != expected:
                return None
            frames = expected
        if not 1 <= frames <= header.frames_per_block or length > header.longest_payload(frames):
            return None
        if frames < header.frames_per_block and header.first_frame(number) + frames < self._least_frames:
            return None
        return _Framing(kind, length, number, step, frames)

    def opened(self, framing: _Framing) -> Block | DamagedBlock | End:
        """The block at this place, which is passed."""
        header = self._header
        begin = self._place + self._fields_bytes + _CHECK_BYTES
        end = begin + framing.length
        with memoryview(self._buffer) as view:
            crc = zlib.crc32(view[self._place : end], header.crc)
            good = crc == int.from_bytes(view[end : end + _CRC_BYTES], "little")
            payload = bytes(view[begin:end]) if good else b""
        self._place = end + _CRC_BYTES
        self._drop()
        if framing.kind == _END_KIND:
            end_record = self._end(framing, payload) if good else None
            return end_record or DamagedBlock(
                None, 0, "an end record is damaged or does not fit; copy the file again"
            )
        number, frames = framing.number, framing.frames
        if not good:
            return DamagedBlock(number, frames, f"block {number} is damaged (its CRC-32 is wrong)")
        last = header.first_frame(number) + frames
        self._least_frames = max(self._least_frames, last)
        if frames < header.frames_per_block:
            self._frames = last
        step = framing.step if header.step_index is None else None
        return Block(number, frames, Kind(framing.kind), payload, step)

    def _end(self, framing: _Framing, payload: bytes) -> End | None:
        samples, frames = int.from_bytes(payload[:6], "little"), int.from_bytes(payload[6:], "little")
        try:
            self._header.checked_length(samples, frames)
        except ValueError:
            return None
        fits = framing.number == self._header.blocks_of(frames) and frames >= self._least_frames
        if not fits or self._frames not in (None, frames):
            return None
        self._frames = frames
        return End(samples, frames)

    def lost(self, numbers: range, following: _Framing | None, why: str) -> Iterator[DamagedBlock]:
        """What is known of blocks that are lost before the one that `following` frames."""
        header = self._header
        for number in numbers:
            frames = None
            if self._frames is not None:
                frames = header.frames_in(number, self._frames)
            elif following:
                later = header.first_frame(following.number) > header.first_frame(number)
                frames = header.frames_per_block if later else following.frames
            yield DamagedBlock(number, frames, f"block {number} is damaged or missing: {why}")


def _fields(header: Header, kind: int, length: int, number: int, step: int, frames: int) -> bytes:
    fields = (kind << _LENGTH_BITS | length).to_bytes(3, "little") + number.to_bytes(4, "little")
    if header.step_index is None:
        fields += bytes([step])
    if header.open:
        fields += frames.to_bytes(2, "little")
    return fields


def _check(fields: bytes, header_crc: int) -> bytes:
    return binascii.crc_hqx(fields, header_crc & 0xFFFF).to_bytes(_CHECK_BYTES, "little")


def _sealed(fields: bytes, payload: bytes, header_crc: int) -> bytes:
    framing = fields + _check(fields, header_crc)
    crc = zlib.crc32(payload, zlib.crc32(framing, header_crc))
    return framing + payload + crc.to_bytes(_CRC_BYTES, "little")
