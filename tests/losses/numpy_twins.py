"""MS-SSIM and NLPD once more, in float64 NumPy and SciPy, one channel at a time, by direct convolution.

Written from the publications' formulas and not from the TensorFlow code: two-dimensional windows, five
moments, loops over pixels where that is plainest.  Images are `[height, width]`.

Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image quality assessment", 2003.
V. Laparra, J. Balle, A. Berardino, E. P. Simoncelli, "Perceptual image quality assessment using a normalized
Laplacian pyramid", 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage, signal

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

NLPD_SIGMA = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
NLPD_WEIGHTS = {  # scale: (top, left, right, bottom)
    1: (0.1011, 0.1493, 0.1460, 0.1015),
    2: (0.0757, 0.1986, 0.1846, 0.0837),
    3: (0.0477, 0.2138, 0.2243, 0.0467),
    4: (0, 0.2503, 0.2616, 0),
    5: (0, 0.2598, 0.2552, 0),
    6: (0, 0.2215, 0.0717, 0),
}
NLPD_LOW_PASS = (0.05, 0.25, 0.4, 0.25, 0.05)
BINOMIAL_LOW_PASS = (0.0625, 0.25, 0.375, 0.25, 0.0625)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Images of uniform noise, float32."""
    return np.random.RandomState(seed).uniform(size=shape).astype(np.float32)


def gaussian_window(side: int = 11, sigma: float = 1.5) -> np.ndarray:
    """The two-dimensional window of SSIM, of sum 1."""
    middle = (side - 1) / 2
    rows, columns = np.mgrid[:side, :side]
    window = np.exp(-((rows - middle) ** 2 + (columns - middle) ** 2) / (2 * sigma**2))
    return window / window.sum()


def ssim_maps(a: np.ndarray, b: np.ndarray, max_val: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Luminance, and contrast times structure, wherever the window lies inside of the image."""
    c1, c2 = (0.01 * max_val) ** 2, (0.03 * max_val) ** 2

    def local_mean(image: np.ndarray) -> np.ndarray:
        return signal.correlate2d(image, gaussian_window(), mode="valid")

    mean_a, mean_b = local_mean(a), local_mean(b)
    variance_a = local_mean(a**2) - mean_a**2
    variance_b = local_mean(b**2) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    contrast_structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return luminance, contrast_structure


def ssim(a: np.ndarray, b: np.ndarray, max_val: float = 1.0) -> float:
    """The mean of SSIM's map."""
    luminance, contrast_structure = ssim_maps(a, b, max_val)
    return float(np.mean(luminance * contrast_structure))


def halved(image: np.ndarray) -> np.ndarray:
    """Means of blocks of 2 x 2; the last row or column of an odd side counts twice."""
    height, width = image.shape
    image = np.pad(image, ((0, height % 2), (0, width % 2)), mode="edge")
    return ndimage.uniform_filter(image, size=2, origin=-1)[::2, ::2]


def ms_ssim(a: np.ndarray, b: np.ndarray, scales: int = 5, max_val: float = 1.0) -> float:
    """The product over scales of the contrast-structure means, luminance joining at the coarsest scale."""
    exponents = np.array(MS_SSIM_WEIGHTS[:scales]) / sum(MS_SSIM_WEIGHTS[:scales])
    index = 1.0
    for scale, exponent in enumerate(exponents):
        if scale:
            a, b = halved(a), halved(b)
        luminance, contrast_structure = ssim_maps(a, b, max_val)
        last = scale == scales - 1
        term = np.mean(luminance * contrast_structure) if last else np.mean(contrast_structure)
        index *= max(term, 0.0) ** exponent
    return float(index)


def filtered(image: np.ndarray, taps: tuple[float, ...], mode: str) -> np.ndarray:
    """The image under the outer product of `taps`, with zeros ("constant") or a mirror ("mirror") outside."""
    return ndimage.correlate(image, np.outer(taps, taps), mode=mode, cval=0.0)


def bilinear_upsampled(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear enlargement in which output pixel r lies at input position r * (input side / output side)."""

    def neighbours(size_in: int, size_out: int) -> list[tuple[int, int, float]]:
        places = []
        for index in range(size_out):
            low, remainder = divmod(index * size_in, size_out)
            places.append((low, min(low + 1, size_in - 1), remainder / size_out))
        return places

    enlarged = np.empty((height, width))
    for row, (top, bottom, down) in enumerate(neighbours(image.shape[0], height)):
        line = (1 - down) * image[top] + down * image[bottom]
        for column, (left, right, across) in enumerate(neighbours(image.shape[1], width)):
            enlarged[row, column] = (1 - across) * line[left] + across * line[right]
    return enlarged


def zero_inserted(image: np.ndarray, height: int, width: int, taps: tuple[float, ...]) -> np.ndarray:
    """Enlargement by a zero after each pixel and four times the filter; the small image is mirrored."""
    mirrored = np.pad(image, 1, mode="reflect")
    enlarged = np.zeros((2 * mirrored.shape[0], 2 * mirrored.shape[1]))
    enlarged[::2, ::2] = mirrored
    return 4 * signal.correlate2d(enlarged[: height + 4, : width + 4], np.outer(taps, taps), mode="valid")


def laplacian_pyramid(
    image: np.ndarray,
    taps: tuple[float, ...] = NLPD_LOW_PASS,
    border: str = "constant",
    insert_zeros: bool = False,
    scales: int = 6,
) -> list[np.ndarray]:
    """Five band-pass images (`scales` - 1), finest first, and the low-pass residual.

    Args:
      image: `[height, width]`.
      taps: one axis of the low-pass filter.
      border: "constant" (zeros) or "mirror".
      insert_zeros: enlarge by inserting zeros in place of bilinear interpolation and a second filter.
    """
    bands = []
    for _ in range(scales - 1):
        low = filtered(image, taps, border)[::2, ::2]
        if insert_zeros:
            prediction = zero_inserted(low, *image.shape, taps)
        else:
            prediction = filtered(bilinear_upsampled(low, *image.shape), taps, border)
        bands.append(image - prediction)
        image = low
    return [*bands, image]


def mirrored_pyramid(image: np.ndarray, scales: int = 6) -> list[np.ndarray]:
    """Laparra et al. 2017: four pixels mirrored beyond the borders, zeros inserted, four times the filter."""
    kernel = np.outer(NLPD_LOW_PASS, NLPD_LOW_PASS)
    bands = []
    for _ in range(scales - 1):
        height, width = image.shape
        low = signal.correlate2d(np.pad(image, 4, mode="reflect"), kernel, mode="valid")[::2, ::2]
        # Row r of `low` stands for row 2 r - 2 of the image.
        enlarged = np.zeros((2 * low.shape[0], 2 * low.shape[1]))
        enlarged[::2, ::2] = low
        prediction = 4 * signal.correlate2d(enlarged, kernel, mode="valid")[:height, :width]
        bands.append(image - prediction)
        image = low[1:-1, 1:-1]
    return [*bands, image]


def nlpd_2017(a: np.ndarray, b: np.ndarray, scales: int = 6, luminance: bool = False) -> float:
    """Laparra et al. 2017: (mean_k RMSE_k^0.6)^(1/0.6)."""
    if luminance:
        a, b = ((image**2.4 * 175 + 5) ** (1 / 2.6) for image in (a, b))
    outer, inner = [0.04, 0.04, 0.05, 0.04, 0.04], [0.04, 0.03, 0.04, 0.03, 0.04]
    pool = np.array([outer, inner, [0.05, 0.04, 0.05, 0.04, 0.05], inner, outer])
    roots = []
    for scale, pair in enumerate(zip(mirrored_pyramid(a, scales), mirrored_pyramid(b, scales)), start=1):
        if scale < scales:
            quotients = [
                z / (0.17 + signal.correlate2d(np.abs(z), pool, mode="same", boundary="fill")) for z in pair
            ]
        else:
            quotients = [x / (4.86 + np.abs(x)) for x in pair]
        roots.append(np.sqrt(np.mean((quotients[0] - quotients[1]) ** 2)))
    return float(np.mean(np.power(roots, 0.6)) ** (1 / 0.6))


def normalised(band: np.ndarray, scale: int, far_right: float = 0.0) -> np.ndarray:
    """Divisive normalisation of the band of `scale` (1 is the finest) by its neighbours' magnitudes.

    `far_right` is the weight, at the finest scale, of the pixel two to the right.
    """
    top, left, right, bottom = NLPD_WEIGHTS[scale]
    neighbourhood = np.zeros((5, 5))
    neighbourhood[[1, 2, 2, 3], [2, 1, 3, 2]] = top, left, right, bottom
    neighbourhood[2, 4] = far_right if scale == 1 else 0.0
    around = signal.correlate2d(np.abs(band), neighbourhood, mode="same", boundary="fill", fillvalue=0)
    return band / (NLPD_SIGMA[scale - 1] + around)


def nlpd(
    a: np.ndarray, b: np.ndarray, epsilon: float = 1e-10, far_right: float = 0.0, **pyramid: Any
) -> float:
    """The mean over scales of the root mean square difference of the normalised bands."""
    roots = []
    bands = zip(laplacian_pyramid(a, **pyramid), laplacian_pyramid(b, **pyramid))
    for scale, (band_a, band_b) in enumerate(bands, start=1):
        difference = normalised(band_a, scale, far_right) - normalised(band_b, scale, far_right)
        roots.append(np.sqrt(np.mean(difference**2) + epsilon))
    return float(np.mean(roots))
