"""Confidence intervals over clips, by the percentile bootstrap.

B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95

_VALUES_AT_ONCE = 1 << 21


class Estimate(NamedTuple):
    """A value and its confidence interval; all NaN where there was nothing to estimate from.

    Attributes:
      value: of the sample itself.
      low, high: ends of the interval.
    """

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | list[float]]:
        """As reports have it."""
        return {"value": self.value, "ci95": [self.low, self.high]}


def bootstrap_mean(
    values: Sequence[float] | np.ndarray, seed: int = 0, resamples: int = RESAMPLES, level: float = LEVEL
) -> Estimate:
    """The mean of clips' values, with the interval that resampling the clips gives.

    Args:
      values: one finite number a clip, `[clips]`.
      seed: decides the resampling; equal seeds and numbers of clips resample the same clips.
      resamples: how many resamples, 1 or more.
      level: share of the resampled means that lies inside the interval, above 0 and below 1.

    Returns:
      The mean and its interval: the value itself for one clip, NaN for none.

    Raises:
      ValueError: values that are not `[clips]`, or resamples or level out of range.
    """
    return _bootstrap([values], lambda means: means[0], seed, resamples, level)


def bootstrap_paired(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    statistic: str = "difference",
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Estimate:
    """How two models' means over the same clips compare, each resample taking the same clips of both.

    Args:
      a, b: one finite number a clip, `[clips]`, clip by clip.
      statistic: "difference", mean(a) - mean(b), or "ratio", mean(a) / mean(b).
      seed, resamples, level: as in `bootstrap_mean`.

    Returns:
      The statistic and its interval.

    Raises:
      ValueError: as `bootstrap_mean`, an unknown statistic, or a and b of different lengths.
    """
    statistics: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "difference": lambda means: means[0] - means[1],
        "ratio": lambda means: means[0] / means[1],
    }
    if statistic not in statistics:
        raise ValueError(f"statistic must be one of {', '.join(statistics)}, not {statistic!r}")
    if np.shape(a) != np.shape(b):
        raise ValueError(f"paired values must be of equal number, not {np.shape(a)} and {np.shape(b)}")
    return _bootstrap([a, b], statistics[statistic], seed, resamples, level)


def _bootstrap(
    samples: Sequence[Sequence[float] | np.ndarray],
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int,
    resamples: int,
    level: float,
) -> Estimate:
    """The statistic of the samples' means `[samples, ...]`, and its percentiles over resamples."""
    values = np.asarray(samples, np.float64)
    if values.ndim != 2:
        raise ValueError(f"values must be [clips], not of shape {values.shape[1:]}")
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"resamples must be 1 or more and level in (0, 1), not {resamples} and {level}")
    clips = values.shape[1]
    if clips == 0:
        return Estimate(np.nan, np.nan, np.nan)
    generator = np.random.default_rng(seed)
    rows = max(1, _VALUES_AT_ONCE // clips)
    means = []
    for first in range(0, resamples, rows):
        chosen = generator.integers(0, clips, (min(rows, resamples - first), clips))
        means.append(values[:, chosen].mean(axis=-1))
    outside = (1 - level) / 2
    low, high = np.quantile(statistic(np.concatenate(means, axis=1)), [outside, 1 - outside])
    return Estimate(float(statistic(values.mean(axis=-1))), float(low), float(high))
