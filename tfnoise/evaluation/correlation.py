"""Agreement of metrics of mel-spectrogram images with listeners: rank and linear correlations.

Every metric sees the same two images.  The degraded clip is shown on the reference's decibel scale, so that a
change of level counts as one, and both are cut to the shorter one's frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.audio import (
    FrontEnd,
    is_silent,
    mel_spectrogram,
    mel_to_image,
    read,
    reference_db,
    resample,
    to_mono,
)
from tfnoise.data.ratings import RatedPair
from tfnoise.errors import InputError
from tfnoise.evaluation.bootstrap import Estimate, bootstrap_clusters
from tfnoise.losses import NLPDParameters, ms_ssim, mse, nlpd, published_parameters, smallest_side, ssim

COEFFICIENTS = ("spearman", "pearson", "kendall")
"""The correlations, by the names of their authors."""

RESAMPLES = 1000
FEWEST_PAIRS = 3

_FEWEST_FRAMES = 16


@dataclass(frozen=True)
class PairMetric:
    """A metric of an image pair.

    Attributes:
      name: for tables and JSON.
      function: of two image batches, to `[batch]` values.
      least_side: pixels that an image needs a side.
    """

    name: str
    function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    least_side: int = 1


@dataclass(frozen=True, eq=False)
class ImagePair:
    """The images of a rated pair, float32 `[1, mels, frames, 1]` in [0, 1]; or a problem, in one line."""

    pair: RatedPair
    reference: np.ndarray | None = None
    degraded: np.ndarray | None = None
    problem: str = ""


@dataclass(frozen=True)
class Agreement:
    """The agreement of a metric with the ratings.

    Attributes:
      pairs: number of pairs with a value.
      coefficients: estimates by the names of `COEFFICIENTS`, with 95 % intervals; of a distance negative.
      gain: |Spearman| less that of the first metric, on the same resamples; None for the first itself.
    """

    pairs: int
    coefficients: dict[str, Estimate]
    gain: Estimate | None

    def as_json(self) -> dict[str, Any]:
        """The agreement as reports have it."""
        estimates = {name: estimate.as_json() for name, estimate in self.coefficients.items()}
        gain = None if self.gain is None else self.gain.as_json()
        return {"pairs": self.pairs, **estimates, "spearman_gain_over_mse": gain}


def pair_metrics(ms_ssim_scales: int = 4, fitted: NLPDParameters | None = None) -> list[PairMetric]:
    """The metrics: MSE, SSIM, MS-SSIM, NLPD of both families, and a fitted NLPD if given."""
    similarity = partial(ms_ssim, scales=ms_ssim_scales)
    metrics = [
        PairMetric("mse", mse),
        PairMetric("ssim", ssim, smallest_side(1)),
        PairMetric(f"ms_ssim_{ms_ssim_scales}", similarity, smallest_side(ms_ssim_scales)),
    ]
    distances = {f"nlpd_{family}": published_parameters(family) for family in ("2016", "2017")}
    if fitted is not None:
        distances["nlpd_fitted"] = fitted
    for name, parameters in distances.items():
        metrics.append(PairMetric(name, partial(nlpd, parameters=parameters), parameters.smallest_side))
    return metrics


def pair_images(pairs: Sequence[RatedPair], front_end: FrontEnd) -> Iterator[ImagePair]:
    """The images of pairs, one after the other; a pair that cannot be used has a problem."""
    mels: dict[str, np.ndarray] = {}
    for pair in pairs:
        try:
            if pair.reference not in mels:
                mels[pair.reference] = _mel(pair.reference, front_end)
            yield _images(pair, mels[pair.reference], _mel(pair.degraded, front_end), front_end)
        except InputError as error:
            yield ImagePair(pair, problem=str(error))


def _mel(path: str, front_end: FrontEnd) -> np.ndarray:
    samples, rate_hz = read(path)
    waveform = resample(to_mono(samples), rate_hz, front_end.sample_rate_hz)
    if front_end.frames(len(waveform)) < _FEWEST_FRAMES:
        raise InputError(f"{path}: is too short: it gives fewer than {_FEWEST_FRAMES} frames")
    return mel_spectrogram(waveform, front_end).numpy()


def _images(pair: RatedPair, reference: np.ndarray, degraded: np.ndarray, front_end: FrontEnd) -> ImagePair:
    frames = min(reference.shape[1], degraded.shape[1])
    if 2 * frames < max(reference.shape[1], degraded.shape[1]):
        raise InputError(f"{pair.degraded}: is not of its reference's length; trim or align it")
    level = reference_db(reference, front_end)
    if is_silent(level):
        raise InputError(f"{pair.reference}: is silent")
    images = [mel_to_image(mel[:, :frames], level, front_end).numpy()[None] for mel in (reference, degraded)]
    return ImagePair(pair, *images)


def metric_values(
    metrics: Sequence[PairMetric], images: Iterable[ImagePair]
) -> tuple[list[RatedPair], np.ndarray, list[str]]:
    """All metrics of all pairs.

    Returns:
      The pairs that could be used, their values float64 `[metrics, pairs]` (NaN where an image is too small
      for a metric), and a line for each pair that could not.
    """
    functions = [tf.function(metric.function, reduce_retracing=True) for metric in metrics]
    used, columns, problems = [], [], []
    for item in images:
        if item.reference is None or item.degraded is None:
            problems.append(item.problem)
        else:
            side = min(item.reference.shape[1:3])
            column = [
                float(function(item.reference, item.degraded)[0]) if side >= metric.least_side else np.nan
                for metric, function in zip(metrics, functions)
            ]
            used.append(item.pair)
            columns.append(column)
    return used, np.array(columns, np.float64).reshape(len(used), len(metrics)).T, problems


def agreements(
    metrics: Sequence[PairMetric],
    values: np.ndarray,
    pairs: Sequence[RatedPair],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Agreement]:
    """The correlations of metrics with ratings, with percentile-bootstrap intervals.

    References are resampled, each with all its pairs: pairs of one reference are not independent.

    Args:
      metrics: as given to `metric_values`.
      values: `[metrics, pairs]` from there; NaN is skipped, metric by metric.
      pairs: the rated pairs.
      seed: random seed of the bootstrap.
      resamples: number of resamples.

    Returns:
      By name.  A coefficient is NaN where there are fewer than 3 values or all are equal.
    """
    ratings = np.array([pair.rating for pair in pairs], np.float64)
    rank = COEFFICIENTS.index("spearman")

    def statistics(indices: np.ndarray) -> np.ndarray:
        coefficients = _coefficients(values[:, indices], ratings[indices])
        strength = np.abs(coefficients[:, rank])
        return np.column_stack([coefficients, strength - strength[0]]).ravel()

    references = [pair.reference for pair in pairs]
    estimates = iter(bootstrap_clusters(references, statistics, seed, resamples))
    result = {}
    for place, metric in enumerate(metrics):
        coefficients, gain = {name: next(estimates) for name in COEFFICIENTS}, next(estimates)
        count = int(np.isfinite(values[place]).sum())
        result[metric.name] = Agreement(count, coefficients, gain if place else None)
    return result


def _coefficients(values: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    """`[metrics, 3]`, in the order of `COEFFICIENTS`."""
    from scipy import stats

    result = np.full((len(values), len(COEFFICIENTS)), np.nan)
    for place, row in enumerate(values):
        there = np.isfinite(row)
        x, y = row[there], ratings[there]
        if len(x) < FEWEST_PAIRS or np.ptp(x) == 0 or np.ptp(y) == 0:
            continue
        ranks = np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]
        result[place] = ranks, np.corrcoef(x, y)[0, 1], stats.kendalltau(x, y).statistic
    return result
