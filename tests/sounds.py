"""Waveforms that several tests use."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from tfnoise.audio import read, resample, to_mono
from tfnoise.data import list_clips, synthetic_clips


def tone(hz: float, rate_hz: int, seconds: float = 0.5) -> np.ndarray:
    """A sine of amplitude 1."""
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz).astype(np.float32)


@functools.cache
def synthetic(rate_hz: int = 16000, seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """The synthesised clips, `[14, samples]`."""
    return np.stack([waveform for _, _, waveform in synthetic_clips(rate_hz, seconds, seed)])


def natural(folder: Path, step: int) -> np.ndarray:
    """One of `step` clips of a folder, at 16 kHz: `[clips, samples]`."""
    recordings = [read(clip.path) for clip in list_clips(folder)[::step]]
    return np.stack([resample(to_mono(samples), rate_hz, 16000) for samples, rate_hz in recordings])
