"""Phase reconstruction: equal to the published iteration, deterministic, and better by its start."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.audio.test_stft import spectrum_of
from tests.sounds import natural, synthetic, tone
from tfnoise.audio import FrontEnd, griffin_lim, magnitude_spectrogram
from tfnoise.audio import phase as module
from tfnoise.audio.stft import hann

FAST = {"start": "random", "momentum": 0.99, "relaxation": 1.0}
SMALL = FrontEnd(n_fft=128, hop=32, mels=20)
SYNTHETIC = synthetic()


def convergence(waveform: np.ndarray, magnitude: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    made = magnitude_spectrogram(waveform, front_end).numpy()
    return np.linalg.norm(made - magnitude, axis=(1, 2)) / np.linalg.norm(magnitude, axis=(1, 2))


def fast_griffin_lim_twin(magnitude: np.ndarray, phase: np.ndarray, iterations: int) -> np.ndarray:
    """Perraudin, Balazs and Sondergaard's algorithm on spectra, in float64 NumPy: `[clips, samples]`."""
    n_fft, hop = SMALL.n_fft, SMALL.hop
    clips, _, frames = magnitude.shape
    samples = (frames - 1) * hop

    def inverse(spectrum: np.ndarray) -> np.ndarray:
        pieces = np.fft.irfft(spectrum.transpose(0, 2, 1), n=n_fft) * hann(n_fft)
        total, cover = np.zeros([clips, samples + n_fft]), np.zeros(samples + n_fft)
        for t in range(frames):
            total[:, t * hop : t * hop + n_fft] += pieces[:, t]
            cover[t * hop : t * hop + n_fft] += hann(n_fft) ** 2
        return (total / np.maximum(cover, 1e-9))[:, n_fft // 2 : n_fft // 2 + samples]

    def consistent(spectrum: np.ndarray) -> np.ndarray:
        return spectrum_of(inverse(spectrum), n_fft, hop, True)

    before = ahead = consistent(magnitude * phase)
    for _ in range(iterations - 1):
        now = consistent(magnitude * ahead / np.abs(ahead))
        before, ahead = now, now + 0.99 * (now - before)
    return inverse(magnitude * ahead / np.abs(ahead))


def test_equals_the_published_iteration():
    waveform = SYNTHETIC[:2, 3000:4024]
    magnitude = np.abs(spectrum_of(waveform, SMALL.n_fft, SMALL.hop, True))
    cycles = module._random_phase(tf.constant([3, 4]), 65, magnitude.shape[2]).numpy().astype(np.float64)
    # A real signal has real values at 0 Hz and at half the sample rate.
    turns = np.exp(2j * np.pi * cycles)
    turns[:, [0, -1]] = turns[:, [0, -1]].real
    expected = fast_griffin_lim_twin(magnitude, turns, 4)
    result = griffin_lim(magnitude, SMALL, 4, waveform.shape[1], seeds=[3, 4], **FAST)
    np.testing.assert_allclose(result, expected, atol=2e-3 * np.abs(expected).max())


def test_the_start_follows_a_sine():
    """The phase of a steady tone advances by its own frequency, not by its bins'."""
    tones = np.stack([tone(hz, 16000, 1.0) for hz in (440.0, 1003.7, 3210.5)])
    magnitude = magnitude_spectrogram(tones, FrontEnd()).numpy()
    for iterations, share in ((0, 0.65), (4, 0.2)):
        by_gradient = griffin_lim(magnitude, FrontEnd(), iterations, 16000)
        by_chance = griffin_lim(magnitude, FrontEnd(), iterations, 16000, start="random")
        errors = [convergence(sound, magnitude, FrontEnd()) for sound in (by_gradient, by_chance)]
        assert np.all(errors[0] < share * errors[1])
    assert np.all(errors[0] < 0.05)


def test_more_iterations_are_nearer():
    magnitude = magnitude_spectrogram(SYNTHETIC[:6], FrontEnd()).numpy()
    sounds = [griffin_lim(magnitude, FrontEnd(), count, 16000) for count in (0, 4, 16, 64)]
    errors = [convergence(sound, magnitude, FrontEnd()).mean() for sound in sounds]
    assert errors[0] > errors[1] > errors[2] > errors[3] and errors[3] < 0.3 * errors[0]


def test_natural_clips(natural_folder):
    """At equal iterations nearer than fast Griffin-Lim, and at half of them no farther."""
    magnitude = magnitude_spectrogram(natural(natural_folder, 14), FrontEnd()).numpy()
    compiled = tf.function(griffin_lim)

    def mean(iterations: int, **more) -> float:
        sound = compiled(tf.constant(magnitude), FrontEnd(), iterations, 67328, **more)
        return float(convergence(sound, magnitude, FrontEnd()).mean())

    fast, ours, half = mean(32, **FAST), mean(32), mean(16)
    assert ours < 0.85 * fast and half < 1.05 * fast


def test_seeds_decide_a_random_start_clip_by_clip():
    magnitude = magnitude_spectrogram(SYNTHETIC[:3, :4000], SMALL)

    def run(**more) -> np.ndarray:
        return griffin_lim(magnitude, SMALL, 2, 4000, **{**FAST, **more}).numpy()

    a = run(seeds=[5, 6, 7])
    np.testing.assert_array_equal(a, run(seeds=[5, 6, 7]))
    b = run(seeds=[8, 6, 7])
    assert not np.allclose(a[0], b[0], atol=1e-3)
    np.testing.assert_allclose(a[1:], b[1:], atol=1e-5)
    alone = griffin_lim(magnitude[1], SMALL, 2, 4000, **FAST, seeds=6)
    np.testing.assert_allclose(alone, a[1], atol=1e-5)


@pytest.mark.parametrize("clips", [0, 1, 5, 9])
def test_any_number_of_clips_and_dynamic_lengths(clips):
    # Groups of four and a rest.
    graph = tf.function(
        lambda magnitude: griffin_lim(magnitude, FrontEnd(), 3),
        input_signature=[tf.TensorSpec([None, 513, None], tf.float32)],
    )
    samples = 16000 if clips != 5 else 4321
    magnitude = magnitude_spectrogram(SYNTHETIC[:clips, :samples], FrontEnd())
    sound = graph(magnitude).numpy()
    assert sound.shape == (clips, FrontEnd().samples(magnitude.shape[2]))
    for row in range(clips):
        alone = griffin_lim(magnitude[row], FrontEnd(), 3).numpy()
        np.testing.assert_allclose(sound[row], alone, atol=2e-3)


@pytest.mark.parametrize(
    "front_end", [FrontEnd(n_fft=400, hop=160, mels=40), FrontEnd(n_fft=255, hop=100, mels=20, centre=False)]
)
def test_other_front_ends(front_end):
    magnitude = magnitude_spectrogram(SYNTHETIC[:2, :8000], front_end).numpy()
    sound = griffin_lim(magnitude, front_end)
    assert sound.shape == (2, front_end.samples(magnitude.shape[2]))
    assert np.all(convergence(sound, magnitude, front_end) < 0.2)


def test_silence_and_single_values_stay_finite():
    magnitude = np.zeros([3, 513, 10], np.float32)
    magnitude[1, 100, 5] = 1e6
    magnitude[2] = 1e-20
    sound = griffin_lim(magnitude, FrontEnd()).numpy()
    assert np.all(np.isfinite(sound)) and np.all(sound[0] == 0) and np.abs(sound[1]).max() > 1


def test_refuses():
    with pytest.raises(ValueError, match="513, frames"):
        griffin_lim(np.zeros([2, 128, 5]), FrontEnd())
    with pytest.raises(ValueError, match="gradient, random, not 'zero'"):
        griffin_lim(np.zeros([513, 5]), FrontEnd(), start="zero")
