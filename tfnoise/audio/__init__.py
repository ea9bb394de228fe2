"""Audio files, sample rates, and the front end between a waveform and its mel-spectrogram image."""

from tfnoise.audio.files import AUDIO_SUFFIXES, AudioInfo, probe, read
from tfnoise.audio.front_end import (
    REFERENCE_FLOOR_DB,
    FrontEnd,
    image_to_mel,
    is_silent,
    mel_filterbank,
    mel_spectrogram,
    mel_to_image,
    reference_db,
    waveform_to_image,
)
from tfnoise.audio.resample import resample, to_mono

__all__ = [
    "AUDIO_SUFFIXES",
    "REFERENCE_FLOOR_DB",
    "AudioInfo",
    "FrontEnd",
    "image_to_mel",
    "is_silent",
    "mel_filterbank",
    "mel_spectrogram",
    "mel_to_image",
    "probe",
    "read",
    "reference_db",
    "resample",
    "to_mono",
    "waveform_to_image",
]
