"""How sure a comparison of two losses is, over clips and over seeds at once.

Clips and seeds are crossed: every model codes every clip. A resample draws seeds and clips with replacement,
the same for both losses (A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95


class Comparison(NamedTuple):
    """Two losses compared by one metric.

    Attributes:
      ratio: mean(a) / mean(b).
      low, high: ends of its 95 % interval over resamples of clips and seeds.
      confidence: share of resamples in which a is below b.
      seeds_below: of how many single seeds a's mean is below b's.
    """

    ratio: float
    low: float
    high: float
    confidence: float
    seeds_below: int


def compare(a: np.ndarray, b: np.ndarray, seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Compares scores of which less is better.

    Args:
      a, b: floats `[seeds, clips]`, seed by seed and clip by clip.
      seed: of the bootstrap.
      resamples: how many.

    Raises:
      ValueError: the shapes differ, or there is nothing to compare.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 2 or not a.size:
        raise ValueError(f"scores must be [seeds, clips] and alike, not {a.shape} and {b.shape}")
    seeds, clips = a.shape
    generator = np.random.default_rng(seed)
    # A resample is how often each seed and each clip is drawn.
    by_seed = generator.multinomial(seeds, np.full(seeds, 1 / seeds), resamples)
    by_clip = generator.multinomial(clips, np.full(clips, 1 / clips), resamples)
    means_a, means_b = (np.einsum("rs,sc,rc->r", by_seed, values, by_clip) for values in (a, b))
    low, high = np.quantile(means_a / means_b, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Comparison(
        ratio=float(a.mean() / b.mean()),
        low=float(low),
        high=float(high),
        confidence=float(np.mean(means_a < means_b)),
        seeds_below=int(np.sum(a.mean(axis=1) < b.mean(axis=1))),
    )
