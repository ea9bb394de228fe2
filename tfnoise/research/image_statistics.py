"""Statistics of images and of symbols: what sections compare models by, as pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfnoise.layers import TOTAL_STRIDE

EDGES = tuple(2.0**-octave for octave in range(6, 1, -1))
"""Between bands of spatial frequency, cycles per pixel; the first and the last have all that is beyond."""

_BINS = 1024
_SMALLEST_POWER = 1e-12
_TINY = np.finfo(np.float64).tiny

Histogram = tuple[np.ndarray, np.ndarray]
"""The symbols of a channel, ascending, and how frequent each is; both `[symbols]`."""


def tiles(image: np.ndarray, side: int) -> np.ndarray:
    """Squares `[tiles, side, side, 1]`, row by row, from the middle of an image `[height, width, 1]`.

    >>> tiles(np.zeros([70, 100, 1]), 32).shape
    (6, 32, 32, 1)
    """
    rows, columns = (length // side for length in image.shape[:2])
    top, left = ((length % side) // 2 for length in image.shape[:2])
    cut = image[top : top + rows * side, left : left + columns * side]
    return cut.reshape(rows, side, columns, side, 1).swapaxes(1, 2).reshape(-1, side, side, 1)


def cells(images: Iterable[np.ndarray]) -> np.ndarray:
    """The squares of 16 × 16 pixels, a latent cell each, of images `[height, width, 1]`: `[cells, 256]`."""
    squares = [tiles(image, TOTAL_STRIDE) for image in images]
    return np.concatenate(squares).reshape(-1, TOTAL_STRIDE**2).astype(np.float64)


def calibration(original: np.ndarray, decoded: np.ndarray) -> tuple[float, float]:
    """The slope and offset such that slope * decoded + offset has the least mean squared error.

    >>> slope, offset = calibration(np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.5, 2.0]))
    >>> round(slope, 6), round(offset, 6)
    (2.0, -2.0)
    """
    slope, offset = np.polyfit(decoded.ravel(), original.ravel(), 1)
    return float(slope), float(offset)


def error(original: np.ndarray, decoded: np.ndarray) -> dict[str, Any]:
    """The error of cells `[cells, pixels]`, and how their means and contrasts come out.

    Returns:
      "mse"; "parts" as of `error_parts`; "calibrated": the MSE after the one slope and offset for all pixels
      that fit best; "level_line", "contrast_line": slope and offset of cells' means and standard deviations
      over the original's, by least squares.
    """
    slope, offset = calibration(original, decoded)
    return {
        "mse": float(np.mean((original - decoded) ** 2)),
        "parts": error_parts(original, decoded),
        "calibrated": float(np.mean((original - slope * decoded - offset) ** 2)),
        "level_line": np.polyfit(original.mean(axis=1), decoded.mean(axis=1), 1).tolist(),
        "contrast_line": np.polyfit(original.std(axis=1), decoded.std(axis=1), 1).tolist(),
    }


def error_parts(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """The mean squared error of cells `[cells, pixels]` in three parts, which sum to it.

    Returns:
      "level": of the cells' means; "contrast": of their standard deviations s; "structure": the rest,
      2 s_x s_y (1 - r), nothing where the correlation r is 1. (Murphy, "Skill scores based on the mean square
      error and their relationships to the correlation coefficient", Monthly Weather Review 116, 1988.)
    """
    means = [values.mean(axis=1) for values in (original, decoded)]
    deviations = [values.std(axis=1) for values in (original, decoded)]
    covariance = np.mean(original * decoded, axis=1) - means[0] * means[1]
    return {
        "level": float(np.mean((means[0] - means[1]) ** 2)),
        "contrast": float(np.mean((deviations[0] - deviations[1]) ** 2)),
        "structure": float(np.mean(2 * (deviations[0] * deviations[1] - covariance))),
    }


def radial_frequency(height: int, width: int) -> np.ndarray:
    """The spatial frequency of each bin of `np.fft.fft2`, cycles per pixel: `[height, width]`."""
    return np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))


def centroid(difference: np.ndarray) -> float:
    """The mean spatial frequency of an image `[height, width]` by energy, cycles per pixel; 0 of nothing."""
    power = np.abs(np.fft.fft2(difference)) ** 2
    return float(np.sum(power * radial_frequency(*difference.shape)) / max(power.sum(), _TINY))


def transfer(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[list[float], list[float]]:
    """The gain of a codec, and the energy of what it coded, by bands of spatial frequency (`EDGES`).

    Args:
      pairs: images and their reconstructions, `[height, width]`; they lose their means, and their edges are
        tapered by a Hann window.

    Returns:
      The gain Re(sum X* Y) / sum |X|^2, 1 where all is kept and 0 where what comes out has nothing to do with
      the original (the real part of the optimum frequency response of Bendat and Piersol, "Random Data",
      chapter 6); and each band's share of the originals' energy.
    """
    energy, kept = np.zeros(len(EDGES) + 1), np.zeros(len(EDGES) + 1)
    for pair in pairs:
        height, width = pair[0].shape
        window = np.hanning(height)[:, None] * np.hanning(width)
        x, y = (np.fft.fft2((image - image.mean()) * window) for image in pair)
        band = np.digitize(radial_frequency(height, width), EDGES).ravel()
        energy += np.bincount(band, (np.abs(x) ** 2).ravel(), len(energy))
        kept += np.bincount(band, (np.conj(x) * y).real.ravel(), len(energy))
    return (kept / np.maximum(energy, _TINY)).tolist(), (energy / max(energy.sum(), _TINY)).tolist()


def statistics(images: np.ndarray) -> dict[str, Any]:
    """What images `[images, mels, frames]` in [0, 1] have in common, whatever is where in them.

    Returns:
      "levels": mean of each band, `[mels]`; "values": shares of pixels in equal parts of [0, 1];
      "along_time_db", "along_frequency_db": mean power spectra along these axes, without the mean itself;
      "lasting": correlation of a band's values with those a latent cell (16 frames) later, from -1 to 1; what
      all images have at that place, as a decoder's own pattern, and a band's mean do not count.
    """
    images = np.asarray(images, np.float64)
    centred = images - images.mean(axis=0)
    centred -= centred.mean(axis=2, keepdims=True)
    before, after = centred[..., :-TOTAL_STRIDE], centred[..., TOTAL_STRIDE:]
    size = np.sqrt(np.sum(before**2) * np.sum(after**2))
    return {
        "levels": images.mean(axis=(0, 2)),
        "values": np.histogram(images, _BINS, (0.0, 1.0))[0] / images.size,
        "along_time_db": _spectrum_db(images),
        "along_frequency_db": _spectrum_db(images.swapaxes(1, 2)),
        "lasting": float(np.sum(before * after) / size) if size else 0.0,
    }


def _spectrum_db(images: np.ndarray) -> np.ndarray:
    centred = images - images.mean(axis=2, keepdims=True)
    power = np.abs(np.fft.rfft(centred * np.hanning(images.shape[2]))) ** 2
    return 10 * np.log10(power.mean(axis=(0, 1))[1:] + _SMALLEST_POWER)


def distances(a: Mapping[str, Any], b: Mapping[str, Any], top_db: float) -> dict[str, float]:
    """How far two sets of images of one size, `top_db` between 0 and 1, are apart by their `statistics`.

    Returns:
      Root mean square differences in dB as "level_db", "along_time_db" and "along_frequency_db"; of the
      pixels' "values" the Wasserstein-1 distance, 0 to 1.
    """
    spectra = ("along_time_db", "along_frequency_db")
    return {
        "level_db": _rms(a["levels"] - b["levels"]) * top_db,
        # In one dimension it is the area between the cumulative distributions.
        "values": float(np.mean(np.abs(np.cumsum(a["values"] - b["values"])))),
        **{name: _rms(a[name] - b[name]) for name in spectra},
    }


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(difference))))


def histograms(symbols: np.ndarray) -> list[Histogram]:
    """How frequent each channel's symbols are; of integers `[..., channels]`."""
    counted = [np.unique(channel, return_counts=True) for channel in symbols.reshape(-1, symbols.shape[-1]).T]
    return [(values, counts / counts.sum()) for values, counts in counted]


def draw(
    frequencies: Sequence[Histogram], shape: Sequence[int], generator: np.random.Generator
) -> np.ndarray:
    """Independent symbols of these frequencies: int32 `[*shape, channels]`."""
    drawn = [generator.choice(values, shape, p=shares) for values, shares in frequencies]
    return np.stack(drawn, axis=-1).astype(np.int32)


def bits_per_pixel(frequencies: Sequence[Histogram]) -> float:
    """The entropy of independent symbols of these frequencies, bits per pixel."""
    return sum(float(-np.sum(shares * np.log2(shares))) for _, shares in frequencies) / TOTAL_STRIDE**2
