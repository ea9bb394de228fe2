"""Integer frequency tables: what a coder shares between machines instead of a density in floating point.

The tables are built once, when a model is frozen, and stored with it.  Rebuilding them from floats on
another machine could move one count by one, and everything decoded after that symbol would be garbage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_compression as tfc

from tfnoise.layers.entropy import OUTLIER_SCALE, OUTLIER_SHARE

PRECISION_BITS = 16
"""Counts of a table sum to 2^16."""

GRID_RATIO = 1.07
GRID_EXPONENTS = range(-24, 52)
"""The grid of quantization steps: powers of 1.07 from 0.197 to 31.5, with the 1 that models train at."""

LARGEST_LATENT = 127.0
"""Symbols are clamped to this magnitude of the latent; the largest seen on natural audio was 105."""


def step_grid() -> np.ndarray:
    """The quantization steps, finest first, `[steps]` float32.

    >>> len(step_grid()), step_grid()[24]
    (76, 1.0)
    """
    return np.array([GRID_RATIO**exponent for exponent in GRID_EXPONENTS], np.float32)


@dataclass(frozen=True)
class IntegerTables:
    """One table of counts for every quantization step and latent channel.

    Symbols of step s are the integers from `-limits[s]` to `limits[s]`; the count of symbol k in channel c
    is `counts[starts[s] + c * (2 limits[s] + 1) + limits[s] + k]`.

    Attributes:
      steps: quantization steps, finest first, `[steps]` float32.
      limits: largest symbol of each step, `[steps]` int32.
      counts: all counts, `[total]` uint16, each at least 1; those of a table sum to 65536.
      channels: number of latent channels.
    """

    steps: np.ndarray
    limits: np.ndarray
    counts: np.ndarray
    channels: int

    @classmethod
    def from_variables(cls, variables: Sequence[tf.Variable]) -> IntegerTables:
        """The tables that a frozen model holds, `FrozenModel.tables`."""
        steps, limits, counts = (variable.numpy() for variable in variables)
        return cls(steps, limits, counts, len(counts) // int(np.sum(2 * limits.astype(np.int64) + 1)))

    @property
    def starts(self) -> np.ndarray:
        """Where each step's tables start in `counts`, `[steps]` int32."""
        sizes = (2 * self.limits + 1) * self.channels
        return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)

    def table(self, step_index: int) -> np.ndarray:
        """The counts of one step, `[channels, symbols]` int32."""
        width = 2 * int(self.limits[step_index]) + 1
        start = int(self.starts[step_index])
        counts = self.counts[start : start + self.channels * width]
        return counts.reshape(self.channels, width).astype(np.int32)


def build_tables(prior: Any, channels: int) -> IntegerTables:
    """The integer tables of a factorized prior (`tfc.NoisyDeepFactorized`), for every step of the grid.

    The probability of symbol k is `CDF((k + 1/2) step) - CDF((k - 1/2) step)` of the density under the
    prior's unit-width noise, by the survival function where that is the smaller one, with 1 % of a Laplace
    density mixed in (`tfnoise.layers.entropy`).
    """
    steps = step_grid()
    limits = np.ceil(LARGEST_LATENT / steps).astype(np.int32)
    counts = []
    for step, limit in zip(steps, limits):
        edges = (np.arange(-limit, limit + 2, dtype=np.float32) - 0.5) * step
        points = tf.broadcast_to(tf.constant(edges)[:, None], [len(edges), channels])
        below = prior.base.cdf(points).numpy().astype(np.float64)
        above = prior.base.survival_function(points).numpy().astype(np.float64)
        mass = np.where(above[1:] < below[1:], above[:-1] - above[1:], below[1:] - below[:-1])
        mass = (1 - OUTLIER_SHARE) * np.maximum(mass, 0) + OUTLIER_SHARE * _laplace_mass(edges)[:, None]
        pmf = tf.constant((mass / mass.sum(axis=0)).T, tf.float32)
        cdf = tfc.pmf_to_quantized_cdf(pmf, precision=PRECISION_BITS).numpy()
        counts.append(np.diff(cdf, axis=-1).reshape(-1))
    return IntegerTables(steps, limits, np.concatenate(counts).astype(np.uint16), channels)


def _laplace_mass(edges: np.ndarray) -> np.ndarray:
    half = 0.5 * np.exp(-np.abs(edges) / OUTLIER_SCALE)
    cdf = np.where(edges < 0, half, 1 - half)
    return np.diff(cdf)
