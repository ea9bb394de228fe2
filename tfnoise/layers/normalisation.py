"""BatchNorm for one replica or several that see parts of one batch, with the same statistics either way."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

MOMENTUM = 0.95
"""Of BatchNorm's averages.  Keras' 0.99 would still remember the initial values after hundreds of steps."""


def batch_normalisation(fused: bool = True) -> tf.keras.layers.Layer:
    """A BatchNorm, over all replicas of the strategy that it is made in.

    Args:
      fused: whether one replica may use TensorFlow's fused operation.
    """
    # The synchronized layer is twice as slow as the fused one, so it is kept for where it is needed.
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return SynchronizedNormalisation(unbiased=fused, momentum=MOMENTUM)
    return tf.keras.layers.BatchNormalization(momentum=MOMENTUM, fused=fused)


class SynchronizedNormalisation(tf.keras.layers.BatchNormalization):
    """BatchNorm over the global batch that keeps the variance which the layer of one replica keeps.

    Args:
      unbiased: as the fused operation, average the unbiased variance; otherwise that of the batch.
    """

    def __init__(self, unbiased: bool = True, **kwargs: Any):
        super().__init__(synchronized=True, **kwargs)
        self._unbiased = unbiased
        self._correction: Any = 1.0

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The normalised inputs, of the same shape."""
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        count = tf.cast(replicas * tf.size(inputs) // inputs.shape[-1], tf.float32)
        self._correction = count / tf.maximum(count - 1, 1) if self._unbiased else 1.0
        return super().call(inputs, training=training, mask=mask)

    def _assign_moving_average(
        self, variable: tf.Variable, value: Any, momentum: Any, inputs_size: Any
    ) -> Any:
        if variable is self.moving_variance:
            value = value * self._correction
        return super()._assign_moving_average(variable, value, momentum, inputs_size)
