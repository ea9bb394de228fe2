"""Bitstrings of servers as files and back: the same symbols, and nothing hostile gets through."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from tests.codec.conftest import FRONT_END
from tfnoise import BitstreamError
from tfnoise.codec import bitstring


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Of a file of two blocks."""
    rng = np.random.default_rng(3)
    return (rng.normal(0, 0.1, 150000) * np.linspace(0, 1, 150000)).astype(np.float32)


@pytest.fixture(scope="module")
def coded(codec, sound) -> bytes:
    return codec.compress(sound, 8000)


def test_there_and_back_is_the_same_file(codec, coded, sound):
    (string,) = codec.bitstrings_from_file(coded)
    assert codec.file_from_bitstring(string) == coded
    assert codec.file_from_bitstring(string, 8000, len(sound)) == coded
    stream = b"".join(codec.compress_stream([sound], 8000))
    with pytest.raises(BitstreamError, match="open stream"):
        codec.bitstrings_from_file(stream)


@pytest.mark.parametrize(
    ("samples", "rate_hz"), [(1, 8000), (1, 192000), (10, 8000), (12345, 44100), (7999, 1000)]
)
def test_every_length_and_rate_comes_back(codec, samples, rate_hz):
    wave = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    data = codec.compress(wave, rate_hz, downmixed=True)
    (string,) = codec.bitstrings_from_file(data)
    assert codec.file_from_bitstring(string, rate_hz, samples, downmixed=True) == data


def test_channels_become_strings_and_silence_is_silence(codec, sound):
    data = codec.compress(np.stack([sound, sound[::-1]], 1), 8000)
    first, second = codec.bitstrings_from_file(data)
    assert first[:16] == second[:16] and first != second
    assert codec.decompress(codec.file_from_bitstring(first))[0].shape == sound.shape
    data = codec.compress(np.zeros(5000, np.float32), 8000)
    (string,) = codec.bitstrings_from_file(data)
    assert codec.file_from_bitstring(string) == data and not codec.decompress(data)[0].any()


def test_a_string_of_an_image_becomes_sound_of_as_many_frames(codec):
    frames, latents = 40, codec.model.module.symbols.input_signature[0].shape[-1]
    architecture = codec.model.settings["architecture"]
    bits = 16 if architecture["bottleneck"] == "entropy" else 1
    prefix = bitstring.Prefix(1, 0, 48, bitstring.model_number(codec.fingerprint), 20.0, frames)
    string = bitstring.join_one(prefix, bytes(3 * 3 * latents * bits // 8))
    waveform, rate_hz = codec.decompress(codec.file_from_bitstring(string))
    assert rate_hz == 8000 and len(waveform) == FRONT_END.samples(frames)
    with pytest.raises(BitstreamError, match="47 pixels high"):
        codec.file_from_bitstring(string[:2] + b"\x2f\0" + string[4:])


def test_the_prefix_is_as_documented_and_symbols_beyond_the_tables_are_refused(codec, coded):
    (string,) = codec.bitstrings_from_file(coded)
    version, step, height, model, reference, samples = struct.unpack("<BBH4sfI", string[:16])
    assert (version, height, samples) == (1, 0, 150000)
    assert model.hex() == codec.fingerprint[:8]
    assert step == codec.symbols_of(io.BytesIO(coded)).header.step_index
    assert -20 < reference < 40
    if codec.model.settings["architecture"]["bottleneck"] == "entropy":
        with pytest.raises(BitstreamError, match="beyond"):
            codec.file_from_bitstring(string[:-2] + b"\xff\x7f")


def test_damage_is_refused_or_gives_a_legal_file(codec, coded):
    """There is no CRC, so that a wrong symbol cannot be seen; anything else is."""
    (string,) = codec.bitstrings_from_file(coded)
    rng = np.random.default_rng(0)
    refused = 0
    for trial in range(300):
        damaged = bytearray(string)
        kind = trial % 4
        if kind == 0:
            damaged = damaged[: rng.integers(0, len(damaged))]
        elif kind == 1:
            damaged += bytes(rng.integers(0, 256, rng.integers(1, 9), np.uint8))
        elif kind == 2:
            damaged[rng.integers(0, 16)] ^= rng.integers(1, 256)
        else:
            damaged = bytearray(rng.integers(0, 256, rng.integers(0, 200), np.uint8).tobytes())
        try:
            file = codec.file_from_bitstring(bytes(damaged))
        except BitstreamError as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            assert kind == 2
            codec.symbols_of(io.BytesIO(file))
    assert refused > 200
