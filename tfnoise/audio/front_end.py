"""The settings between a waveform and its mel-spectrogram image."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

import numpy as np

_WIDEST_TOP_DB = 180.0


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """The settings that turn a waveform into a mel-spectrogram image; immutable and hashable.

    >>> front_end = FrontEnd(sample_rate_hz=16000, hop=256)
    >>> front_end.frames(16000), front_end.samples(63), front_end.duration_s(63)
    (63, 15872, 1.008)

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

    @property
    def margin(self) -> int:
        """Zeros before the first sample, and after the last, that count as part of the clip."""
        return self.n_fft // 2 if self.centre else 0

    def frames(self, samples: Any) -> Any:
        """The number of frames of a waveform of `samples` samples, an int or tensor; 0 if it is too short."""
        return _at_least(0, 1 + (samples + 2 * self.margin - self.n_fft) // self.hop, samples)

    def samples(self, frames: Any) -> Any:
        """The fewest samples whose spectrogram has `frames` frames, an int or tensor; 0 for 0 frames."""
        return _at_least(1, self.n_fft + (frames - 1) * self.hop - 2 * self.margin, frames)

    def duration_s(self, frames: int) -> float:
        """The time in seconds that `frames` frames advance: frames * hop / sample_rate_hz."""
        return frames * self.hop / self.sample_rate_hz

    def to_dict(self) -> dict[str, Any]:
        """The settings by name, as numbers, booleans and None that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> FrontEnd:
        """The front end of `to_dict`'s settings; those that are absent take their defaults.

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


def _at_least(least: int, value: Any, count: Any) -> Any:
    """`value`, or `least` if that is more; 0 where `count` is not above 0."""
    if isinstance(count, (int, np.integer)):
        return max(least, value) if count > 0 else 0
    import tensorflow as tf

    return tf.where(count > 0, tf.maximum(value, least), 0)
