"""Phase reconstruction: a waveform for magnitudes of a short-time Fourier transform, or for an image.

A start from the phase's gradient, then accelerated Griffin-Lim. `bin/benchmark audio` compares the starts and
iterations on any folder of audio. Stock TensorFlow, dynamic lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.image import image_to_mel, is_silent
from tfnoise.audio.mel import mel_to_magnitude
from tfnoise.audio.stft import Stft, hann, stft

ITERATIONS = 32
MOMENTUM, RELAXATION = 0.9, 1.25
STARTS = ("gradient", "random")

# A Hann window of n samples is like a Gaussian exp(-pi t ** 2 / (_GAUSSIAN * n ** 2)); Prusa and Sondergaard,
# "Real-time spectrogram inversion using phase gradient heap integration", DAFx 2016, table 1.
_GAUSSIAN = 0.25645
# Magnitudes below this share of the clip's largest say nothing of the phase.
_LEAST_SHARE = 1e-6
_TINY = 1e-20
_GROUP_FRAMES = 1056


def image_to_waveform(
    image: Any,
    reference_db: Any,
    front_end: FrontEnd,
    iterations: int = ITERATIONS,
    samples: int | tf.Tensor | None = None,
    start: str = "gradient",
    seeds: Sequence[int] | tf.Tensor | int = 0,
) -> tf.Tensor:
    """The sound of an image: its magnitudes without negative ones, then a phase for them.

    >>> image_to_waveform(tf.ones([128, 4, 1]), 0.0, FrontEnd(), iterations=1).shape
    TensorShape([768])

    Args:
      image: floats `[mels, frames, 1]` or `[batch, mels, frames, 1]` in [0, 1].
      reference_db: dB `[]` or `[batch]` as from `tfnoise.audio.reference_db`: what the image's 1 stands for.
      front_end: the settings that made the image.
      iterations, samples, start, seeds: as of `griffin_lim`.

    Returns:
      float32 `[samples]` or `[batch, samples]` at front_end.sample_rate_hz; zeros for a silent reference.

    Raises:
      ValueError: when the image is not of this front end.
    """
    reference = tf.cast(reference_db, tf.float32)
    # At a peak of 0 dB, so that no level of a clip meets the ends of float32.
    mel = image_to_mel(image, tf.zeros_like(reference), front_end)
    magnitude = mel_to_magnitude(mel, front_end)
    waveform = griffin_lim(magnitude, front_end, iterations, samples, start, seeds)
    gain = tf.where(is_silent(reference), 0.0, tf.pow(10.0, reference / 20))
    return waveform * gain[..., tf.newaxis]


def griffin_lim(
    magnitude: Any,
    front_end: FrontEnd,
    iterations: int = ITERATIONS,
    samples: int | tf.Tensor | None = None,
    start: str = "gradient",
    seeds: Sequence[int] | tf.Tensor | int = 0,
    momentum: float = MOMENTUM,
    relaxation: float = RELAXATION,
    prefix: tf.Tensor | None = None,
) -> tf.Tensor:
    """Waveforms whose |STFT| is near the given magnitudes.

    >>> griffin_lim(tf.ones([2, 513, 4]), FrontEnd(), iterations=1).shape
    TensorShape([2, 768])

    Each iteration gives the present waveform's spectrum the target magnitudes, takes the waveform nearest to
    that, oversteps by `relaxation` and adds `momentum` of the last move. Momentum 0.99 with relaxation
    1 and a random start is fast Griffin-Lim; 0 with 1 is Griffin and Lim's own. Since the transform is
    linear, both act on the waveform, at a quarter of the cost or less, with the same result.

    Args:
      magnitude: floats `[bins, frames]` or `[batch, bins, frames]`, bins = n_fft // 2 + 1, not negative.
      front_end: n_fft, hop and centre count.
      iterations: 0 or more.
      samples: of the waveforms; None: the fewest that have so many frames. At most hop - 1 more are useful.
      start: "gradient", the phase integrated along time from the magnitudes' slope along frequency, which
        needs no random numbers; or "random".
      seeds: of a random start: one for all clips or one a clip, so that a clip does not depend on its batch.
      momentum: 0 or more; above 1 it diverges.
      relaxation: 1 to below 2.
      prefix: float32 `[batch, n]`, n at least n_fft: what the waveforms begin with, where they continue
        others. The iterations hold it, so that the rest joins it in phase; what is returned is near it. Not
        with frames that are centred.

    Returns:
      float32 `[samples]` or `[batch, samples]`.

    Raises:
      ValueError: when magnitude has another number of bins, or start is unknown.

    Source: Perraudin, Balazs, Sondergaard, "A fast Griffin-Lim algorithm", WASPAA 2013; Nenov, Nguyen,
      Balazs, Bot, "Faster than fast: accelerating the Griffin-Lim algorithm", ICASSP 2023, with its two
      inertias equal; the start: Prusa, Balazs, Sondergaard, "A noniterative method for reconstruction of
      phase from STFT magnitude", IEEE/ACM TASLP 25(5), 2017, along time alone.
    """
    magnitude = tf.cast(magnitude, tf.float32)
    bins = front_end.n_fft // 2 + 1
    if magnitude.shape.rank not in (2, 3) or magnitude.shape[-2] not in (None, bins):
        raise ValueError(f"magnitudes of this front end are [..., {bins}, frames], not {magnitude.shape}")
    if start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(STARTS)}, not {start!r}")
    clips = magnitude if magnitude.shape.rank == 3 else magnitude[tf.newaxis]
    transform = stft(front_end.n_fft, front_end.hop, front_end.centre)
    batch, frames = tf.shape(clips)[0], tf.shape(clips)[2]
    # One at least, as a graph needs where there are no frames.
    samples = tf.maximum(front_end.samples(frames), 1) if samples is None else samples
    if start == "gradient":
        cycles = _gradient_phase(clips, front_end, _first_phase(prefix, front_end))
    else:
        cycles = _random_phase(tf.broadcast_to(tf.convert_to_tensor(seeds, tf.int32), [batch]), bins, frames)
    gain = transform.overlap_gain(frames, samples)
    keep_prefix = _prefix_keeper(transform, prefix, frames)

    def reconstructed(part: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        target = transform.folded(part[0])
        rows = keep_prefix(transform.overlap_added(target * _rotation(transform, part[1]), gain))

        def improve(index: tf.Tensor, now: tf.Tensor, ahead: tf.Tensor) -> tuple[tf.Tensor, ...]:
            projected = keep_prefix(_with_magnitude(transform, ahead, target, gain))
            after = ahead + relaxation * (projected - ahead)
            return index + 1, after, after + momentum * (after - now)

        index = tf.constant(1)
        _, _, rows = tf.while_loop(
            lambda index, *_: index < iterations, improve, (index, rows, rows), parallel_iterations=1
        )
        # The last one as it is: what is returned has overstepped nothing.
        rows = _with_magnitude(transform, rows, target, gain) if iterations else rows
        return transform.waveform(rows, samples)

    if prefix is not None:
        waveform = reconstructed((clips, cycles))
    else:
        parts = [_in_groups(values, batch, frames) for values in (clips, cycles)]
        signature = tf.TensorSpec([None, None], tf.float32)
        at_once = 1 if tf.executing_eagerly() else 2
        groups = tf.map_fn(
            reconstructed, tuple(parts), fn_output_signature=signature, parallel_iterations=at_once
        )
        waveform = tf.reshape(groups, [-1, samples])[:batch]
    waveform = tf.ensure_shape(waveform, [clips.shape[0], None])
    return waveform if magnitude.shape.rank == 3 else waveform[0]


def _in_groups(values: tf.Tensor, batch: tf.Tensor, frames: tf.Tensor) -> tf.Tensor:
    """Values `[batch, bins, frames]` as `[groups, clips, bins, frames]`, with silence in the last group.

    A group of about _GROUP_FRAMES frames fits in a processor's cache, all clips at once would not: a batch of
    16 clips of 4 s takes a third more time.
    """
    size = tf.minimum(tf.maximum(_GROUP_FRAMES // tf.maximum(frames, 1), 1), tf.maximum(batch, 1))
    groups = tf.maximum(-(-batch // size), 1)
    padded = tf.pad(values, [[0, groups * size - batch], [0, 0], [0, 0]])
    return tf.reshape(padded, [groups, size, values.shape[1], frames])


def _with_magnitude(transform: Stft, rows: tf.Tensor, target: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    spectrum = transform.spectrum(rows)
    magnitude = tf.sqrt(tf.add_n([tf.square(spectrum[0]), tf.square(spectrum[1])]))
    return transform.overlap_added(spectrum * tf.math.divide_no_nan(target, magnitude), gain)


def _prefix_keeper(
    transform: Stft, prefix: tf.Tensor | None, frames: tf.Tensor
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function that writes the prefix over the beginning of rows."""
    if prefix is None:
        return lambda rows: rows
    in_prefix = transform.rows(tf.ones_like(prefix), frames) > 0
    prefix_rows = transform.rows(prefix, frames)
    return lambda rows: tf.where(in_prefix, prefix_rows, rows)


def _rotation(transform: Stft, cycles: tf.Tensor) -> tf.Tensor:
    """exp(2 pi i cycles) of phases `[batch, bins, frames]`, as a spectrum."""
    angle = 2 * np.pi * transform.folded(cycles)
    sign = np.where(transform.conjugate, -1.0, 1.0).astype(np.float32)[:, None]
    return tf.stack([tf.cos(angle), sign * tf.sin(angle)])


def _gradient_phase(magnitude: tf.Tensor, front_end: FrontEnd, first_phase: tf.Tensor) -> tf.Tensor:
    """Phases in cycles, `[batch, bins, frames]`.

    Beside its own bin's advance, a phase advances by the slope of the log-magnitude along frequency: a peak
    pulls the bins on its flanks towards its own frequency. The mean of neighbouring frames counts.
    """
    n_fft, hop = front_end.n_fft, front_end.hop
    bins = n_fft // 2 + 1
    floor = tf.reduce_max(magnitude, axis=[1, 2], keepdims=True) * _LEAST_SHARE
    level = tf.math.log(tf.maximum(magnitude, floor) + _TINY)
    slope = tf.pad((level[:, 2:] - level[:, :-2]) / 2, [[0, 0], [1, 1], [0, 0]])[:, :bins]
    pull = slope * (hop / (2 * np.pi * _GAUSSIAN * n_fft))
    advance = tf.pad((pull[:, :, 1:] + pull[:, :, :-1]) / 2, [[0, 0], [0, 0], [1, 0]])
    # In whole numbers, since a float32 of many cycles has lost the fraction that counts.
    bin_number = tf.range(bins, dtype=tf.int64)[:, tf.newaxis]
    frame_number = tf.range(tf.shape(magnitude, tf.int64)[2])
    own = tf.cast((bin_number * hop % n_fft) * frame_number % n_fft, tf.float32) / n_fft
    return own + tf.cumsum(advance, axis=2) + first_phase[:, :, tf.newaxis]


def _first_phase(prefix: tf.Tensor | None, front_end: FrontEnd) -> tf.Tensor:
    """The first frame's phase in cycles, `[batch or 1, bins]`: the prefix's, or a central pulse's."""
    if prefix is None:
        # Phases count from a frame's first sample, and a peak's parts agree at its middle.
        return tf.constant(np.arange(front_end.n_fft // 2 + 1) % 2 / 2, tf.float32)[tf.newaxis]
    spectrum = tf.signal.rfft(prefix[:, : front_end.n_fft] * hann(front_end.n_fft).astype(np.float32))
    return tf.math.angle(spectrum) / (2 * np.pi)


def _random_phase(seeds: tf.Tensor, bins: int, frames: tf.Tensor) -> tf.Tensor:
    """Phases in cycles, `[batch, bins, frames]`, each clip by its seed alone."""

    def of_clip(seed: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform([frames, bins], tf.stack([seed, 0]))

    # Frames first, so that a clip's phases do not depend on how many frames follow.
    cycles = tf.map_fn(of_clip, seeds, fn_output_signature=tf.float32)
    return tf.transpose(cycles, [0, 2, 1])
