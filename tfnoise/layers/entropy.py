"""The entropy bottleneck: uniform noise in training, integers otherwise, a learned factorized prior."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
import tensorflow_compression as tfc
import tensorflow_probability as tfp

WIDTH_RATE = 10.0
"""Learning rate of a prior's width relative to its shape's: a rate far from its target soon comes down."""

OUTLIER_SHARE = 0.01
OUTLIER_SCALE = 10.0
"""A Laplace density mixed into the prior where symbols are counted and coded: natural signals have outliers
that noise lacks, and each would cost more than a hundred ordinary symbols."""


@tf.keras.utils.register_keras_serializable("tfnoise")
class EntropyBottleneck(tf.keras.layers.Layer):
    """Quantizes a latent to integers and estimates their rate by tensorflow-compression's factorized prior.

    In training, uniform noise on [-1/2, 1/2] stands for rounding (Balle et al. 2017, "End-to-end optimized
    image compression"), and the rate is that of the noisy values, differentiable.  Otherwise values are
    rounded.  The prior (`tfc.NoisyDeepFactorized`, one density a channel) does not depend on the data, so
    that decoding needs no floating point.

    A call returns `(quantized, bits)`: the quantized latent, float32, same shape as the latent, and the
    rate of each image, `[batch]`, in bits (in training the differentiable one, else the counted one).

    The noise is stateless: it depends on `seed`, on how many training calls came before, and on the place
    of an image in the global batch, not on the number of replicas.

    Args:
      init_scale: width of the prior at the start.  With tensorflow-compression's 10 an untrained model's
        rate starts at four times that of 0.3, and the prior takes hundreds of steps to narrow.
      seed: random seed of the noise.

    >>> quantized, bits = EntropyBottleneck()(tf.constant([[[[0.4, 1.6]]]]))
    >>> quantized.numpy().tolist(), bits.shape
    ([[[[0.0, 2.0]]]], TensorShape([1]))
    """

    def __init__(self, init_scale: float = 0.3, seed: int = 0, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.init_scale, self.seed = init_scale, seed
        self.prior: Any = None

    def build(self, latent_shape: tf.TensorShape) -> None:
        """Makes the prior, one density for each of the latent's channels."""
        self.prior = _noisy_prior(latent_shape[-1], self.init_scale)
        self.calls = self.add_weight(
            "calls",
            (),
            tf.int64,
            initializer="zeros",
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        super().build(latent_shape)

    def call(self, latent: tf.Tensor, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """`(quantized, bits)` of a latent `[batch, rows, columns, channels]`."""
        if not training:
            return tf.round(latent), self.counted_bits(latent)
        noisy = latent + self._noise(tf.shape(latent))
        self.calls.assign_add(1)
        # log_prob, not differences of cdf: those saturate in the tails and lose their gradient.
        return noisy, _in_bits(self.prior.log_prob(noisy))

    def counted_bits(self, latent: tf.Tensor) -> tf.Tensor:
        """The rate of the rounded latent, `[batch]` float32, in bits, as coding tables will count it.

        The prior is mixed with a share of 1 % of a Laplace density, as it is in the tables.
        """
        symbols = tf.round(latent)
        outlier = tf.abs(symbols) / -OUTLIER_SCALE + math.log(math.sinh(0.5 / OUTLIER_SCALE))
        outlier = tf.where(symbols == 0, math.log(1 - math.exp(-0.5 / OUTLIER_SCALE)), outlier)
        ordinary = math.log(1 - OUTLIER_SHARE) + self.prior.log_prob(symbols)
        return _in_bits(tf.reduce_logsumexp([ordinary, math.log(OUTLIER_SHARE) + outlier], axis=0))

    def _noise(self, shape: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        replicas = context.num_replicas_in_sync if context else 1
        replica = context.replica_id_in_sync_group if context else 0
        noise = tf.random.stateless_uniform(
            tf.concat([[shape[0] * replicas], shape[1:]], 0),
            seed=tf.stack([tf.constant(self.seed, tf.int64), self.calls]),
            minval=-0.5,
            maxval=0.5,
        )
        start = replica * shape[0]
        return noise[start : start + shape[0]]

    def save_own_variables(self, store: Any) -> None:
        """Stores the call counter and the prior, whose variables Keras' own format would omit."""
        for index, variable in enumerate(self._all_variables()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """The inverse of `save_own_variables`."""
        for index, variable in enumerate(self._all_variables()):
            variable.assign(store[str(index)])

    def _all_variables(self) -> list[tf.Variable]:
        return [self.calls, *self.prior.variables] if self.built else []

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "init_scale": self.init_scale, "seed": self.seed}


def _in_bits(log_probabilities: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(log_probabilities, axis=[1, 2, 3]) / -math.log(2)


def _noisy_prior(channels: int, init_scale: float) -> tfc.UniformNoiseAdapter:
    width = tf.Variable(tf.zeros([channels]), name="log_width")
    scale = tfp.bijectors.Scale(
        log_scale=tfp.util.DeferredTensor(width, lambda value: WIDTH_RATE * value, name="log_scale")
    )
    density = tfc.DeepFactorized(batch_shape=[channels], init_scale=init_scale)
    return tfc.UniformNoiseAdapter(tfp.distributions.TransformedDistribution(density, scale))
