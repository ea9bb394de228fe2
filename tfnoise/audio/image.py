"""Waveform to mel-spectrogram "image" in [0, 1], and from the image back to the mel-spectrogram.

Everything here is stock TensorFlow, works eagerly and in a `tf.function`, and takes dynamic lengths.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.mel import mel_spectrogram

#: The lowest reference: a clip whose peak is at or under it is silent. For the unit see `reference_db`.
REFERENCE_FLOOR_DB = -120.0

# No image expresses less: it is the floor less the widest `top_db`, for the power 2. float32 ends at 1e-38.
_SMALLEST_MEL = 1e-30


def _to_db(mel: tf.Tensor, front_end: FrontEnd) -> tf.Tensor:
    return tf.math.log(tf.maximum(mel, _SMALLEST_MEL)) * (20.0 / (front_end.power * math.log(10.0)))


def reference_db(mel: Any, front_end: FrontEnd) -> tf.Tensor:
    """The clip's peak in dB, floored at -120 dBFS: what its image's 1 stands for.

    >>> float(reference_db([[0.01, 1.0], [0.0, 0.1]], FrontEnd()))
    0.0

    0 dBFS is here a mel value of exactly 1 from a waveform whose full scale is -1..1, so that the unit is
    that of `librosa.power_to_db(mel, ref=1.0)`. The STFT is not divided by its length: with the default
    settings a full-scale sine reaches 24 to 35 dB, and the floor lies about 150 dB below such a sine.

    Args:
      mel: `[..., mels, frames]` from `mel_spectrogram`.
      front_end: the settings; power decides the unit: 20 / power * log10(mel), which is 10 log10 of power and
        20 log10 of magnitude.

    Returns:
      float32 `[...]` in dB, at least REFERENCE_FLOOR_DB.
    """
    peak = tf.reduce_max(tf.cast(mel, tf.float32), axis=[-2, -1])
    return tf.maximum(_to_db(peak, front_end), REFERENCE_FLOOR_DB)


def is_silent(reference_db: Any) -> tf.Tensor:
    """Whether a clip of this reference is silent: its peak is at or under REFERENCE_FLOOR_DB.

    >>> is_silent([-120.0, 0.0]).numpy()
    array([ True, False])

    Args:
      reference_db: dB `[...]` from `reference_db`.

    Returns:
      bool `[...]`.
    """
    return tf.cast(reference_db, tf.float32) <= REFERENCE_FLOOR_DB


def mel_to_image(mel: Any, reference_db: Any, front_end: FrontEnd) -> tf.Tensor:
    """The image of a mel-spectrogram: 1 is the reference, 0 is top_db or more below it.

    >>> mel_to_image([[1.0, 1e-4, 1e-9]], 0.0, FrontEnd(mels=1, top_db=80.0)).numpy().ravel()
    array([1. , 0.5, 0. ], dtype=float32)

    Args:
      mel: `[..., mels, frames]` from `mel_spectrogram`.
      reference_db: dB `[...]` from `reference_db`.
      front_end: the settings.

    Returns:
      float32 `[..., mels, frames, 1]` in [0, 1]; all zero where the clip is silent.
    """
    reference = tf.cast(reference_db, tf.float32)[..., tf.newaxis, tf.newaxis]
    below_db = _to_db(tf.cast(mel, tf.float32), front_end) - reference
    image = tf.clip_by_value(1.0 + below_db / front_end.top_db, 0.0, 1.0)
    return tf.where(is_silent(reference), 0.0, image)[..., tf.newaxis]


def image_to_mel(image: Any, reference_db: Any, front_end: FrontEnd) -> tf.Tensor:
    """The mel-spectrogram of an image, the inverse of `mel_to_image` for values above the image's floor.

    >>> image_to_mel([[[1.0], [0.5]]], 0.0, FrontEnd(mels=1, top_db=80.0)).numpy().round(5)
    array([[1.e+00, 1.e-04]], dtype=float32)

    Args:
      image: `[..., mels, frames, 1]` in [0, 1].
      reference_db: dB `[...]` from `reference_db`.
      front_end: the settings.

    Returns:
      float32 `[..., mels, frames]`; a pixel of 0 gives the value top_db below the reference, and a silent
      clip's reference gives zeros whatever the image shows.

    Raises:
      ValueError: when the image has another number of bands than the front end, or more than one channel.
    """
    check_image(image, front_end)
    reference = tf.cast(reference_db, tf.float32)[..., tf.newaxis, tf.newaxis]
    image = tf.squeeze(tf.cast(image, tf.float32), axis=-1)
    level_db = (image - 1.0) * front_end.top_db + reference
    mel = tf.exp(level_db * (front_end.power * math.log(10.0) / 20.0))
    return tf.where(is_silent(reference), 0.0, mel)


def check_image(image: Any, front_end: FrontEnd) -> None:
    """Sees that an image can be of this front end.

    Raises:
      ValueError: its known axes are not [..., mels, frames, 1].
    """
    shape = tf.TensorShape(np.shape(image) if not tf.is_tensor(image) else image.shape)
    if not shape[-3:].is_compatible_with([front_end.mels, None, 1]):
        raise ValueError(
            f"an image of this front end is [..., {front_end.mels}, frames, 1], not of shape {shape}"
        )


def waveform_to_image(waveform: Any, front_end: FrontEnd) -> tuple[tf.Tensor, tf.Tensor]:
    """The image of a waveform, and the reference in dB that must travel with it.

    >>> image, reference = waveform_to_image(tf.sin(tf.range(16000.0)), FrontEnd())
    >>> image.shape, float(tf.reduce_max(image))
    (TensorShape([128, 63, 1]), 1.0)

    Args:
      waveform: floats `[samples]` or `[batch, samples]` at front_end.sample_rate_hz, full scale -1..1.
      front_end: the settings.

    Returns:
      The image, float32 `[mels, frames, 1]` or `[batch, mels, frames, 1]` in [0, 1], and the clip's
      `reference_db`, float32 `[]` or `[batch]`.

    Raises:
      ValueError: as `mel_spectrogram` does.
    """
    mel = mel_spectrogram(waveform, front_end)
    reference = reference_db(mel, front_end)
    return mel_to_image(mel, reference, front_end), reference
