"""The normalised Laplacian pyramid distance.

V. Laparra, J. Balle, A. Berardino, E. P. Simoncelli, "Perceptual image quality assessment using a
normalized Laplacian pyramid", Electronic Imaging 2016; V. Laparra, A. Berardino, J. Balle, E. P. Simoncelli,
"Perceptually optimized image rendering", JOSA A 34, 2017.  The pyramids are those of P. J. Burt,
E. H. Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Communications 1983.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.losses.images import (
    Size,
    check_number,
    check_sides,
    filtered,
    image_pair,
    per_image,
    sizes,
    to_planes,
    upsample_taps,
)
from tfnoise.losses.nlpd_parameters import NLPDParameters, check_family, published_parameters

LOW_PASS = (0.05, 0.25, 0.4, 0.25, 0.05)
"""One axis of the 5 x 5 low-pass filter of the pyramids."""

_TAPS = np.outer(LOW_PASS, LOW_PASS)
_EXPONENT_2017 = 0.6


def nlpd(
    a: Any,
    b: Any,
    family: str | None = None,
    scales: int | None = None,
    epsilon: float = 1e-10,
    parameters: NLPDParameters | None = None,
    max_val: float | None = None,
    luminance: bool = False,
) -> tf.Tensor:
    """The normalised Laplacian pyramid distance of image pairs; 0 is identical (but for epsilon).

    Each band of the pyramid is divided by a constant and a weighted sum of its neighbours' magnitudes.  Of
    the difference of two images' bands the root mean square is taken, per image, over height, width and
    channels.  The distance is the mean of these over the scales (family "2016"), or
    `(mean rms^0.6)^(1/0.6)` ("2017").

    Args:
      a, b: images `[batch, height, width, channels]`, any float type; integers with `max_val`.
      family: "2016" or "2017"; None: the parameters' own, or "2016".
      scales: number of scales, the low-pass residual among them; None: the parameters' own, or 6.
      epsilon: added to the mean square under each root, whose gradient has no bound at 0 otherwise.
      parameters: fitted ones, as from `fit_nlpd`; None: the family's published ones.
      max_val: full scale, by which the images are divided first; None: 1.0.
      luminance: with family "2017", whether images in [0, 1] are taken for sRGB on a display of 5 to 180
        cd/m^2 first.  For photographs; not for spectrograms.

    Returns:
      `[batch]`, float32 (float64 for float64 images).

    Raises:
      ValueError: an option, shape or type does not fit, or the images are too small for family "2017".
      tf.errors.InvalidArgumentError: in a graph, dynamic shapes that do not fit.

    >>> nlpd(tf.zeros([1, 32, 32, 1]), tf.ones([1, 32, 32, 1]), scales=4).numpy().round(2)
    array([1.58], dtype=float32)
    """
    parameters = resolved_parameters(family, scales, epsilon, parameters, luminance)
    a, b = image_pair(a, b, max_val)
    least = parameters.smallest_side
    formula = f"4 * 2^({parameters.scales} - 2) + 1 = " if least > 1 else ""
    rule = (
        f"NLPD of family {parameters.family} with {parameters.scales} scales needs images of at least "
        f"{formula}{least} pixels a side"
    )
    images = check_sides(a, least, rule)
    squares = [
        tf.reduce_mean(per_image(square, images), axis=-1)
        for square in _band_squares(to_planes(images), to_planes(b), parameters, luminance)
    ]
    squares = tf.stack(squares) + epsilon
    if parameters.family == "2016":
        return tf.reduce_mean(tf.sqrt(squares), axis=0)
    return tf.reduce_mean(squares ** (_EXPONENT_2017 / 2), axis=0) ** (1 / _EXPONENT_2017)


def resolved_parameters(
    family: str | None = None,
    scales: int | None = None,
    epsilon: float = 1e-10,
    parameters: NLPDParameters | None = None,
    luminance: bool = False,
) -> NLPDParameters:
    """The parameters of `nlpd` with these options; raises ValueError where one cannot work."""
    check_number("epsilon", epsilon, at_least=0)
    if not isinstance(parameters, (NLPDParameters, type(None))):
        raise ValueError(f"parameters must be NLPDParameters or None, not {parameters!r}")
    if parameters is None:
        parameters = published_parameters(family or "2016", 6 if scales is None else scales)
    if family is not None:
        check_family(family)
    for name, value in (("family", family), ("scales", scales)):
        fitted = getattr(parameters, name)
        if value not in (None, fitted):
            raise ValueError(f"{name} must be that of the parameters, {fitted!r}, or None, not {value!r}")
    if luminance and parameters.family != "2017":
        raise ValueError("luminance must be False with family '2016', which was made for images in [0, 1]")
    return parameters


def _band_squares(a: tf.Tensor, b: tf.Tensor, parameters: NLPDParameters, luminance: bool) -> list[tf.Tensor]:
    """The mean squared differences of the normalised bands of planes: `[planes]` a scale."""
    bands_a = _normalised_bands(a, parameters, luminance)
    # One image after the other: each operation uses all threads, and less memory is held at once.
    with tf.control_dependencies(bands_a):
        bands_b = _normalised_bands(tf.identity(b), parameters, luminance)
    return [
        tf.reduce_mean(tf.square(band_b - band_a), axis=[0, 1, 2]) for band_a, band_b in zip(bands_a, bands_b)
    ]


def _normalised_bands(planes: tf.Tensor, parameters: NLPDParameters, luminance: bool) -> list[tf.Tensor]:
    if luminance:
        planes = _display_response(planes)
    bands = laplacian_bands(planes, parameters.scales, parameters.family)
    return [_normalised(*of_scale) for of_scale in zip(bands, parameters.sigma, parameters.weights)]


def _display_response(planes: tf.Tensor) -> tf.Tensor:
    """sRGB in [0, 1] to the response to its luminance (Laparra et al. 2017, section 2)."""
    luminance = tf.maximum(planes, 0.0) ** 2.4 * 175.0 + 5.0
    return luminance ** (1 / 2.6)


def _normalised(band: tf.Tensor, sigma: float, weights: tuple[tuple[float, ...], ...]) -> tf.Tensor:
    """`band / (sigma + weights * |band|)`, zero-padded.

    The gradient is written out, since that is faster by a fifth than automatic differentiation.
    """
    taps = np.asarray(weights)

    @tf.custom_gradient
    def normalised(band: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        pool = sigma + filtered(tf.abs(band), taps, padding="SAME")
        quotient = band / pool

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            slope = upstream / pool
            return slope - tf.sign(band) * filtered(slope * quotient, taps[::-1, ::-1], padding="SAME")

        return quotient, gradient

    return normalised(band)


def laplacian_bands(planes: tf.Tensor, scales: int, family: str) -> list[tf.Tensor]:
    """The pyramid of a family: `scales - 1` band-pass images, finest first, and the low-pass residual.

    Both families low-pass filter with the outer product of `LOW_PASS`, keep every second pixel, and subtract
    the small image's prediction; they differ in borders and enlargement.

    Args:
      planes: `[1, height, width, planes]`.
      scales: number of bands, the residual among them.
      family: "2016" or "2017".

    Returns:
      Bands `[1, height_k, width_k, planes]`, where a side halves, rounding up, from each to the next.
    """
    split = {"2016": _split_2016, "2017": _split_2017}[family]
    bands = []
    for _ in range(scales - 1):
        band, planes = split(planes)
        bands.append(band)
    return [*bands, planes]


def _split_2016(planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Two zeros beyond the borders; enlarged by bilinear interpolation as in TensorFlow 1, then filtered."""
    height, width = sizes(planes)[1:3]
    if isinstance(height, int) and isinstance(width, int):
        # "SAME" puts two zeros before an odd side, and before an even one if the filter has six taps.
        low = filtered(planes, np.pad(_TAPS, ((0, 1 - height % 2), (0, 1 - width % 2))), 2, "SAME")
    else:
        low = filtered(tf.pad(planes, [[0, 0], [2, 2], [2, 2], [0, 0]]), _TAPS, stride=2)
    return planes + filtered(_enlarged(low, height, width), -_TAPS, padding="SAME"), low


def _split_2017(planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirrored borders; enlarged by inserting zeros and four times the filter."""
    height, width = sizes(planes)[1:3]
    padded = tf.pad(planes, [[0, 0], [4, 4], [4, 4], [0, 0]], mode="REFLECT")
    low = filtered(padded, _TAPS, stride=2)
    prediction = upsample_taps(low, 4 * _TAPS, height + 8, width + 8, stride=2)[:, 4:-4, 4:-4]
    return planes - prediction, low[:, 1:-1, 1:-1]


def _enlarged(low: tf.Tensor, height: Size, width: Size) -> tf.Tensor:
    if low.dtype == tf.float32:
        return tf.raw_ops.ResizeBilinear(images=low, size=tf.stack([height, width]))
    # The operation gives float32 whatever it gets.
    rows, columns = sizes(low)[1:3]
    tall = tf.einsum("ij,bjwn->biwn", interpolation(height, rows, low.dtype), low)
    return tf.einsum("ij,bhjn->bhin", interpolation(width, columns, low.dtype), tall)


def interpolation(rows: Size, columns: Size, dtype: tf.DType) -> tf.Tensor:
    """The matrix `[rows, columns]` of TensorFlow 1's bilinear resize: no half-pixel centres, corners free.

    Row r interpolates between columns floor(r c) and floor(r c) + 1 (the last one repeated), where
    c = columns / rows.
    """
    scale = tf.cast(columns, tf.float32) / tf.cast(rows, tf.float32)
    position = tf.cast(tf.range(rows), tf.float32) * scale
    low = tf.cast(tf.floor(position), tf.int32)
    share = tf.cast(position - tf.floor(position), dtype)[:, None]
    at_low, at_high = (tf.one_hot(at, columns, dtype=dtype) for at in (low, tf.minimum(low + 1, columns - 1)))
    return (1 - share) * at_low + share * at_high
