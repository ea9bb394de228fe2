"""Recordings of any length, to images and back, in memory for the transforms that does not grow with them.

    image, reference_db = recording_to_image(waveform, FrontEnd())
    waveform = image_to_recording(image, reference_db, FrontEnd())

What is compiled is kept, so that it serves all recordings of one front end.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.image import check_image, image_to_mel, is_silent, mel_to_image, reference_db
from tfnoise.audio.mel import mel_spectrogram, mel_to_magnitude
from tfnoise.audio.phase import ITERATIONS, griffin_lim

CHUNK_FRAMES = 1024
_ANALYSED_FRAMES = 4096


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
    mel = recording_to_mel(waveform, front_end)
    reference = reference_db(mel, front_end)
    return mel_to_image(mel, reference, front_end).numpy(), float(reference)


def recording_to_mel(waveform: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """`mel_spectrogram` for one recording of any length: float32 `[mels, frames]`.

    Args:
      waveform: floats `[samples]` at front_end.sample_rate_hz, full scale -1..1.
      front_end: the settings.

    Raises:
      ValueError: as `mel_spectrogram` does.
    """
    frames = front_end.frames(len(waveform))
    if frames <= _ANALYSED_FRAMES:
        mel = mel_spectrogram(waveform, front_end).numpy()
    else:
        analyse = _analysis(dataclasses.replace(front_end, centre=False))
        margin = front_end.n_fft // 2 if front_end.centre else 0
        mel = np.empty([front_end.mels, frames], np.float32)
        for first in range(0, frames, _ANALYSED_FRAMES):
            last = min(first + _ANALYSED_FRAMES, frames)
            begin = first * front_end.hop - margin
            end = begin + front_end.n_fft + (last - first - 1) * front_end.hop
            part = np.pad(
                waveform[max(begin, 0) : end].astype(np.float32),
                [max(-begin, 0), max(end - len(waveform), 0)],
            )
            mel[:, first:last] = analyse(tf.constant(part)).numpy()
    return mel


@functools.lru_cache(maxsize=8)
def _analysis(front_end: FrontEnd) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(lambda part: mel_spectrogram(part, front_end), reduce_retracing=True)


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

    Each chunk goes on from the end of the one before, which its iterations hold, and where they overlap one
    is faded into the other.

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
    check_image(image, front_end)
    frames, hop, n_fft = image.shape[1], front_end.hop, front_end.n_fft
    samples = front_end.samples(frames) if samples is None else samples
    gain = 0.0 if is_silent(reference_db) else 10 ** (float(reference_db) / 20)
    # A frame's length that the later chunk lacks frames for, and as much to fade over.
    overlap = 2 * -(-n_fft // hop)
    chunk_frames = max(chunk_frames, 2 * overlap)
    whole = frames <= chunk_frames
    # Inside of a recording there are no zeros around a chunk: its frames are not centred.
    synthesise = _compiled(front_end if whole else dataclasses.replace(front_end, centre=False), iterations)
    if whole:
        yield gain * synthesise(image, samples, None)
        on_chunk(frames)
        return
    fade = overlap * hop - n_fft
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)).astype(np.float32)
    skip, left, known = n_fft // 2 if front_end.centre else 0, samples, None
    for first in range(0, frames - overlap, chunk_frames - overlap):
        last = min(first + chunk_frames, frames)
        chunk = synthesise(image[:, first:last], n_fft + (last - first - 1) * hop, known)
        if known is not None:
            chunk[:n_fft] = known[:n_fft]
            chunk[n_fft:][:fade] = rise * chunk[n_fft:][:fade] + (1 - rise) * known[n_fft:]
        if last < frames:
            ready = (last - overlap - first) * hop
            chunk, known = chunk[:ready], chunk[ready:][: overlap * hop]
        piece = chunk[skip:][:left]
        skip, left = 0, left - len(piece)
        yield gain * piece
        on_chunk(last - first - (overlap if first else 0))
    if left:
        yield np.zeros(left, np.float32)


@functools.lru_cache(maxsize=8)
def _compiled(
    front_end: FrontEnd, iterations: int
) -> Callable[[np.ndarray, int, np.ndarray | None], np.ndarray]:
    """The sound of one image at a peak of 0 dB, compiled once for all lengths."""

    @tf.function(reduce_retracing=True)
    def synthesise(image: tf.Tensor, samples: tf.Tensor, known: tf.Tensor | None) -> tf.Tensor:
        mel = image_to_mel(image, 0.0, front_end)
        magnitude = mel_to_magnitude(mel, front_end)[tf.newaxis]
        return griffin_lim(magnitude, front_end, iterations, samples, known=known)[0]

    def run(image: np.ndarray, samples: int, known: np.ndarray | None) -> np.ndarray:
        before = None if known is None else tf.constant(known[None])
        return synthesise(tf.constant(image, tf.float32), tf.constant(samples), before).numpy()

    return run
