"""Headers, blocks and whole `.tfn` files for tests."""

from __future__ import annotations

import io

import numpy as np

from tfnoise.audio.front_end import FrontEnd
from tfnoise.codec import format as tfn

FINGERPRINT = "00112233445566778899aabbccddeeff"


def header_of(samples: int | None = 67200, **settings) -> tfn.Header:
    """The header of a clip of 4.2 s, or of something else."""
    front_end = settings.pop("front_end", FrontEnd())
    defaults = {
        "fingerprint": FINGERPRINT,
        "front_end": tfn.pack_front_end(front_end),
        "reference_db": 31.5,
        "sample_rate_hz": 16000,
        "samples": samples,
        "frames": None if samples is None else front_end.frames(samples),
        "frames_per_block": 1024,
        "frame_multiple": 16,
        "step_index": 40,
    }
    return tfn.Header(**{**defaults, **settings})


def blocks_of(header: tfn.Header, payload_bytes: int = 20, frames: int | None = None, seed: int = 0):
    """Blocks of random payloads for the whole of a header's frames."""
    random = np.random.default_rng(seed)
    frames = header.frames if frames is None else frames
    return [
        tfn.Block(
            number,
            header.frames_in(number, frames),
            tfn.Kind(int(random.integers(2))),
            random.bytes(random.integers(payload_bytes + 1)),
            None if header.step_index is not None else int(random.integers(256)),
        )
        for number in range(header.blocks_of(frames))
    ]


def file_of(header: tfn.Header, blocks: list[tfn.Block], end: tfn.End | None = None) -> bytes:
    parts = [tfn.write_header(header), *(tfn.write_block(block, header) for block in blocks)]
    return b"".join([*parts, tfn.write_end(end, header)] if end else parts)


def five_blocks(**settings) -> tuple[tfn.Header, list[tfn.Block], bytes]:
    """A file of 5 blocks of 64 frames at most."""
    header = header_of(256 * 64 * 4 + 1000, frames_per_block=64, **settings)
    blocks = blocks_of(header, seed=5)
    assert len(blocks) == 5
    return header, blocks, file_of(header, blocks)


def open_stream() -> tuple[tfn.Header, list[tfn.Block], tfn.End, bytes]:
    """An open stream of two channels with three blocks each, of which the last are short."""
    header = header_of(None, step_index=None, channels=2, frames_per_block=64, fixed_reference=True)
    end = tfn.End(256 * 64 * 2 + 300, 130)
    blocks = blocks_of(header, frames=end.frames, seed=6)
    assert [block.frames for block in blocks] == [64, 64, 64, 64, 2, 2]
    return header, blocks, end, file_of(header, blocks, end)


def read(data: bytes) -> tuple[tfn.Header, list]:
    header = tfn.read_header(data)
    return header, list(tfn.read_blocks(data, header))


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
