"""From one sample rate to another, and from several channels to one."""

from __future__ import annotations

import numpy as np


def resample(waveform: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """The waveform at another sample rate, by soxr's high-quality band-limited filter, without delay.

    >>> resample(np.zeros([44100, 2]), 44100, 16000).shape
    (16000, 2)

    Args:
      waveform: floats `[samples]` or `[samples, channels]`.
      from_hz: the waveform's sample rate.
      to_hz: the sample rate of the result.

    Returns:
      float32 of the same number of axes, with round(samples * to_hz / from_hz) samples; the input itself, as
      float32, where the rates are equal.

    Raises:
      ValueError: when a rate is not positive, or the waveform has neither one nor two axes.

    Source: libsoxr, https://sourceforge.net/projects/soxr.
    """
    waveform = as_waveform(waveform)
    if not (from_hz > 0 and to_hz > 0):
        raise ValueError(f"sample rates must be positive, not {from_hz} and {to_hz}")
    if from_hz == to_hz or len(waveform) == 0:
        return waveform
    import soxr

    return soxr.resample(np.ascontiguousarray(waveform), from_hz, to_hz, quality="HQ")


class Resampler:
    """`resample` of one recording that comes in pieces; the samples are the same.

    >>> resampler = Resampler(16000, 8000)
    >>> sum(len(piece) for piece in (resampler.push(np.zeros([1600, 1])), resampler.finish()))
    800

    Args:
      from_hz, to_hz: sample rates, as of `resample`.
      channels: of the recording.

    Raises:
      ValueError: when a rate is not positive.
    """

    def __init__(self, from_hz: float, to_hz: float, channels: int = 1):
        if not (from_hz > 0 and to_hz > 0):
            raise ValueError(f"sample rates must be positive, not {from_hz} and {to_hz}")
        self._stream = None
        self._nothing = np.zeros([0, channels], np.float32)
        if from_hz != to_hz:
            import soxr

            self._stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32", quality="HQ")

    def push(self, waveform: np.ndarray) -> np.ndarray:
        """Takes the next piece, floats `[samples, channels]`; gives what is ready, float32 likewise."""
        return self._resampled(waveform, last=False)

    def finish(self) -> np.ndarray:
        """The rest."""
        return self._resampled(self._nothing, last=True)

    def _resampled(self, waveform: np.ndarray, last: bool) -> np.ndarray:
        waveform = np.ascontiguousarray(waveform, np.float32)
        if self._stream is None:
            return waveform
        # Of one channel soxr takes and gives `[samples]`.
        piece = self._stream.resample_chunk(waveform.squeeze(1) if waveform.shape[1] == 1 else waveform, last)
        return piece.reshape(-1, waveform.shape[1])


def as_waveform(waveform: np.ndarray) -> np.ndarray:
    """A waveform as float32; a ValueError unless it is `[samples]` or `[samples, channels]`."""
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim not in (1, 2) or (waveform.ndim == 2 and waveform.shape[1] == 0):
        raise ValueError(
            f"a waveform must be [samples] or [samples, channels], not of shape {waveform.shape}"
        )
    return waveform


def fitted(waveform: np.ndarray, samples: int) -> np.ndarray:
    """A waveform `[samples, ...]`, cut or filled with zeros: resampling there and back may add a sample."""
    missing = max(0, samples - len(waveform))
    return np.pad(waveform[:samples], [(0, missing)] + [(0, 0)] * (waveform.ndim - 1))


def to_mono(waveform: np.ndarray) -> np.ndarray:
    """The mean of the channels.

    >>> to_mono(np.array([[0.5, 0.25], [0.0, 1.0]]))
    array([0.375, 0.5  ], dtype=float32)

    Args:
      waveform: floats `[samples]` or `[samples, channels]`.

    Returns:
      float32 `[samples]`.

    Raises:
      ValueError: when the waveform has neither one nor two axes, or no channel.
    """
    waveform = as_waveform(waveform)
    if waveform.ndim == 1:
        return waveform
    return waveform[:, 0] if waveform.shape[1] == 1 else waveform.mean(axis=1, dtype=np.float32)
