"""From one sample rate to another, and from several channels to one."""

from __future__ import annotations

import numpy as np


def resample(waveform: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """The waveform at another sample rate, by soxr's high-quality band-limited filter, without delay.

    Args:
      waveform: floats `[samples]` or `[samples, channels]`.
      from_hz: the waveform's sample rate.
      to_hz: the sample rate wanted.

    Returns:
      float32 of the same number of axes, with round(samples * to_hz / from_hz) samples; the input itself, as
      float32, where the rates are equal.

    Raises:
      ValueError: when a rate is not positive, or the waveform has neither one nor two axes.

    Source: libsoxr, https://sourceforge.net/projects/soxr.
    """
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim not in (1, 2):
        raise ValueError(
            f"a waveform must be [samples] or [samples, channels], not of shape {waveform.shape}"
        )
    if not (from_hz > 0 and to_hz > 0):
        raise ValueError(f"sample rates must be positive, not {from_hz} and {to_hz}")
    if from_hz == to_hz or len(waveform) == 0:
        return waveform
    import soxr

    return soxr.resample(np.ascontiguousarray(waveform), from_hz, to_hz, quality="HQ")


def fitted(waveform: np.ndarray, samples: int) -> np.ndarray:
    """A waveform `[samples, ...]`, cut or filled with zeros: resampling there and back may add a sample."""
    missing = max(0, samples - len(waveform))
    return np.pad(waveform[:samples], [(0, missing)] + [(0, 0)] * (waveform.ndim - 1))


def to_mono(waveform: np.ndarray) -> np.ndarray:
    """The mean of the channels.

    Args:
      waveform: floats `[samples]` or `[samples, channels]`.

    Returns:
      float32 `[samples]`.

    Raises:
      ValueError: when the waveform has neither one nor two axes, or no channel.
    """
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim == 1:
        return waveform
    if waveform.ndim != 2 or waveform.shape[1] == 0:
        raise ValueError(
            f"a waveform must be [samples] or [samples, channels], not of shape {waveform.shape}"
        )
    return waveform[:, 0] if waveform.shape[1] == 1 else waveform.mean(axis=1, dtype=np.float32)
