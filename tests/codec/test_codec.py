"""Sound to bytes and back: exact lengths, exact symbols, rates that are kept, damage that is reported."""

from __future__ import annotations

import io
import warnings
from unittest import mock

import numpy as np
import pytest

import tfnoise
from tfnoise.codec import BitstreamError, encoder
from tfnoise.codec.format import summary
from tfnoise.errors import InputError


@pytest.mark.parametrize("rate_hz", [8000, 11025, 48000])
@pytest.mark.parametrize("shape", [(24000,), (24000, 2), (10007, 1), (300,), (1,)])
def test_the_originals_rate_and_exact_length(codec, sound, rate_hz, shape):
    waveform = np.resize(sound, shape)
    data = codec.compress(waveform, rate_hz)
    decoded, decoded_hz = codec.decompress(data, iterations=1)
    assert decoded_hz == rate_hz and decoded.dtype == np.float32 and np.all(np.isfinite(decoded))
    assert decoded.shape == (shape if len(shape) == 1 or shape[1] > 1 else shape[:1])
    assert summary(data).intact


def test_the_decoders_symbols_are_the_encoders(codec, sound, monkeypatch):
    monkeypatch.setattr(encoder, "BLOCK_FRAMES", 64)
    spy = mock.Mock(side_effect=codec._payloads.encode)
    monkeypatch.setattr(codec._payloads, "encode", spy)
    data = codec.compress(np.stack([sound, sound[::-1]], 1), 8000)
    decoded = list(codec.symbols_of(io.BytesIO(data)))
    sent = [call.args[0] for call in spy.mock_calls[-6:]]
    assert [block.number for block in decoded] == list(range(6))
    for block, expected in zip(decoded, sent):
        np.testing.assert_array_equal(block.symbols, expected)
    assert len(np.unique(np.concatenate([block.ravel() for block in sent]))) > 1


@pytest.mark.parametrize("bpp", [0.05, 0.125, 0.5, 1.0])
def test_the_payload_keeps_the_rate_and_is_near_it(entropy, sound, bpp):
    counts = summary(entropy.compress(sound, 8000, bpp))
    rate = 8 * counts.payload_bytes / (48 * counts.header.frames)
    assert rate <= bpp and (rate >= 0.85 * bpp or counts.header.step_index == 0)


def test_levels_cost_their_bound(levels, sound):
    counts = summary(levels.compress(sound, 8000))
    assert 8 * counts.payload_bytes <= 0.125 * 48 * counts.header.padded(counts.header.frames)
    with pytest.raises(InputError, match="fixed levels, always at 0.125 bpp; leave bpp out"):
        levels.compress(sound, 8000, bpp=0.5)


def test_silence_stays_silence_and_costs_least(codec):
    data = codec.compress(np.zeros(5000, np.float32), 44100)
    assert len(data) <= len(codec.compress(np.sin(np.arange(5000)).astype(np.float32), 44100))
    decoded, _ = codec.decompress(data)
    assert decoded.shape == (5000,) and np.all(decoded == 0)
    assert len(data) == 82 and codec.estimated_bits(io.BytesIO(data)) == 0


def test_damage_costs_a_block_and_is_reported(entropy, sound, monkeypatch):
    monkeypatch.setattr(encoder, "BLOCK_FRAMES", 64)
    data = entropy.compress(sound, 8000)
    whole, _ = entropy.decompress(data, iterations=1)
    damaged = bytearray(data)
    damaged[-20] ^= 1
    with pytest.raises(BitstreamError, match='block 2 is damaged.*on_damage="conceal"'):
        entropy.decompress(bytes(damaged))
    with pytest.warns(UserWarning, match="damaged: block 2"):
        rest, _ = entropy.decompress(bytes(damaged), "conceal", iterations=1)
    assert rest.shape == whole.shape and not np.array_equal(rest, whole)
    with pytest.raises(ValueError, match="raise, conceal"):
        entropy.decompress(data, "ignore")
    assert issubclass(BitstreamError, ValueError) and tfnoise.BitstreamError is BitstreamError


def test_same_bytes_twice_and_another_models_file_is_refused(codec, levels, entropy, sound):
    data = codec.compress(sound, 8000)
    assert codec.compress(sound, 8000) == data
    np.testing.assert_array_equal(codec.decompress(data)[0], codec.decompress(data)[0])
    other = levels if codec is entropy else entropy
    with pytest.raises(BitstreamError, match="it was coded with the model .*name the model"):
        other.decompress(data)


@pytest.mark.parametrize(
    "waveform,rate_hz,words",
    [
        (np.zeros(0, np.float32), 8000, "one sample or more"),
        (np.zeros((2, 2, 2), np.float32), 8000, r"\[samples, channels\]"),
        (np.zeros(100, np.int16), 8000, "floats"),
        (np.full(100, np.nan, np.float32), 8000, "not finite"),
        (np.full(100, 1e19), 8000, "reach 1.0e\\+19 where full scale is 1"),
        (np.zeros(100, np.float32), 10, "from 1000 to 1000000"),
        (np.zeros(100, np.float32), 8000.5, "from 1000 to 1000000"),
    ],
)
def test_refuses_waveforms(entropy, waveform, rate_hz, words):
    with pytest.raises(ValueError, match=words):
        entropy.compress(waveform, rate_hz)


def test_rates_that_cannot_be(entropy, sound):
    with pytest.raises(InputError, match=r"1e-06 bpp: the coarsest step gives 0\.\d+; ask for that or more"):
        entropy.compress(sound, 8000, bpp=1e-6)
    for bpp in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="bpp must be above 0"):
            entropy.compress(sound, 8000, bpp=bpp)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert summary(entropy.compress(sound, 8000, bpp=100)).header.step_index == 0
