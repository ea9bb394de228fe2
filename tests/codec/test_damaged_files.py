"""Files with damage anywhere: it stays where it is, and costs neither time nor memory."""

from __future__ import annotations

import binascii
import dataclasses
import io
import itertools
import time
import tracemalloc
import zlib

import numpy as np
import pytest

from tests.codec.tfn_files import Pipe, five_blocks, header_of, open_stream, read
from tfnoise.audio.front_end import FrontEnd
from tfnoise.codec.format import (
    BitstreamError,
    Block,
    DamagedBlock,
    End,
    Header,
    Kind,
    read_blocks,
    read_header,
    reseal,
    summary,
    write_block,
    write_end,
    write_header,
)
from tfnoise.codec.format.header import HEADER_BYTES, MOST_PAYLOAD_BYTES


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


def test_every_truncation_is_reported_and_whole_blocks_are_read():
    header, blocks, data = five_blocks()
    spans = spans_of(header, blocks)
    for length in range(len(data)):
        cut = data[:length]
        if length < HEADER_BYTES + 5 * header.framing_bytes:
            with pytest.raises(BitstreamError):
                read_header(cut)
            if length >= HEADER_BYTES:
                stream = Pipe(cut)
                header_read = read_header(stream)
                with pytest.raises(BitstreamError, match="cut short"):
                    list(read_blocks(stream, header_read))
            continue
        whole = [number for number, span in enumerate(spans) if span.stop <= length]
        items = read(cut)[1]
        assert items[: len(whole)] == blocks[: len(whole)]
        assert [item.number for item in items[len(whole) :]] == list(range(len(whole), 5))
        assert all(isinstance(item, DamagedBlock) for item in items[len(whole) :])


def test_every_truncation_of_an_open_stream_is_reported():
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
    unnumbered = [item for item in items if isinstance(item, DamagedBlock) and item.number is None]
    placed = [item for item in items if item not in unnumbered]
    assert "".join("x" if isinstance(item, DamagedBlock) else str(item.number) for item in placed) == numbers
    assert [item.number for item in placed] == list(range(5))
    assert [item for item in placed if isinstance(item, Block)] == [
        block for block in blocks if str(block.number) in numbers
    ]
    assert all(item.frames == 0 for item in unnumbered) and len(unnumbered) == len(extras)
    for item, extra in zip(unnumbered, extras):
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
        "more bytes follow the end of the file; they are ignored"
    ]


def test_ends_that_do_not_fit_are_no_ends():
    header, blocks, end, _ = open_stream()
    head, parts = parts_of(header, blocks)
    for wrong in (End(256 * 131, 131), End(256 * 129, 129), End(256 * 192, 192)):
        items = read(head + b"".join(parts) + write_end(wrong, header))[1]
        assert items[:6] == blocks and len(items) == 8
        assert "does not fit" in items[6].problem and "no valid end record" in items[7].problem
    corrupt = bytearray(write_end(end, header))
    corrupt[-14:-8] = b"\xff" * 6  # its samples
    items = read(reseal(head + b"".join(parts) + bytes(corrupt)))[1]
    assert items[:6] == blocks and "does not fit" in items[6].problem and len(items) == 8


def block_bytes(header: Header, kind: int, length: int, number: int, payload: bytes) -> bytes:
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
    ],
)
def test_corrupt_blocks_hide_no_others(kind, length, number):
    header, blocks, _ = five_blocks()
    head, parts = parts_of(header, blocks)
    parts[1] = block_bytes(header, kind, length, number, bytes(10 if kind == 2 else 5))
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
            counts = summary(changed)
        except BitstreamError as error:
            refused += 1
            assert "\n" not in str(error)
            continue
        wrong += not counts.intact
        assert counts.blocks + counts.lost <= (len(changed) + 65536) / 13
        if not sealed:
            assert counts.intact == (changed == data) and counts.header == header
    assert refused and wrong and time.monotonic() - begin < 60
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_long_garbage_takes_time_in_proportion_and_no_memory():
    """Bytes that look like blocks, each of which claims more than the rest of the file, and others."""
    header = header_of(2**30, frames_per_block=16384)
    giant = block_bytes(header, 1, 4_000_000, 1, b"")
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
