"""Sounds of a report: FLAC that a browser plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from tfnoise.files import replacing


def write_flac(waveform: np.ndarray, sample_rate_hz: int, path: Path) -> None:
    """Writes a waveform `[samples]` as 16-bit FLAC, turned down where it exceeds full scale.

    Raises:
      OSError: the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    peak = float(np.max(np.abs(waveform), initial=1.0))
    with replacing(path) as temporary:
        soundfile.write(temporary, waveform / peak, sample_rate_hz, format="FLAC", subtype="PCM_16")
