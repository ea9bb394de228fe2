"""Headers and packed front ends: what they refuse."""

from __future__ import annotations

import dataclasses
import io
import tracemalloc

import pytest

from tests.codec.tfn_files import GOLDEN, Pipe, header_of
from tfnoise.audio.front_end import FrontEnd
from tfnoise.codec import format as tfn
from tfnoise.codec.format.header import VERSION


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
        with pytest.raises(tfn.BitstreamError, match=message) as caught:
            tfn.read_header(source)
        assert "\n" not in str(caught.value) and ";" in str(caught.value)


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
        (34, b"\0\0\xc0\x7f", "f_max_hz"),  # not a number
        (38, b"\x00\xc0", "power"),
        (42, b"\0\0\xc0\x7f", "reference_db"),
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
def test_refuses_corrupt_headers(offset, value, message):
    data = tfn.reseal(GOLDEN[:offset] + value + GOLDEN[offset + len(value) :])
    assert len(data) == len(GOLDEN)
    with pytest.raises(tfn.BitstreamError, match=message) as caught:
        tfn.read_header(data)
    assert "\n" not in str(caught.value)


def test_a_giant_that_fits_together_is_refused_before_anything_is_allocated():
    header = header_of(2**40 - 512, frames_per_block=16384, channels=255)
    data = tfn.write_header(header) + bytes(1000)
    tracemalloc.start()
    with pytest.raises(tfn.BitstreamError, match="claims 66846720 blocks, for which the 1000 bytes"):
        tfn.read_header(data)
    stream = Pipe(data)
    with pytest.raises(tfn.BitstreamError, match="no room"):
        list(tfn.read_blocks(stream, tfn.read_header(stream)))
    assert tracemalloc.get_traced_memory()[1] < 300_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "front_end",
    [
        FrontEnd(),
        FrontEnd(sample_rate_hz=44100, n_fft=2048, hop=512, mels=256, f_max_hz=20000.0, centre=False),
        FrontEnd(sample_rate_hz=8000, n_fft=2, hop=1, mels=1, f_min_hz=50, power=1, top_db=180),
        FrontEnd(sample_rate_hz=22051, f_min_hz=27.5, power=0.3),
    ],
)
def test_packed_front_ends(front_end):
    packed = tfn.pack_front_end(front_end)
    rounded = tfn.unpack_front_end(packed)
    assert len(packed) == 20 and tfn.pack_front_end(rounded) == packed
    for name, value in front_end.to_dict().items():
        exact = not isinstance(value, float)
        assert getattr(rounded, name) == (value if exact else pytest.approx(value, rel=5e-4))


def test_packed_front_ends_differ_in_every_setting():
    others = {"sample_rate_hz": 16001, "n_fft": 1025, "hop": 255, "mels": 127, "centre": False}
    others |= {"f_min_hz": 1.0, "f_max_hz": 7999.0, "power": 1.0, "top_db": 81.0}
    packed = {tfn.pack_front_end(FrontEnd(**{name: value})) for name, value in others.items()}
    assert len(packed | {tfn.pack_front_end(FrontEnd())}) == 10
    assert tfn.pack_front_end(FrontEnd(f_min_hz=-0.0)) == tfn.pack_front_end(FrontEnd(f_max_hz=8000.0))


@pytest.mark.parametrize(
    "settings",
    [
        *({"n_fft": 65536}, {"mels": 32768}, {"sample_rate_hz": 1_000_001}, {"power": 1e-9}),
        {"f_min_hz": 7999.0},  # rounds to the upper edge
        {"sample_rate_hz": 400_000, "f_min_hz": 100_000.0},
    ],
)
def test_front_ends_that_the_format_cannot_hold(settings):
    with pytest.raises(ValueError, match="the format cannot hold this front end"):
        tfn.pack_front_end(FrontEnd(**settings))


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
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(header_of(), **settings)
