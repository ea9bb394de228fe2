"""The bottleneck of the paper: every latent value goes to the nearest of a few fixed levels."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tfnoise.layers.transforms import TOTAL_STRIDE

LEVELS = (2, 4, 8, 16)
"""Numbers of levels whose symbols are a whole number of bits, at most half a byte."""


def bpp_of(latent_channels: int, levels: int) -> float:
    """Bits per pixel of fixed-length symbols: `C log2(L) / 16^2`.

    >>> bpp_of(128, levels=2)
    0.5
    """
    return latent_channels * math.log2(levels) / TOTAL_STRIDE**2


def latent_channels_for(bpp: float, levels: int) -> int:
    """The number of latent channels of `levels` levels that give exactly `bpp` bits per pixel.

    Raises:
      ValueError: an impossible number of levels, or no whole number of channels gives `bpp`; the message
        names the nearest rates that work.

    >>> latent_channels_for(0.5, levels=4)
    64
    """
    if levels not in LEVELS:
        raise ValueError(f"levels must be one of {', '.join(map(str, LEVELS))}, not {levels}")
    if not (math.isfinite(bpp) and bpp > 0):
        raise ValueError(f"bpp must be a positive number, not {bpp}")
    channels = bpp * TOTAL_STRIDE**2 / math.log2(levels)
    if abs(channels - round(channels)) < 1e-6 and round(channels) >= 1:
        return round(channels)
    nearest = sorted({max(1, math.floor(channels)), math.ceil(channels)})
    rates = " or ".join(f"{bpp_of(count, levels):.10g}" for count in nearest)
    raise ValueError(
        f"no whole number of latent channels gives {bpp:g} bpp with {levels} levels; the nearest: {rates}"
    )


@tf.keras.utils.register_keras_serializable("tfnoise")
class LevelsBottleneck(tf.keras.layers.Layer):
    """Hard symbols forward, the gradient of a soft assignment backward.

    The levels c_j are spaced evenly over [-1, 1].  Forward, a value z becomes the nearest level; backward
    it has the gradient of `sum_j c_j softmax_j(-s (z - c_j)^2)` (Mentzer et al. 2018, section 3.2).  The
    rate is the fixed length of the symbols: `log2(levels)` bits a value, whatever the values are.

    A call returns `(quantized, bits)`: the quantized latent, float32, same shape as the latent, and the
    rate of each image, `[batch]`, in bits.

    Args:
      levels: number of levels, a power of two from 2 to 16.
      quantizer_s: softness s of the backward pass; 1 trains well, 1e4 has gradients 100 times as large.

    Raises:
      ValueError: another number of levels, or `quantizer_s` is not a positive finite number.

    >>> quantized, bits = LevelsBottleneck(levels=2)(tf.constant([[[[0.2, -0.7]]]]))
    >>> quantized.numpy().tolist(), bits.numpy()
    ([[[[1.0, -1.0]]]], array([2.], dtype=float32))
    """

    def __init__(self, levels: int = 2, quantizer_s: float = 1.0, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        if levels not in LEVELS:
            raise ValueError(f"levels must be one of {', '.join(map(str, LEVELS))}, not {levels}")
        if not (math.isfinite(quantizer_s) and quantizer_s > 0):
            raise ValueError(f"quantizer_s must be a positive finite number, not {quantizer_s}")
        self.levels, self.quantizer_s = levels, quantizer_s

    @property
    def centres(self) -> tf.Tensor:
        """The levels c_j, `[levels]` float32, ascending from -1 to 1."""
        return self.dequantize(tf.range(self.levels))

    def symbols(self, latent: tf.Tensor) -> tf.Tensor:
        """The index of the level nearest to each value: int32 of the latent's shape, 0 to levels - 1."""
        # Clipped twice: the cast of a NaN is any integer.
        return tf.clip_by_value(tf.cast(self._nearest(latent), tf.int32), 0, self.levels - 1)

    def dequantize(self, symbols: tf.Tensor) -> tf.Tensor:
        """The quantized latent, float32, of symbols."""
        return tf.cast(symbols, tf.float32) * (2.0 / (self.levels - 1)) - 1

    def _nearest(self, latent: tf.Tensor) -> tf.Tensor:
        position = (tf.cast(latent, tf.float32) + 1) * (0.5 * (self.levels - 1))
        return tf.clip_by_value(tf.round(position), 0, self.levels - 1)

    def call(self, latent: tf.Tensor, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """`(quantized, bits)` of a latent `[batch, rows, columns, channels]`, in training or not."""
        # Not by way of integers, so that a NaN stays one and is noticed in the loss.
        hard = self.dequantize(self._nearest(latent))
        distance = tf.math.squared_difference(latent[..., None], self.centres)
        soft = tf.reduce_sum(self.centres * tf.nn.softmax(-self.quantizer_s * distance), axis=-1)
        return tf.stop_gradient(hard) + (soft - tf.stop_gradient(soft)), self.counted_bits(latent)

    def counted_bits(self, latent: tf.Tensor) -> tf.Tensor:
        """The rate of the hard symbols, `[batch]` float32, in bits."""
        values = tf.reduce_prod(tf.shape(latent)[1:])
        bits = tf.cast(values, tf.float32) * math.log2(self.levels)
        return tf.fill(tf.shape(latent)[:1], bits)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "levels": self.levels, "quantizer_s": self.quantizer_s}
