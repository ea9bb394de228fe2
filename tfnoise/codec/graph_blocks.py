"""Images of any length through a model in blocks, inside a graph: as `tfnoise.codec.blocks`, for servers.

All images of a batch have one shape. Memory grows with the images, and by one block for the model's work.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfnoise.codec.blocks import BLOCK_FRAMES, CONTEXT_FRAMES
from tfnoise.layers.transforms import TOTAL_STRIDE

_BLOCK_COLUMNS = BLOCK_FRAMES // TOTAL_STRIDE
_CONTEXT_COLUMNS = CONTEXT_FRAMES // TOTAL_STRIDE


def blocks_in(frames: tf.Tensor) -> tf.Tensor:
    """How many blocks so many frames make."""
    return -(-frames // BLOCK_FRAMES)


def analyse_in_blocks(analyse: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor) -> tf.Tensor:
    """The latents `[batch, rows, columns, latents]` of images `[batch, height, frames, channels]`.

    Args:
      analyse: of a `FrozenModel`.
      images: float32, of one frame or more.
    """
    frames = tf.shape(images)[2]

    def block(number: tf.Tensor) -> tf.Tensor:
        first = number * BLOCK_FRAMES
        last = tf.minimum(first + BLOCK_FRAMES, frames)
        begin, end = tf.maximum(first - CONTEXT_FRAMES, 0), tf.minimum(last + CONTEXT_FRAMES, frames)
        skipped, columns = (first - begin) // TOTAL_STRIDE, -(-(last - first) // TOTAL_STRIDE)
        return analyse(images[:, :, begin:end])[:, :, skipped : skipped + columns]

    return _side_by_side(block, blocks_in(frames))


def synthesise_in_blocks(synthesise: Callable[[tf.Tensor], tf.Tensor], latents: tf.Tensor) -> tf.Tensor:
    """The images `[batch, 16 rows, 16 columns, channels]` of quantized latents.

    Args:
      synthesise: of a `FrozenModel`.
      latents: float32 `[batch, rows, columns, latents]`, of one column or more.
    """
    columns = tf.shape(latents)[2]

    def block(number: tf.Tensor) -> tf.Tensor:
        first = number * _BLOCK_COLUMNS
        last = tf.minimum(first + _BLOCK_COLUMNS, columns)
        begin, end = tf.maximum(first - _CONTEXT_COLUMNS, 0), tf.minimum(last + _CONTEXT_COLUMNS, columns)
        images = synthesise(latents[:, :, begin:end])
        skipped = TOTAL_STRIDE * (first - begin)
        return images[:, :, skipped : skipped + TOTAL_STRIDE * (last - first)]

    return _side_by_side(block, blocks_in(TOTAL_STRIDE * columns))


def _side_by_side(block: Callable[[tf.Tensor], tf.Tensor], count: tf.Tensor) -> tf.Tensor:
    """The blocks `[batch, height, width, channels]` of numbers 0 to before count, joined along the width."""
    parts = tf.TensorArray(tf.float32, count, infer_shape=False)
    number = tf.constant(0)
    _, parts = tf.while_loop(
        lambda number, parts: number < count,
        # What TensorArray joins is the first axis.
        lambda number, parts: (number + 1, parts.write(number, tf.transpose(block(number), [2, 0, 1, 3]))),
        (number, parts),
        parallel_iterations=1,
    )
    return tf.transpose(parts.concat(), [1, 2, 0, 3])
