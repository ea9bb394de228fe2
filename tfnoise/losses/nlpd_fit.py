"""NLPD fitted to a corpus: the size of its bands, and the prediction of magnitudes by their neighbours'."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.losses.images import check_sides, check_whole, image_pair, to_planes
from tfnoise.losses.nlpd import laplacian_bands
from tfnoise.losses.nlpd_parameters import (
    MOST_SCALES,
    NLPDParameters,
    check_family,
    published_parameters,
    smallest_side,
)

_LEAST_SIGMA = 1e-6


def fit_nlpd(
    images: Iterable[Any],
    family: str = "2016",
    scales: int = 6,
    neighbourhood: int | None = 3,
    max_val: float | None = None,
) -> NLPDParameters:
    """Estimates NLPD's parameters from images, as Laparra et al. 2016 (section 2.2) did from photographs.

    Of each scale, sigma is the mean of |band|, and the weights are those that predict |band| best from its
    neighbours' magnitudes: least squares, none negative, without the pixel itself, zeros beyond the borders.
    The sums are kept, not the images, so that any number of images fits in memory.

    Args:
      images: a `tf.data.Dataset` or any iterable of images `[height, width, channels]` or batches
        `[batch, height, width, channels]`, of any sizes; of tuples, as Keras takes them, the first counts.
      family: of the pyramid, "2016" or "2017".
      scales: number of scales, the low-pass residual among them.
      neighbourhood: side of the weights' matrix in pixels, 3 or 5; None: sigma alone is fitted, the weights
        are the published ones.
      max_val: full scale, by which the images are divided first; None: 1.0, for floats only.

    Raises:
      ValueError: no image, one that does not fit, or an option out of range.

    >>> fit_nlpd([np.ones([16, 16, 1])], scales=2).scales
    2
    """
    check_family(family)
    check_whole("scales", scales, 1, MOST_SCALES)
    published = published_parameters(family, scales).weights if neighbourhood is None else None
    if neighbourhood not in (3, 5, None) or isinstance(neighbourhood, float):
        raise ValueError(f"neighbourhood must be 3, 5 or None, not {neighbourhood!r}")
    least = smallest_side(scales, family)
    rule = f"NLPD of family {family} with {scales} scales needs images of at least {least} pixels a side"
    sums = [_BandSums(neighbourhood or 1) for _ in range(scales)]
    count = 0
    for element in images:
        batch = tf.convert_to_tensor(element[0] if isinstance(element, (tuple, list)) else element)
        batch = batch[None] if batch.shape.rank == 3 else batch
        batch, _ = image_pair(batch, batch, max_val)
        check_sides(batch, least, rule)
        if not np.all(np.isfinite(batch)):
            raise ValueError(f"images must hold finite numbers; one after the first {count} does not")
        for band_sums, band in zip(sums, laplacian_bands(to_planes(batch), scales, family)):
            band_sums.add(tf.abs(band).numpy()[0])
        count += batch.shape[0]
    if not count:
        raise ValueError("images must hold one image or more, and there is none")
    sigma = tuple(max(band_sums.mean(), _LEAST_SIGMA) for band_sums in sums)
    weights: Any = published or [band_sums.weights() for band_sums in sums]
    return NLPDParameters(family, sigma, weights, origin=f"fitted to {count} images")


class _BandSums:
    """The sums of one scale that the fit needs: of magnitudes, and of products with their neighbours'."""

    def __init__(self, side: int):
        self._side, self._middle = side, side * side // 2
        self._count, self._sum = 0, 0.0
        self._products = np.zeros([side * side, side * side])

    def add(self, magnitudes: np.ndarray) -> None:
        """Counts the magnitudes `[height, width, planes]` of a band."""
        height, width, _ = magnitudes.shape
        reach = self._side // 2
        padded = np.pad(magnitudes.astype(np.float64), ((reach, reach), (reach, reach), (0, 0)))
        columns = [
            padded[row : row + height, column : column + width].ravel()
            for row in range(self._side)
            for column in range(self._side)
        ]
        stacked = np.stack(columns)
        self._products += stacked @ stacked.T
        self._count += magnitudes.size
        self._sum += float(magnitudes.sum(dtype=np.float64))

    def mean(self) -> float:
        """The mean magnitude."""
        return self._sum / max(1, self._count)

    def weights(self) -> np.ndarray:
        """The matrix `[side, side]` that predicts magnitudes best, 0 in the middle."""
        from scipy.optimize import nnls

        others = np.delete(np.arange(self._side**2), self._middle)
        gram = self._products[np.ix_(others, others)]
        # min |X w - y|^2 by a root of X^T X, so that the pixels need not be kept.
        values, vectors = np.linalg.eigh(gram)
        positive = values > 1e-10 * max(values.max(), 1e-300)
        root = np.sqrt(values[positive])[:, None] * vectors[:, positive].T
        target = (vectors[:, positive].T @ self._products[others, self._middle]) / np.sqrt(values[positive])
        weights = np.zeros(self._side**2)
        weights[others] = nnls(root, target)[0] if positive.any() else 0.0
        return weights.reshape(self._side, self._side)
