"""Patches of natural audio to train on: the bound that training on noise is compared with.

As with noise, patch i depends on the seed and on i alone.
"""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from tfnoise.audio.front_end import FrontEnd
from tfnoise.data.clip_list import list_clips
from tfnoise.data.clips import natural_images
from tfnoise.data.noise import batched_by_index
from tfnoise.errors import InputError

MASK_SIDE = 16
"""Pixels of a side of the squares that masking takes away."""


def training_images(folder: str | os.PathLike[str], front_end: FrontEnd, patch_size: int) -> list[np.ndarray]:
    """The images of a folder's clips that have room for a patch: float32 `[mels, frames, 1]` in [0, 1].

    All are held in memory: 130 kB for 4 s of audio with 128 mels.

    Args:
      folder: of audio, as `list_clips` takes it.
      front_end: the settings of the images.
      patch_size: pixels of a side.

    Raises:
      InputError: no clip has room, or the folder holds none.
    """
    if front_end.mels < patch_size:
        raise InputError(
            f"patches of {patch_size} pixels do not fit in {front_end.mels} mels; use smaller ones"
        )
    clips = list_clips(folder)
    items = list(natural_images(clips, front_end, multiple=1).as_numpy_iterator())
    images = [item["image"] for item in items if item["image"].shape[1] >= patch_size]
    if not images:
        problems = [item["problem"].decode("utf-8", "replace") for item in items if item["problem"]]
        reason = problems[0] if problems else f"all are under {patch_size} frames"
        raise InputError(f"{folder}: none of its {len(clips)} clips can be trained on; the first: {reason}")
    return images


def natural_patches(
    images: list[np.ndarray],
    patch_size: int,
    batch_size: int,
    seed: int = 0,
    first_image: int = 0,
    masked_share: float = 0.0,
    batches_per_step: int = 1,
    workers: int = 1,
    worker: int = 0,
) -> tf.data.Dataset:
    """Batches of patches cut anywhere from images, without end.

    Args:
      images: float32 `[mels, frames, 1]`, each with room for a patch.
      patch_size: pixels of a side.
      masked_share: of squares of 16 pixels that are taken away (0: none), for learning what belongs there.
      batch_size, seed, first_image, batches_per_step, workers, worker: as of `noise_images`.

    Returns:
      A dataset of `[batch_size, patch_size, patch_size, 1]`, float32; with a `masked_share` of pairs: the
      masked patches (0 where something was taken) and the whole ones.
    """
    mels = images[0].shape[0]
    offsets = np.cumsum([0, *(image.shape[1] for image in images[:-1])])
    # Where a patch may begin, so that none goes from one clip into the next.
    places = [offset + np.arange(image.shape[1] - patch_size + 1) for offset, image in zip(offsets, images)]
    starts = tf.constant(np.concatenate(places), tf.int32)
    joined = tf.constant(np.concatenate(images, axis=1))

    def patch(index: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        image_seed = tf.stack([tf.constant(seed, tf.int64), index])
        draws = tf.random.stateless_uniform([2], image_seed)
        column = starts[_below(draws[0], len(starts))]
        row = _below(draws[1], mels - patch_size + 1)
        whole = joined[row : row + patch_size, column : column + patch_size]
        whole.set_shape([patch_size, patch_size, 1])
        if not masked_share:
            return whole
        return whole * _mask(image_seed, patch_size, masked_share), whole

    return batched_by_index(patch, batch_size, first_image, batches_per_step, workers, worker)


def _below(draw: tf.Tensor, count: int) -> tf.Tensor:
    """A whole number from 0 to count - 1, of a uniform draw."""
    return tf.minimum(tf.cast(draw * count, tf.int32), count - 1)


def _mask(seed: tf.Tensor, patch_size: int, share: float) -> tf.Tensor:
    squares = -(-patch_size // MASK_SIDE)
    draws = tf.random.stateless_uniform([squares, squares], tf.random.experimental.stateless_fold_in(seed, 1))
    mask = tf.cast(draws >= share, tf.float32)
    mask = tf.repeat(tf.repeat(mask, MASK_SIDE, axis=0), MASK_SIDE, axis=1)
    return mask[:patch_size, :patch_size, tf.newaxis]
