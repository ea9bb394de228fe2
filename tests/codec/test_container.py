"""The container of coded sound: exact bytes and round trips."""

from __future__ import annotations

import binascii
import dataclasses
import subprocess
import sys
import zlib

import numpy as np
import pytest

from tests.codec.tfn_files import GOLDEN, GOLDEN_STREAM, Pipe, blocks_of, file_of, header_of, read
from tfnoise.audio.front_end import FrontEnd
from tfnoise.codec import format as tfn
from tfnoise.codec.format.header import HEADER_BYTES


def random_header(random: np.random.Generator) -> tfn.Header:
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
    return header_of(
        samples,
        front_end=front_end,
        fingerprint=random.bytes(16).hex(),
        reference_db=float(random.uniform(-120, 60)),
        sample_rate_hz=original,
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
            front_end = tfn.unpack_front_end(header.front_end)
            samples = int(random.integers(0, 20 * front_end.n_fft))
            resampled = -(-samples * front_end.sample_rate_hz // header.sample_rate_hz)
            end = tfn.End(samples, front_end.frames(resampled))
            if header.blocks_of(end.frames) > 200:
                continue
        blocks = blocks_of(header, 40, end.frames if end else None, seed)
        data = file_of(header, blocks, end)
        kinds.add((header.open, header.step_index is None, len(blocks) > 3))
        header_read, items = read(data)
        assert header_read == header and tfn.write_header(header_read) == data[:HEADER_BYTES]
        assert items == [*blocks, *([end] if end else [])]
        stream = Pipe(data)
        assert tfn.read_header(stream) == header
        assert list(tfn.read_blocks(stream, header)) == items
        assert tfn.reseal(data) == data
        counts = tfn.summary(data)
        assert counts.intact and counts.blocks == len(blocks) and counts.lost == 0
        assert counts.payload_bytes == sum(len(block.payload) for block in blocks)
        assert (counts.samples, counts.frames) == dataclasses.astuple(
            end or tfn.End(header.samples, header.frames)
        )
    assert len(kinds) == 8


def test_header_and_framing_of_a_clip_are_small():
    header = header_of()
    assert (header.frames, header.blocks, len(tfn.write_header(header))) == (263, 1, HEADER_BYTES)
    block = tfn.Block(0, 263, tfn.Kind.RANGE_CODED, b"x" * 2000)
    assert len(file_of(header, [block])) - 2000 == HEADER_BYTES + header.framing_bytes == 82
    others = header_of(step_index=None), header_of(None), header_of(None, step_index=None)
    assert [other.framing_bytes for other in others] == [14, 15, 16]


def test_golden_bytes():
    """Two seconds and more of two channels at 44.1 kHz; and an open stream of one block with its own step."""
    more = {"sample_rate_hz": 44100, "frames_per_block": 128, "channels": 2, "downmixed": True}
    file = header_of(100_000, frames=142, **more)
    payloads = ((128, b"left"), (128, b"right"), (14, b""), (14, b"\xff"))
    blocks = [tfn.Block(n, frames, tfn.Kind(n % 2), data) for n, (frames, data) in enumerate(payloads)]
    assert file_of(file, blocks).hex() == GOLDEN.hex()
    assert read(GOLDEN) == (file, blocks)
    stream = header_of(None, step_index=None, fixed_reference=True)
    block, end = tfn.Block(0, 4, tfn.Kind.RANGE_CODED, b"sound", 41), tfn.End(1000, 4)
    assert file_of(stream, [block], end).hex() == GOLDEN_STREAM.hex()
    assert read(GOLDEN_STREAM) == (stream, [block, end])


def test_the_document_shows_the_golden_bytes_and_explains_their_checks(repo_root):
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
    # CRC-32 of the header and the block in one go; CRC-16/XMODEM that begins with the header's CRC.
    crc = zlib.crc32(GOLDEN[:65])
    assert GOLDEN[65:69] == crc.to_bytes(4, "little")
    assert GOLDEN[76:78] == binascii.crc_hqx(GOLDEN[69:76], crc % 65536).to_bytes(2, "little")
    assert GOLDEN[82:86] == zlib.crc32(GOLDEN[:65] + GOLDEN[69:82]).to_bytes(4, "little")


def test_refuses_to_write_blocks():
    header = header_of()
    good = tfn.Block(0, 263, tfn.Kind.PACKED, b"abc")
    for change, message in (
        ({"number": 1}, "from 0 to 0, not 1"),
        ({"number": -1}, "not -1"),
        ({"frames": 262}, "must have 263 to 263 frames"),
        ({"payload": bytes(200_000)}, "may have 139328 bytes"),
        ({"step_index": 3}, "step_index"),
        ({"kind": 2}, "Kind"),
    ):
        with pytest.raises(ValueError, match=message):
            tfn.write_block(dataclasses.replace(good, **change), header)
    with pytest.raises(ValueError, match="only an open stream"):
        tfn.write_end(tfn.End(67200, 263), header)
    with pytest.raises(ValueError, match="step_index must be from 0 to 255"):
        tfn.write_block(tfn.Block(0, 1, tfn.Kind.PACKED, b"", 256), header_of(None, step_index=None))
    with pytest.raises(ValueError, match="samples make about"):
        tfn.write_end(tfn.End(67200, 2), header_of(None))


def test_places_of_blocks():
    header = header_of(256 * 300, channels=2, frames_per_block=128)
    assert (header.frames, header.blocks) == (301, 6)
    places = [(header.first_frame(n), header.frames_in(n), header.channel(n)) for n in range(6)]
    assert places == [(*span, channel) for span in ((0, 128), (128, 128), (256, 45)) for channel in (0, 1)]
    assert [header.padded(frames) for frames in (1, 16, 45)] == [16, 16, 48]
    # No sound is a file, too.
    header = header_of(0)
    assert (header.frames, header.blocks) == (0, 0)
    assert read(tfn.write_header(header)) == (header, [])
    assert len(read(tfn.write_header(header) + b"?")[1]) == 1


def test_needs_no_tensorflow(repo_root):
    """The modules alone, without the packages around them, which bring more."""
    code = """
import sys, types
package = sys.modules["tfnoise.codec"] = types.ModuleType("tfnoise.codec")
package.__path__ = ["tfnoise/codec"]
import tfnoise.codec.format
sys.exit("tensorflow" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repo_root)
