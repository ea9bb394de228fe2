"""Long sound in pieces, and sound without an end."""

from __future__ import annotations

import collections
import io
import os
import tracemalloc

import numpy as np
import pytest

from tests.codec.tfn_files import Pipe
from tfnoise.codec import BitstreamError, encoder, reseal
from tfnoise.codec.decoder import check_claim
from tfnoise.codec.disk_array import DiskArray
from tfnoise.codec.format import Block, End, read_blocks, read_header
from tfnoise.data import synthetic_clips


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Two channels, 14 s at 8 kHz."""
    clips = synthetic_clips(8000, duration_s=1.0, seed=5)
    mono = np.concatenate([np.asarray(clip[2], np.float32) for clip in clips])
    return np.stack([mono, 0.3 * mono[::-1]], 1)


def cut(waveform: np.ndarray, *sizes: int) -> list[np.ndarray]:
    places = np.cumsum(sizes)
    return np.split(waveform, places[places < len(waveform)])


@pytest.mark.parametrize("rate_hz", [8000, 11025, 44100])
def test_pieces_and_the_whole_are_the_same_bytes(entropy, sound, rate_hz, monkeypatch):
    monkeypatch.setattr(encoder, "BLOCK_FRAMES", 128)
    whole = entropy.compress(sound, rate_hz, 0.2)
    for pieces in (cut(sound, 1, 0, 2, 5000, 77777), cut(sound, *[999] * 200)):
        sink = io.BytesIO()
        seconds = []
        entropy.compress_to(sink, pieces, rate_hz, 2, 0.2, on_progress=seconds.append)
        assert sink.getvalue() == whole
        assert sum(seconds) == pytest.approx(len(sound) / rate_hz, rel=0.02)
    expected, _ = entropy.decompress(whole, iterations=1)
    pieces = list(entropy.decompress_from(io.BytesIO(whole), iterations=1))
    np.testing.assert_array_equal(np.concatenate(pieces), expected)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [1, 300, 40000])
def test_a_stream_without_an_end(entropy, sound, channels, samples):
    waveform = sound[:samples, :channels]
    pieces = cut(waveform, 100, 7000, 9000)
    data = b"".join(entropy.compress_stream(pieces, 11025, channels, 0.25, block_frames=64))
    header = read_header(data)
    assert header.open and header.fixed_reference and header.step_index is None
    items = list(read_blocks(data, header))
    blocks = [item for item in items if isinstance(item, Block)]
    assert isinstance(items[-1], End) and items[-1].samples == samples and len(items) == len(blocks) + 1
    for block in blocks:
        bits = 8 * len(block.payload)
        assert bits <= 0.25 * 48 * block.frames or block.frames < 16 and block.step_index == 75
    decoded, rate_hz = entropy.decompress(data, iterations=1)
    assert rate_hz == 11025 and decoded.shape == (waveform.shape if channels > 1 else (samples,))
    live = np.concatenate(list(entropy.decompress_from(Pipe(data), iterations=1)))
    np.testing.assert_array_equal(live, decoded.reshape(samples, channels))


def test_a_stream_comes_as_it_goes(entropy, sound):
    """Each block is there once its frames and their context are, and is decoded before the end."""
    taken = []

    def pieces():
        for piece in cut(sound[:, 0], *[4000] * 40):
            taken.append(len(piece))
            yield piece

    stream = entropy.compress_stream(pieces(), 8000, block_frames=64)
    header = next(stream)
    assert not taken and len(header) == 69
    next(stream)
    assert sum(taken) <= 128 * (64 + 64 + 48) + 4000
    data = header + b"".join(entropy.compress_stream(pieces(), 8000, block_frames=64))[69:]
    cut_short = data[: len(data) // 2]
    partial = entropy.decompress_from(Pipe(cut_short), "conceal", iterations=1)
    assert sum(map(len, partial)) > 0.3 * len(sound) and "cut short" in partial.problems[-1]
    with pytest.raises(BitstreamError, match="cut short"):
        list(entropy.decompress_from(Pipe(cut_short), iterations=1))
    with pytest.raises(BitstreamError, match="cut short"):
        entropy.decompress_from(io.BytesIO(cut_short))


def test_a_channel_that_is_cut_off_and_a_lost_block_which_is_silence(entropy, sound, monkeypatch):
    parts = list(entropy.compress_stream([sound], 8000, 2, block_frames=64))
    assert len(parts) % 2 == 0
    with pytest.warns(UserWarning, match="no valid end record"):
        decoded, _ = entropy.decompress(b"".join(parts[:-2]), "conceal", iterations=1)
    assert decoded.shape[1] == 2 and 0.9 * len(sound) < len(decoded) < 1.05 * len(sound)
    monkeypatch.setattr(encoder, "BLOCK_FRAMES", 128)
    data = bytearray(entropy.compress(sound[:, 0], 8000))
    header = read_header(bytes(data))
    first = next(read_blocks(bytes(data), header))
    data[69 + 13 + len(first.payload) + 20] ^= 1
    with pytest.warns(UserWarning, match="block 1 is damaged"):
        decoded, _ = entropy.decompress(bytes(data), "conceal", iterations=2)
    gap = decoded[128 * 128 + 2000 : 2 * 128 * 128 - 2000]
    assert len(decoded) == len(sound)
    assert np.sqrt(np.mean(np.square(gap))) < 0.01 * np.sqrt(np.mean(np.square(decoded)))


def test_memory_does_not_grow_with_the_sound(entropy):
    def pieces(count: int):
        noise = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
        return (noise for _ in range(count))

    def peak(count: int) -> int:
        sink = io.BytesIO()
        tracemalloc.start()
        entropy.compress_to(sink, pieces(count), 8000)
        sink.seek(0)
        collections.deque(entropy.decompress_from(sink, iterations=0), maxlen=0)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(2)
    assert peak(400) < 1.5 * peak(100) + 1e6


def test_claims_that_cannot_be(entropy, sound):
    data = bytearray(entropy.compress(sound[:8000, 0], 8000))
    header = read_header(bytes(data))
    check_claim(header, 1 << 26, 100)
    with pytest.raises(BitstreamError, match="67108865 samples are inconsistent with the file.s 100 bytes"):
        check_claim(header, (1 << 26) + 1, 100)
    check_claim(header, (1 << 26) + 1, 2000)
    # Nearly all blocks missing: refused when they are read, rather than filled with hours of silence.
    frames = 1024 * 300
    claims = (frames * 128).to_bytes(6, "little") + frames.to_bytes(4, "little")
    hostile = reseal(bytes(data[:51] + claims + data[61:]) + bytes(300 * 13))
    for on_damage in ("raise", "conceal"):
        with pytest.raises(BitstreamError):
            entropy.decompress(hostile, on_damage)
    data[42:46] = np.float32(780).tobytes()
    with pytest.raises(BitstreamError, match="a reference of 780 dB is too high for sound"):
        entropy.decompress(reseal(bytes(data)))


def test_a_file_inside_of_a_stream(entropy, sound):
    data = entropy.compress(sound[:8000, 0], 8000)
    stream = io.BytesIO(b"before" + data)
    stream.seek(6)
    decoded = np.concatenate(list(entropy.decompress_from(stream, iterations=0)))
    np.testing.assert_array_equal(decoded[:, 0], entropy.decompress(data, iterations=0)[0])
    with pytest.raises(ValueError, match="iterations must be"):
        entropy.decompress(data, iterations=-1)


def test_pieces_that_cannot_be(entropy):
    for pieces, words in (
        ([], "one sample or more"),
        ([np.zeros([0, 2], np.float32)], "one sample or more"),
        ([np.zeros([5, 3], np.float32)], r"channels must be floats \[samples, 2\]"),
        ([np.zeros([5, 2], np.int16)], "not int16"),
        ([np.zeros([5, 2], np.float32), np.full([5, 2], np.inf, np.float32)], "not finite"),
    ):
        sink = io.BytesIO()
        with pytest.raises(ValueError, match=words):
            entropy.compress_to(sink, pieces, 8000, 2)
        assert sink.getvalue() == b""
    with pytest.raises(ValueError, match="1 to 255 channels"):
        entropy.compress_to(io.BytesIO(), [], 8000, 256)
    with pytest.raises(ValueError, match="multiple of 16"):
        list(entropy.compress_stream([], 8000, block_frames=20))


def test_disk_array_reads_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = np.random.default_rng(0).normal(size=[100, 3, 2]).astype(np.float32)
    with DiskArray((3, 2)) as array:
        for part in np.split(rows, [1, 1, 40]):
            array.append(part)
        assert len(array) == 100
        for first, last in ((0, 100), (5, 5), (90, 200), (200, 300), (39, 41)):
            np.testing.assert_array_equal(array.read(first, last), rows[first:last])
        array.append(rows[:2])
        np.testing.assert_array_equal(array.read(99, 102), np.concatenate([rows[99:], rows[:2]]))
        with pytest.raises(ValueError, match=r"rows must be \[3, 2\]"):
            array.append(rows[:, :2])
    assert os.listdir(tmp_path) == []
