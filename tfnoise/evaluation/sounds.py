"""Scores of reconstructions as sounds: after resynthesis, against the original waveform.

The front end alone loses something, too (bands for bins, no phase), which every model's figures contain:
score it by itself, with unchanged images.  The metrics take a reference and a waveform, floats
`[batch, samples]`, and the settings of their spectrograms; they return float32 `[batch]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio import (
    FrontEnd,
    image_to_recording,
    magnitude_spectrogram,
    mel_spectrogram,
    mel_to_image,
    reference_db,
)
from tfnoise.evaluation.scores import ClipImage, GenreScores

SOUND_METRICS = ("log_spectral_distance_db", "spectral_convergence", "mel_mse")
"""The names of the scores of sounds; of all less is better."""

_RANGE_DB = 80.0


def log_spectral_distance_db(reference: Any, waveform: Any, front_end: FrontEnd) -> tf.Tensor:
    """The root mean square over bins and frames of the difference of two spectra's levels, in dB.

    Levels more than 80 dB below the reference's peak count as 80 dB below.

    Source: Gray and Markel, "Distance measures for speech processing", IEEE TASSP 24(5), 1976, over all bins
      and frames at once.

    >>> noise = tf.random.stateless_normal([1, 4000], seed=[0, 0])
    >>> log_spectral_distance_db(noise, 0.5 * noise, FrontEnd()).numpy().round(2)
    array([6.02], dtype=float32)
    """
    return level_distance_db(*(magnitude_spectrogram(sound, front_end) for sound in (reference, waveform)))


def level_distance_db(a: Any, b: Any) -> tf.Tensor:
    """`log_spectral_distance_db` of magnitudes: floats `[batch, bins, frames]`, the reference's first."""
    floor = tf.reduce_max(a, axis=[1, 2], keepdims=True) * 10 ** (-_RANGE_DB / 20)
    floor = tf.maximum(floor, np.finfo(np.float32).tiny)
    levels = [tf.math.log(tf.maximum(magnitude, floor)) * (20 / np.log(10)) for magnitude in (a, b)]
    return tf.sqrt(tf.reduce_mean(tf.square(levels[0] - levels[1]), axis=[1, 2]))


def spectral_convergence(reference: Any, waveform: Any, front_end: FrontEnd) -> tf.Tensor:
    """The norm of the difference of two magnitude spectrograms, relative to the reference's.

    It is 0 for equal spectrograms, and where the reference is silent.

    Source: Arik, Jun, Diamos, "Fast spectrogram inversion using multi-head convolutional neural networks",
      IEEE SPL 26(1), 2019, equation 3.

    >>> noise = tf.random.stateless_normal([1, 4000], seed=[0, 0])
    >>> spectral_convergence(noise, 0.5 * noise, FrontEnd()).numpy().round(3)
    array([0.5], dtype=float32)
    """
    return convergence(*(magnitude_spectrogram(sound, front_end) for sound in (reference, waveform)))


def convergence(a: Any, b: Any) -> tf.Tensor:
    """`spectral_convergence` of magnitudes: floats `[batch, bins, frames]`, the reference's first."""
    return tf.math.divide_no_nan(tf.norm(a - b, axis=[1, 2]), tf.norm(a, axis=[1, 2]))


def mel_mse(reference: Any, waveform: Any, front_end: FrontEnd) -> tf.Tensor:
    """The mean squared error of two sounds' images, both on the reference's decibel scale.

    >>> noise = tf.random.stateless_normal([1, 4000], seed=[0, 0])
    >>> mel_mse(noise, noise, FrontEnd()).numpy()
    array([0.], dtype=float32)
    """
    mels = [mel_spectrogram(sound, front_end) for sound in (reference, waveform)]
    level = reference_db(mels[0], front_end)
    a, b = (mel_to_image(mel, level, front_end) for mel in mels)
    return tf.reduce_mean(tf.square(a - b), axis=[1, 2, 3])


_METRICS = {
    "log_spectral_distance_db": log_spectral_distance_db,
    "spectral_convergence": spectral_convergence,
    "mel_mse": mel_mse,
}


@dataclass(frozen=True)
class ClipSound:
    """The scores of one clip's resynthesis.

    Attributes:
      id, path, genre: as in `ClipImage`.
      log_spectral_distance_db, spectral_convergence, mel_mse: see the functions of these names.
    """

    id: str
    path: str
    genre: str | None
    log_spectral_distance_db: float
    spectral_convergence: float
    mel_mse: float


@dataclass(frozen=True)
class SoundScores(GenreScores):
    """The scores of resynthesised clips, in their order."""

    clips: tuple[ClipSound, ...]


def score_sounds(
    reconstruct: Callable[[np.ndarray], np.ndarray],
    clips: Iterable[ClipImage],
    front_end: FrontEnd,
) -> SoundScores:
    """Resynthesises clips one by one and scores them; those with a problem are skipped.

    Args:
      reconstruct: gives the reconstruction of an image `[mels, frames, 1]`; the identity shows the front end
        alone.
      clips: with waveforms.
      front_end: the settings of their images.
    """
    scored = []
    for clip in clips:
        if clip.waveform is not None and not clip.problem:
            sound = resynthesised(reconstruct(clip.image), clip, front_end)
            scores = sound_scores(clip.waveform, sound, front_end)
            scored.append(ClipSound(clip.id, clip.path, clip.genre, **scores))
    return SoundScores(tuple(scored))


def resynthesised(image: np.ndarray, clip: ClipImage, front_end: FrontEnd) -> np.ndarray:
    """The sound of an image of a clip, float32 `[samples]` like the clip's waveform."""
    samples = None if clip.waveform is None else len(clip.waveform)
    return image_to_recording(image, clip.reference_db, front_end, samples=samples)


def sound_scores(reference: np.ndarray, waveform: np.ndarray, front_end: FrontEnd) -> dict[str, float]:
    """All scores of a waveform `[samples]` by their names."""
    pair = tf.constant(reference[None]), tf.constant(waveform[None])
    return {name: float(value) for name, value in _scores(*pair, front_end).items()}


@tf.function(reduce_retracing=True)
def _scores(reference: tf.Tensor, waveform: tf.Tensor, front_end: FrontEnd) -> dict[str, tf.Tensor]:
    return {name: metric(reference, waveform, front_end)[0] for name, metric in _METRICS.items()}
