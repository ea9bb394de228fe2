"""Endless noise images to train on, made in the graph: image i depends on the seed and on i alone.

None of the families has been fitted to audio. But multiscale, pink, dead_leaves and above all streaked noise
were designed by people who know what natural signals have: power at all scales, edges that cover each other,
streaks along time and frequency as onsets and harmonics make them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

_OCTAVES = tuple((2**n, 2**n) for n in range(7))
_STREAKS = (
    (1, 1), (1, 4), (1, 16), (1, 64), (2, 2), (2, 8), (4, 1), (4, 4), (4, 16), (8, 2), (8, 8), (16, 1),
    (16, 4), (16, 16), (32, 32), (64, 1),
)  # fmt: skip
_WEIGHT_POWER = 4
_LEAVES = 40
_LARGEST_SLOPE = 0.5
_LARGEST_GRAIN = 0.2
# Of a grid that is all alike nothing is stretched.
_LEAST_RANGE = 1e-6


def noise_images(
    height: int,
    width: int,
    batch_size: int,
    seed: int = 0,
    first_image: int = 0,
    channels: int = 1,
    batches_per_step: int = 1,
    workers: int = 1,
    worker: int = 0,
    family: str = "uniform",
) -> tf.data.Dataset:
    """Batches of noise in [0, 1], without end and without repetition.

    Every image has a seed of its own, (`seed`, its index), so that the stream does not depend on the batch
    size or on where it was started: image 1,000 is the same after a restart at `first_image=1000`.

    >>> next(iter(noise_images(32, 32, batch_size=4, family="streaked"))).shape
    TensorShape([4, 32, 32, 1])

    Args:
      height, width, channels: of an image, pixels.
      batch_size: images in a batch.
      seed: of the run.
      first_image: index of the first image of all workers.
      batches_per_step: of this worker, one for each of its replicas.
      workers: how many share the images: in each step the first batches are the first worker's, and so on, so
        that all together see what one worker with all batches would.
      worker: which one this is, from 0.
      family: what the noise is like, one of `FAMILIES`, or several joined by "+", of which images take turns.

    Returns:
      A dataset of `[batch_size, height, width, channels]`, float32.

    Raises:
      ValueError: a family is unknown.
    """
    families = [FAMILIES[name] for name in mixed_families(family)]

    def image(index: tf.Tensor) -> tf.Tensor:
        seeds = tf.stack([tf.constant(seed, tf.int64), index])
        kinds = [lambda make=make: make(seeds, height, width, channels) for make in families]
        if len(kinds) == 1:
            return kinds[0]()
        return tf.switch_case(tf.cast(index % len(kinds), tf.int32), kinds)

    return batched_by_index(image, batch_size, first_image, batches_per_step, workers, worker)


def batched_by_index(
    make: Callable[[tf.Tensor], Any],
    batch_size: int,
    first_image: int,
    batches_per_step: int,
    workers: int,
    worker: int,
) -> tf.data.Dataset:
    """Batches, without end, of what a function makes of an image's index (int64); see `noise_images`."""
    share = batch_size * batches_per_step

    def index(place: tf.Tensor) -> tf.Tensor:
        return first_image + place // share * (workers * share) + worker * share + place % share

    indices = tf.data.Dataset.counter().map(index)
    images = indices.map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return images.batch(batch_size, drop_remainder=True).prefetch(4)


def uniform(seed: tf.Tensor, height: int, width: int, channels: int) -> tf.Tensor:
    """Every pixel by itself, uniform on [0, 1): the paper's."""
    return tf.random.stateless_uniform([height, width, channels], seed)


def gaussian(seed: tf.Tensor, height: int, width: int, channels: int) -> tf.Tensor:
    """Every pixel by itself, normal about 1/2 with the variance of uniform noise, clipped."""
    values = tf.random.stateless_normal([height, width, channels], seed, 0.5, math.sqrt(1 / 12))
    return tf.clip_by_value(values, 0.0, 1.0)


def contrast(seed: tf.Tensor, height: int, width: int, channels: int) -> tf.Tensor:
    """Uniform noise between two levels of the image's own."""
    ends = tf.random.stateless_uniform([2], _part(seed, 1))
    values = uniform(_part(seed, 0), height, width, channels)
    return tf.reduce_min(ends) + (tf.reduce_max(ends) - tf.reduce_min(ends)) * values


def multiscale(seed: tf.Tensor, height: int, width: int, channels: int) -> tf.Tensor:
    """Uniform noise on grids of 1 to 64 pixels, each upsampled bilinearly, in random shares."""
    return _on_grids(seed, height, width, channels, _OCTAVES)


def streaked(seed: tf.Tensor, height: int, width: int, channels: int) -> tf.Tensor:
    """As multiscale, on grids that are wider than high, or higher than wide, too."""
    return _on_grids(seed, height, width, channels, _STREAKS)


def pink(seed: tf.Tensor, height: int, width: int, channels: int) -> tf.Tensor:
    """Noise whose power falls with the square of the spatial frequency, as that of natural images does."""
    white = tf.random.stateless_normal([channels, height, width], seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    spectrum = tf.signal.rfft2d(white) * tf.constant(1 / frequency, tf.complex64)
    return _stretched(tf.transpose(tf.signal.irfft2d(spectrum, [height, width]), [1, 2, 0]))


def dead_leaves(seed: tf.Tensor, height: int, width: int, channels: int) -> tf.Tensor:
    """Rectangles with gradients that cover each other, noise on top."""
    numbers = tf.random.stateless_uniform([_LEAVES, 7], _part(seed, 0))[..., tf.newaxis, tf.newaxis]
    size = tf.constant([height, width], tf.float32)[:, tf.newaxis, tf.newaxis]
    # Sides are distributed by their logarithms, so that all sizes have their share.
    sides = tf.exp(numbers[:, :2] * tf.math.log(size))
    middles = numbers[:, 2:4] * size
    down = tf.range(height, dtype=tf.float32)[:, tf.newaxis] + 0.5 - middles[:, 0]
    across = tf.range(width, dtype=tf.float32) + 0.5 - middles[:, 1]
    inside = (tf.abs(down) < sides[:, 0] / 2) & (tf.abs(across) < sides[:, 1] / 2)
    slopes = (2 * numbers[:, 5:] - 1) * _LARGEST_SLOPE / sides
    values = numbers[:, 4] + (slopes[:, 0] * down + slopes[:, 1] * across)
    # The first covers all; of the others the last that is there is seen.
    inside = tf.concat([tf.ones_like(inside[:1]), inside[1:]], 0)
    places = tf.range(_LEAVES)[:, tf.newaxis, tf.newaxis]
    on_top = tf.reduce_max(tf.where(inside, places, -1), 0)
    seen = tf.reduce_sum(tf.where(places == on_top, values, 0.0), 0)[..., tf.newaxis]
    grain = tf.random.stateless_uniform([], _part(seed, 1), 0.0, _LARGEST_GRAIN)
    noise = uniform(_part(seed, 2), height, width, channels)
    return tf.clip_by_value(seen + grain * (noise - 0.5), 0.0, 1.0)


FAMILIES: dict[str, Callable[[tf.Tensor, int, int, int], tf.Tensor]] = {
    family.__name__: family
    for family in (uniform, gaussian, contrast, multiscale, streaked, pink, dead_leaves)
}
"""By name: a function of seed (int64 `[2]`), height, width and channels to `[height, width, channels]`."""


def mixed_families(noise: str) -> list[str]:
    """The families of a name like "streaked" or "streaked+dead_leaves"; one named twice comes twice as often.

    Raises:
      ValueError: one is unknown; the message lists the families.
    """
    names = [name.strip() for name in noise.split("+")]
    for name in names:
        if name not in FAMILIES:
            raise ValueError(f"unknown noise {name!r}; known: {', '.join(FAMILIES)}")
    return names


def _on_grids(
    seed: tf.Tensor, height: int, width: int, channels: int, spacings: Sequence[tuple[int, int]]
) -> tf.Tensor:
    """The sum of noise on grids of so many (rows, columns) between points, weighted by u^4, stretched."""
    weights = tf.random.stateless_uniform([len(spacings)], _part(seed, 0)) ** _WEIGHT_POWER
    shifts = tf.random.stateless_uniform([len(spacings), 2], _part(seed, 1))
    layers = []
    for place, (down, across) in enumerate(spacings):
        # One more than the pixels need, for the shift.
        points = -(-height // down) + 2, -(-width // across) + 2
        grid = tf.random.stateless_uniform([channels, *points], _part(seed, 2 + place))
        # Grids lie anywhere, or the network would know where their points are.
        rows = _interpolation(height, down, points[0], shifts[place, 0])
        columns = _interpolation(width, across, points[1], shifts[place, 1])
        layer = tf.matmul(tf.matmul(rows, grid), columns, transpose_b=True)
        layers.append(weights[place] * layer)
    return _stretched(tf.transpose(tf.add_n(layers), [1, 2, 0]))


def _interpolation(size: int, spacing: int, points: int, shift: tf.Tensor) -> tf.Tensor:
    """A matrix `[size, points]` that interpolates linearly between points that are `spacing` pixels apart."""
    if spacing == 1:
        return tf.eye(size, points)
    places = tf.range(size, dtype=tf.float32)[:, tf.newaxis] / spacing + shift
    return tf.maximum(1 - tf.abs(places - tf.range(points, dtype=tf.float32)), 0.0)


def _stretched(image: tf.Tensor) -> tf.Tensor:
    """The image on all of [0, 1]."""
    low, high = tf.reduce_min(image), tf.reduce_max(image)
    return (image - low) / tf.maximum(high - low, _LEAST_RANGE)


def _part(seed: tf.Tensor, number: int) -> tf.Tensor:
    """A seed for one of several draws of an image."""
    return tf.random.experimental.stateless_fold_in(seed, number)
