"""Recordings of any length, to images and back, in memory for the transforms that does not grow with them.

    image, reference_db = recording_to_image(waveform, FrontEnd())
    waveform = image_to_recording(image, reference_db, FrontEnd())

For recordings that are not held whole: `tfnoise.audio.streams`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.image import mel_to_image, reference_db
from tfnoise.audio.phase import ITERATIONS
from tfnoise.audio.streams import CHUNK_FRAMES, MelStream, SoundStream


def recording_to_image(waveform: np.ndarray, front_end: FrontEnd) -> tuple[np.ndarray, float]:
    """`waveform_to_image` for one recording of any length; the image is the same.

    Args:
      waveform: floats `[samples]` at front_end.sample_rate_hz, full scale -1..1.
      front_end: the settings.

    Returns:
      The image, float32 `[mels, frames, 1]`, and its reference in dB.

    Raises:
      ValueError: as `waveform_to_image` does.
    """
    stream = MelStream(front_end)
    mel = np.concatenate([*stream.push(waveform), *stream.finish()], 1)
    reference = reference_db(mel, front_end)
    return mel_to_image(mel, reference, front_end).numpy(), float(reference)


def image_to_recording(
    image: np.ndarray,
    reference_db: float,
    front_end: FrontEnd,
    iterations: int = ITERATIONS,
    samples: int | None = None,
) -> np.ndarray:
    """All of `waveform_chunks`: float32 `[samples]`."""
    return np.concatenate(list(waveform_chunks(image, reference_db, front_end, iterations, samples)))


def waveform_chunks(
    image: np.ndarray,
    reference_db: float,
    front_end: FrontEnd,
    iterations: int = ITERATIONS,
    samples: int | None = None,
    chunk_frames: int = CHUNK_FRAMES,
    on_chunk: Callable[[int], Any] = lambda frames: None,
) -> Iterator[np.ndarray]:
    """`image_to_waveform` for one image of any length, in memory that does not grow with it.

    Args:
      image: float32 `[mels, frames, 1]` in [0, 1].
      reference_db: dB, what the image's 1 stands for.
      front_end: the settings that made the image.
      iterations: of the phase reconstruction.
      samples: of the whole waveform; None: the fewest that have so many frames.
      chunk_frames: frames handled at once, some of them twice.
      on_chunk: called after each chunk with its number of new frames.

    Yields:
      float32 `[samples]` pieces of the waveform, in order.

    Raises:
      ValueError: when the image is not of this front end.
    """
    stream = SoundStream(front_end, reference_db, iterations, chunk_frames, on_chunk)
    yield from stream.push(image)
    yield from stream.finish(samples)
