"""PMQD's degradations as functions for `tf.data.Dataset.map`.

degraded = waveforms.map(degrade_map("lowpass", 60.0, 16000), num_parallel_calls=tf.data.AUTOTUNE)

The noise belongs to the seed and the waveform, so that nothing depends on the order of calls.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfnoise.audio.degradations import clip_seed, degrade


def degrade_map(
    degradation: str, intensity: float, sample_rate_hz: float, seed: int = 0
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function that degrades one waveform of a dataset.

    The noise is decided by the seed and the waveform's samples, never by the order of calls: a dataset gives
    the same however many calls run at once, and in every pass. It is the noise that bin/degrade adds.

    Args:
      degradation: one of `tfnoise.audio.degradations.DEGRADATIONS`.
      intensity: 0, the mildest setting of PMQD's range, to 100.
      sample_rate_hz: the waveforms' samples per second.
      seed: 0 or more; decides the noise.

    Returns:
      A function of a float32 tensor `[samples]` or `[samples, channels]`, any scale, that gives one of the
      same static shape. It runs in Python, so it cannot be exported; a waveform that holds NaN or infinity is
      an `InvalidArgumentError` when the dataset is iterated.

    Raises:
      ValueError: when the name is unknown, or a number is out of range; by the function, when a waveform's
        static shape has neither one nor two axes.
    """
    # Refused here, not at the first element.
    degrade(np.zeros([1], np.float32), sample_rate_hz, degradation, intensity)
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed}")

    def in_numpy(waveform: np.ndarray) -> np.ndarray:
        own_seed = clip_seed(waveform, seed) if degradation == "noise" else 0
        return degrade(waveform, sample_rate_hz, degradation, intensity, own_seed)

    def degraded(waveform: tf.Tensor) -> tf.Tensor:
        waveform = tf.cast(waveform, tf.float32)
        if waveform.shape.rank not in (None, 1, 2):
            raise ValueError(
                f"a waveform must be [samples] or [samples, channels], not of shape {waveform.shape}"
            )
        # Without state: tf.data may then run calls side by side even where operations must be deterministic.
        result = tf.numpy_function(in_numpy, [waveform], tf.float32, stateful=False)
        return tf.ensure_shape(result, waveform.shape)

    return degraded
