"""Finds the blocks in a stream that may be damaged anywhere, in time in proportion to its length."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tfnoise.codec.block_records import (
    CHECK_BYTES,
    CRC_BYTES,
    END_BYTES,
    END_KIND,
    LENGTH_BITS,
    LONGEST_BYTES,
    Block,
    DamagedBlock,
    End,
    Kind,
    check_of,
)
from tfnoise.codec.header import Header

_PIECE_BYTES = 1 << 16
# Blocks may be missing for as many bytes as this would frame, beyond those that there is room for.
_MISSING_BYTES = 1 << 16


class Framing(NamedTuple):
    """What the bytes before a payload say."""

    kind: int
    length: int
    number: int
    step: int
    frames: int


class BlockReader:
    """A place in a stream, and what is known of the stream's length."""

    def __init__(self, stream: BinaryIO, header: Header):
        # What is there, without waiting for more: a stream may be live.
        self._read = getattr(stream, "read1", stream.read)
        self._header = header
        self._buffer = bytearray()
        self._place = 0  # in the buffer
        self._dropped = 0
        self._fields_bytes = header.framing_bytes - CHECK_BYTES - CRC_BYTES
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

    def next_framing(self) -> tuple[int, Framing | None]:
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

    def _framing(self) -> Framing | None:
        """The framing at this place, if there is one that can be."""
        header = self._header
        end = self._place + self._fields_bytes
        fields = self._buffer[self._place : end]
        number = int.from_bytes(fields[3:7], "little")
        check = self._buffer[end : end + CHECK_BYTES]
        if number > self._highest(self.passed) or check != check_of(fields, header.crc):
            return None
        kind_and_length = int.from_bytes(fields[:3], "little")
        kind, length = kind_and_length >> LENGTH_BITS, kind_and_length & LONGEST_BYTES
        step = fields[7] if header.step_index is None else 0
        frames = int.from_bytes(fields[-2:], "little") if header.open else 0
        if kind == END_KIND:
            fits = header.open and length == END_BYTES and not step and not frames
            return Framing(kind, length, number, step, frames) if fits else None
        if self._frames is not None:
            expected = header.frames_in(number, self._frames)
            if expected < 1 or header.open and frames != expected:
                return None
            frames = expected
        if not 1 <= frames <= header.frames_per_block or length > header.longest_payload(frames):
            return None
        if frames < header.frames_per_block and header.first_frame(number) + frames < self._least_frames:
            return None
        return Framing(kind, length, number, step, frames)

    def opened(self, framing: Framing) -> Block | DamagedBlock | End:
        """The block at this place, which is passed."""
        header = self._header
        begin = self._place + self._fields_bytes + CHECK_BYTES
        end = begin + framing.length
        with memoryview(self._buffer) as view:
            crc = zlib.crc32(view[self._place : end], header.crc)
            good = crc == int.from_bytes(view[end : end + CRC_BYTES], "little")
            payload = bytes(view[begin:end]) if good else b""
        self._place = end + CRC_BYTES
        self._drop()
        if framing.kind == END_KIND:
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

    def _end(self, framing: Framing, payload: bytes) -> End | None:
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

    def lost(self, numbers: range, following: Framing | None, why: str) -> Iterator[DamagedBlock]:
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
