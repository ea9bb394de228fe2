"""Images of any length through a frozen model in blocks, as if they were coded whole.

Every block is analysed with real context on both sides, which is dropped from its symbols, and synthesised
with its neighbours' symbols beside its own. So blocks are independent strings of symbols, and no seam shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfnoise.codec.frozen import CODER_MARGIN_BITS
from tfnoise.layers.transforms import TOTAL_STRIDE

BLOCK_FRAMES = 1024
"""Frames of a block, a multiple of 16."""

# Latent columns; 48 frames are more than kernels of 3 and 5 see to either side.
_CONTEXT_COLUMNS = 3


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


def choose_step(bits: np.ndarray, most_bits: float, strings: int) -> tuple[int, bool]:
    """The finest step whose symbols surely fit.

    Args:
      bits: by step, finest first, the information of all symbols.
      most_bits: what all strings may have.
      strings: how many there are, each with up to 16 bits more than its information.

    Returns:
      Its index, and whether it fits: the coarsest may not.
    """
    fits = np.flatnonzero(bits <= most_bits - strings * CODER_MARGIN_BITS)
    return (int(fits[0]), True) if len(fits) else (len(bits) - 1, False)


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
    if block_frames < TOTAL_STRIDE or block_frames % TOTAL_STRIDE:
        raise ValueError(f"block_frames must be a multiple of {TOTAL_STRIDE}, not {block_frames}")
    frames, margin = image.shape[1], _CONTEXT_COLUMNS * TOTAL_STRIDE
    for first in range(0, frames, block_frames):
        last = min(first + block_frames, frames)
        begin, end = max(first - margin, 0), min(last + margin, frames)
        latent = module.analyse(tf.constant(image[None, :, begin:end], tf.float32)).numpy()[0]
        skipped, columns = (first - begin) // TOTAL_STRIDE, -(-(last - first) // TOTAL_STRIDE)
        yield latent[:, skipped : skipped + columns]


def synthesise_blocks(module: Any, symbols: list[np.ndarray], step_index: int) -> Iterator[np.ndarray]:
    """The image of symbols, block by block.

    Args:
      module: a `FrozenModel`, or one that was loaded.
      symbols: of all blocks, int32 `[rows, columns, latents]` each.
      step_index: which step of the grid they have.

    Yields:
      float32 `[16 rows, 16 columns, channels]`.
    """
    choice = tf.constant([step_index])
    for place, block in enumerate(symbols):
        before = symbols[place - 1][:, -_CONTEXT_COLUMNS:] if place else block[:, :0]
        after = symbols[place + 1][:, :_CONTEXT_COLUMNS] if place + 1 < len(symbols) else block[:, :0]
        joined = np.concatenate([before, block, after], 1)
        image = module.synthesise(module.dequantize(joined[None], choice)).numpy()[0]
        first = TOTAL_STRIDE * before.shape[1]
        yield image[:, first : first + TOTAL_STRIDE * block.shape[1]]
