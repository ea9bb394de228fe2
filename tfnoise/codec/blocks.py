"""Images of any length through a frozen model in blocks, as if they were coded whole.

Every block is analysed with real context on both sides, which is dropped from its symbols, and synthesised
with its neighbours' symbols beside its own. So blocks are independent strings of symbols, and no seam shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfnoise.codec.rate_choice import choose_step
from tfnoise.layers.transforms import TOTAL_STRIDE

BLOCK_FRAMES = 1024
"""Frames of a block, a multiple of 16."""

# Latent columns; 48 frames are more than kernels of 3 and 5 see to either side.
_CONTEXT_COLUMNS = 3
CONTEXT_FRAMES = _CONTEXT_COLUMNS * TOTAL_STRIDE
"""Frames that a block is analysed with on either side, as far as there are any."""


class CodedImage(NamedTuple):
    """What became of an image.

    Attributes:
      reconstruction: as the image, float32 `[mels, frames, 1]`.
      bpp: the rate by the integer tables, bits per pixel.
      step_index: which step of the grid all blocks have.
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
    index, _ = choose_step(bits, bpp * pixels, len(latents))
    choice = tf.constant([index])
    symbols = [module.symbols(latent[None], choice).numpy()[0] for latent in latents]
    parts = []
    for part in synthesise_blocks(module, symbols, index):
        parts.append(part)
        on_block()
    reconstruction = np.concatenate(parts, 1)[:, : image.shape[1]]
    return CodedImage(reconstruction[: image.shape[0]], float(bits[index]) / pixels, index)


def analyse_blocks(module: Any, image: np.ndarray, block_frames: int = BLOCK_FRAMES) -> Iterator[np.ndarray]:
    """The latents of an image, block by block.

    Args:
      module: a `FrozenModel`, or one that was loaded.
      image: float32 `[mels, frames, 1]`.
      block_frames: frames of a block, a multiple of 16.

    Yields:
      float32 `[rows, columns, latents]`: block_frames / 16 columns, of the last block as many as it needs.

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
    """The latent of a block.

    Args:
      module: a `FrozenModel`, or one that was loaded.
      image: float32 `[mels, frames, 1]`: the block with what there is of its context.
      before: frames of context before the block.
      frames: of the block.

    Returns:
      float32 `[rows, columns, latents]`.
    """
    latent = module.analyse(tf.constant(image[None], tf.float32)).numpy()[0]
    skipped, columns = before // TOTAL_STRIDE, -(-frames // TOTAL_STRIDE)
    return latent[:, skipped : skipped + columns]


class BlockSynthesis:
    """The image of blocks that come one after another, each with its neighbours' symbols beside its own.

    Args:
      dequantize: of a `FrozenModel`.
      synthesise: of a `FrozenModel`.
    """

    def __init__(
        self,
        dequantize: Callable[[np.ndarray, tf.Tensor], tf.Tensor],
        synthesise: Callable[[np.ndarray], tf.Tensor],
    ):
        self._dequantize, self._synthesise = dequantize, synthesise
        self._before: np.ndarray | None = None
        self._held: np.ndarray | None = None

    def push(self, symbols: np.ndarray, step_index: int) -> np.ndarray | None:
        """Takes the next block's symbols, int32 `[rows, columns, latents]`, and their step.

        Returns:
          The image of the block before, float32 `[16 rows, 16 columns, channels]`; None after the first.
        """
        latent = self._dequantize(np.ascontiguousarray(symbols)[None], tf.constant([step_index])).numpy()[0]
        image = None if self._held is None else self._image(latent[:, :_CONTEXT_COLUMNS])
        if self._held is None:
            self._before = latent[:, :0]
        else:
            self._before = np.concatenate([self._before, self._held], 1)[:, -_CONTEXT_COLUMNS:]
        self._held = latent
        return image

    def finish(self) -> np.ndarray | None:
        """The image of the last block; None if there was none."""
        return None if self._held is None else self._image(self._held[:, :0])

    def _image(self, after: np.ndarray) -> np.ndarray:
        joined = np.concatenate([self._before, self._held, after], 1)
        image = self._synthesise(joined[None]).numpy()[0]
        first = TOTAL_STRIDE * self._before.shape[1]
        return image[:, first : first + TOTAL_STRIDE * self._held.shape[1]]


def synthesise_blocks(module: Any, symbols: Iterable[np.ndarray], step_index: int) -> Iterator[np.ndarray]:
    """The image of symbols, block by block.

    Args:
      module: a `FrozenModel`, or one that was loaded.
      symbols: of all blocks, int32 `[rows, columns, latents]` each.
      step_index: which step of the grid they have.

    Yields:
      float32 `[16 rows, 16 columns, channels]`.
    """
    synthesis = BlockSynthesis(module.dequantize, module.synthesise)
    for block in symbols:
        image = synthesis.push(block, step_index)
        if image is not None:
            yield image
    image = synthesis.finish()
    if image is not None:
        yield image
