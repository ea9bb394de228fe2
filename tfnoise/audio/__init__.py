"""Audio files, sample rates, and the front end between a waveform and its mel-spectrogram image, and back."""

from __future__ import annotations

import importlib
from typing import Any

from tfnoise.audio.files import AUDIO_SUFFIXES, AudioInfo, open_sound, probe, read
from tfnoise.audio.front_end import FrontEnd
from tfnoise.audio.resample import Resampler, resample, to_mono

# What is imported only when asked for, since it takes TensorFlow: files and settings need none.
_LATER = {
    "REFERENCE_FLOOR_DB": "image",
    "ImageToWaveform": "keras_layers",
    "MelStream": "streams",
    "SoundStream": "streams",
    "WaveformToImage": "keras_layers",
    "degrade": "degradations",
    "griffin_lim": "phase",
    "image_to_mel": "image",
    "image_to_recording": "streams",
    "image_to_waveform": "phase",
    "is_silent": "image",
    "magnitude_spectrogram": "mel",
    "mel_filterbank": "mel",
    "mel_spectrogram": "mel",
    "mel_to_image": "image",
    "mel_to_magnitude": "mel",
    "reference_db": "image",
    "recording_to_image": "streams",
    "waveform_chunks": "streams",
    "waveform_to_image": "image",
}

__all__ = [
    "AUDIO_SUFFIXES",
    "AudioInfo",
    "FrontEnd",
    "Resampler",
    "open_sound",
    "probe",
    "read",
    "resample",
    "to_mono",
    *sorted(_LATER),
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"tfnoise.audio.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
