"""Resampling keeps time, level and pitch, and lets nothing fold."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sounds import tone
from tfnoise.audio import Resampler, resample, to_mono


@pytest.mark.parametrize("from_hz,to_hz", [(48000, 16000), (44100, 16050), (22050, 16000), (8000, 48000)])
def test_a_tone_stays_where_it_was(from_hz, to_hz):
    out = resample(tone(1000, from_hz), from_hz, to_hz)
    assert out.dtype == np.float32 and abs(len(out) - 0.5 * to_hz) <= 1
    middle = slice(to_hz // 10, to_hz // 10 * 4)
    np.testing.assert_allclose(out[middle], tone(1000, to_hz)[: len(out)][middle], atol=1e-3)


def test_nothing_folds_and_the_top_of_the_band_stays():
    folded = resample(tone(9000, 48000), 48000, 16000)
    assert np.max(np.abs(folded[1000:-1000])) < 1e-3
    kept = resample(tone(7200, 48000), 48000, 16000)
    np.testing.assert_allclose(kept[1000:-1000], tone(7200, 16000)[1000:-1000], atol=1e-2)


def test_channels_are_resampled_each_by_itself_and_mixed_by_their_mean():
    stereo = np.stack([tone(500, 44100), tone(3000, 44100)], axis=1)
    out = resample(stereo, 44100, 16000)
    assert out.shape == (8000, 2)
    for channel in range(2):
        np.testing.assert_allclose(out[:, channel], resample(stereo[:, channel], 44100, 16000), atol=1e-6)
    mixed = np.array([[1.0, 0.0], [0.5, -0.5]], np.float32)
    np.testing.assert_array_equal(to_mono(mixed), np.array([0.5, 0.0], np.float32))
    for mono in (mixed[:, :1], mixed[:, 0]):
        np.testing.assert_array_equal(to_mono(mono), mixed[:, 0])


def test_same_rate_and_nothing_pass_through():
    waveform = tone(440, 16000)
    np.testing.assert_array_equal(resample(waveform, 16000, 16000), waveform)
    assert resample(np.zeros([0, 2], np.float32), 48000, 16000).shape == (0, 2)
    assert len(resample(np.ones(2, np.float32), 48000, 16000)) <= 1


@pytest.mark.parametrize("to_hz", [16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_pieces_give_the_same_samples(to_hz, channels):
    waveform = np.random.default_rng(0).normal(size=[50001, channels]).astype(np.float32)
    resampler = Resampler(44100, to_hz, channels)
    pieces = [resampler.push(waveform[first : first + 777]) for first in range(0, len(waveform), 777)]
    whole = np.concatenate([*pieces, resampler.finish()])
    np.testing.assert_array_equal(whole, resample(waveform, 44100, to_hz))


def test_refuses():
    for words, function, *arguments in (
        ("positive", resample, np.zeros(4), 0, 16000),
        ("positive", Resampler, 16000, -1),
        ("of shape", to_mono, np.zeros([2, 2, 2])),
        ("of shape", resample, np.zeros([2, 2, 2]), 1, 2),
        ("of shape", to_mono, np.zeros([4, 0])),
    ):
        with pytest.raises(ValueError, match=words):
            function(*arguments)
