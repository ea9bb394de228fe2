"""The level of decoded sound, by the energy of its spectrogram, and its correction by the file's reference.

A coded image is smoother than its original, and the mean of decibels is below that of powers: sounds of
sparse peaks, as dry speech, are decoded several decibels too quiet. Correcting all of it would move most of
the spectrum away from the original, so that only the error beyond a limit is corrected.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import tensorflow as tf

from tfnoise.audio import FrontEnd, mel_filterbank, mel_spectrogram, reference_db

LARGEST_ERROR_DB = 2.0
"""The largest error of a coded spectrogram's energy that is left; the phase can take 3 dB more."""


def full_scale_db(front_end: FrontEnd) -> float:
    """The reference of a sine at full scale, in the middle of the front end's lower half of frequencies."""
    times = np.arange(4 * front_end.n_fft) / front_end.sample_rate_hz
    sine = np.sin(2 * np.pi * (front_end.sample_rate_hz / 8) * times)
    return float(reference_db(mel_spectrogram(sine, front_end), front_end))


def energy(mel: tf.Tensor, front_end: FrontEnd) -> tf.Tensor:
    """The energy `[...]`, float64, of mel-spectrograms `[..., mels, frames]`, in a graph or eagerly."""
    power = tf.cast(mel, tf.float64) ** (2 / front_end.power)
    return tf.reduce_sum(power * _weights(front_end)[:, np.newaxis], axis=[-2, -1])


def correction_db(original: tf.Tensor, decoded: tf.Tensor) -> tf.Tensor:
    """The dB to add to a reference so that the level's error is at most LARGEST_ERROR_DB, float64 `[...]`.

    >>> round(float(correction_db(100.0, 10.0)), 6)  # 10 dB too quiet
    8.0

    Args:
      original: energy of the original, float64 `[...]`.
      decoded: energy of the decoded spectrogram, float64 `[...]`.
    """
    original, decoded = tf.cast(original, tf.float64), tf.cast(decoded, tf.float64)
    # Silence divides nothing, and its ratio counts as 1.
    ratio = tf.math.divide_no_nan(decoded, original)
    error = tf.math.log(tf.where(ratio > 0, ratio, tf.ones_like(ratio))) * (10 / math.log(10))
    return tf.clip_by_value(error, -LARGEST_ERROR_DB, LARGEST_ERROR_DB) - error


@functools.lru_cache(maxsize=8)
def _weights(front_end: FrontEnd) -> np.ndarray:
    """Weights of the bands in the energy of all bins: the filters, so weighted, nearly sum to 1."""
    filters = mel_filterbank(front_end).astype(np.float64)
    weights = np.linalg.lstsq(filters.T, np.ones(filters.shape[1]), rcond=None)[0]
    return np.maximum(weights, 0)
