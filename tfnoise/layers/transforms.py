"""The analysis and synthesis transforms: encoder and decoder networks of the compressive autoencoder."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_compression as tfc

TOTAL_STRIDE = 16
"""Pixels of the image per latent column or row: four convolutions of stride 2."""

LEAKY_RELU_SLOPE = 0.2

MOMENTUM = 0.95
"""Of BatchNorm's averages.  Keras' 0.99 would still remember the initial values after hundreds of steps."""

NORMALISATIONS = ("batch", "none", "gdn")
"""Stages after the first three convolutions: BatchNorm and LeakyReLU; LeakyReLU alone; or generalised
divisive normalisation (Balle et al. 2016, "Density modeling of images using a generalized normalization
transformation")."""


def pad_to_stride(images: tf.Tensor) -> tf.Tensor:
    """Zeros at the bottom and on the right of `[batch, height, width, channels]`, to multiples of 16.

    Padding comes before the first convolution because SAME with stride 2 pads by the width's parity: the
    same pixels would give other latents in a longer image.

    >>> pad_to_stride(tf.zeros([1, 128, 250, 1])).shape
    TensorShape([1, 128, 256, 1])
    """
    height, width = tf.unstack(tf.shape(images)[1:3])
    padded = tf.pad(images, [[0, 0], [0, -height % TOTAL_STRIDE], [0, -width % TOTAL_STRIDE], [0, 0]])
    if images.shape.rank == 4:
        sides = [None if side is None else side + -side % TOTAL_STRIDE for side in images.shape[1:3]]
        padded.set_shape([images.shape[0], *sides, images.shape[3]])
    return padded


class _Transform(tf.keras.layers.Layer):
    """Stages in a row, with the constructor's arguments as attributes."""

    stages: list[tf.keras.layers.Layer]

    def _through(self, values: tf.Tensor, training: bool | None) -> tf.Tensor:
        for stage in self.stages:
            batch = isinstance(stage, tf.keras.layers.BatchNormalization)
            values = stage(values, training=training) if batch else stage(values)
        return values

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = [*inspect.signature(type(self).__init__).parameters][1:-1]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _hidden_stages(
    convolution: Callable[[bool], tf.keras.layers.Layer], normalisation: str, inverse: bool
) -> list[tf.keras.layers.Layer]:
    """Three times a convolution and its normalisation; it has a bias where no BatchNorm follows."""
    if normalisation not in NORMALISATIONS:
        raise ValueError(f"unknown normalisation {normalisation!r}; known: {', '.join(NORMALISATIONS)}")
    stages: list[tf.keras.layers.Layer] = []
    for _ in range(3):
        stages.append(convolution(normalisation != "batch"))
        if normalisation == "gdn":
            stages.append(tfc.GDN(inverse=inverse))
            continue
        if normalisation == "batch":
            stages.append(batch_normalisation())
        stages.append(tf.keras.layers.LeakyReLU(LEAKY_RELU_SLOPE))
    return stages


@tf.keras.utils.register_keras_serializable("tfnoise")
class AnalysisTransform(_Transform):
    """Image `[batch, height, width, channels]` to latent `[batch, height / 16, width / 16, latents]`.

    Four convolutions of stride 2, the first three each with a normalisation.

    Args:
      filters: filters of the first three convolutions.
      latent_channels: channels of the latent; None: `filters`.
      kernel_size: side of the kernels, pixels.
      latent_gain: standard deviation of the untrained latent, relative to that of Glorot's initial weights.
      bounded: BatchNorm and Tanh after the last convolution, so that the latent lies in [-1, 1], for
        `LevelsBottleneck`; False: a bias only, for `EntropyBottleneck`.
      normalisation: one of `NORMALISATIONS`.

    Raises:
      ValueError: the normalisation is unknown.

    >>> AnalysisTransform(filters=8)(tf.zeros([1, 64, 96, 1])).shape
    TensorShape([1, 4, 6, 8])
    """

    def __init__(
        self,
        filters: int = 128,
        latent_channels: int | None = None,
        kernel_size: int = 3,
        bounded: bool = False,
        latent_gain: float = 1.0,
        normalisation: str = "batch",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.bounded = filters, kernel_size, bounded
        self.latent_gain, self.normalisation = latent_gain, normalisation
        self.latent_channels = latent_channels or filters
        self.stages = _hidden_stages(
            lambda use_bias: self._convolution(filters, use_bias), normalisation, inverse=False
        )
        self.stages.append(self._convolution(self.latent_channels, use_bias=not bounded, gain=latent_gain))
        if bounded:
            # TensorFlow's graph optimizer joins a fused BatchNorm and a Tanh to an operation that it lacks.
            self.stages += [batch_normalisation(fused=False), tf.keras.layers.Activation("tanh")]

    def _convolution(self, filters: int, use_bias: bool, gain: float = 1.0) -> tf.keras.layers.Layer:
        glorot = tf.keras.initializers.VarianceScaling(gain**2, mode="fan_avg", distribution="uniform")
        return tf.keras.layers.Conv2D(
            filters,
            self.kernel_size,
            strides=2,
            padding="same",
            use_bias=use_bias,
            kernel_initializer=glorot,
        )

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The latent of `images`, whose sides must be multiples of 16 (`pad_to_stride`)."""
        return self._through(images, training)


@tf.keras.utils.register_keras_serializable("tfnoise")
class SynthesisTransform(_Transform):
    """Latent `[batch, rows, columns, latents]` to image `[batch, 16 rows, 16 columns, channels]` in [0, 1].

    Four transposed convolutions of stride 2, the first three each with a normalisation.  At the end with
    BatchNorm a sigmoid (in float32); else the interval's bounds, except in training, where values beyond them
    must keep their gradient.

    Args:
      filters: filters of the first three transposed convolutions.
      image_channels: channels of the image.
      kernel_size: side of the kernels, pixels.
      normalisation: one of `NORMALISATIONS`.

    Raises:
      ValueError: the normalisation is unknown.

    >>> SynthesisTransform(filters=8)(tf.zeros([1, 4, 6, 8])).shape
    TensorShape([1, 64, 96, 1])
    """

    def __init__(
        self,
        filters: int = 128,
        image_channels: int = 1,
        kernel_size: int = 3,
        normalisation: str = "batch",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.image_channels, self.kernel_size = filters, image_channels, kernel_size
        self.normalisation = normalisation
        self.stages = _hidden_stages(
            lambda use_bias: self._convolution(filters, use_bias), normalisation, inverse=True
        )
        # Either way an untrained image is .5 throughout.
        bias = 0.0 if normalisation == "batch" else 0.5
        self.stages.append(self._convolution(image_channels, use_bias=True, bias=bias))
        if normalisation == "batch":
            self.stages.append(tf.keras.layers.Activation("sigmoid", dtype="float32"))

    def _convolution(self, filters: int, use_bias: bool, bias: float = 0.0) -> tf.keras.layers.Layer:
        return tf.keras.layers.Conv2DTranspose(
            filters,
            self.kernel_size,
            strides=2,
            padding="same",
            use_bias=use_bias,
            bias_initializer=tf.keras.initializers.Constant(bias),
        )

    def call(self, latent: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The image of a latent, float32."""
        image = tf.cast(self._through(latent, training), tf.float32)
        return image if training or self.normalisation == "batch" else tf.clip_by_value(image, 0.0, 1.0)


def batch_normalisation(fused: bool = True) -> tf.keras.layers.Layer:
    """A BatchNorm over all replicas of the current strategy; `fused`: one may use the fused operation."""
    # The synchronized layer is twice as slow as the fused one, so it is used only where it is needed.
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
