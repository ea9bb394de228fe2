"""A frozen model: the transforms with their integer tables, in stock TensorFlow operations only.

This is what is exported, served, scored and coded with.  It holds no Keras object and no operation of
tensorflow-compression, so that an unmodified TensorFlow Serving can run it.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.autoencoder import Autoencoder
from tfnoise.codec.rate_choice import choose_steps
from tfnoise.codec.tables import PRECISION_BITS, IntegerTables, build_tables
from tfnoise.layers import LevelsBottleneck, pad_to_stride


class FrozenModel(tf.Module):
    """The inference side of an `Autoencoder`, with a step of quantization chosen image by image.

    Functions, each a `tf.function` that is saved with the model:

    - `analyse(images)`: the latent `[batch, rows, columns, latents]` of `images [batch, height, width,
      channels]`, which are padded to multiples of 16 first.
    - `synthesise(quantized)`: the image `[batch, 16 rows, 16 columns, channels]` of a quantized latent.
    - `bits_by_step(latent)`: the rate `[batch, steps]`, in bits, that each step of the grid gives by the
      integer tables (with levels, one column).
    - `symbols(latent, index)`: the integers that are coded with the step `index [batch]`, int32 as the
      latent: from minus the step's limit to the limit, or 0 to levels - 1.
    - `dequantize(symbols, index)`: the quantized latent of symbols, float32.
    - `code(images, bpp)`: codes each image with the finest step that stays at or under `bpp` bits per
      pixel.  Returns a dict: `reconstruction` (as `images`), `bpp`, `step` and `step_index`, `[batch]`.
      An image that no step brings under `bpp` gets the coarsest step; with levels `bpp` has no effect.

    Args:
      model: a built autoencoder; its weights are shared, not copied, unless it computes in less than
        float32, which a frozen model never does.
      tables: of the entropy bottleneck; None: they are built from its prior.

    Attributes:
      latents: channels of the latent.
      steps: how many steps the grid has.
    """

    def __init__(self, model: Autoencoder, tables: IntegerTables | None = None):
        super().__init__()
        model = model.in_float32()
        self.weights = [*model.analysis.variables, *model.synthesis.variables]
        self.latents = latents = model.analysis.latent_channels
        channels = model.synthesis.image_channels
        images = tf.TensorSpec([None, None, None, channels], tf.float32, "image")
        latent = tf.TensorSpec([None, None, None, latents], tf.float32, "latent")
        integers = tf.TensorSpec([None, None, None, latents], tf.int32, "symbols")
        choice = tf.TensorSpec([None], tf.int32, "index")
        bpp = tf.TensorSpec([], tf.float32, "bpp")

        def analyse(image: tf.Tensor) -> tf.Tensor:
            return tf.cast(model.analysis(pad_to_stride(image), training=False), tf.float32)

        def synthesise(quantized: tf.Tensor) -> tf.Tensor:
            return model.synthesis(quantized, training=False)

        if isinstance(model.bottleneck, LevelsBottleneck):
            self.tables = []
            quantizer = _Levels(model.bottleneck)
        else:
            quantizer = _Steps(tables or build_tables(model.bottleneck.prior, latents))
            self.tables = quantizer.variables
        self._quantizer, self.steps = quantizer, quantizer.count

        def code(image: tf.Tensor, bpp: tf.Tensor) -> dict[str, tf.Tensor]:
            height, width = tf.unstack(tf.shape(image)[1:3])
            pixels = tf.cast(height * width, tf.float32)
            values = analyse(image)
            bits = quantizer.bits_by_step(values)
            index = choose_steps(bits, tf.fill(tf.shape(bits)[:1], bpp * pixels), 1)
            quantized = quantizer.dequantize(quantizer.symbols(values, index), index)
            return {
                "reconstruction": synthesise(quantized)[:, :height, :width],
                "bpp": tf.gather(bits, index, batch_dims=1) / pixels,
                "step": quantizer.step(index),
                "step_index": index,
            }

        self.analyse = tf.function(analyse, [images])
        self.synthesise = tf.function(synthesise, [latent])
        self.bits_by_step = tf.function(quantizer.bits_by_step, [latent])
        self.symbols = tf.function(quantizer.symbols, [latent, choice])
        self.dequantize = tf.function(quantizer.dequantize, [integers, choice])
        self.code = tf.function(code, [images, bpp])

    def step(self, index: tf.Tensor) -> tf.Tensor:
        """The steps of the grid, float32 `[batch]`, at `index [batch]`."""
        return self._quantizer.step(index)

    def limits(self, index: tf.Tensor) -> tf.Tensor | None:
        """The largest symbols, int32 `[batch]`, of the steps at `index [batch]`; None: of levels."""
        return self._quantizer.limits_of(index)

    def fingerprint(self, settings: dict[str, Any]) -> str:
        """32 hexadecimal digits of the weights, the tables and the settings that decide decoding."""
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for variable in [*self.weights, *self.tables]:
            values = np.ascontiguousarray(variable.numpy())
            digest.update(f"{values.shape}{values.dtype.str}".encode())
            digest.update(values.tobytes())
        return digest.hexdigest()[:32]


class _Levels:
    """Quantization to fixed levels: one step, a fixed number of bits."""

    count = 1

    def __init__(self, bottleneck: LevelsBottleneck):
        self.bottleneck = bottleneck

    def bits_by_step(self, latent: tf.Tensor) -> tf.Tensor:
        return self.bottleneck.counted_bits(latent)[:, None]

    def symbols(self, latent: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.bottleneck.symbols(latent), tf.int32)

    def dequantize(self, symbols: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return self.bottleneck.dequantize(symbols)

    def step(self, index: tf.Tensor) -> tf.Tensor:
        return tf.ones_like(index, tf.float32)

    def limits_of(self, index: tf.Tensor) -> None:
        return None


class _Steps:
    """Uniform quantization at any step of the grid, its rate by the integer tables."""

    def __init__(self, tables: IntegerTables):
        self.steps = tf.Variable(tables.steps, trainable=False, name="steps")
        self.limits = tf.Variable(tables.limits, trainable=False, name="limits")
        self.counts = tf.Variable(tables.counts, trainable=False, name="counts")
        self.starts = tables.starts
        self.channels = tables.channels

    @property
    def count(self) -> int:
        return len(self.starts)

    @property
    def variables(self) -> list[tf.Variable]:
        return [self.steps, self.limits, self.counts]

    def bits_by_step(self, latent: tf.Tensor) -> tf.Tensor:
        channel = tf.range(self.channels)
        starts = tf.constant(self.starts)

        def bits(index: tf.Tensor) -> tf.Tensor:
            limit = self.limits[index]
            symbols = _symbols(latent, self.steps[index], limit)
            places = starts[index] + channel * (2 * limit + 1) + limit + symbols
            probabilities = tf.cast(tf.gather(self.counts, places), tf.float32) / 2**PRECISION_BITS
            return tf.reduce_sum(tf.math.log(probabilities), axis=[1, 2, 3]) / -math.log(2)

        return tf.transpose(tf.map_fn(bits, tf.range(len(self.starts)), fn_output_signature=tf.float32))

    def symbols(self, latent: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        limit = tf.gather(self.limits, index)[:, None, None, None]
        return _symbols(latent, self.step(index)[:, None, None, None], limit)

    def dequantize(self, symbols: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        return tf.cast(symbols, tf.float32) * self.step(index)[:, None, None, None]

    def step(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.steps, index)

    def limits_of(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.limits, index)


def _symbols(latent: tf.Tensor, step: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    # Clipped as floats, since the cast of a float beyond int32 is undefined, and again for the cast of a NaN.
    bound = tf.cast(limit, tf.float32)
    symbols = tf.cast(tf.clip_by_value(tf.round(latent / step), -bound, bound), tf.int32)
    return tf.clip_by_value(symbols, -limit, limit)
