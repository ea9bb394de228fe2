"""Multi-scale structural similarity, with a gradient that stays finite.

Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image quality assessment",
Asilomar 2003.  Values equal `tf.image.ssim_multiscale`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfnoise.losses.inputs import image_pair
from tfnoise.losses.linear_operators import axis_size, banded, filter_axes, operators, to_planes

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the scales, finest first (Wang et al. 2003, section 3.2)."""

SURROGATE_FLOOR = 0.01
"""Where a scale's term enters the gradient at no less than this: the slope of x^w has no bound at 0."""


def smallest_side(scales: int, window: int = 11) -> int:
    """The least height and width, in pixels, that `scales` scales with a `window`-pixel window need."""
    return (window - 1) * 2 ** (scales - 1) + 1


def ms_ssim(
    a,
    b,
    scales: int = 5,
    max_val: float | None = None,
    window: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    weights: Sequence[float] = WEIGHTS,
) -> tf.Tensor:
    """The MS-SSIM index of image pairs; 1 is identical.

    The value is the product over scales of ReLU(term)^weight, as in TensorFlow: an anti-correlated pair
    has index 0.  Its gradient is that of the same product with each term held at `SURROGATE_FLOOR` or
    above and passed straight through there, so it is bounded and still leads out of the clamp.

    Args:
      a, b: images `[batch, height, width, channels]`, any float type.
      scales: how many scales, 1 to 5; the weights are renormalised to sum 1.
      max_val: the range of the images; None: 1.0.
      window, sigma: size and standard deviation of the Gaussian window, in pixels.
      k1, k2: constants of the luminance and the contrast term.
      weights: one weight per scale, finest first; the first `scales` are used.

    Returns:
      `[batch]`, float32 (float64 for float64 images), the mean over channels.

    Raises:
      ValueError: the images are too small for the scales, or shapes or types do not fit.
    """
    a, b = image_pair(a, b)
    if not 1 <= scales <= len(weights):
        raise ValueError(f"scales must be 1 to {len(weights)}, not {scales}")
    _check_sides(a, scales, window)
    range_ = 1.0 if max_val is None else float(max_val)
    c1, c2 = (k1 * range_) ** 2, (k2 * range_) ** 2
    a, b = to_planes(a), to_planes(b)
    terms = []
    for scale in range(scales):
        if scale:
            a, b = _halve(a), _halve(b)
        luminance, contrast_structure = _similarity(a, b, c1, c2, window, sigma)
        last = scale == scales - 1
        terms.append(tf.reduce_mean(luminance * contrast_structure if last else contrast_structure, [2, 3]))
    exponents = np.asarray(weights[:scales]) / np.sum(weights[:scales])
    return tf.reduce_mean(_product_of_powers(tf.stack(terms, -1), exponents), axis=-1)


def ssim(a, b, max_val: float | None = None, **window_and_constants) -> tf.Tensor:
    """The SSIM index of image pairs, the mean over the image; 1 is identical, negative values possible.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP
    2004.  Arguments as in `ms_ssim`; values equal `tf.image.ssim`'s.
    """
    options = dict(window=11, sigma=1.5, k1=0.01, k2=0.03)
    unknown = set(window_and_constants) - set(options)
    if unknown:
        raise TypeError(f"ssim has no argument {sorted(unknown)[0]!r}")
    options.update(window_and_constants)
    a, b = image_pair(a, b)
    _check_sides(a, 1, options["window"])
    range_ = 1.0 if max_val is None else float(max_val)
    luminance, contrast_structure = _similarity(
        to_planes(a),
        to_planes(b),
        (options["k1"] * range_) ** 2,
        (options["k2"] * range_) ** 2,
        options["window"],
        options["sigma"],
    )
    return tf.reduce_mean(luminance * contrast_structure, axis=[1, 2, 3])


def _check_sides(images: tf.Tensor, scales: int, window: int) -> None:
    needed = smallest_side(scales, window)
    sides = [axis_size(images, 1), axis_size(images, 2)]
    message = (
        f"MS-SSIM with {scales} scales needs images of at least "
        f"({window} - 1) * 2^({scales} - 1) + 1 = {needed} pixels a side"
    )
    if all(isinstance(side, int) for side in sides):
        if min(sides) < needed:
            raise ValueError(f"{message}, not {sides[0]} x {sides[1]}; use fewer scales or larger images")
    else:
        tf.debugging.assert_greater_equal(tf.reduce_min(tf.stack(sides)), needed, message)


def _gaussian(window: int, sigma: float) -> np.ndarray:
    taps = np.exp(-0.5 * ((np.arange(window) - (window - 1) / 2) / sigma) ** 2)
    return taps / taps.sum()


def _similarity(a, b, c1: float, c2: float, window: int, sigma: float):
    """Luminance and contrast-structure maps of planes `[batch, channels, height, width]`."""
    taps = _gaussian(window, sigma)
    vertical, horizontal = operators(
        lambda size, dtype: banded(size - window + 1, size, taps, 1, 0, dtype), a
    )
    # Four moments do for five: only the sum of the two variances enters.
    moments = filter_axes(tf.stack([a, b, a * a + b * b, a * b]), vertical, horizontal)
    mean_a, mean_b, square_sum, product = tf.unstack(moments)
    mean_product, mean_squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    luminance = (2 * mean_product + c1) / (mean_squares + c1)
    contrast_structure = (2 * (product - mean_product) + c2) / (square_sum - mean_squares + c2)
    return luminance, contrast_structure


def _halve(planes: tf.Tensor) -> tf.Tensor:
    """2 x 2 average pooling of planes; an odd side is first lengthened by repeating its last pixel."""
    sides = tf.shape(planes)[2:]
    odd = tf.math.floormod(sides, 2)
    planes = tf.pad(planes, [[0, 0], [0, 0], [0, odd[0]], [0, odd[1]]], mode="SYMMETRIC")
    rows = planes[:, :, 0::2] + planes[:, :, 1::2]
    return (rows[..., 0::2] + rows[..., 1::2]) / 4


def _product_of_powers(terms: tf.Tensor, exponents: np.ndarray) -> tf.Tensor:
    """prod_k ReLU(terms[..., k])^exponents[k], with the bounded surrogate gradient."""
    exponents = tf.constant(exponents, terms.dtype)
    value = tf.reduce_prod(tf.nn.relu(terms) ** exponents, axis=-1)
    floored = terms + tf.stop_gradient(tf.maximum(terms, SURROGATE_FLOOR) - terms)
    surrogate = tf.exp(tf.reduce_sum(exponents * tf.math.log(floored), axis=-1))
    return tf.stop_gradient(value) + (surrogate - tf.stop_gradient(surrogate))
