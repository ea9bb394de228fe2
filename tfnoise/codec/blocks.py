"""Images of any length through a frozen model in blocks, as if they were coded whole; eagerly and in graphs.

Every block is analysed with real context on both sides, which is dropped from its symbols, and synthesised
with its neighbours' symbols beside its own. So blocks are independent strings of symbols, and no seam shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfnoise.codec.step_choice import choose_step
from tfnoise.layers.transforms import TOTAL_STRIDE

BLOCK_FRAMES = 1024
"""Frames of a block, a multiple of 16."""

_BLOCK_COLUMNS = BLOCK_FRAMES // TOTAL_STRIDE
# Latent columns; 48 frames are more than kernels of 3 and 5 reach to either side.
_CONTEXT_COLUMNS = 3
CONTEXT_FRAMES = _CONTEXT_COLUMNS * TOTAL_STRIDE
"""Frames that a block is analysed with on either side, as far as there are any."""


class CodedImage(NamedTuple):
    """A coded image.

    Attributes:
      reconstruction: the decoded image, float32 `[mels, frames, 1]`.
      bpp: the rate by the integer tables, bits per pixel.
      step_index: index of the step that all blocks have.
    """

    reconstruction: np.ndarray
    bpp: float
    step_index: int


def code_in_blocks(
    module: Any,
    image: np.ndarray,
    bpp: float,
    block_frames: int = BLOCK_FRAMES,
    on_block: Callable[[], Any] = lambda: None,
) -> CodedImage:
    """Codes an image of any length with one step, the finest whose rate is at or under a target.

    Args:
      module: a `FrozenModel`, or one that was loaded.
      image: float32 `[mels, frames, 1]` in [0, 1], one frame or more.
      bpp: target rate, bits per pixel; with levels it has no effect. An image that no step brings under it
        gets the coarsest.
      block_frames: frames of a block, a multiple of 16.
      on_block: called after each block is analysed, and again after it is synthesised.
    """
    latents = []
    for latent in analyse_blocks(module, image, block_frames):
        latents.append(latent)
        on_block()
    bits = sum(module.bits_by_step(latent[None]).numpy()[0].astype(np.float64) for latent in latents)
    pixels = image.shape[0] * image.shape[1]
    index = int(choose_step(bits[None], [bpp * pixels], len(latents))[0])
    choice = tf.constant([index])
    symbols = [module.symbols(latent[None], choice).numpy()[0] for latent in latents]
    parts = []
    for part in synthesise_blocks(module, symbols, index):
        parts.append(part)
        on_block()
    reconstruction = np.concatenate(parts, 1)[:, : image.shape[1]]
    return CodedImage(reconstruction[: image.shape[0]], float(bits[index]) / pixels, index)


def analyse_blocks(module: Any, image: np.ndarray, block_frames: int = BLOCK_FRAMES) -> Iterator[np.ndarray]:
    """The latents, float32 `[rows, columns, latents]`, of an image `[mels, frames, 1]`, block by block.

    Blocks have block_frames / 16 columns, the last as many as it needs.

    Raises:
      ValueError: block_frames is no multiple of 16.
    """
    check_block_frames(block_frames)
    frames = image.shape[1]
    for first in range(0, frames, block_frames):
        last = min(first + block_frames, frames)
        begin, end = with_context(first, last)
        yield analyse_block(module, image[:, begin:end], first - begin, last - first)


def check_block_frames(block_frames: int) -> None:
    """Raises ValueError where blocks cannot have so many frames."""
    if block_frames < TOTAL_STRIDE or block_frames % TOTAL_STRIDE:
        raise ValueError(f"block_frames must be a multiple of {TOTAL_STRIDE}, not {block_frames}")


def with_context(first: int, last: int) -> tuple[int, int]:
    """The frames to analyse for those from `first` to before `last`; the end may be beyond the image's."""
    return max(first - CONTEXT_FRAMES, 0), last + CONTEXT_FRAMES


def analyse_block(module: Any, image: np.ndarray, before: int, frames: int) -> np.ndarray:
    """The latent, float32 `[rows, columns, latents]`, of a block of `frames` frames.

    The image `[mels, frames, 1]` has the block's context, too: `before` frames before it, and those after it.
    """
    latent = module.analyse(tf.constant(image[None], tf.float32)).numpy()[0]
    skipped, columns = before // TOTAL_STRIDE, -(-frames // TOTAL_STRIDE)
    return latent[:, skipped : skipped + columns]


class BlockSynthesis:
    """The image of blocks that come one after another, each with its neighbours' symbols beside its own.

    Args:
      dequantize: a `FrozenModel`'s function of that name.
      synthesise: a `FrozenModel`'s function of that name, in any precision.
    """

    def __init__(
        self,
        dequantize: Callable[[np.ndarray, tf.Tensor], tf.Tensor],
        synthesise: Callable[[np.ndarray], tf.Tensor],
    ):
        self._dequantize, self._synthesise = dequantize, synthesise
        # The latest block's latent and the columns before it.
        self._latest: np.ndarray | None = None
        self._before: np.ndarray | None = None

    def push(self, symbols: np.ndarray, step_index: int) -> np.ndarray | None:
        """Takes the next block's symbols, int32 `[rows, columns, latents]`, and their step.

        Returns:
          The image of the block before, float32 `[16 rows, 16 columns, channels]`; None after the first.
        """
        latent = self._dequantize(np.ascontiguousarray(symbols)[None], tf.constant([step_index])).numpy()[0]
        image = self._image(latent[:, :_CONTEXT_COLUMNS])
        if self._latest is not None:
            before = self._latest if self._before is None else np.concatenate([self._before, self._latest], 1)
            self._before = before[:, -_CONTEXT_COLUMNS:]
        self._latest = latent
        return image

    def finish(self) -> np.ndarray | None:
        """The image of the last block; None if there was none."""
        return None if self._latest is None else self._image(self._latest[:, :0])

    def _image(self, after: np.ndarray) -> np.ndarray | None:
        if self._latest is None:
            return None
        parts = [self._latest, after] if self._before is None else [self._before, self._latest, after]
        image = self._synthesise(np.concatenate(parts, 1)[None]).numpy()[0]
        first = 0 if self._before is None else TOTAL_STRIDE * self._before.shape[1]
        return image[:, first : first + TOTAL_STRIDE * self._latest.shape[1]]


def synthesise_blocks(module: Any, symbols: Iterable[np.ndarray], step_index: int) -> Iterator[np.ndarray]:
    """The images of blocks' symbols, int32 `[rows, columns, latents]`, each as of `BlockSynthesis.push`."""
    synthesis = BlockSynthesis(module.dequantize, module.synthesise)
    for block in symbols:
        if (image := synthesis.push(block, step_index)) is not None:
            yield image
    if (image := synthesis.finish()) is not None:
        yield image


def blocks_in(frames: tf.Tensor) -> tf.Tensor:
    """The number of blocks of so many frames."""
    return -(-frames // BLOCK_FRAMES)


def analyse_in_blocks(analyse: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor) -> tf.Tensor:
    """Latents `[batch, rows, columns, latents]` of images `[batch, height, frames, channels]`, for graphs.

    Memory grows with the images, and by one block for the model's work.

    Args:
      analyse: a `FrozenModel`'s function of that name.
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
    """Images `[batch, 16 rows, 16 columns, channels]` of latents `[batch, rows, columns, latents]`.

    Args:
      synthesise: a `FrozenModel`'s function of that name.
      latents: quantized, float32, of one column or more.
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
