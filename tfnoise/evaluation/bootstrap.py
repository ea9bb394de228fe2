"""Confidence intervals by the percentile bootstrap: over clips, paired clips, clusters, and seeds and clips.

B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95

_VALUES_AT_ONCE = 1 << 21


class Estimate(NamedTuple):
    """A value and its confidence interval; NaN where there was nothing to estimate from.

    Attributes:
      value: of the sample itself.
      low, high: ends of the interval.
    """

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | list[float]]:
        """The estimate as reports have it."""
        return {"value": self.value, "ci95": [self.low, self.high]}


class Comparison(NamedTuple):
    """Two losses compared by one metric, of which less is better.

    Attributes:
      ratio: mean(a) / mean(b).
      low, high: ends of its 95 % interval over resamples of clips and seeds.
      confidence: share of resamples in which a is below b.
      seeds_below: number of single seeds of which a's mean is below b's.
    """

    ratio: float
    low: float
    high: float
    confidence: float
    seeds_below: int


def bootstrap_mean(
    values: Sequence[float] | np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """The mean of clips' values, with the 95 % interval that resampling the clips gives.

    Args:
      values: one finite number a clip, `[clips]`.
      seed: random seed; equal seeds and numbers of clips resample the same clips.
      resamples: number of resamples, 1 or more.

    Returns:
      The mean and its interval: the value itself for one clip, NaN for none.

    Raises:
      ValueError: values that are not `[clips]`, or no resamples.

    >>> bootstrap_mean([1.0, 2.0, 3.0, 4.0])
    Estimate(value=2.5, low=1.5, high=3.5)
    """
    return _bootstrap([values], lambda means: means[0], seed, resamples)


def bootstrap_paired(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    statistic: str = "difference",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Compares two models' means over the same clips; each resample takes the same clips of both.

    Args:
      a, b: one finite number a clip, `[clips]`, clip by clip.
      statistic: "difference", mean(a) - mean(b), or "ratio", mean(a) / mean(b).
      seed, resamples: as in `bootstrap_mean`.

    Returns:
      The statistic and its interval.

    Raises:
      ValueError: as `bootstrap_mean`, an unknown statistic, or a and b of different lengths.

    >>> bootstrap_paired([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], "ratio")
    Estimate(value=0.5, low=0.5, high=0.5)
    """
    statistics: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "difference": lambda means: means[0] - means[1],
        "ratio": lambda means: means[0] / means[1],
    }
    if statistic not in statistics:
        raise ValueError(f"statistic must be one of {', '.join(statistics)}, not {statistic!r}")
    if np.shape(a) != np.shape(b):
        raise ValueError(f"paired values must be of equal number, not {np.shape(a)} and {np.shape(b)}")
    return _bootstrap([a, b], statistics[statistic], seed, resamples)


def bootstrap_clusters(
    clusters: Sequence[Any],
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[Estimate]:
    """Statistics of samples that come in clusters, with intervals over resampled whole clusters.

    Args:
      clusters: the name of each sample's cluster, `[samples]`.
      statistic: of indices of samples, to `[statistics]` floats; NaN where one has no value.
      seed: random seed.
      resamples: number of resamples, 1 or more.

    Returns:
      One estimate a statistic, with a 95 % interval over the resamples where it is finite. The interval is
      NaN of a single cluster: resampled it is itself, which would look like certainty.

    >>> values = np.array([1.0, 3.0, 5.0])
    >>> bootstrap_clusters(["a", "a", "b"], lambda indices: values[indices].mean(keepdims=True))
    [Estimate(value=3.0, low=2.0, high=5.0)]
    """
    names = list(clusters)
    members = [np.flatnonzero([name == other for other in names]) for name in dict.fromkeys(names)]
    values = statistic(np.arange(len(names)))
    resampled = np.full((resamples, len(values)), np.nan)
    if len(members) > 1:
        draws = (draw for block in _draws(len(members), seed, resamples) for draw in block)
        for row, draw in zip(resampled, draws):
            row[:] = statistic(np.concatenate([members[index] for index in draw]))
    estimates = []
    for value, column in zip(values, resampled.T):
        column = column[np.isfinite(column)]
        finite = np.isfinite(value) and len(column)
        low, high = _percentiles(column) if finite else (np.nan, np.nan)
        estimates.append(Estimate(float(value), float(low), float(high)))
    return estimates


def bootstrap_crossed(a: np.ndarray, b: np.ndarray, seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Compares two losses over seeds and clips at once: every model codes every clip.

    A resample draws seeds and clips with replacement, the same for both losses (A. B. Owen, "The pigeonhole
    bootstrap", Annals of Applied Statistics 1(2), 2007).

    Args:
      a, b: scores of which less is better, floats `[seeds, clips]`, seed by seed and clip by clip.
      seed: random seed of the bootstrap.
      resamples: number of resamples.

    Raises:
      ValueError: the shapes differ, or there is nothing to compare.

    >>> bootstrap_crossed([[1.0, 2.0], [2.0, 4.0]], [[2.0, 4.0], [4.0, 8.0]])
    Comparison(ratio=0.5, low=0.5, high=0.5, confidence=1.0, seeds_below=2)
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 2 or not a.size:
        raise ValueError(f"scores must be [seeds, clips] and alike, not {a.shape} and {b.shape}")
    generator = np.random.default_rng(seed)
    # A resample is how often each seed and each clip is drawn.
    by_seed, by_clip = (
        generator.multinomial(count, np.full(count, 1 / count), resamples) for count in a.shape
    )
    means_a, means_b = (np.einsum("rs,sc,rc->r", by_seed, scores, by_clip) for scores in (a, b))
    low, high = _percentiles(means_a / means_b)
    return Comparison(
        ratio=float(a.mean() / b.mean()),
        low=float(low),
        high=float(high),
        confidence=float(np.mean(means_a < means_b)),
        seeds_below=int(np.sum(a.mean(axis=1) < b.mean(axis=1))),
    )


def _bootstrap(
    samples: Sequence[Sequence[float] | np.ndarray],
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int,
    resamples: int,
) -> Estimate:
    """The statistic of the samples' means `[samples, ...]`, and its percentiles over resamples."""
    values = np.asarray(samples, np.float64)
    if values.ndim != 2:
        raise ValueError(f"values must be [clips], not of shape {values.shape[1:]}")
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, not {resamples}")
    if values.shape[1] == 0:
        return Estimate(np.nan, np.nan, np.nan)
    means = [values[:, draws].mean(axis=-1) for draws in _draws(values.shape[1], seed, resamples)]
    low, high = _percentiles(statistic(np.concatenate(means, axis=1)))
    return Estimate(float(statistic(values.mean(axis=-1))), float(low), float(high))


def _draws(count: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """Resamples of `count` indices, `[rows, count]`, as many at once as fit in memory."""
    generator = np.random.default_rng(seed)
    rows = max(1, _VALUES_AT_ONCE // count)
    for first in range(0, resamples, rows):
        yield generator.integers(0, count, (min(rows, resamples - first), count))


def _percentiles(resampled: np.ndarray) -> np.ndarray:
    return np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
