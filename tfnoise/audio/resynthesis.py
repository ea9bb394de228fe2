"""From a mel-spectrogram image back to sound: whole, or in chunks that go on from each other.

    waveform = image_to_waveform(image, reference_db, FrontEnd())     # [batch, samples]

For recordings of any length: `tfnoise.audio.long_recordings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.image import image_to_mel, is_silent
from tfnoise.audio.mel import mel_to_magnitude
from tfnoise.audio.phase import ITERATIONS, griffin_lim


def image_to_waveform(
    image: Any,
    reference_db: Any,
    front_end: FrontEnd,
    iterations: int = ITERATIONS,
    samples: int | tf.Tensor | None = None,
    start: str = "gradient",
    seeds: Sequence[int] | tf.Tensor | int = 0,
    known: tf.Tensor | None = None,
) -> tf.Tensor:
    """The sound of an image: its magnitudes without negative ones, then a phase for them.

    Args:
      image: floats `[mels, frames, 1]` or `[batch, mels, frames, 1]` in [0, 1].
      reference_db: dB `[]` or `[batch]` as from `tfnoise.audio.reference_db`: what the image's 1 stands for.
      front_end: the settings that made the image.
      iterations: of the phase reconstruction.
      samples: of the waveform; None: the fewest that have so many frames. At most hop - 1 more are useful.
      start, seeds, known: as in `griffin_lim`.

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
