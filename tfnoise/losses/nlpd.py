"""The normalised Laplacian pyramid distance.

V. Laparra, J. Balle, A. Berardino, E. P. Simoncelli, "Perceptual image quality assessment using a
normalized Laplacian pyramid", Electronic Imaging 2016; V. Laparra, A. Berardino, J. Balle, E. P. Simoncelli,
"Perceptually optimized image rendering", JOSA A 34, 2017.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfnoise.losses.inputs import check_number, check_sides, image_pair
from tfnoise.losses.laplacian_pyramid import laplacian_bands
from tfnoise.losses.nlpd_parameters import NLPDParameters, check_family, published_parameters
from tfnoise.losses.planes import filtered, per_image, to_planes

_EXPONENT_2017 = 0.6


def nlpd(
    a,
    b,
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
      scales: how many, the low-pass residual among them; None: the parameters' own number, or 6.
      epsilon: added to the mean square under each root, whose gradient has no bound at 0 otherwise.
      parameters: fitted ones, as from `fit_nlpd`; None: the family's published ones.
      max_val: what the images are divided by first; None: 1.0.
      luminance: with family "2017", whether images in [0, 1] are taken for sRGB on a display of 5 to 180
        cd/m^2 first.  For photographs; not for spectrograms.

    Returns:
      `[batch]`, float32 (float64 for float64 images).

    Raises:
      ValueError: an option, shape or type does not fit, or the images are too small for family "2017".
      tf.errors.InvalidArgumentError: in a graph, dynamic shapes that do not fit.
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
    """The parameters that `nlpd` uses with these options.

    Raises:
      ValueError: an option cannot work, or contradicts the parameters.
    """
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
    def normalised(band: tf.Tensor):
        pool = sigma + filtered(tf.abs(band), taps, padding="SAME")
        quotient = band / pool

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            slope = upstream / pool
            return slope - tf.sign(band) * filtered(slope * quotient, taps[::-1, ::-1], padding="SAME")

        return quotient, gradient

    return normalised(band)
