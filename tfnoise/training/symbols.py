"""How a latent's symbols are used: which there are, and how many bits their frequencies are worth."""

from __future__ import annotations

import math

import tensorflow as tf

from tfnoise import layers
from tfnoise.autoencoder import Autoencoder


def latent_of(model: Autoencoder, images: tf.Tensor) -> tf.Tensor:
    """The latent of images `[batch, height, width, channels]`: float32 `[batch, rows, columns, latents]`."""
    return tf.cast(model.analysis(layers.pad_to_stride(images), training=False), tf.float32)


def symbols_of(model: Autoencoder, latent: tf.Tensor) -> tf.Tensor:
    """The hard symbols of a latent, int32 of its shape: indices of levels, or integers at step 1."""
    if isinstance(model.bottleneck, layers.LevelsBottleneck):
        return model.bottleneck.symbols(latent)
    return tf.cast(tf.round(latent), tf.int32)


def symbol_entropy(symbols: tf.Tensor) -> tf.Tensor:
    """The entropy of the symbols' empirical distribution in each channel, as a mean over channels.

    It is 0 where every channel has one symbol only, and never above log2 of the symbols a channel.

    Args:
      symbols: integers `[..., channels]`.

    Returns:
      Bits per symbol, a float32 scalar.
    """
    by_channel = tf.transpose(tf.reshape(symbols, [-1, tf.shape(symbols)[-1]]))
    ranked = tf.sort(by_channel, axis=-1)
    # How many are equal to each, without a table, whose size would be that of the range of symbols.
    equal = tf.searchsorted(ranked, ranked, side="right") - tf.searchsorted(ranked, ranked, side="left")
    share = tf.cast(equal, tf.float32) / tf.cast(tf.shape(ranked)[-1], tf.float32)
    return tf.reduce_mean(tf.math.log(share)) / -math.log(2)
