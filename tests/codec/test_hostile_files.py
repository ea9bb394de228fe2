"""Two thousand corrupted files: no crash, no hang, no gigabytes, and no wrong sound without a word."""

from __future__ import annotations

import collections
import io
import time
import warnings
from unittest import mock

import numpy as np
import pytest

from benchmarks.measuring import growth_bytes
from tfnoise.codec import BitstreamError, Codec, encoder, reseal

TRIALS = 2000
# Where the numbers of a header and of a block are.
NUMBERS = [(46, 4), (50, 1), (51, 6), (57, 4), (61, 2), (63, 1), (64, 1), (69, 3), (72, 4)]


@pytest.fixture(scope="module")
def files(entropy, levels, sound) -> list[tuple[Codec, bytes]]:
    """Closed files of several blocks and channels, and open streams."""
    mono = sound[4000:20800]
    stereo = np.stack([mono, mono[::-1]], 1)
    coded = []
    with mock.patch.object(encoder, "BLOCK_FRAMES", 64):
        for codec in (entropy, levels):
            stream = b"".join(codec.compress_stream([stereo], 8000, 2, block_frames=64))
            closed = codec.compress(mono, 8000), codec.compress(stereo, 11025)
            coded += [(codec, data) for data in (*closed, stream)]
    return coded


def corrupted(data: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    """Changed once to thrice: flipped, cut, spliced, zeroed, with giant numbers or parts of another file."""
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        if not changed:
            break
        place, kind = int(random.integers(len(changed))), int(random.integers(7))
        other = others[int(random.integers(len(others)))]
        if kind == 0:
            changed[place] ^= 1 << int(random.integers(8))
        elif kind == 1:
            del changed[place:]
        elif kind == 2:
            changed[place:place] = random.bytes(int(random.integers(1, 200)))
        elif kind == 3:
            changed[place : place + 16] = bytes(min(16, len(changed) - place))
        elif kind == 4:
            begin, size = NUMBERS[int(random.integers(len(NUMBERS)))]
            value = int(random.choice([1, 255, 2**16 - 1, 2**31 - 1, 2**48 - 1])) % 2 ** (8 * size)
            changed[begin : begin + size] = value.to_bytes(size, "little")
        elif kind == 5:
            changed[place:] = other[int(random.integers(len(other))) :]
        else:
            changed[:69] = other[:69]
    return bytes(changed)


def test_two_thousand_corruptions(files):
    random = np.random.default_rng(0)
    originals = [data for _, data in files]
    whole = [codec.decompress(data, iterations=0)[0] for codec, data in files]
    counted = collections.Counter()
    slowest_s = 0.0

    def all_of_them() -> None:
        nonlocal slowest_s
        for trial in range(TRIALS):
            which = int(random.integers(len(files)))
            codec, data = files[which]
            resealed = trial % 2 == 1
            hostile = corrupted(data, originals, random)
            hostile = reseal(hostile) if resealed else hostile
            begin = time.monotonic()
            with warnings.catch_warnings(record=True) as reported:
                warnings.simplefilter("always")
                try:
                    on_damage = "conceal" if trial % 4 < 2 else "raise"
                    decoded, _ = codec.decompress(hostile, on_damage, iterations=0)
                except BitstreamError:
                    counted["refused"] += 1
                else:
                    assert np.all(np.isfinite(decoded))
                    damaged = any("damaged" in str(warning.message) for warning in reported)
                    counted["reported" if damaged else "resealed" if resealed else "the same"] += 1
                    if not damaged and not resealed:
                        # Spliced with another whole file it may be that one.
                        assert hostile == data or hostile in originals, (trial, which)
                        assert hostile != data or np.array_equal(decoded, whole[which])
            slowest_s = max(slowest_s, time.monotonic() - begin)

    grown = growth_bytes(all_of_them)
    assert grown is None or grown < 512e6
    assert slowest_s < 30
    assert counted["refused"] > 300 and counted["reported"] > 300 and counted["resealed"] > 50, counted


def test_giant_but_consistent_claims_cost_nothing(files):
    """A header that makes all numbers of a header fit together still needs bytes for the blocks."""
    codec, data = files[0]
    for frames in (2**20, 2**24, 2**31):
        for rate_hz in (8000, 1_000_000):
            hostile = bytearray(data)
            hostile[46:50] = rate_hz.to_bytes(4, "little")
            hostile[51:57] = (frames * 128 * rate_hz // 8000).to_bytes(6, "little")
            hostile[57:61] = frames.to_bytes(4, "little")
            hostile[61:63] = (16384).to_bytes(2, "little")
            for on_damage in ("raise", "conceal"):
                with pytest.raises(BitstreamError):
                    codec.decompress(reseal(bytes(hostile)), on_damage, iterations=0)
    blown_up = reseal(data[:69] + bytes(13 * 1000))
    begin = time.monotonic()
    with pytest.raises(BitstreamError):
        codec.decompress(blown_up)
    list(codec.symbols_of(io.BytesIO(data)))
    assert time.monotonic() - begin < 30
