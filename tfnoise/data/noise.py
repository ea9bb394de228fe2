"""Endless noise images, made in the graph and stateless: image i depends on the seed and on i alone."""

from __future__ import annotations

import tensorflow as tf

from tfnoise.data.noise_families import FAMILIES


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
      family: what the noise is like, one of `tfnoise.data.noise_families.FAMILIES`.

    Returns:
      A dataset of `[batch_size, height, width, channels]`, float32.

    Raises:
      ValueError: the family is unknown.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown noise {family!r}; known: {', '.join(FAMILIES)}")

    def image(index: tf.Tensor) -> tf.Tensor:
        seeds = tf.stack([tf.constant(seed, tf.int64), index])
        return FAMILIES[family](seeds, height, width, channels)

    mine = batch_size * batches_per_step

    def index(place: tf.Tensor) -> tf.Tensor:
        return first_image + place // mine * (workers * mine) + worker * mine + place % mine

    indices = tf.data.Dataset.counter().map(index)
    batches = indices.map(image, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.batch(batch_size, drop_remainder=True).prefetch(4)
