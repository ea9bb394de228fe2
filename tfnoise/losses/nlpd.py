"""The normalised Laplacian pyramid distance.

V. Laparra, J. Balle, A. Berardino, E. P. Simoncelli, "Perceptual image quality assessment using a
normalized Laplacian pyramid", Electronic Imaging 2016.
"""

from __future__ import annotations

import tensorflow as tf

from tfnoise.losses.inputs import image_pair
from tfnoise.losses.linear_operators import banded, bilinear, filter_axes, operators, to_planes

LOW_PASS = (0.05, 0.25, 0.4, 0.25, 0.05)
"""One axis of the 5 x 5 low-pass filter of the pyramid."""

SIGMA = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
"""The constant of the divisive normalisation of each scale, finest first; the last is the residual's."""

NEIGHBOURS = (
    (0.1011, 0.1493, 0.1460, 0.1015),
    (0.0757, 0.1986, 0.1846, 0.0837),
    (0.0477, 0.2138, 0.2243, 0.0467),
    (0.0, 0.2503, 0.2616, 0.0),
    (0.0, 0.2598, 0.2552, 0.0),
    (0.0, 0.2215, 0.0717, 0.0),
)
"""Weights (top, left, right, bottom) of the neighbours' magnitudes in the normalisation, scale by scale."""


def nlpd(a, b, family: str = "2016", epsilon: float = 1e-10) -> tf.Tensor:
    """The normalised Laplacian pyramid distance of image pairs; 0 is identical (but for epsilon).

    Six scales: five band-pass ones and the low-pass residual, each divided by a weighted sum of its
    neighbours' magnitudes and a constant; the distance is the mean over scales of the root mean square
    of the bands' differences, per image, over height, width and channels.

    Args:
      a, b: images `[batch, height, width, channels]`, any float type, in [0, 1].
      family: which published parameters; "2016".
      epsilon: added to the mean square under each root, whose gradient has no bound at 0 otherwise.

    Returns:
      `[batch]`, float32 (float64 for float64 images).

    Raises:
      ValueError: an unknown family, or shapes or types do not fit.
    """
    if family != "2016":
        raise ValueError(f"unknown NLPD family {family!r}; known: '2016'")
    a, b = image_pair(a, b)
    distances = [
        tf.sqrt(tf.reduce_mean(tf.math.squared_difference(band_a, band_b), axis=[1, 2, 3]) + epsilon)
        for band_a, band_b in zip(normalised_bands(a), normalised_bands(b))
    ]
    return tf.add_n(distances) / len(distances)


def normalised_bands(images: tf.Tensor) -> list[tf.Tensor]:
    """The divisively normalised pyramid of `[batch, height, width, channels]`.

    Returns:
      One `[batch, channels, height_k, width_k]` a scale, finest first, where a side halves (rounding up)
      from scale to scale.
    """
    bands = laplacian_bands(to_planes(images), len(SIGMA))
    return [
        band / (sigma + _neighbourhood(tf.abs(band), weights))
        for band, sigma, weights in zip(bands, SIGMA, NEIGHBOURS)
    ]


def laplacian_bands(planes: tf.Tensor, scales: int) -> list[tf.Tensor]:
    """The Laplacian pyramid of `[batch, channels, height, width]`: `scales - 1` bands and the residual.

    Down: two zeros of padding, the low-pass filter, stride 2.  Up: bilinear as in TensorFlow 1 to the
    band's size, then the same filter with zero padding.
    """
    bands = []
    for _ in range(scales - 1):
        low = filter_axes(planes, *operators(_down, planes))
        bands.append(planes - filter_axes(low, *operators(_up, planes)))
        planes = low
    return bands + [planes]


def _down(size, dtype: tf.DType) -> tf.Tensor:
    return banded((size + 1) // 2, size, LOW_PASS, 2, -2, dtype)


def _up(size, dtype: tf.DType) -> tf.Tensor:
    return tf.linalg.matmul(
        banded(size, size, LOW_PASS, 1, -2, dtype), bilinear(size, (size + 1) // 2, dtype)
    )


def _neighbourhood(magnitudes: tf.Tensor, weights: tuple[float, ...]) -> tf.Tensor:
    """top * above + left * before + right * after + bottom * below of each pixel, zero-padded."""
    top, left, right, bottom = weights
    padded = tf.pad(magnitudes, [[0, 0], [0, 0], [1, 1], [1, 1]])
    around = left * padded[:, :, 1:-1, :-2] + right * padded[:, :, 1:-1, 2:]
    if top or bottom:
        around += top * padded[:, :, :-2, 1:-1] + bottom * padded[:, :, 2:, 1:-1]
    return around
