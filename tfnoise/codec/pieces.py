"""Codes an image of any length in pieces, each with real context on both sides, so that no seam shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

PIECE_FRAMES = 1024
# More than the transforms see to either side, and a whole number of latent columns.
_CONTEXT_FRAMES = 64


class CodedImage(NamedTuple):
    """What became of an image.

    Attributes:
      reconstruction: as the image, float32 `[mels, frames, 1]`.
      bpp: mean rate of the pieces, bits per pixel; context counts as any other part of a piece.
      bpp_largest: the highest of a piece.
    """

    reconstruction: np.ndarray
    bpp: float
    bpp_largest: float


def code_in_pieces(
    code: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]],
    image: np.ndarray,
    bpp: float,
    piece_frames: int = PIECE_FRAMES,
    on_piece: Callable[[int], Any] = lambda frames: None,
) -> CodedImage:
    """Codes an image piece by piece, each at or under a rate.

    Args:
      code: `FrozenModel.code`.
      image: float32 `[mels, frames, 1]` in [0, 1].
      bpp: target rate, bits per pixel.
      piece_frames: new frames of a piece, a multiple of 16.
      on_piece: called after each piece with its number of new frames.
    """
    frames = image.shape[1]
    parts, rates, widths = [], [], []
    for first in range(0, frames, piece_frames):
        last = min(first + piece_frames, frames)
        begin, end = max(first - _CONTEXT_FRAMES, 0), min(last + _CONTEXT_FRAMES, frames)
        piece = tf.constant(image[None, :, begin:end], tf.float32)
        coded = code(piece, tf.constant(bpp, tf.float32))
        parts.append(coded["reconstruction"].numpy()[0, :, first - begin : last - begin])
        rates.append(float(coded["bpp"][0]))
        widths.append(last - first)
        on_piece(last - first)
    return CodedImage(np.concatenate(parts, 1), float(np.average(rates, weights=widths)), max(rates))
