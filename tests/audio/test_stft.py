"""The transform by matrices: equal to NumPy's, and its inverse to the least squares of Griffin and Lim."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfnoise.audio import FrontEnd, magnitude_spectrogram
from tfnoise.audio.stft import Stft, hann, stft

SIZES = [(1024, 256), (2048, 64), (400, 160), (255, 100), (512, 512), (1021, 256), (64, 48), (6, 4), (2, 1)]


def sound(samples: int, clips: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=[clips, samples]).astype(np.float32)


def frames_of(waveform: np.ndarray, n_fft: int, hop: int, centre: bool) -> np.ndarray:
    """`[clips, frames, n_fft]`, windowed, float64."""
    margin = n_fft // 2 if centre else 0
    padded = np.pad(waveform.astype(np.float64), [(0, 0), (margin, margin)])
    starts = range(0, padded.shape[1] - n_fft + 1, hop)
    return np.stack([padded[:, start : start + n_fft] * hann(n_fft) for start in starts], 1)


def spectrum_of(waveform: np.ndarray, n_fft: int, hop: int, centre: bool) -> np.ndarray:
    """NumPy's, `[clips, bins, frames]`."""
    return np.fft.rfft(frames_of(waveform, n_fft, hop, centre)).transpose(0, 2, 1)


def complex_of(transform: Stft, spectrum: tf.Tensor, clips: int) -> np.ndarray:
    """Our spectrum as `[coefficients, clips, frames]`, with conjugates turned back."""
    values = spectrum[0].numpy() + 1j * spectrum[1].numpy()
    values = np.where(transform.conjugate[:, None], values.conj(), values)
    return values.reshape(len(transform.bins), clips, -1)


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("n_fft,hop", SIZES)
def test_equals_numpy(n_fft, hop, centre):
    waveform = sound(5000)
    expected = spectrum_of(waveform, n_fft, hop, centre)
    transform = stft(n_fft, hop, centre)
    spectrum = transform.spectrum(transform.rows(tf.constant(waveform), expected.shape[2]))
    result = complex_of(transform, spectrum, 2)
    assert sorted(set(transform.bins)) == list(range(n_fft // 2 + 1))
    tolerance = 2e-6 * np.abs(expected).max()
    np.testing.assert_allclose(result, expected[:, transform.bins].transpose(1, 0, 2), rtol=0, atol=tolerance)
    if n_fft > 2:
        by_bin = magnitude_spectrogram(waveform, FrontEnd(n_fft=n_fft, hop=hop, mels=1, centre=centre))
        np.testing.assert_allclose(by_bin, np.abs(expected), rtol=0, atol=tolerance)


@pytest.mark.parametrize("n_fft,hop", [(1024, 256), (400, 160), (255, 100), (2048, 64)])
def test_there_and_back_is_the_same(n_fft, hop):
    waveform = sound(6000)
    transform = stft(n_fft, hop, True)
    frames = 1 + 6000 // hop
    rows = transform.rows(tf.constant(waveform), frames)
    again = transform.overlap_added(transform.spectrum(rows), transform.overlap_gain(frames, 6000))
    np.testing.assert_allclose(transform.waveform(rows, 6000), waveform, atol=0)
    covered = (frames - 1) * hop
    result = transform.waveform(again, 6000).numpy()
    assert result.shape == waveform.shape
    np.testing.assert_allclose(result[:, :covered], waveform[:, :covered], atol=2e-5)


@pytest.mark.parametrize("n_fft,hop", [(64, 16), (60, 20), (33, 10)])
def test_overlap_adding_is_least_squares(n_fft, hop):
    """Of a spectrum that no signal has: windowed frames over the sum of squared windows."""
    frames, random = 7, np.random.default_rng(1)
    real, imaginary = random.normal(size=[2, 2, n_fft // 2 + 1, frames])
    spectra = real + 1j * imaginary
    pieces = np.fft.irfft(spectra.transpose(0, 2, 1), n=n_fft) * hann(n_fft)
    length = n_fft + (frames - 1) * hop
    total, cover = np.zeros([2, length]), np.zeros(length)
    for t in range(frames):
        total[:, t * hop : t * hop + n_fft] += pieces[:, t]
        cover[t * hop : t * hop + n_fft] += hann(n_fft) ** 2
    transform = stft(n_fft, hop, False)
    parts = [transform.folded(tf.constant(part, tf.float32)) for part in (real, imaginary)]
    parts[1] *= np.where(transform.conjugate, -1.0, 1.0)[:, None]
    # The values of 0 Hz, and of half the sample rate, are real.
    is_real = (transform.bins == 0) | (2 * transform.bins == n_fft)
    parts[1] = tf.where(is_real[:, None], 0.0, parts[1])
    rows = transform.overlap_added(tf.stack(parts), transform.overlap_gain(frames, length))
    result = transform.waveform(rows, length).numpy()
    enough = cover > 0.02 * cover.max()
    np.testing.assert_allclose(result[:, enough], (total / np.maximum(cover, 1e-9))[:, enough], atol=1e-4)
    assert np.abs(result).max() <= np.abs(total / np.maximum(cover, 0.01 * cover.max())).max() * 1.001


def test_refuses_a_transform_that_would_take_gigabytes():
    with pytest.raises(ValueError, match="n_fft = 65537 and hop = 256 share too small a factor"):
        stft(65537, 256, True)
    assert stft(16384, 4096, True).n_fft == 16384


def test_a_waveform_too_short_in_a_graph_has_no_frames():
    front_end = FrontEnd(centre=False)
    graph = tf.function(
        lambda waveform: magnitude_spectrogram(waveform, front_end),
        input_signature=[tf.TensorSpec([None, None], tf.float32)],
    )
    assert graph(np.zeros([2, 100], np.float32)).shape == (2, 513, 0)
    assert graph(np.zeros([2, 1024], np.float32)).shape == (2, 513, 1)
