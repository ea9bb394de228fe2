"""Waveform to mel-spectrogram and image to waveform, piece by piece, in memory that does not grow.

How the input is cut into pieces never changes what comes out. What is compiled is kept, so that it serves all
recordings of one front end.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.image import check_image, image_to_mel, is_silent, mel_to_image
from tfnoise.audio.image import reference_db as reference_of
from tfnoise.audio.mel import mel_spectrogram, mel_to_magnitude
from tfnoise.audio.phase import ITERATIONS, griffin_lim
from tfnoise.audio.resample import fitted

CHUNK_FRAMES = 1024
"""Frames that get their phase at once."""

_ANALYSED_FRAMES = 4096


class MelStream:
    """`mel_spectrogram` of one recording that comes in pieces.

    >>> stream = MelStream(FrontEnd())
    >>> pieces = [*stream.push(np.ones(9000)), *stream.push(np.ones(7000)), *stream.finish()]
    >>> np.concatenate(pieces, axis=1).shape
    (128, 63)

    Args:
      front_end: the settings.
      frames_at_once: frames yielded at a time; they may differ in the last place with it.
    """

    def __init__(self, front_end: FrontEnd, frames_at_once: int | None = None):
        self._front_end, self._at_once = front_end, frames_at_once or _ANALYSED_FRAMES
        self._uncentred = dataclasses.replace(front_end, centre=False)
        # From the first sample of the next frame on.
        self._pending = np.zeros(front_end.margin, np.float32)
        self._samples = 0
        self._frames = 0

    def push(self, waveform: np.ndarray) -> Iterator[np.ndarray]:
        """Takes the next piece, floats `[samples]`; yields what frames are ready, `[mels, frames]`."""
        self._pending = np.concatenate([self._pending, np.asarray(waveform, np.float32)])
        self._samples += len(waveform)
        while len(self._pending) >= self._uncentred.samples(self._at_once):
            yield self._analysed(self._at_once)

    def finish(self) -> Iterator[np.ndarray]:
        """Yields the last frames.

        Raises:
          ValueError: as `mel_spectrogram` does where the whole recording is too short.
        """
        if not self._frames and self._front_end.frames(self._samples) <= self._at_once:
            yield mel_spectrogram(self._pending[self._front_end.margin :], self._front_end).numpy()
            return
        while (left := self._front_end.frames(self._samples) - self._frames) > 0:
            yield self._analysed(min(left, self._at_once))

    def _analysed(self, frames: int) -> np.ndarray:
        part = fitted(self._pending, self._uncentred.samples(frames))
        self._pending = self._pending[frames * self._front_end.hop :]
        self._frames += frames
        return _analysis(self._uncentred)(tf.constant(part)).numpy()


class SoundStream:
    """The waveform of one image that comes in pieces.

    Each chunk continues the end of the one before, which its iterations keep, and where they overlap one
    is faded into the other.

    >>> stream = SoundStream(FrontEnd(), reference_db=0.0, iterations=1)
    >>> image = np.ones([128, 20, 1], np.float32)
    >>> sum(len(piece) for piece in (*stream.push(image), *stream.push(image), *stream.finish()))
    9984

    Args:
      front_end: the settings that made the image.
      reference_db: dB, what the image's 1 stands for.
      iterations: of the phase reconstruction.
      chunk_frames: frames handled at once, some of them twice.
      on_chunk: called after each chunk with its number of new frames.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        reference_db: float,
        iterations: int = ITERATIONS,
        chunk_frames: int = CHUNK_FRAMES,
        on_chunk: Callable[[int], Any] = lambda frames: None,
    ):
        self._front_end, self._iterations, self._on_chunk = front_end, iterations, on_chunk
        # Inside of a recording there are no zeros around a chunk: its frames are not centred.
        self._uncentred = dataclasses.replace(front_end, centre=False)
        self._silent = bool(is_silent(reference_db))
        self._gain = np.float32(10 ** (float(reference_db) / 20))
        # A frame's length that the later chunk lacks frames for, and as much to fade over.
        self._overlap = 2 * -(-front_end.n_fft // front_end.hop)
        self._chunk_frames = max(chunk_frames, 2 * self._overlap)
        self._pending = np.zeros([front_end.mels, 0, 1], np.float32)
        self._prefix: np.ndarray | None = None
        self._frames = 0
        self._samples = 0

    def push(self, image: np.ndarray) -> Iterator[np.ndarray]:
        """Takes the next piece `[mels, frames, 1]`, one chunk or more of which yields float32 `[samples]`.

        Raises:
          ValueError: when the image is not of the front end.
        """
        check_image(image, self._front_end)
        self._pending = np.concatenate([self._pending, image], 1)
        self._frames += image.shape[1]
        while self._pending.shape[1] > self._chunk_frames:
            yield self._chunk(self._pending[:, : self._chunk_frames], last=False)
            self._pending = self._pending[:, self._chunk_frames - self._overlap :]

    def finish(self, samples: int | None = None) -> Iterator[np.ndarray]:
        """Yields the rest of the waveform.

        Args:
          samples: of the whole waveform; None: the fewest that have so many frames.
        """
        samples = self._front_end.samples(self._frames) if samples is None else samples
        if self._samples:
            left = max(0, samples - self._samples)
            yield fitted(self._chunk(self._pending, last=True), left)
            return
        yield self._gain * self._sound(self._pending, samples, self._front_end)
        self._on_chunk(self._frames)

    def _sound(self, image: np.ndarray, samples: int, front_end: FrontEnd) -> np.ndarray:
        """The sound of an image at a peak of 0 dB, which continues the chunk before if there is one."""
        if self._silent:
            return np.zeros(samples, np.float32)
        synthesise = _synthesis(front_end, self._iterations)
        prefix = None if self._prefix is None else tf.constant(self._prefix[None])
        return synthesise(tf.constant(image, tf.float32), tf.constant(samples), prefix).numpy()

    def _chunk(self, image: np.ndarray, last: bool) -> np.ndarray:
        n_fft, hop, frames, prefix = self._front_end.n_fft, self._front_end.hop, image.shape[1], self._prefix
        chunk = self._sound(image, self._uncentred.samples(frames), self._uncentred)
        if prefix is not None:
            fade = len(prefix) - n_fft
            rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)).astype(np.float32)
            chunk[:n_fft] = prefix[:n_fft]
            chunk[n_fft:][:fade] = rise * chunk[n_fft:][:fade] + (1 - rise) * prefix[n_fft:]
        if not last:
            ready = (frames - self._overlap) * hop
            chunk, self._prefix = chunk[:ready], chunk[ready:][: self._overlap * hop]
        self._on_chunk(frames - (0 if prefix is None else self._overlap))
        piece = chunk[0 if self._samples else self._front_end.margin :]
        self._samples += len(piece)
        return self._gain * piece


def recording_to_image(waveform: np.ndarray, front_end: FrontEnd) -> tuple[np.ndarray, float]:
    """`waveform_to_image` for one recording `[samples]` of any length; the image is the same.

    >>> image, reference = recording_to_image(np.zeros(16000), FrontEnd())
    >>> image.shape, reference
    ((128, 63, 1), -120.0)

    Arguments and errors as of `waveform_to_image`; the image is float32 `[mels, frames, 1]`, the reference a
    number in dB.
    """
    stream = MelStream(front_end)
    mel = np.concatenate([*stream.push(waveform), *stream.finish()], 1)
    reference = reference_of(mel, front_end)
    return mel_to_image(mel, reference, front_end).numpy(), float(reference)


def image_to_recording(
    image: np.ndarray,
    reference_db: float,
    front_end: FrontEnd,
    iterations: int = ITERATIONS,
    samples: int | None = None,
) -> np.ndarray:
    """All of `waveform_chunks`: float32 `[samples]`.

    >>> image_to_recording(np.ones([128, 4, 1], np.float32), 0.0, FrontEnd(), iterations=1, samples=800).shape
    (800,)
    """
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

    >>> chunks = waveform_chunks(np.ones([128, 99, 1], np.float32), -120.0, FrontEnd(), chunk_frames=50)
    >>> sum(len(chunk) for chunk in chunks) == FrontEnd().samples(99)
    True

    Args:
      image: float32 `[mels, frames, 1]` in [0, 1].
      reference_db, front_end, iterations, chunk_frames, on_chunk: as of `SoundStream`.
      samples: of the whole waveform; None: the fewest that have so many frames.

    Yields:
      float32 `[samples]` pieces of the waveform, in order.

    Raises:
      ValueError: when the image is not of this front end.
    """
    stream = SoundStream(front_end, reference_db, iterations, chunk_frames, on_chunk)
    yield from stream.push(image)
    yield from stream.finish(samples)


@functools.lru_cache(maxsize=8)
def _analysis(front_end: FrontEnd) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(lambda part: mel_spectrogram(part, front_end), reduce_retracing=True)


@functools.lru_cache(maxsize=8)
def _synthesis(front_end: FrontEnd, iterations: int) -> Callable[..., tf.Tensor]:
    """A function of an image, a number of samples and a prefix or None, compiled once for all lengths."""

    @tf.function(reduce_retracing=True)
    def synthesise(image: tf.Tensor, samples: tf.Tensor, prefix: tf.Tensor | None) -> tf.Tensor:
        mel = image_to_mel(image, 0.0, front_end)
        magnitude = mel_to_magnitude(mel, front_end)[tf.newaxis]
        return griffin_lim(magnitude, front_end, iterations, samples, prefix=prefix)[0]

    return synthesise
