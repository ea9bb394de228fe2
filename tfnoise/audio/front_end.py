"""Waveform to mel-spectrogram "image" in [0, 1], and from the image back to the mel-spectrogram.

    front_end = FrontEnd(sample_rate_hz=16000)
    image, reference = waveform_to_image(waveform, front_end)      # [128, frames, 1], dB
    mel = image_to_mel(image, reference, front_end)                # [128, frames]

Everything here is stock TensorFlow, works eagerly and in a `tf.function`, and takes dynamic lengths.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
from typing import Any

import numpy as np
import tensorflow as tf

#: The lowest reference: a clip whose peak is at or under it is silent. For the unit see `reference_db`.
REFERENCE_FLOOR_DB = -120.0

# No image expresses less: it is the floor less the widest `top_db`, for the power 2. float32 ends at 1e-38.
_SMALLEST_MEL = 1e-30
_WIDEST_TOP_DB = 180.0


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """The settings that turn a waveform into a mel-spectrogram image; immutable and hashable.

    Attributes:
      sample_rate_hz: samples per second of the waveform, an integer.
      n_fft: samples in a frame, which is also the length of its Fourier transform.
      hop: samples from one frame to the next, 1..n_fft.
      mels: bands of the mel scale, the height of the image.
      f_min_hz: lower edge of the lowest band.
      f_max_hz: upper edge of the highest band; None is half the sample rate.
      power: exponent of |STFT|, above 0 and at most 2: 1 is magnitude, 2 is power.
      top_db: decibels below the clip's peak that the image spans, above 0 and at most 180.
      centre: whether frame t is centred on sample t * hop, with zeros beyond both ends of the clip; otherwise
        it starts there, and only whole frames count.

    Raises:
      ValueError: when a setting is out of range; the message names it.
    """

    sample_rate_hz: int = 16000
    n_fft: int = 1024
    hop: int = 256
    mels: int = 128
    f_min_hz: float = 0.0
    f_max_hz: float | None = None
    power: float = 2.0
    top_db: float = 80.0
    centre: bool = True

    def __post_init__(self) -> None:
        for name, least in (("sample_rate_hz", 1), ("n_fft", 2), ("hop", 1), ("mels", 1)):
            self._set(name, _whole(name, getattr(self, name), least))
        for name in ("f_min_hz", "power", "top_db"):
            self._set(name, _finite(name, getattr(self, name)))
        if self.f_max_hz is not None:
            self._set("f_max_hz", _finite("f_max_hz", self.f_max_hz))
        if not isinstance(self.centre, (bool, np.bool_)):
            raise ValueError(f"centre must be True or False, not {self.centre!r}")
        self._set("centre", bool(self.centre))
        if self.hop > self.n_fft:
            raise ValueError(
                f"hop must be at most n_fft = {self.n_fft}, not {self.hop}: samples would be skipped"
            )
        half = self.sample_rate_hz / 2
        if not 0 <= self.f_min_hz < self.upper_hz <= half:
            raise ValueError(
                f"frequencies must hold 0 <= f_min_hz < f_max_hz <= {half:g} (half the sample rate), "
                f"not f_min_hz = {self.f_min_hz:g}, f_max_hz = {self.upper_hz:g}"
            )
        if not 0 < self.power <= 2:
            raise ValueError(f"power must be above 0 and at most 2, not {self.power:g}")
        if not 0 < self.top_db <= _WIDEST_TOP_DB:
            raise ValueError(f"top_db must be above 0 and at most {_WIDEST_TOP_DB:g}, not {self.top_db:g}")

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def upper_hz(self) -> float:
        """The upper edge of the highest band in Hz: f_max_hz, or half the sample rate where that is None."""
        return self.sample_rate_hz / 2 if self.f_max_hz is None else self.f_max_hz

    def frames(self, samples: int) -> int:
        """The number of frames of a waveform of `samples` samples; 0 where it is too short for one."""
        if samples < 1:
            return 0
        padded = samples + 2 * (self.n_fft // 2) if self.centre else samples
        return 0 if padded < self.n_fft else 1 + (padded - self.n_fft) // self.hop

    def samples(self, frames: int) -> int:
        """The fewest samples whose spectrogram has `frames` frames; 0 for 0 frames."""
        if frames < 1:
            return 0
        padding = 2 * (self.n_fft // 2) if self.centre else 0
        return max(1, self.n_fft + (frames - 1) * self.hop - padding)

    def duration_s(self, frames: int) -> float:
        """The time in seconds that `frames` frames advance: frames * hop / sample_rate_hz."""
        return frames * self.hop / self.sample_rate_hz

    def to_dict(self) -> dict[str, Any]:
        """The settings by name, as numbers, booleans and None that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> FrontEnd:
        """The front end of `to_dict`'s settings; those left out take their defaults.

        Raises:
          ValueError: for a setting that is unknown or out of range.
        """
        unknown = sorted(set(settings) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"a front end has no setting called {', '.join(unknown)}")
        return cls(**settings)


def _whole(name: str, value: Any, least: int) -> int:
    whole = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    if not whole or value != int(value) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def _finite(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    return float(value)


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's mel scale: linear up to 1 kHz (15 mel), logarithmic above (27 steps to a factor of 6.4)."""
    hz = np.asarray(hz, np.float64)
    logarithmic = 15.0 + np.log(np.maximum(hz, 1000.0) / 1000.0) * (27.0 / np.log(6.4))
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, logarithmic)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * (np.log(6.4) / 27.0)))


@functools.lru_cache(maxsize=32)
def mel_filterbank(front_end: FrontEnd) -> np.ndarray:
    """The triangular mel filters, equal to `librosa.filters.mel` (Slaney's scale, each of area 1 in Hz).

    Args:
      front_end: the settings; power, top_db, hop and centre play no part.

    Returns:
      float32 `[mels, n_fft // 2 + 1]`, not negative, read-only (it is cached).

    Source: Slaney, Auditory Toolbox, Technical Report 1998-010, Interval Research, 1998.
    """
    bins_hz = np.arange(front_end.n_fft // 2 + 1) * (front_end.sample_rate_hz / front_end.n_fft)
    limits = _hz_to_mel(np.array([front_end.f_min_hz, front_end.upper_hz]))
    edges_hz = _mel_to_hz(np.linspace(limits[0], limits[1], front_end.mels + 2))
    low, peak, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - low) / (peak - low)
    falling = (high - bins_hz) / (high - peak)
    filters = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
    filters = filters.astype(np.float32)
    filters.flags.writeable = False
    return filters


@functools.lru_cache(maxsize=32)
def _window(n_fft: int) -> np.ndarray:
    # tf.signal.hann_window is not periodic where the length is odd, and its cosine is float32.
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)
    window.flags.writeable = False
    return window


def mel_spectrogram(waveform: Any, front_end: FrontEnd) -> tf.Tensor:
    """The mel-spectrogram of |STFT| ** power: `librosa.feature.melspectrogram` with pad_mode="constant".

    Args:
      waveform: floats `[samples]` or `[batch, samples]` at front_end.sample_rate_hz, full scale -1..1.
      front_end: the settings.

    Returns:
      float32 `[mels, frames]` or `[batch, mels, frames]`, not negative; within 1e-5 of librosa's, relative to
      the clip's largest value.

    Raises:
      ValueError: when the waveform holds no floats, has neither one nor two axes, or is known to be too
        short: empty, or below n_fft samples where the frames are not centred.
    """
    waveform = tf.convert_to_tensor(waveform)
    if not waveform.dtype.is_floating:
        raise ValueError(f"a waveform must hold floats with full scale -1..1, not {waveform.dtype.name}")
    waveform = tf.cast(waveform, tf.float32)
    if waveform.shape.rank not in (1, 2):
        raise ValueError(f"a waveform must be [samples] or [batch, samples], not of shape {waveform.shape}")
    samples = waveform.shape[-1]
    if samples is not None and front_end.frames(samples) == 0:
        least = front_end.samples(1)
        raise ValueError(
            f"a waveform of {samples} samples has no frame: this front end needs {least} or more"
        )

    if front_end.centre:
        margin = front_end.n_fft // 2
        waveform = tf.pad(waveform, [[0, 0]] * (waveform.shape.rank - 1) + [[margin, margin]])
    # In double precision: a float32 transform's rounding shows in the image, some 80 dB below the peak.
    frames = tf.cast(tf.signal.frame(waveform, front_end.n_fft, front_end.hop), tf.float64)
    spectrum = tf.signal.rfft(frames * _window(front_end.n_fft))
    if front_end.power == 2.0:
        magnitude = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
    elif front_end.power == 1.0:
        magnitude = tf.abs(spectrum)
    else:
        magnitude = tf.pow(tf.abs(spectrum), front_end.power)
    return tf.matmul(mel_filterbank(front_end), tf.cast(magnitude, tf.float32), transpose_b=True)


def _to_db(mel: tf.Tensor, front_end: FrontEnd) -> tf.Tensor:
    return tf.math.log(tf.maximum(mel, _SMALLEST_MEL)) * (20.0 / (front_end.power * math.log(10.0)))


def reference_db(mel: Any, front_end: FrontEnd) -> tf.Tensor:
    """The clip's peak in dB, floored at -120 dBFS: what its image's 1 stands for.

    0 dBFS is here a mel value of exactly 1 from a waveform whose full scale is -1..1, so that the unit is
    that of `librosa.power_to_db(mel, ref=1.0)`. The STFT is not divided by its length: with the default
    settings a full-scale sine reaches 24 to 35 dB, and the floor lies about 150 dB below such a sine.

    Args:
      mel: `[..., mels, frames]` from `mel_spectrogram`.
      front_end: the settings; power decides the unit: 20 / power * log10(mel), which is 10 log10 of power and
        20 log10 of magnitude.

    Returns:
      float32 `[...]` in dB, at least REFERENCE_FLOOR_DB.
    """
    peak = tf.reduce_max(tf.convert_to_tensor(mel, tf.float32), axis=[-2, -1])
    return tf.maximum(_to_db(peak, front_end), REFERENCE_FLOOR_DB)


def is_silent(reference_db: Any) -> tf.Tensor:
    """Whether a clip of this reference is silent: its peak is at or under REFERENCE_FLOOR_DB.

    Args:
      reference_db: dB `[...]` from `reference_db`.

    Returns:
      bool `[...]`.
    """
    return tf.convert_to_tensor(reference_db, tf.float32) <= REFERENCE_FLOOR_DB


def mel_to_image(mel: Any, reference_db: Any, front_end: FrontEnd) -> tf.Tensor:
    """The image of a mel-spectrogram: 1 is the reference, 0 is top_db or more below it.

    Args:
      mel: `[..., mels, frames]` from `mel_spectrogram`.
      reference_db: dB `[...]` from `reference_db`.
      front_end: the settings.

    Returns:
      float32 `[..., mels, frames, 1]` in [0, 1]; all zero where the clip is silent.
    """
    reference = tf.convert_to_tensor(reference_db, tf.float32)[..., tf.newaxis, tf.newaxis]
    below_db = _to_db(tf.convert_to_tensor(mel, tf.float32), front_end) - reference
    image = tf.clip_by_value(1.0 + below_db / front_end.top_db, 0.0, 1.0)
    return tf.where(is_silent(reference), 0.0, image)[..., tf.newaxis]


def image_to_mel(image: Any, reference_db: Any, front_end: FrontEnd) -> tf.Tensor:
    """The mel-spectrogram of an image, the inverse of `mel_to_image` for values above the image's floor.

    Args:
      image: `[..., mels, frames, 1]` in [0, 1].
      reference_db: dB `[...]` from `reference_db`.
      front_end: the settings.

    Returns:
      float32 `[..., mels, frames]`; a pixel of 0 gives the value top_db below the reference, and a silent
      clip's reference gives zeros whatever the image shows.
    """
    reference = tf.convert_to_tensor(reference_db, tf.float32)[..., tf.newaxis, tf.newaxis]
    image = tf.squeeze(tf.convert_to_tensor(image, tf.float32), axis=-1)
    level_db = (image - 1.0) * front_end.top_db + reference
    mel = tf.exp(level_db * (front_end.power * math.log(10.0) / 20.0))
    return tf.where(is_silent(reference), 0.0, mel)


def waveform_to_image(waveform: Any, front_end: FrontEnd) -> tuple[tf.Tensor, tf.Tensor]:
    """The image of a waveform, and the reference in dB that must travel with it.

    Args:
      waveform: floats `[samples]` or `[batch, samples]` at front_end.sample_rate_hz, full scale -1..1.
      front_end: the settings.

    Returns:
      The image, float32 `[mels, frames, 1]` or `[batch, mels, frames, 1]` in [0, 1], and the clip's
      `reference_db`, float32 `[]` or `[batch]`.

    Raises:
      ValueError: as `mel_spectrogram` does.
    """
    mel = mel_spectrogram(waveform, front_end)
    reference = reference_db(mel, front_end)
    return mel_to_image(mel, reference, front_end), reference
