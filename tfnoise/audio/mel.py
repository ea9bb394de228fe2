"""Waveform to mel-spectrogram, and from the mel-spectrogram back to the magnitudes of the spectrum.

Everything here is stock TensorFlow, works eagerly and in a `tf.function`, and takes dynamic lengths.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.stft import stft

# Keeps roots and their gradients finite at zero; far below what float32 resolves of any sound.
_SMALLEST_POWER = 1e-30


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's mel scale: linear up to 1 kHz (15 mel), logarithmic above (27 steps to a factor of 6.4)."""
    logarithmic = 15.0 + np.log(np.maximum(hz, 1000.0) / 1000.0) * (27.0 / np.log(6.4))
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, logarithmic)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * (np.log(6.4) / 27.0)))


@functools.lru_cache(maxsize=32)
def mel_filterbank(front_end: FrontEnd) -> np.ndarray:
    """The triangular mel filters, equal to `librosa.filters.mel` (Slaney's scale, each of area 1 in Hz).

    >>> mel_filterbank(FrontEnd()).shape
    (128, 513)

    Args:
      front_end: the settings; power, top_db, hop and centre play no part.

    Returns:
      float32 `[mels, n_fft // 2 + 1]`, not negative, read-only (it is cached).

    Source: Slaney, Auditory Toolbox, Technical Report 1998-010, Interval Research, 1998.
    """
    bins_hz = np.arange(front_end.n_fft // 2 + 1) * (front_end.sample_rate_hz / front_end.n_fft)
    limits = _hz_to_mel(np.array([front_end.f_min_hz, front_end.upper_hz]))
    edges_hz = _mel_to_hz(np.linspace(limits[0], limits[1], front_end.mels + 2))
    low, peak, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - low) / (peak - low)
    falling = (high - bins_hz) / (high - peak)
    filters = (np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))).astype(np.float32)
    filters.flags.writeable = False
    return filters


@functools.lru_cache(maxsize=32)
def _folded_filterbank(front_end: FrontEnd) -> np.ndarray:
    """The filterbank for the coefficients of `Stft`, some of which share a bin."""
    transform = stft(front_end.n_fft, front_end.hop, front_end.centre)
    return mel_filterbank(front_end)[:, transform.bins] / transform.copies.astype(np.float32)


def mel_spectrogram(waveform: Any, front_end: FrontEnd) -> tf.Tensor:
    """The mel-spectrogram of |STFT| ** power: `librosa.feature.melspectrogram` with pad_mode="constant".

    >>> mel_spectrogram(tf.sin(tf.range(16000.0)), FrontEnd()).shape
    TensorShape([128, 63])

    Args:
      waveform: floats `[samples]` or `[batch, samples]` at front_end.sample_rate_hz, full scale -1..1.
      front_end: the settings.

    Returns:
      float32 `[mels, frames]` or `[batch, mels, frames]`, not negative; within 1e-5 of librosa's, relative to
      the clip's largest value.

    Raises:
      ValueError: when the waveform holds no floats, has neither one nor two axes, or is known to be too
        short: empty, or below n_fft samples where the frames are not centred.
    """
    power, by_clip = _power(waveform, front_end)
    if front_end.power != 2.0:
        power = tf.pow(power + _SMALLEST_POWER, front_end.power / 2)
    return by_clip(tf.matmul(_folded_filterbank(front_end), power))


def magnitude_spectrogram(waveform: Any, front_end: FrontEnd) -> tf.Tensor:
    """The magnitudes |STFT| of a waveform.

    >>> magnitude_spectrogram(tf.ones([2, 16000]), FrontEnd()).shape
    TensorShape([2, 513, 63])

    Args:
      waveform: floats `[samples]` or `[batch, samples]`.
      front_end: n_fft, hop and centre count.

    Returns:
      float32 `[n_fft // 2 + 1, frames]` or `[batch, n_fft // 2 + 1, frames]`.

    Raises:
      ValueError: as `mel_spectrogram` does.
    """
    power, by_clip = _power(waveform, front_end)
    transform = stft(front_end.n_fft, front_end.hop, front_end.centre)
    return by_clip(tf.sqrt(transform.by_bin(power)))


def _power(waveform: Any, front_end: FrontEnd) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """|STFT| ** 2, `[coefficients, batch * frames]`, and what makes `[batch, rows, frames]` of such rows."""
    clips = tf.convert_to_tensor(waveform)
    if not clips.dtype.is_floating:
        raise ValueError(f"a waveform must hold floats with full scale -1..1, not {clips.dtype.name}")
    if clips.shape.rank not in (1, 2):
        raise ValueError(f"a waveform must be [samples] or [batch, samples], not of shape {clips.shape}")
    samples, alone = clips.shape[-1], clips.shape.rank == 1
    if samples is not None and front_end.frames(samples) == 0:
        least = front_end.samples(1)
        raise ValueError(
            f"a waveform of {samples} samples has no frame: this front end needs {least} or more"
        )
    clips = tf.cast(clips[tf.newaxis] if alone else clips, tf.float32)
    transform = stft(front_end.n_fft, front_end.hop, front_end.centre)
    frames = front_end.frames(tf.shape(clips)[1] if samples is None else samples)
    spectrum = transform.spectrum(transform.rows(clips, frames))

    def by_clip(rows: tf.Tensor) -> tf.Tensor:
        values = tf.transpose(tf.reshape(rows, [rows.shape[0], tf.shape(clips)[0], frames]), [1, 0, 2])
        return values[0] if alone else values

    return tf.square(spectrum[0]) + tf.square(spectrum[1]), by_clip


def mel_to_magnitude(mel: Any, front_end: FrontEnd, iterations: int = 16) -> tf.Tensor:
    """The magnitudes |STFT| that explain a mel-spectrogram, none of them negative.

    >>> mel_to_magnitude(tf.ones([128, 4]), FrontEnd()).shape
    TensorShape([513, 4])

    Minimises the generalised Kullback-Leibler divergence between the mel-spectrogram and the one that the
    magnitudes have, by multiplicative steps from a smooth start. The divergence weighs an error by the value
    that it is made in, where least squares sees the loudest bands alone; a value stays positive, where a
    pseudo-inverse must be clipped. Natural clips: `bin/benchmark audio`, which compares them.

    Args:
      mel: `[mels, frames]` or `[batch, mels, frames]`, not negative, as from `mel_spectrogram`.
      front_end: the settings that made it.
      iterations: steps, 0 or more; each takes two matrix products.

    Returns:
      float32 `[n_fft // 2 + 1, frames]` or `[batch, n_fft // 2 + 1, frames]`. Bins that no filter reaches
      (0 Hz and the highest, by default) are 0.

    Raises:
      ValueError: when mel has another number of bands than the front end.

    Source: Lee and Seung, "Algorithms for non-negative matrix factorization", NIPS 2000, equation 5.
    """
    mel = tf.cast(mel, tf.float32)
    if mel.shape.rank not in (2, 3) or mel.shape[-2] not in (None, front_end.mels):
        raise ValueError(
            f"a mel-spectrogram of this front end is [..., {front_end.mels}, frames], not {mel.shape}"
        )
    filters = mel_filterbank(front_end)
    tall = filters.sum(0)
    spread = np.divide(filters, tall, out=np.zeros_like(filters), where=tall > 0)
    area = np.maximum(filters.sum(1, keepdims=True), np.finfo(np.float32).tiny)

    def step(index: tf.Tensor, power: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        ratio = tf.math.divide_no_nan(mel, tf.matmul(filters, power))
        return index + 1, power * tf.matmul(spread, ratio, transpose_a=True)

    start = tf.matmul(spread, mel / area, transpose_a=True)
    _, power = tf.while_loop(
        lambda index, _: index < iterations, step, (tf.constant(0), start), parallel_iterations=1
    )
    return tf.pow(power, 1 / front_end.power)
