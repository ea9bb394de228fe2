"""Headers, blocks and whole `.tfn` files for tests."""

from __future__ import annotations

import io

import numpy as np

from tfnoise.audio.front_end import FrontEnd
from tfnoise.codec.format import (
    Block,
    End,
    Header,
    Kind,
    pack_front_end,
    read_blocks,
    read_header,
    write_block,
    write_end,
    write_header,
)

FINGERPRINT = "00112233445566778899aabbccddeeff"


FRONT_END = FrontEnd()


def header_of(samples: int | None = 67200, **settings) -> Header:
    """The header of a clip of 4.2 s, or of something else."""
    front_end = settings.pop("front_end", FRONT_END)
    defaults = {
        "fingerprint": FINGERPRINT,
        "front_end": pack_front_end(front_end),
        "reference_db": 31.5,
        "sample_rate_hz": 16000,
        "samples": samples,
        "frames": None if samples is None else front_end.frames(samples),
        "frames_per_block": 1024,
        "frame_multiple": 16,
        "step_index": 40,
    }
    return Header(**{**defaults, **settings})


def blocks_of(header: Header, payload_bytes: int = 20, frames: int | None = None, seed: int = 0):
    """Blocks of random payloads for the whole of a header's frames."""
    random = np.random.default_rng(seed)
    frames = header.frames if frames is None else frames
    return [
        Block(
            number,
            header.frames_in(number, frames),
            Kind(int(random.integers(2))),
            random.bytes(random.integers(payload_bytes + 1)),
            None if header.step_index is not None else int(random.integers(256)),
        )
        for number in range(header.blocks_of(frames))
    ]


def file_of(header: Header, blocks: list[Block], end: End | None = None) -> bytes:
    parts = [write_header(header), *(write_block(block, header) for block in blocks)]
    return b"".join([*parts, write_end(end, header)] if end else parts)


def five_blocks(**settings) -> tuple[Header, list[Block], bytes]:
    """A file of 5 blocks of 64 frames at most."""
    header = header_of(256 * 64 * 4 + 1000, frames_per_block=64, **settings)
    blocks = blocks_of(header, seed=5)
    assert len(blocks) == 5
    return header, blocks, file_of(header, blocks)


def open_stream() -> tuple[Header, list[Block], End, bytes]:
    """An open stream of two channels with three blocks each, of which the last are short."""
    header = header_of(None, step_index=None, channels=2, frames_per_block=64, fixed_reference=True)
    end = End(256 * 64 * 2 + 300, 130)
    blocks = blocks_of(header, frames=end.frames, seed=6)
    assert [block.frames for block in blocks] == [64, 64, 64, 64, 2, 2]
    return header, blocks, end, file_of(header, blocks, end)


def read(data: bytes) -> tuple[Header, list]:
    header = read_header(data)
    return header, list(read_blocks(data, header))


class Pipe(io.RawIOBase):
    """A stream that cannot seek and gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int = 7):
        self._inner, self._most = io.BytesIO(data), most

    def readable(self):
        return True

    def readinto(self, buffer):
        piece = self._inner.read(min(len(buffer), self._most))
        buffer[: len(piece)] = piece
        return len(piece)


GOLDEN = bytes.fromhex(
    "8974666e010100112233445566778899aabbccddeeff"
    "803e000000040001808000000000fa4500400055"
    "0000fc4144ac000002a086010000008e00000080001028e0ce1169"
    "04000000000000630e6c656674031738f0"
    "05004001000000ded17269676874e89b08a0"
    "00000002000000cd224440bdbb"
    "0100400300000070fdff3d2e0425"
)


GOLDEN_STREAM = bytes.fromhex(
    "8974666e010e00112233445566778899aabbccddeeff"
    "803e000000040001808000000000fa4500400055"
    "0000fc41803e00000100000000000000000000000410002084e876"
    "05004000000000290400ce0e736f756e64c0bc68f6"
    "0a008001000000000000dc3fe8030000000004000000c9783e67"
)
