"""Writes sound for people: WAV or FLAC of 24 bits that never clips, whole or not there."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from tfnoise.errors import InputError
from tfnoise.files import replacing

FORMATS = {".wav": "WAV", ".flac": "FLAC"}
"""By a file's suffix in lower case: libsndfile's name of the format."""


def write_sound(target: Path, waveform: np.ndarray, sample_rate_hz: int) -> float:
    """Writes a waveform `[samples]` or `[samples, channels]`; makes the folder if there is none.

    Returns:
      By how many dB it was turned down, so that it does not exceed full scale; 0 if it did not.

    Raises:
      InputError: the format cannot hold it.
      OSError: the folder cannot be written to.
    """
    import soundfile

    peak = max(float(np.max(np.abs(waveform), initial=0.0)), 1.0)
    target.parent.mkdir(parents=True, exist_ok=True)
    form = FORMATS[target.suffix.lower()]
    with replacing(target) as temporary:
        try:
            soundfile.write(str(temporary), waveform / peak, sample_rate_hz, "PCM_24", format=form)
        except soundfile.SoundFileError as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{target}: cannot be written ({reason}); see that there is space, or try .wav"
            ) from error
    return 20 * math.log10(peak)
