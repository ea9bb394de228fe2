"""Multi-scale structural similarity, with a gradient that stays finite.

Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image quality assessment",
Asilomar 2003.  Values equal `tf.image.ssim_multiscale`'s.

The formulas are those of the publication in the sum p = a + b and the difference q = a - b of the images.
With their local variances, 2 cov(a, b) = (v_p - v_q) / 2 and var(a) + var(b) = (v_p + v_q) / 2, so that
contrast times structure is 1 - 2 v_q / (v_p + v_q + 2 c2): two variances do for two variances and a
covariance, equal images give exactly 1, and small differences keep their digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.losses.images import (
    check_number,
    check_sides,
    check_whole,
    filtered,
    image_pair,
    per_image,
    sizes,
    to_planes,
    upsample_taps,
)

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, finest first (Wang et al. 2003, section 3.2)."""

SURROGATE_FLOOR = 0.01
"""Where a scale's term enters the gradient at no less than this: the slope of x^w has no bound at 0."""


def smallest_side(scales: int, window: int = 11) -> int:
    """The least height and width, in pixels, that `scales` scales with a `window`-pixel window need.

    >>> smallest_side(4)
    81
    """
    return (window - 1) * 2 ** (scales - 1) + 1


def ms_ssim(
    a: Any,
    b: Any,
    scales: int = 5,
    max_val: float | None = None,
    window: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    weights: Sequence[float] | None = None,
) -> tf.Tensor:
    """The MS-SSIM index of image pairs; 1 is identical.

    The value is the product over scales of ReLU(term)^weight, as in TensorFlow: an anti-correlated pair
    has index 0.  Its gradient is that of the same product with each term held at `SURROGATE_FLOOR` or
    above and passed straight through there, so it is bounded and still leads out of the clamp.

    Args:
      a, b: images `[batch, height, width, channels]`, any float type; integers with `max_val`.
      scales: number of scales, 1 or more; up to 5 with the published weights.
      max_val: the range of the images; None: 1.0.
      window, sigma: size and standard deviation of the Gaussian window, in pixels.
      k1, k2: constants of the luminance and the contrast term, above 0.
      weights: one weight per scale, finest first, scaled here to sum 1; None: the published ones of the
        first `scales` scales.

    Returns:
      `[batch]`, float32 (float64 for float64 images), the mean over channels.

    Raises:
      ValueError: the images are too small for the scales, or an option, shape or type does not fit.
      tf.errors.InvalidArgumentError: in a graph, dynamic shapes that do not fit.

    >>> images = tf.random.stateless_uniform([2, 48, 48, 1], seed=[0, 0])
    >>> ms_ssim(images, images, scales=3).numpy()
    array([1., 1.], dtype=float32)
    """
    check_options(scales, window, sigma, k1, k2, weights)
    least = smallest_side(scales, window)
    formula = f"({window} - 1) * 2^({scales} - 1) + 1 = {least}"
    rule = f"MS-SSIM with {scales} scales needs images of at least {formula} pixels a side"
    terms = _terms(*image_pair(a, b, max_val), scales, least, rule, _gaussian(window, sigma), k1**2, k2**2)
    exponents = np.asarray(WEIGHTS[:scales] if weights is None else weights, np.float64)
    return tf.reduce_mean(_product_of_powers(terms, exponents / exponents.sum()), axis=-1)


def ssim(
    a: Any,
    b: Any,
    max_val: float | None = None,
    window: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> tf.Tensor:
    """The SSIM index of image pairs, the mean over the image; 1 is identical, negative values possible.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP
    2004.  Arguments, result and errors as in `ms_ssim`; values equal `tf.image.ssim`'s.

    >>> ssim(tf.zeros([1, 16, 16, 1]), tf.ones([1, 16, 16, 1])).numpy().round(4)
    array([1.e-04], dtype=float32)
    """
    check_options(1, window, sigma, k1, k2)
    rule = f"SSIM needs images of at least its window, {window} pixels, a side"
    terms = _terms(*image_pair(a, b, max_val), 1, window, rule, _gaussian(window, sigma), k1**2, k2**2)
    return tf.reduce_mean(terms[..., 0], axis=-1)


def check_options(
    scales: int = 1,
    window: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    weights: Sequence[float] | None = None,
) -> None:
    """Raises ValueError where an option of `ms_ssim` or `ssim` cannot work; the message names it."""
    check_whole("scales", scales, 1, len(WEIGHTS) if weights is None else None)
    check_whole("window", window, 1)
    for name, value in (("sigma", sigma), ("k1", k1), ("k2", k2)):
        check_number(name, value, above=0)
    if weights is not None:
        try:
            values = np.asarray(weights, np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        fits = values.shape == (scales,) and np.all(np.isfinite(values)) and values.min() >= 0
        if not fits or not values.sum() > 0:
            raise ValueError(
                f"weights must be {scales} finite numbers (one for each of the scales), none negative and "
                f"not all 0, not {weights!r}"
            )


def _terms(
    a: tf.Tensor, b: tf.Tensor, scales: int, least: int, rule: str, taps: np.ndarray, c1: float, c2: float
) -> tf.Tensor:
    """The contrast-structure of each scale, of the last one times luminance: `[batch, channels, scales]`."""
    images = check_sides(a, least, rule)
    a, mean_a = _centred(to_planes(images))
    b, mean_b = _centred(to_planes(b))
    terms = []
    for _ in range(scales - 1):
        terms.append(_mean_contrast_structure(a, b, taps, c2))
        a, b = _halve(a), _halve(b)
    terms.append(_mean_ssim(a, b, mean_a, mean_b, taps, c1, c2))
    return tf.stack([per_image(term, images) for term in terms], axis=-1)


def _centred(planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Planes less their means, and the means `[planes]`: bright, nearly constant images keep their digits."""
    mean = tf.stop_gradient(tf.reduce_mean(planes, axis=[0, 1, 2]))
    return planes - mean, mean


def _gaussian(window: int, sigma: float) -> np.ndarray:
    taps = np.exp(-0.5 * ((np.arange(window) - (window - 1) / 2) / sigma) ** 2)
    return taps / taps.sum()


def _blur(planes: tf.Tensor, taps: np.ndarray) -> tf.Tensor:
    return filtered(filtered(planes, taps[:, None]), taps[None, :])


def _moments(p: tf.Tensor, q: tf.Tensor, taps: np.ndarray) -> tuple[tf.Tensor, ...]:
    """Local means of p and q, and their local variances."""
    mean_p, mean_q = _blur(p, taps), _blur(q, taps)
    variance_p = _blur(p * p, taps) - mean_p * mean_p
    variance_q = _blur(q * q, taps) - mean_q * mean_q
    return mean_p, mean_q, variance_p, variance_q


def _mean_ssim(
    a: tf.Tensor, b: tf.Tensor, mean_a: tf.Tensor, mean_b: tf.Tensor, taps: np.ndarray, c1: float, c2: float
) -> tf.Tensor:
    """The mean of luminance times contrast-structure of centred planes: `[planes]`."""
    mean_p, mean_q, variance_p, variance_q = _moments(a + b, a - b, taps)
    square_p, square_q = tf.square(mean_p + (mean_a + mean_b)), tf.square(mean_q + (mean_a - mean_b))
    luminance = 1 - 2 * square_q / (square_p + square_q + 2 * c1)
    contrast_structure = 1 - 2 * variance_q / (variance_p + variance_q + 2 * c2)
    return tf.reduce_mean(luminance * contrast_structure, axis=[0, 1, 2])


def _mean_contrast_structure(a: tf.Tensor, b: tf.Tensor, taps: np.ndarray, c2: float) -> tf.Tensor:
    """The mean of contrast-structure: `[planes]`.

    The gradient is written out, since that takes three blurs where automatic differentiation takes four.
    """

    @tf.custom_gradient
    def mean(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        p, q = a + b, a - b
        mean_p, mean_q, variance_p, variance_q = _moments(p, q, taps)
        denominator = variance_p + variance_q + 2 * c2
        ratio = variance_q / denominator
        height, width = sizes(a)[1:3]

        def back(planes: tf.Tensor) -> tf.Tensor:
            narrow = upsample_taps(planes, taps[None, :], sizes(planes)[1], width)
            return upsample_taps(narrow, taps[:, None], height, width)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            _, rows, columns, _ = sizes(ratio)
            slope = -4 * upstream / tf.cast(rows * columns, upstream.dtype) / denominator
            of_sum = slope * ratio
            back_slope, back_of_sum = back(slope), back(of_sum)

            def toward(image: tf.Tensor, q: tf.Tensor, mean_q: tf.Tensor) -> tf.Tensor:
                means = back(of_sum * (mean_p - mean_q) + slope * mean_q)
                return means - 2 * image * back_of_sum - q * back_slope

            # Exchanging a and b changes the sign of q alone.  A graph computes only the gradients in use.
            return toward(a, -q, -mean_q), toward(b, q, mean_q)

        return 1 - 2 * tf.reduce_mean(ratio, axis=[0, 1, 2]), gradient

    return mean(a, b)


def _halve(planes: tf.Tensor) -> tf.Tensor:
    """2 x 2 average pooling of planes; an odd side is first lengthened by repeating its last pixel."""
    height, width = sizes(planes)[1:3]
    if not (isinstance(height, int) and isinstance(width, int)) or height % 2 or width % 2:
        planes = tf.pad(planes, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]], mode="SYMMETRIC")
    return tf.nn.avg_pool2d(planes, 2, 2, "VALID")


def _product_of_powers(terms: tf.Tensor, exponents: np.ndarray) -> tf.Tensor:
    """prod_k ReLU(terms[..., k])^exponents[k], with the bounded surrogate gradient."""
    exponents = tf.constant(exponents, terms.dtype)
    value = tf.reduce_prod(tf.nn.relu(terms) ** exponents, axis=-1)
    floored = terms + tf.stop_gradient(tf.maximum(terms, SURROGATE_FLOOR) - terms)
    surrogate = tf.exp(tf.reduce_sum(exponents * tf.math.log(floored), axis=-1))
    return tf.stop_gradient(value) + (surrogate - tf.stop_gradient(surrogate))
