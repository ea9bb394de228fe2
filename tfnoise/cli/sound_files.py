"""Writes sound for people: WAV or FLAC of 24 bits that never clips, whole or not there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tfnoise.codec.spool import Spool
from tfnoise.errors import InputError
from tfnoise.files import replacing

FORMATS = {".wav": "WAV", ".flac": "FLAC"}
"""By a file's suffix in lower case: libsndfile's name of the format."""

_SAMPLE_BYTES = 3
# Beyond it a WAV header cannot tell the length; RF64 is the same with a longer one.
_MOST_WAV_BYTES = 2**32 - 4096
_VALUES_AT_ONCE = 1 << 20


def write_sound(target: Path, waveform: np.ndarray, sample_rate_hz: int) -> float:
    """`write_pieces` of a waveform `[samples]` or `[samples, channels]`."""
    waveform = waveform.reshape(len(waveform), -1)
    return write_pieces(target, [waveform], sample_rate_hz, waveform.shape[1])


def write_pieces(target: Path, pieces: Iterable[np.ndarray], sample_rate_hz: int, channels: int) -> float:
    """Writes sound that comes in pieces `[samples, channels]`; makes the folder if there is none.

    The pieces go to a temporary file first, since the loudest sample decides how loud all is written.

    Returns:
      By how many dB it was turned down, so that it does not exceed full scale; 0 if it did not.

    Raises:
      InputError: the format cannot hold it.
      OSError: a folder cannot be written to.
    """
    peak = 1.0
    with Spool((channels,)) as sound:
        for piece in pieces:
            sound.append(piece)
            peak = max(peak, float(np.max(np.abs(piece), initial=0.0)))
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            _write(temporary, target, sound, sample_rate_hz, channels, 1 / peak)
    return 20 * math.log10(peak)


def _write(
    temporary: Path, target: Path, sound: Spool, sample_rate_hz: int, channels: int, gain: float
) -> None:
    import soundfile

    form: Any = FORMATS[target.suffix.lower()]
    if form == "WAV" and _SAMPLE_BYTES * channels * len(sound) > _MOST_WAV_BYTES:
        form = "RF64"
    step = max(1, _VALUES_AT_ONCE // channels)
    try:
        with soundfile.SoundFile(
            str(temporary), "w", sample_rate_hz, channels, "PCM_24", format=form
        ) as file:
            for first in range(0, len(sound), step):
                file.write(sound.read(first, first + step) * np.float32(gain))
    except soundfile.SoundFileError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{target}: cannot be written ({reason}); see that there is space, or try .wav"
        ) from error
