"""The container of coded sound: exact bytes, damage that stays where it is, and files from anywhere."""

from __future__ import annotations

import binascii
import dataclasses
import io
import itertools
import subprocess
import sys
import time
import tracemalloc
import zlib

import numpy as np
import pytest

from tfnoise.audio.front_end import FrontEnd
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
from tfnoise.codec.header import HEADER_BYTES, MOST_PAYLOAD_BYTES, VERSION

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


def random_header(random: np.random.Generator) -> Header:
    rate = int(random.choice([8000, 16000, 22050, 48000, 192000]))
    n_fft = int(random.integers(2, 4097))
    low = float(random.uniform(0, rate / 8))
    front_end = FrontEnd(
        sample_rate_hz=rate,
        n_fft=n_fft,
        hop=int(random.integers(1, n_fft + 1)),
        mels=int(random.integers(1, 300)),
        f_min_hz=low,
        f_max_hz=None if random.integers(2) else float(random.uniform(rate / 4, rate / 2)),
        power=float(random.uniform(0.1, 2)),
        top_db=float(random.uniform(20, 180)),
        centre=bool(random.integers(2)),
    )
    multiple = int(random.integers(1, 65))
    original = int(random.integers(1000, 1_000_001))
    samples = None if random.integers(4) == 0 else int(random.integers(1, 40 * n_fft))
    frames = None if samples is None else front_end.frames(-(-samples * rate // original))
    a_block = multiple * int(random.integers(1, 20))
    if frames and frames > 60 * a_block:
        a_block = multiple * -(-frames // (60 * multiple))
        if a_block > 16384:
            return random_header(random)
    return Header(
        fingerprint=random.bytes(16).hex(),
        front_end=pack_front_end(front_end),
        reference_db=float(random.uniform(-120, 60)),
        sample_rate_hz=original,
        samples=samples,
        frames=frames,
        frames_per_block=a_block,
        channels=int(random.integers(1, 4)),
        frame_multiple=multiple,
        step_index=None if random.integers(2) else int(random.integers(256)),
        downmixed=bool(random.integers(2)),
        fixed_reference=bool(random.integers(2)),
    )


def test_round_trips():
    random = np.random.default_rng(0)
    kinds = set()
    for seed in range(400):
        header = random_header(random)
        end = None
        if header.open:
            front_end = unpack_front_end(header.front_end)
            samples = int(random.integers(0, 20 * front_end.n_fft))
            resampled = -(-samples * front_end.sample_rate_hz // header.sample_rate_hz)
            end = End(samples, front_end.frames(resampled))
            if header.blocks_of(end.frames) > 200:
                continue
        blocks = blocks_of(header, 40, end.frames if end else None, seed)
        data = file_of(header, blocks, end)
        kinds.add((header.open, header.step_index is None, len(blocks) > 3))
        found, items = read(data)
        assert found == header and write_header(found) == data[:HEADER_BYTES]
        assert items == [*blocks, *([end] if end else [])]
        stream = Pipe(data)
        assert read_header(stream) == header
        assert list(read_blocks(stream, header)) == items
        assert reseal(data) == data
        told = summary(data)
        assert told.intact and told.blocks == len(blocks) and told.lost == 0
        assert told.payload_bytes == sum(len(block.payload) for block in blocks)
        assert told.payload_bytes + told.framing_bytes == len(data)
        assert (told.samples, told.frames) == dataclasses.astuple(end or End(header.samples, header.frames))
    assert len(kinds) == 8


def test_header_and_framing_of_a_clip_are_small():
    header = header_of()
    assert (header.frames, header.blocks, len(write_header(header))) == (263, 1, HEADER_BYTES)
    block = Block(0, 263, Kind.RANGE_CODED, b"x" * 2000)
    framing = len(file_of(header, [block])) - 2000
    assert framing == HEADER_BYTES + header.framing_bytes == 82
    assert header_of(step_index=None).framing_bytes == 14
    assert header_of(None).framing_bytes == 15
    assert header_of(None, step_index=None).framing_bytes == 16


def golden_file() -> tuple[Header, list[Block]]:
    """Two seconds and more of two channels at 44.1 kHz, in blocks of 128 frames."""
    header = header_of(
        100_000, frames=142, sample_rate_hz=44100, frames_per_block=128, channels=2, downmixed=True
    )
    return header, [
        Block(0, 128, Kind.PACKED, b"left"),
        Block(1, 128, Kind.RANGE_CODED, b"right"),
        Block(2, 14, Kind.PACKED, b""),
        Block(3, 14, Kind.RANGE_CODED, b"\xff"),
    ]


GOLDEN = bytes.fromhex(
    "8974666e010100112233445566778899aabbccddeeff"
    "803e000000040001808000000000fa4500400055"
    "0000fc4144ac000002a086010000008e00000080001028e0ce1169"
    "04000000000000630e6c656674031738f0"
    "05004001000000ded17269676874e89b08a0"
    "00000002000000cd224440bdbb"
    "0100400300000070fdff3d2e0425"
)


def golden_stream() -> tuple[Header, list[Block | End]]:
    """An open stream of one block, with its own step."""
    header = header_of(None, step_index=None, fixed_reference=True)
    return header, [Block(0, 4, Kind.RANGE_CODED, b"sound", 41), End(1000, 4)]


GOLDEN_STREAM = bytes.fromhex(
    "8974666e010e00112233445566778899aabbccddeeff"
    "803e000000040001808000000000fa4500400055"
    "0000fc41803e00000100000000000000000000000410002084e876"
    "05004000000000290400ce0e736f756e64c0bc68f6"
    "0a008001000000000000dc3fe8030000000004000000c9783e67"
)


def test_golden_bytes():
    header, blocks = golden_file()
    assert file_of(header, blocks).hex() == GOLDEN.hex()
    assert read(GOLDEN) == (header, blocks)
    header, (block, end) = golden_stream()
    assert file_of(header, [block], end).hex() == GOLDEN_STREAM.hex()
    assert read(GOLDEN_STREAM) == (header, [block, end])


def test_the_document_shows_the_golden_bytes(repo_root):
    """The lines of its dumps are: offset, bytes, two spaces, what they are."""
    document = (repo_root / "docs" / "format.md").read_text(encoding="utf-8")
    dumps = [part.split("```")[0] for part in document.split("```text\n")[1:]]
    for dump, golden in zip(dumps, (GOLDEN, GOLDEN_STREAM)):
        shown = b""
        for line in dump.splitlines():
            offset, rest = line.split(maxsplit=1)
            assert int(offset) == len(shown)
            shown += bytes.fromhex(rest.split("  ")[0])
        assert shown.hex() == golden.hex()
    assert len(dumps) == 2


def test_checks_are_what_the_document_says():
    """CRC-32 of the header and the block in one go; CRC-16/XMODEM that begins with the header's CRC."""
    crc = zlib.crc32(GOLDEN[:65])
    assert GOLDEN[65:69] == crc.to_bytes(4, "little")
    assert GOLDEN[76:78] == binascii.crc_hqx(GOLDEN[69:76], crc % 65536).to_bytes(2, "little")
    assert GOLDEN[82:86] == zlib.crc32(GOLDEN[:65] + GOLDEN[69:82]).to_bytes(4, "little")


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def spans_of(header: Header, blocks: list[Block]) -> list[range]:
    """Where the bytes of blocks are in a file."""
    sizes = [len(block.payload) + header.framing_bytes for block in blocks]
    ends = list(itertools.accumulate(sizes, initial=HEADER_BYTES))
    return [range(begin, end) for begin, end in zip(ends, ends[1:])]


def test_every_flipped_bit_is_found_where_it_is():
    header, blocks, data = five_blocks()
    spans = spans_of(header, blocks)
    assert spans[-1].stop == len(data)
    for bit in range(8 * len(data)):
        changed = flipped(data, bit)
        if bit // 8 < HEADER_BYTES:
            with pytest.raises(BitstreamError):
                read_header(changed)
            continue
        struck = next(number for number, span in enumerate(spans) if bit // 8 in span)
        items = read(changed)[1]
        assert len(items) == 5
        for number, (item, block) in enumerate(zip(items, blocks)):
            if number == struck:
                assert isinstance(item, DamagedBlock)
                assert (item.number, item.frames) == (number, block.frames) and str(number) in item.problem
            else:
                assert item == block


def test_every_flipped_bit_of_an_open_stream_is_found_where_it_is():
    header, blocks, end, data = open_stream()
    spans = spans_of(header, blocks)
    for bit in range(8 * HEADER_BYTES, 8 * len(data)):
        items = read(flipped(data, bit))[1]
        struck = next((number for number, span in enumerate(spans) if bit // 8 in span), None)
        if struck is None:
            assert items[:6] == blocks and len(items) in (7, 8)
            assert all("end record" in item.problem for item in items[6:])
            assert (items[-1].number, items[-1].frames) == (None, None)
            continue
        assert (items[struck].number, items[struck].frames) == (struck, blocks[struck].frames)
        assert items[:struck] + items[struck + 1 :] == [*blocks[:struck], *blocks[struck + 1 :], end]


def test_every_truncation_is_told_and_what_is_there_comes():
    header, blocks, data = five_blocks()
    spans = spans_of(header, blocks)
    for length in range(len(data)):
        cut = data[:length]
        if length < HEADER_BYTES + 5 * header.framing_bytes:
            with pytest.raises(BitstreamError):
                read_header(cut)
            if length >= HEADER_BYTES:
                stream = Pipe(cut)
                found = read_header(stream)
                with pytest.raises(BitstreamError, match="cut short"):
                    list(read_blocks(stream, found))
            continue
        whole = [number for number, span in enumerate(spans) if span.stop <= length]
        items = read(cut)[1]
        assert items[: len(whole)] == blocks[: len(whole)]
        assert [item.number for item in items[len(whole) :]] == list(range(len(whole), 5))
        assert all(isinstance(item, DamagedBlock) for item in items[len(whole) :])


def test_every_truncation_of_an_open_stream_is_told():
    header, blocks, _, data = open_stream()
    spans = spans_of(header, blocks)
    for length in range(HEADER_BYTES, len(data)):
        whole = [number for number, span in enumerate(spans) if span.stop <= length]
        items = read(data[:length])[1]
        assert items[:-1] == blocks[: len(whole)]
        assert items[-1].number is None and "end record" in items[-1].problem


def parts_of(header: Header, blocks: list[Block]) -> tuple[bytes, list[bytes]]:
    return write_header(header), [write_block(block, header) for block in blocks]


@pytest.mark.parametrize(
    "order,numbers,extras",
    [
        ([0, 1, 3, 4], "01x34", []),
        ([1, 2, 3, 4], "x1234", []),
        ([4], "xxxx4", []),
        ([0, 1, 1, 2, 3, 4], "01234", ["block 1 comes again or too late"]),
        ([0, 2, 1, 3, 4], "0x234", ["block 1 comes again or too late"]),
        ([4, 3, 2, 1, 0], "xxxx4", ["more bytes follow"]),
        ([0, 1, 2, 3, 4, 4], "01234", ["more bytes follow"]),
        ([0, 1, 2, 3, 4, "junk"], "01234", ["more bytes follow"]),
        (["junk", 0, 1, "junk", 2, 3, 4], "01234", ["4 bytes before block 0", "4 bytes before block 2"]),
        ([0, "junk", 2, 3, 4], "0x234", []),
        ([0, 1, 2, 3, "junk"], "0123x", []),
    ],
)
def test_blocks_out_of_place(order, numbers, extras):
    header, blocks, _ = five_blocks()
    blocks = [dataclasses.replace(block, payload=bytes([block.number]) * 400) for block in blocks]
    head, parts = parts_of(header, blocks)
    data = head + b"".join(b"junk" if name == "junk" else parts[name] for name in order)
    items = read(data)[1]
    told = [item for item in items if isinstance(item, DamagedBlock) and item.number is None]
    placed = [item for item in items if item not in told]
    assert "".join("x" if isinstance(item, DamagedBlock) else str(item.number) for item in placed) == numbers
    assert [item.number for item in placed] == list(range(5))
    assert [item for item in placed if isinstance(item, Block)] == [
        block for block in blocks if str(block.number) in numbers
    ]
    assert all(item.frames == 0 for item in told) and len(told) == len(extras)
    for item, extra in zip(told, extras):
        assert extra in item.problem
    result = summary(data)
    assert not result.intact and result.lost == numbers.count("x") and "\n" not in result.first_problem


def test_blocks_of_another_file_are_not_taken():
    header, blocks, data = five_blocks()
    _, _, other = five_blocks(reference_db=31.0)
    spans = spans_of(header, blocks)
    items = read(data[: spans[2].start] + other[spans[2].start : spans[2].stop] + data[spans[2].stop :])[1]
    assert [isinstance(item, DamagedBlock) for item in items] == [False, False, True, False, False]
    items = read(data[:HEADER_BYTES] + other[HEADER_BYTES:])[1]
    assert all(isinstance(item, DamagedBlock) for item in items) and len(items) == 5


def test_lost_blocks_of_an_open_stream():
    header, blocks, end, _ = open_stream()
    head, parts = parts_of(header, blocks)
    tail = write_end(end, header)
    # Those before a later block of their channel are full ones; of the last the end record knows.
    for lost, frames in ((1, 64), (3, 64), (4, 2), (5, 2)):
        data = head + b"".join(parts[:lost] + parts[lost + 1 :]) + tail
        items = read(data)[1]
        assert (items[lost].number, items[lost].frames) == (lost, frames)
        assert [item for item in items if isinstance(item, Block)] == blocks[:lost] + blocks[lost + 1 :]
        assert items[-1] == end
    early = read(head + parts[0] + parts[1] + write_end(End(256, 2), header) + b"".join(parts[2:]) + tail)[1]
    assert early[2].number is None and "does not fit" in early[2].problem
    assert early[:2] + early[3:] == [*blocks, end]
    late = read(head + b"".join(parts) + write_end(End(256, 2), header) + tail)[1]
    assert "end record comes again or too late" in late[6].problem and late[-1] == end
    assert [item.problem for item in read(head + b"".join(parts) + tail + b"?")[1][-1:]] == [
        "more bytes follow the end of the file; they are left out"
    ]


def test_ends_that_do_not_fit_are_no_ends():
    header, blocks, end, _ = open_stream()
    head, parts = parts_of(header, blocks)
    for wrong in (End(256 * 131, 131), End(256 * 129, 129), End(256 * 192, 192)):
        items = read(head + b"".join(parts) + write_end(wrong, header))[1]
        assert items[:6] == blocks and len(items) == 8
        assert "does not fit" in items[6].problem and "no valid end record" in items[7].problem
    forged = bytearray(write_end(end, header))
    forged[-14:-8] = b"\xff" * 6  # its samples
    items = read(reseal(head + b"".join(parts) + bytes(forged)))[1]
    assert items[:6] == blocks and "does not fit" in items[6].problem and len(items) == 8


@pytest.mark.parametrize(
    "data,message",
    [
        (b"", "the file is empty"),
        (b"\x89", "cut short: its header has 1 of 69 bytes"),
        (b"Dear all,\nplease find attached\n" * 9, "this is no .tfn file"),
        (b"RIFF" + b"\0" * 99, "this is no .tfn file"),
        (GOLDEN.decode("latin-1").encode(), "this is no .tfn file"),
        (GOLDEN.replace(b"\x01", b"\x02", 1), f"has version 2 .* reads version {VERSION}"),
        (GOLDEN[:50] + b"\x03" + GOLDEN[51:], "the header is damaged"),
    ],
)
def test_refuses_other_files(data, message):
    for source in (data, io.BytesIO(data), Pipe(data)):
        with pytest.raises(BitstreamError, match=message) as caught:
            read_header(source)
        assert "\n" not in str(caught.value) and ";" in str(caught.value)


NAN = bytes.fromhex("0000c07f")


@pytest.mark.parametrize(
    "offset,value,message",
    [
        (5, b"\x11", "flags 0x11"),
        (5, b"\x0a", "an open stream has a length"),
        (5, b"\x02", "each block has its own step"),
        (22, bytes(20), "sample_rate_hz"),
        (22, b"\xff" * 20, "sample_rate_hz"),
        (28, b"\xff\xff", "hop must be at most"),
        (28, bytes(2), "hop"),
        (30, b"\x00\x80", "mels"),
        (34, NAN, "f_max_hz"),
        (38, b"\x00\xc0", "power"),
        (42, NAN, "reference_db"),
        (42, b"\xff\xff\x7f\x7f", "reference_db"),
        (46, bytes(4), "sample_rate_hz"),
        (46, b"\xff\xff\xff\xff", "sample_rate_hz"),
        (50, b"\0", "channels"),
        (50, b"\xff", "claims 510 blocks"),
        (51, b"\xff" * 6, "samples make about"),
        (51, bytes(6), "samples make about"),
        (57, b"\xff" * 4, "samples make about"),
        (51, b"\xff" * 6 + b"\xff" * 4, "samples make about"),
        (61, bytes(2), "frames_per_block"),
        (61, b"\xff\xff", "frames_per_block"),
        (61, b"\x01\x00\x01", "claims 284 blocks"),
        (63, b"\0", "frame_multiple"),
        (63, b"\x03", "frames_per_block must be a multiple"),
    ],
)
def test_refuses_forged_headers(offset, value, message):
    data = reseal(GOLDEN[:offset] + value + GOLDEN[offset + len(value) :])
    assert len(data) == len(GOLDEN)
    with pytest.raises(BitstreamError, match=message) as caught:
        read_header(data)
    assert "\n" not in str(caught.value)


def test_a_giant_that_fits_together_is_refused_before_anything_is_allocated():
    samples = 2**40 - 512
    header = header_of(samples, frames_per_block=16384, channels=255)
    tracemalloc.start()
    with pytest.raises(BitstreamError, match="claims 66846720 blocks, for which the 1000 bytes"):
        read_header(write_header(header) + bytes(1000))
    stream = Pipe(write_header(header) + bytes(1000))
    with pytest.raises(BitstreamError, match="no room"):
        list(read_blocks(stream, read_header(stream)))
    assert tracemalloc.get_traced_memory()[1] < 300_000
    tracemalloc.stop()


def forged_block(header: Header, kind: int, length: int, number: int, payload: bytes) -> bytes:
    fields = (kind << 22 | length).to_bytes(3, "little") + number.to_bytes(4, "little")
    framing = fields + binascii.crc_hqx(fields, header.crc & 0xFFFF).to_bytes(2, "little")
    return framing + payload + zlib.crc32(framing + payload, header.crc).to_bytes(4, "little")


@pytest.mark.parametrize(
    "kind,length,number",
    [
        (0, MOST_PAYLOAD_BYTES, 1),  # longer than the block's image can need
        (0, 20_000, 1),  # longer than the file
        (0, 5, 4_000_000_000),
        (0, 5, 5),
        (2, 10, 5),  # an end where there is none
        (3, 5, 1),
    ],
)
def test_forged_blocks_hide_no_others(kind, length, number):
    header, blocks, _ = five_blocks()
    head, parts = parts_of(header, blocks)
    parts[1] = forged_block(header, kind, length, number, bytes(10 if kind == 2 else 5))
    items = read(head + b"".join(parts))[1]
    assert [item for item in items if isinstance(item, Block)] == [blocks[0], *blocks[2:]]
    assert items[1].number == 1 and len(items) == 5


def test_a_far_number_in_an_open_stream_makes_no_long_list():
    header = header_of(None, step_index=0, fixed_reference=True)
    block = Block(2**32 - 2, 1024, Kind.PACKED, b"far")
    items = read(write_header(header) + write_block(block, header) * 50)[1]
    assert len(items) == 1 and "end record" in items[0].problem


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("make", [five_blocks, open_stream])
def test_random_corruption_does_no_harm(make, sealed):
    random = np.random.default_rng(8)
    header, *_, data = make()
    wrong = refused = 0
    tracemalloc.start()
    begin = time.monotonic()
    for _ in range(1000):
        changed = bytearray(data)
        for _ in range(random.integers(1, 6)):
            at = int(random.integers(len(changed) + 1))
            length = int(random.integers(1, 12))
            what = random.integers(4)
            if what == 0:
                changed[at : at + length] = random.bytes(length)
            elif what == 1:
                changed[at : at + length] = random.choice([b"\0", b"\xff"]) * length
            elif what == 2:
                del changed[at : at + length]
            else:
                copied = int(random.integers(len(changed) + 1))
                changed[at:at] = changed[copied : copied + 5 * length]
        changed = reseal(bytes(changed)) if sealed else bytes(changed)
        try:
            told = summary(changed)
        except BitstreamError as error:
            refused += 1
            assert "\n" not in str(error)
            continue
        wrong += not told.intact
        assert told.blocks + told.lost <= (len(changed) + 65536) / 13
        if not sealed:
            assert told.intact == (changed == data) and told.header == header
    assert refused and wrong and time.monotonic() - begin < 60
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_long_garbage_takes_time_in_proportion_and_no_memory():
    """Bytes that look like blocks, each of which claims more than the rest of the file, and others."""
    header = header_of(2**30, frames_per_block=16384)
    giant = forged_block(header, 1, 4_000_000, 1, b"")
    block = Block(header.blocks - 1, header.frames_in(header.blocks - 1), Kind.PACKED, b"x")
    for filling in (giant * (100_000 // len(giant)), bytes(100_000), b"\xff" * 100_000):
        data = write_header(header) + filling + write_block(block, header)
        tracemalloc.start()
        begin = time.monotonic()
        stream = io.BytesIO(data)
        items = list(read_blocks(stream, read_header(stream)))
        assert time.monotonic() - begin < 10
        assert items[-1] == block and len(items) == header.blocks
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
        tracemalloc.stop()


def test_memory_is_that_of_two_blocks():
    front_end = FrontEnd(mels=1024)
    header = header_of(256 * 16384 * 12 - 256, front_end=front_end, frames_per_block=16384)
    payload = bytes(3_000_000)

    data = write_header(header) + b"".join(
        write_block(Block(number, 16384, Kind.PACKED, payload), header) for number in range(12)
    )
    stream = io.BytesIO(data)
    items = read_blocks(stream, read_header(stream))
    tracemalloc.start()
    assert [len(next(items).payload) for _ in range(12)] == [len(payload)] * 12
    assert next(items, None) is None
    assert tracemalloc.get_traced_memory()[1] < 2.2 * len(payload)
    tracemalloc.stop()


FRONT_ENDS = [
    FrontEnd(),
    FrontEnd(sample_rate_hz=44100, n_fft=2048, hop=512, mels=256, f_max_hz=20000.0, centre=False),
    FrontEnd(sample_rate_hz=8000, n_fft=2, hop=1, mels=1, f_min_hz=50, power=1, top_db=180),
    FrontEnd(sample_rate_hz=22051, f_min_hz=27.5, power=0.3),
]


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_packed_front_ends(front_end):
    packed = pack_front_end(front_end)
    rounded = unpack_front_end(packed)
    assert len(packed) == 20 and pack_front_end(rounded) == packed
    for name, value in front_end.to_dict().items():
        if isinstance(value, float):
            assert getattr(rounded, name) == pytest.approx(value, rel=5e-4)
        else:
            assert getattr(rounded, name) == value


def test_packed_front_ends_differ_in_every_setting():
    others = [
        {"sample_rate_hz": 16001},
        {"n_fft": 1025},
        {"hop": 255},
        {"mels": 127},
        {"f_min_hz": 1.0},
        {"f_max_hz": 7999.0},
        {"power": 1.0},
        {"top_db": 81.0},
        {"centre": False},
    ]
    packed = {pack_front_end(dataclasses.replace(FrontEnd(), **other)) for other in [{}, *others]}
    assert len(packed) == 10
    assert pack_front_end(FrontEnd(f_min_hz=-0.0)) == pack_front_end(FrontEnd(f_max_hz=8000.0))


@pytest.mark.parametrize(
    "settings",
    [
        {"n_fft": 65536},
        {"mels": 32768},
        {"sample_rate_hz": 1_000_001},
        {"power": 1e-9},
        {"f_min_hz": 7999.0},  # rounds to the upper edge
        {"sample_rate_hz": 400_000, "f_min_hz": 100_000.0},
    ],
)
def test_front_ends_that_the_format_cannot_hold(settings):
    with pytest.raises(ValueError, match="the format cannot hold this front end"):
        pack_front_end(FrontEnd(**settings))


@pytest.mark.parametrize(
    "settings,message",
    [
        ({"fingerprint": "0011"}, "32 hexadecimal digits"),
        ({"front_end": b"short"}, "20 bytes"),
        ({"reference_db": float("nan")}, "reference_db"),
        ({"sample_rate_hz": 44100.5}, "sample_rate_hz"),
        ({"samples": -1}, "samples"),
        ({"frames": 200}, "67200 samples make about 263 frames, not 200"),
        ({"frames": None}, "both be known"),
        ({"channels": 0}, "channels"),
        ({"frames_per_block": 1000}, "multiple of frame_multiple = 16"),
        ({"step_index": 256}, "step_index"),
    ],
)
def test_refuses_to_make_headers(settings, message):
    header = header_of()
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(header, **settings)


def test_refuses_to_write_blocks():
    header = header_of()
    good = Block(0, 263, Kind.PACKED, b"abc")
    for change, message in (
        ({"number": 1}, "from 0 to 0, not 1"),
        ({"number": -1}, "not -1"),
        ({"frames": 262}, "must have 263 to 263 frames"),
        ({"payload": bytes(200_000)}, "may have 139328 bytes"),
        ({"step_index": 3}, "step_index"),
        ({"kind": 2}, "Kind"),
    ):
        with pytest.raises(ValueError, match=message):
            write_block(dataclasses.replace(good, **change), header)
    with pytest.raises(ValueError, match="only an open stream"):
        write_end(End(67200, 263), header)
    with pytest.raises(ValueError, match="step_index must be from 0 to 255"):
        write_block(Block(0, 1, Kind.PACKED, b"", 256), header_of(None, step_index=None))
    with pytest.raises(ValueError, match="samples make about"):
        write_end(End(67200, 2), header_of(None))


def test_places_of_blocks():
    header = header_of(256 * 300, channels=2, frames_per_block=128)
    assert (header.frames, header.blocks) == (301, 6)
    places = [(header.channel(n), header.first_frame(n), header.frames_in(n)) for n in range(6)]
    assert places == [
        (c, first, length) for first, length in ((0, 128), (128, 128), (256, 45)) for c in (0, 1)
    ]
    assert [header.padded(frames) for frames in (1, 16, 45)] == [16, 16, 48]


def test_no_sound_is_a_file_too():
    header = header_of(0)
    assert (header.frames, header.blocks) == (0, 0)
    assert read(write_header(header)) == (header, [])
    assert len(read(write_header(header) + b"?")[1]) == 1


def test_needs_no_tensorflow(repo_root):
    """The modules alone, without the packages around them, which bring more."""
    code = (
        "import importlib.util, sys, types\n"
        "package = types.ModuleType('tfnoise.codec')\n"
        "package.__path__ = ['tfnoise/codec']\n"
        "sys.modules['tfnoise.codec'] = package\n"
        "import tfnoise.codec.container\n"
        "sys.exit('tensorflow' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repo_root)
