"""How loud a coded sound comes back, as far as its spectrogram tells, and what the reference can do about it.

A coded image is smoother than its original, and the mean of decibels is below that of powers: sounds of
sparse peaks, as dry speech, come back several decibels too quiet. Making all as loud as they were would move
most of the spectrum away from the original, so that only what is beyond a limit is made up for.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import tensorflow as tf

from tfnoise.audio import FrontEnd, image_to_mel, mel_filterbank

LARGEST_ERROR_DB = 2.0
"""By how much the energy of a coded spectrogram may differ; the phase can take 3 dB more."""


class Loudness:
    """Sums up the energy of a spectrogram and of what a decoder makes of it.

    Args:
      front_end: of both.
      reference_db: what 1 in the images stands for.
    """

    def __init__(self, front_end: FrontEnd, reference_db: float):
        self._front_end, self._reference_db = front_end, reference_db
        self._original, self._decoded = 0.0, 0.0

    def add(self, mel: np.ndarray, image: np.ndarray) -> None:
        """Takes a piece.

        Args:
          mel: of the original, `[mels, frames]`.
          image: what it is decoded to, `[mels, frames, 1]`.
        """
        decoded = image_to_mel(image, self._reference_db, self._front_end)
        self._original += float(energy(tf.constant(mel), self._front_end))
        self._decoded += float(energy(decoded, self._front_end))

    @property
    def correction_db(self) -> float:
        """What to add to the reference; see the function."""
        return float(correction_db(self._original, self._decoded))


def energy(mel: tf.Tensor, front_end: FrontEnd) -> tf.Tensor:
    """The energy `[...]`, float64, of mel-spectrograms `[..., mels, frames]`, in a graph or eagerly."""
    power = tf.cast(mel, tf.float64) ** (2 / front_end.power)
    return tf.reduce_sum(power * _weights(front_end)[:, np.newaxis], axis=[-2, -1])


def correction_db(original: tf.Tensor, decoded: tf.Tensor) -> tf.Tensor:
    """What to add to a reference, so that the error is at most LARGEST_ERROR_DB; 0 if it is.

    Args:
      original: its energy, float64 `[...]`.
      decoded: that of what it is decoded to.

    Returns:
      dB, float64 `[...]`.
    """
    original, decoded = tf.cast(original, tf.float64), tf.cast(decoded, tf.float64)
    # Silence divides nothing, and its ratio counts as 1.
    ratio = tf.math.divide_no_nan(decoded, original)
    error = tf.math.log(tf.where(ratio > 0, ratio, tf.ones_like(ratio))) * (10 / math.log(10))
    return tf.clip_by_value(error, -LARGEST_ERROR_DB, LARGEST_ERROR_DB) - error


@functools.lru_cache(maxsize=8)
def _weights(front_end: FrontEnd) -> np.ndarray:
    """What bands count in the energy of all bins: their filters, so weighted, add up to 1, nearly."""
    filters = mel_filterbank(front_end).astype(np.float64)
    weights = np.linalg.lstsq(filters.T, np.ones(filters.shape[1]), rcond=None)[0]
    return np.maximum(weights, 0)
