"""The Laplacian pyramids of the two NLPD families, on planes `[1, height, width, planes]`.

P. J. Burt, E. H. Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Communications 1983.
Both low-pass filter with the outer product of `LOW_PASS`, keep every second pixel, and subtract what the
small image predicts; they differ in how they treat borders and enlarge.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf

from tfnoise.losses.planes import filtered, sizes, spread

LOW_PASS = (0.05, 0.25, 0.4, 0.25, 0.05)
"""One axis of the 5 x 5 low-pass filter."""

_TAPS = np.outer(LOW_PASS, LOW_PASS)


def laplacian_bands(planes: tf.Tensor, scales: int, family: str) -> list[tf.Tensor]:
    """The pyramid of a family: `scales - 1` band-pass images, finest first, and the low-pass residual.

    Args:
      planes: `[1, height, width, planes]`.
      scales: how many bands, the residual among them.
      family: "2016" or "2017".

    Returns:
      Bands `[1, height_k, width_k, planes]`, where a side halves, rounding up, from each to the next.
    """
    split = _SPLITS[family]
    bands = []
    for _ in range(scales - 1):
        band, planes = split(planes)
        bands.append(band)
    return [*bands, planes]


def smallest_side(scales: int, family: str) -> int:
    """The least height and width, in pixels, of images with so many bands.

    The mirror of four pixels beyond a border of the family "2017" needs more than four inside of it, at
    each of the `scales - 1` images that are split.
    """
    return 4 * 2 ** (scales - 2) + 1 if family == "2017" and scales > 1 else 1


def _split_2016(planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Two zeros beyond the borders; enlarged by bilinear interpolation as in TensorFlow 1, then filtered."""
    height, width = sizes(planes)[1:3]
    if isinstance(height, int) and isinstance(width, int):
        # "SAME" puts two zeros before an odd side, and before an even one if the filter has six taps.
        low = filtered(planes, np.pad(_TAPS, ((0, 1 - height % 2), (0, 1 - width % 2))), 2, "SAME")
    else:
        low = filtered(tf.pad(planes, [[0, 0], [2, 2], [2, 2], [0, 0]]), _TAPS, stride=2)
    return planes + filtered(_enlarged(low, height, width), -_TAPS, padding="SAME"), low


def _split_2017(planes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirrored borders; enlarged by inserting zeros and four times the filter."""
    height, width = sizes(planes)[1:3]
    padded = tf.pad(planes, [[0, 0], [4, 4], [4, 4], [0, 0]], mode="REFLECT")
    low = filtered(padded, _TAPS, stride=2)
    prediction = spread(low, 4 * _TAPS, height + 8, width + 8, stride=2)[:, 4:-4, 4:-4]
    return planes - prediction, low[:, 1:-1, 1:-1]


_SPLITS: dict[str, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]] = {
    "2016": _split_2016,
    "2017": _split_2017,
}


def _enlarged(low: tf.Tensor, height, width) -> tf.Tensor:
    if low.dtype == tf.float32:
        return tf.raw_ops.ResizeBilinear(images=low, size=tf.stack([height, width]))
    # The operation gives float32 whatever it gets.
    rows, columns = sizes(low)[1:3]
    tall = tf.einsum("ij,bjwn->biwn", interpolation(height, rows, low.dtype), low)
    return tf.einsum("ij,bhjn->bhin", interpolation(width, columns, low.dtype), tall)


def interpolation(rows, columns, dtype: tf.DType) -> tf.Tensor:
    """The matrix `[rows, columns]` of TensorFlow 1's bilinear resize: no half-pixel centres, corners free.

    Row r interpolates between columns floor(r c) and floor(r c) + 1 (the last one repeated), where
    c = columns / rows.
    """
    scale = tf.cast(columns, tf.float32) / tf.cast(rows, tf.float32)
    position = tf.cast(tf.range(rows), tf.float32) * scale
    low = tf.cast(tf.floor(position), tf.int32)
    share = tf.cast(position - tf.floor(position), dtype)[:, None]
    at_low, at_high = (tf.one_hot(at, columns, dtype=dtype) for at in (low, tf.minimum(low + 1, columns - 1)))
    return (1 - share) * at_low + share * at_high
