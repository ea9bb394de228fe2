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

from tests.codec.tfn_files import Pipe, file_of, five_blocks, header_of, open_stream, read
from tfnoise.audio.front_end import FrontEnd
from tfnoise.codec import format as tfn
from tfnoise.codec.format import BitstreamError, Block, DamagedBlock, End
from tfnoise.codec.format.header import HEADER_BYTES, MOST_PAYLOAD_BYTES


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def spans_of(header: tfn.Header, blocks: list[Block]) -> list[range]:
    """Where the bytes of blocks are in a file."""
    sizes = [len(block.payload) + header.framing_bytes for block in blocks]
    ends = list(itertools.accumulate(sizes, initial=HEADER_BYTES))
    return [range(begin, end) for begin, end in zip(ends, ends[1:])]


BOTH = pytest.mark.parametrize("make", [five_blocks, open_stream])


@BOTH
def test_every_flipped_bit_is_found_where_it_is(make):
    header, blocks, *end, data = make()
    spans = spans_of(header, blocks)
    assert end or spans[-1].stop == len(data)
    for bit in range(8 * len(data)):
        changed = flipped(data, bit)
        if bit // 8 < HEADER_BYTES:
            with pytest.raises(BitstreamError):
                tfn.read_header(changed)
            continue
        items = read(changed)[1]
        struck = next((number for number, span in enumerate(spans) if bit // 8 in span), None)
        if struck is None:
            assert items[:6] == blocks and len(items) in (7, 8)
            assert all("end record" in item.problem for item in items[6:])
            assert (items[-1].number, items[-1].frames) == (None, None)
            continue
        damaged = items.pop(struck)
        assert isinstance(damaged, DamagedBlock) and str(struck) in damaged.problem
        assert (damaged.number, damaged.frames) == (struck, blocks[struck].frames)
        assert items == [*blocks[:struck], *blocks[struck + 1 :], *end]


@BOTH
def test_every_truncation_is_reported_and_whole_blocks_are_read(make):
    header, blocks, *end, data = make()
    spans = spans_of(header, blocks)
    for length in range(len(data)):
        cut = data[:length]
        if length < HEADER_BYTES + (0 if end else 5 * header.framing_bytes):
            with pytest.raises(BitstreamError):
                tfn.read_header(cut)
            if length >= HEADER_BYTES:
                stream = Pipe(cut)
                header_read = tfn.read_header(stream)
                with pytest.raises(BitstreamError, match="cut short"):
                    list(tfn.read_blocks(stream, header_read))
            continue
        whole = sum(span.stop <= length for span in spans)
        items = read(cut)[1]
        lost = items[whole:]
        assert items[:whole] == blocks[:whole] and all(isinstance(item, DamagedBlock) for item in lost)
        assert [item.number for item in lost] == ([None] if end else list(range(whole, 5)))
        assert not end or "end record" in lost[0].problem


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
        ([0, 1, 2, 3, 4, b"junk"], "01234", ["more bytes follow"]),
        ([b"junk", 0, 1, b"junk", 2, 3, 4], "01234", ["4 bytes before block 0", "4 bytes before block 2"]),
        ([0, b"junk", 2, 3, 4], "0x234", []),
        ([0, 1, 2, 3, b"junk"], "0123x", []),
    ],
)
def test_blocks_out_of_place(order, numbers, extras):
    header, blocks, _ = five_blocks()
    blocks = [dataclasses.replace(block, payload=bytes([block.number]) * 400) for block in blocks]
    parts = (name if name == b"junk" else tfn.write_block(blocks[name], header) for name in order)
    data = tfn.write_header(header) + b"".join(parts)
    items = read(data)[1]
    unnumbered = [item for item in items if isinstance(item, DamagedBlock) and item.number is None]
    placed = [item for item in items if item not in unnumbered]
    assert len(placed) == 5 and len(unnumbered) == len(extras)
    for number, (item, expected) in enumerate(zip(placed, numbers)):
        assert item.number == number
        assert isinstance(item, DamagedBlock) if expected == "x" else item == blocks[number]
    for item, extra in zip(unnumbered, extras):
        assert item.frames == 0 and extra in item.problem
    result = tfn.summary(data)
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
    # Those before a later block of their channel are full ones; of the last the end record knows.
    for lost, frames in ((1, 64), (3, 64), (4, 2), (5, 2)):
        rest = [*blocks[:lost], *blocks[lost + 1 :]]
        items = read(file_of(header, rest, end))[1]
        damaged = items.pop(lost)
        assert (damaged.number, damaged.frames) == (lost, frames) and items == [*rest, end]


def test_ends_that_do_not_fit_are_no_ends():
    header, blocks, end, data = open_stream()
    record = tfn.write_end(end, header)
    whole, early_end = data.removesuffix(record), tfn.write_end(End(256, 2), header)
    second = len(file_of(header, blocks[:2]))
    early = read(data[:second] + early_end + data[second:])[1]
    assert early[2].number is None and "does not fit" in early[2].problem
    assert early[:2] + early[3:] == [*blocks, end]
    late = read(whole + early_end + record)[1]
    assert "end record comes again or too late" in late[6].problem and late[-1] == end
    assert read(data + b"?")[1][-1].problem == "more bytes follow the end of the file; they are ignored"
    no_samples = tfn.reseal(whole + record[:-14] + b"\xff" * 6 + record[-8:])
    ends = (End(256 * 131, 131), End(256 * 129, 129), End(256 * 192, 192))
    for changed in (no_samples, *(file_of(header, blocks, wrong) for wrong in ends)):
        items = read(changed)[1]
        assert items[:6] == blocks and len(items) == 8
        assert "does not fit" in items[6].problem and "no valid end record" in items[7].problem


def block_bytes(header: tfn.Header, kind: int, length: int, number: int, payload: bytes) -> bytes:
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
    header, blocks, data = five_blocks()
    place = spans_of(header, blocks)[1]
    corrupt = block_bytes(header, kind, length, number, bytes(10 if kind == 2 else 5))
    items = read(data[: place.start] + corrupt + data[place.stop :])[1]
    assert items.pop(1).number == 1 and items == [blocks[0], *blocks[2:]]


def test_a_far_number_in_an_open_stream_makes_no_long_list():
    header = header_of(None, step_index=0, fixed_reference=True)
    block = Block(2**32 - 2, 1024, tfn.Kind.PACKED, b"far")
    items = read(tfn.write_header(header) + tfn.write_block(block, header) * 50)[1]
    assert len(items) == 1 and "end record" in items[0].problem


@pytest.mark.parametrize("sealed", [False, True])
@BOTH
def test_random_corruption_does_no_harm(make, sealed):
    random = np.random.default_rng(8)
    header, *_, data = make()
    wrong = refused = 0
    tracemalloc.start()
    begin = time.monotonic()
    for _ in range(1000):
        changed = bytearray(data)
        for _ in range(random.integers(1, 6)):
            at, length = int(random.integers(len(changed) + 1)), int(random.integers(1, 12))
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
        changed = tfn.reseal(bytes(changed)) if sealed else bytes(changed)
        try:
            counts = tfn.summary(changed)
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
    block = Block(header.blocks - 1, header.frames_in(header.blocks - 1), tfn.Kind.PACKED, b"x")
    for filling in (giant * (100_000 // len(giant)), bytes(100_000), b"\xff" * 100_000):
        data = tfn.write_header(header) + filling + tfn.write_block(block, header)
        tracemalloc.start()
        begin = time.monotonic()
        stream = io.BytesIO(data)
        items = list(tfn.read_blocks(stream, tfn.read_header(stream)))
        assert time.monotonic() - begin < 10
        assert items[-1] == block and len(items) == header.blocks
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
        tracemalloc.stop()


def test_memory_is_that_of_two_blocks():
    front_end = FrontEnd(mels=1024)
    header = header_of(256 * 16384 * 12 - 256, front_end=front_end, frames_per_block=16384)
    payload = bytes(3_000_000)
    blocks = [Block(number, 16384, tfn.Kind.PACKED, payload) for number in range(12)]
    stream = io.BytesIO(file_of(header, blocks))
    items = tfn.read_blocks(stream, tfn.read_header(stream))
    tracemalloc.start()
    assert [len(next(items).payload) for _ in range(12)] == [len(payload)] * 12
    assert next(items, None) is None
    assert tracemalloc.get_traced_memory()[1] < 2.2 * len(payload)
    tracemalloc.stop()
