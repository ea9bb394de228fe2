"""Endless noise images, made in the graph and stateless: image i depends on the seed and on i alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfnoise.data.noise_families import FAMILIES, mixed_families


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

    Args:
      height, width, channels: of an image, pixels.
      batch_size: images in a batch.
      seed: of the run.
      first_image: index of the first image of all workers.
      batches_per_step: of this worker, one for each of its replicas.
      workers: how many share the images: in each step the first batches are the first worker's, and so on, so
        that all together see what one worker with all batches would.
      worker: which one this is, from 0.
      family: what the noise is like, one of `tfnoise.data.noise_families.FAMILIES`, or several joined by
        "+", of which images take turns.

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
    mine = batch_size * batches_per_step

    def index(place: tf.Tensor) -> tf.Tensor:
        return first_image + place // mine * (workers * mine) + worker * mine + place % mine

    indices = tf.data.Dataset.counter().map(index)
    made = indices.map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return made.batch(batch_size, drop_remainder=True).prefetch(4)
