"""PMQD's four degradations of a waveform: distortion, limiter, low-pass and pink noise.

The Perceived Music Quality Dataset made its degraded clips with plug-ins of the workstation REAPER. These are
tfnoise's own reading of its description and not REAPER's plug-ins: the same ranges, not the same samples.

An intensity runs from 0, the mildest setting of PMQD's range, to 100. So 0 is not always the clip itself: the
limiter does nothing there, the low-pass cuts at 20 kHz, distortion and noise can be heard. Silence stays
silence. Distortion and limiter keep the clip's peak; low-pass and noise may exceed it, and full scale.

Source: Hilmkil, Thomé, Arpteg, "Perceiving Music Quality with GANs", 2020; the ranges from the README of
github.com/Peltarion/pmqd, "Degrading audio quality".
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable

import numpy as np
import scipy.fft
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import butter, sosfilt

from tfnoise.audio.resample import as_waveform

#: The names that `degrade` knows, in the order of PMQD's list.
DEGRADATIONS = ("distortion", "limiter", "lowpass", "noise")

# PMQD's plug-in goes from "a sine-like shape (50 %) to square (100 %)"; at 1 the formula has no finite value.
_LEAST_SHAPE, _GREATEST_SHAPE = 0.5, 0.99
_LOWEST_THRESHOLD_DB = -30.0
_LOOK_AHEAD_S = 0.005
_RELEASE_DB_PER_S = 150.0
_HIGHEST_CUTOFF_HZ, _LOWEST_CUTOFF_HZ = 20_000.0, 1_000.0
_LEAST_NOISE_DB = -25.0
# Pink down to here, flat below: a rising spectrum without end would put the power where nobody hears it.
_LOWEST_PINK_HZ = 20.0


def distortion(waveform: np.ndarray, sample_rate_hz: float, intensity: float) -> np.ndarray:
    """Waveshaping distortion, without memory: the louder a sample, the more it is squeezed.

    With the clip's peak as 1 a sample x becomes (1 + k) x / (1 + k |x|), k = 2a / (1 - a), where a goes from
    0.5 (k = 2, which can be heard) to 0.99 (k = 198, close to a square wave) in proportion to the intensity.
    The channels share one peak, which stays what it was. Harmonics above the Nyquist frequency fold back, as
    in a plug-in that does not oversample.

    Arguments and result as of `degrade`.

    Source: the formula, Tarrabia and de Jong, "Waveshaper", musicdsp.org.
    """
    waveform = _checked(waveform, sample_rate_hz, intensity)
    peak = _peak(waveform)
    if peak == 0:
        return waveform.copy()
    shape = _LEAST_SHAPE + (_GREATEST_SHAPE - _LEAST_SHAPE) * intensity / 100
    k = 2 * shape / (1 - shape)
    x = waveform / peak
    return _float32((1 + k) * x / (1 + k * np.abs(x)) * peak)


def limiter(waveform: np.ndarray, sample_rate_hz: float, intensity: float) -> np.ndarray:
    """A mastering limiter: no sample leaves the threshold, then the whole is made as loud as its peak was.

    The threshold goes from 0 dB to -30 dB below the clip's peak in proportion to the intensity. The gain, one
    for all channels, falls along a straight line in dB over the 5 ms before a peak and recovers by 150 dB a
    second after it. It is known in advance, so that nothing is delayed and nothing is clipped.

    Arguments and result as of `degrade`.
    """
    waveform = _checked(waveform, sample_rate_hz, intensity)
    peak = _peak(waveform)
    if peak == 0:
        return waveform.copy()
    threshold = peak * 10 ** (_LOWEST_THRESHOLD_DB * intensity / 100 / 20)
    envelope = np.abs(waveform) if waveform.ndim == 1 else np.max(np.abs(waveform), axis=1)
    gain = 10 ** (reduction_db(envelope, threshold, sample_rate_hz) / -20)
    limited = waveform * (gain if waveform.ndim == 1 else gain[:, None]) * (peak / threshold)
    # The gain suffices already; this takes away what rounding adds.
    return _float32(np.clip(limited, -peak, peak))


def reduction_db(envelope: np.ndarray, threshold: float, sample_rate_hz: float) -> np.ndarray:
    """By how much the limiter turns a clip down: float64 `[samples]`, dB, 0 or more.

    It is nowhere less than what brings the envelope `[samples]`, the largest absolute value among the
    channels, to the threshold, which is above 0.
    """
    # In float64 throughout: a small threshold would be rounded to zero.
    needed = 20 * np.log10(np.maximum(envelope, threshold, dtype=np.float64) / threshold)
    # Falling at a constant rate, the reduction is a running maximum along a sloping line.
    slope = np.arange(len(needed)) * (_RELEASE_DB_PER_S / sample_rate_hz)
    recovering = np.maximum.accumulate(needed + slope) - slope
    # Each value in the mean is a maximum over a window that holds the sample, so the mean is enough for it.
    window = 2 * max(1, round(_LOOK_AHEAD_S / 2 * sample_rate_hz)) + 1
    highest = maximum_filter1d(recovering, window, mode="nearest")
    reduction = uniform_filter1d(highest, window, mode="nearest")
    # A running mean ends a rounding error below zero.
    return np.maximum(reduction, 0, out=reduction)


def lowpass(waveform: np.ndarray, sample_rate_hz: float, intensity: float) -> np.ndarray:
    """A Butterworth low-pass filter of fourth order: 3 dB at the cut-off, 24 dB an octave above it.

    It is causal, as a plug-in's is, since filtering forwards and backwards would double the slope; so it
    delays by some 0.4 / cut-off (0.4 ms at 1 kHz). It starts from silence. Near the Nyquist frequency the
    slope is steeper (bilinear transform). Where the cut-off, see `cutoff_hz`, is at or above the Nyquist
    frequency nothing is done: at 16 kHz that is below an intensity of 30.6.

    Arguments and result as of `degrade`.
    """
    waveform = _checked(waveform, sample_rate_hz, intensity)
    cutoff = cutoff_hz(intensity)
    if cutoff >= sample_rate_hz / 2 or len(waveform) == 0:
        return waveform.copy()
    sections = butter(4, cutoff, fs=sample_rate_hz, output="sos")
    return _float32(sosfilt(sections, waveform, axis=0))


def cutoff_hz(intensity: float) -> float:
    """The cut-off of `lowpass`: equal steps of intensity are equal steps in pitch, 20 kHz to 1 kHz."""
    return _HIGHEST_CUTOFF_HZ * (_LOWEST_CUTOFF_HZ / _HIGHEST_CUTOFF_HZ) ** (intensity / 100)


def noise(waveform: np.ndarray, sample_rate_hz: float, intensity: float, seed: int = 0) -> np.ndarray:
    """Adds pink noise, of -25 dB to 0 dB relative to the clip's root mean square.

    It is relative to the clip, not to full scale, so that an intensity means the same signal-to-noise ratio
    (25 dB to 0 dB) for a quiet clip and a loud one, and noise at 0 dB is as loud as the clip, not louder. The
    mean is over all channels, each channel gets noise of its own. The peak may exceed the clip's, and 1.

    Arguments and result as of `degrade`; channel, length and rate decide the noise together with the seed.
    """
    waveform = _checked(waveform, sample_rate_hz, intensity)
    if _peak(waveform) == 0:
        return waveform.copy()
    root_mean_square = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    level = root_mean_square * 10 ** (_LEAST_NOISE_DB * (1 - intensity / 100) / 20)
    noisy = waveform.astype(np.float64).reshape(len(waveform), -1)
    for channel in range(noisy.shape[1]):
        pink = pink_noise(len(noisy), sample_rate_hz, seed, channel)
        noisy[:, channel] += np.multiply(pink, level, dtype=np.float64)
    return _float32(noisy.reshape(waveform.shape))


def pink_noise(samples: int, sample_rate_hz: float, seed: int = 0, channel: int = 0) -> np.ndarray:
    """Gaussian noise whose power falls by 3 dB an octave from 20 Hz up, and is flat below.

    Args:
      samples: how many, 1 or more.
      sample_rate_hz: samples per second.
      seed, channel: 0 or more; with the length and the rate they decide every sample.

    Returns:
      float32 `[samples]` with a root mean square of 1.

    Raises:
      ValueError: when seed or channel is negative.
    """
    if seed < 0 or channel < 0:
        raise ValueError(f"seed and channel must be 0 or more, not {seed} and {channel}")
    # No shorter than a period of the lowest frequency, so that a short clip has the same spectrum.
    length = scipy.fft.next_fast_len(max(samples, int(2 * sample_rate_hz / _LOWEST_PINK_HZ)), real=True)
    bins = length // 2 + 1
    rng = np.random.default_rng([seed, channel])
    spectrum = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64)
    hz = np.arange(bins, dtype=np.float32) * np.float32(sample_rate_hz / length)
    spectrum /= np.sqrt(np.maximum(hz, np.float32(_LOWEST_PINK_HZ), out=hz), out=hz)
    spectrum[0] = 0
    pink = scipy.fft.irfft(spectrum, length, overwrite_x=True)[:samples]
    return pink / np.float32(np.sqrt(np.mean(np.square(pink, dtype=np.float64))))


def degrade(
    waveform: np.ndarray, sample_rate_hz: float, degradation: str, intensity: float, seed: int = 0
) -> np.ndarray:
    """One of the degradations, by name.

    >>> tone = np.sin(np.arange(1000, dtype=np.float32))
    >>> float(np.abs(degrade(tone, 16000, "limiter", 50.0)).max()) == float(np.abs(tone).max())
    True

    Args:
      waveform: float32 `[samples]` or `[samples, channels]`, any scale.
      sample_rate_hz: samples per second.
      degradation: one of `DEGRADATIONS`.
      intensity: 0, the mildest setting of PMQD's range, to 100.
      seed: decides the noise; the others have nothing random.

    Returns:
      float32, a new array of the same shape.

    Raises:
      ValueError: when the name is unknown, an argument is out of range, or a sample is NaN or infinite.
    """
    functions: dict[str, Callable[[np.ndarray, float, float], np.ndarray]] = {
        "distortion": distortion,
        "limiter": limiter,
        "lowpass": lowpass,
        "noise": functools.partial(noise, seed=seed),
    }
    if degradation not in functions:
        raise ValueError(f"degradation must be one of {', '.join(DEGRADATIONS)}, not {degradation!r}")
    return functions[degradation](waveform, sample_rate_hz, intensity)


def clip_seed(waveform: np.ndarray, seed: int = 0) -> int:
    """A seed of a clip's own, from its samples: the same wherever and whenever the clip is met.

    Args:
      waveform: floats of any shape; `[samples]` and `[samples, 1]` give the same.
      seed: decides it together with the samples.

    Returns:
      A whole number from 0 to 2^64 - 1.
    """
    content = np.ascontiguousarray(waveform, "<f4").reshape(-1)
    digest = hashlib.blake2b(str(int(seed)).encode() + b"\0", digest_size=8)
    digest.update(content.view(np.uint8).data)
    return int.from_bytes(digest.digest(), "little")


def _checked(waveform: np.ndarray, sample_rate_hz: float, intensity: float) -> np.ndarray:
    """The waveform as float32, when all three can be used."""
    waveform = as_waveform(waveform)
    if not 0 < sample_rate_hz < np.inf:
        raise ValueError(f"sample_rate_hz must be positive, not {sample_rate_hz}")
    if not 0 <= intensity <= 100:
        raise ValueError(f"intensity must be from 0 to 100, not {intensity}")
    if not np.all(np.isfinite(waveform)):
        raise ValueError("a waveform must hold finite numbers, and this one holds NaN or infinity")
    return waveform


def _peak(waveform: np.ndarray) -> float:
    return float(np.max(np.abs(waveform))) if waveform.size else 0.0


def _float32(waveform: np.ndarray) -> np.ndarray:
    """As float32, where what is too large becomes the largest number, not infinity."""
    largest = np.finfo(np.float32).max
    return np.clip(waveform, -largest, largest, out=waveform).astype(np.float32)
