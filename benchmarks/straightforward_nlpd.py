"""NLPD as the formulas read, for the benchmark: convolutions of one channel, gradients by TensorFlow."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfnoise.losses import NLPDParameters
from tfnoise.losses.laplacian_pyramid import LOW_PASS


def straightforward_nlpd(
    a: tf.Tensor, b: tf.Tensor, parameters: NLPDParameters, epsilon: float = 1e-10
) -> tf.Tensor:
    """The distance of the family "2016" of images `[batch, height, width, 1]`, float32: `[batch]`."""
    distances = []
    for band_a, band_b, sigma, weights in zip(
        _pyramid(a, parameters.scales), _pyramid(b, parameters.scales), parameters.sigma, parameters.weights
    ):
        difference = _normalised(band_a, sigma, weights) - _normalised(band_b, sigma, weights)
        distances.append(tf.sqrt(tf.reduce_mean(difference**2, axis=[1, 2, 3]) + epsilon))
    return tf.add_n(distances) / len(distances)


def _pyramid(images: tf.Tensor, scales: int) -> list[tf.Tensor]:
    bands = []
    low_pass = _kernel(np.outer(LOW_PASS, LOW_PASS))
    for _ in range(scales - 1):
        padded = tf.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]])
        low = tf.nn.conv2d(padded, low_pass, strides=2, padding="VALID")
        enlarged = tf.raw_ops.ResizeBilinear(images=low, size=tf.shape(images)[1:3])
        bands.append(images - tf.nn.conv2d(enlarged, low_pass, strides=1, padding="SAME"))
        images = low
    return [*bands, images]


def _normalised(band: tf.Tensor, sigma: float, weights: tuple[tuple[float, ...], ...]) -> tf.Tensor:
    around = tf.nn.conv2d(tf.abs(band), _kernel(np.asarray(weights)), strides=1, padding="SAME")
    return band / (sigma + around)


def _kernel(taps: np.ndarray) -> tf.Tensor:
    return tf.constant(taps[:, :, None, None], tf.float32)
