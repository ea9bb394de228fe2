"""From mel to magnitudes: never negative, and nearer than a clipped pseudo-inverse."""

from __future__ import annotations

import numpy as np
import pytest

from tests.sounds import natural, synthetic
from tfnoise.audio import FrontEnd, magnitude_spectrogram, mel_filterbank, mel_spectrogram, mel_to_magnitude

SYNTHETIC = synthetic()


def twin(mel: np.ndarray, filters: np.ndarray, iterations: int) -> np.ndarray:
    """Lee and Seung's updates of the activations, written from the publication in float64."""
    weights = filters.sum(0)
    spread = filters / np.where(weights > 0, weights, 1)
    values = spread.T @ (mel / filters.sum(1, keepdims=True))
    for _ in range(iterations):
        values = values * (spread.T @ (mel / np.maximum(filters @ values, 1e-300)))
    return values


@pytest.mark.parametrize("front_end", [FrontEnd(), FrontEnd(power=1.0, n_fft=512, hop=128, mels=40)])
def test_equals_the_twin(front_end):
    mel = mel_spectrogram(SYNTHETIC[0], front_end)
    expected = twin(mel.numpy().astype(np.float64), mel_filterbank(front_end).astype(np.float64), 5)
    result = mel_to_magnitude(mel, front_end, iterations=5).numpy() ** front_end.power
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4 * expected.max())


def errors(waveform: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Of ours and of the clipped pseudo-inverse: spectral convergence, error of the mel in dB (rms)."""
    true = magnitude_spectrogram(waveform, front_end).numpy()
    mel = mel_spectrogram(waveform, front_end).numpy()
    filters = mel_filterbank(front_end).astype(np.float64)
    clipped = np.sqrt(np.maximum(np.linalg.pinv(filters) @ mel, 0))
    result = []
    for made in (mel_to_magnitude(mel, front_end).numpy(), clipped):
        floor = mel.max() * 1e-8
        levels = [10 * np.log10(np.maximum(values, floor)) for values in (filters @ made**2, mel)]
        distance = np.linalg.norm(made - true) / np.linalg.norm(true)
        result.append([distance, np.sqrt(np.mean(np.square(levels[0] - levels[1])))])
    return np.array(result)


@pytest.mark.parametrize("waveform", SYNTHETIC[:3])
def test_is_nearer_than_a_clipped_pseudo_inverse(waveform):
    ours, clipped = errors(waveform, FrontEnd())
    assert np.all(ours < clipped)


def test_natural_clips(natural_folder):
    ours, clipped = np.mean([errors(clip, FrontEnd()) for clip in natural(natural_folder, 20)], axis=0)
    assert ours[0] < 0.75 * clipped[0] and ours[1] < 0.2 * clipped[1]


def test_gives_no_negative_values_and_silence_for_silence():
    mel = np.zeros([2, 128, 5], np.float32)
    mel[0] = np.random.default_rng(0).uniform(0, 1, [128, 5])
    made = mel_to_magnitude(mel, FrontEnd()).numpy()
    assert made.shape == (2, 513, 5) and np.all(np.isfinite(made)) and np.all(made >= 0)
    assert np.all(made[1] == 0) and np.all(made[0, 1:-1] > 0)
    np.testing.assert_allclose(mel_to_magnitude(mel[0], FrontEnd()), made[0], rtol=1e-5, atol=1e-6)
    # The mel of another front end.
    with pytest.raises(ValueError, match=r"\[..., 128, frames\], not \(40, 5\)"):
        mel_to_magnitude(np.zeros([40, 5], np.float32), FrontEnd())
