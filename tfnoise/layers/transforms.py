"""The analysis and synthesis transforms: encoder and decoder networks of the compressive autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_compression as tfc

from tfnoise.layers.normalisation import batch_normalisation

TOTAL_STRIDE = 16
"""Pixels of the image a latent column (or row) stands for: four convolutions of stride 2."""

LEAKY_RELU_SLOPE = 0.2

NORMALISATIONS = ("batch", "none", "gdn")
"""What follows the first three convolutions: BatchNorm and LeakyReLU; LeakyReLU alone; or generalised
divisive normalisation (Balle et al. 2016, "Density modeling of images using a generalized normalization
transformation")."""


def pad_to_stride(images: tf.Tensor) -> tf.Tensor:
    """Zeros at the bottom and on the right of `[batch, height, width, channels]`, to multiples of 16.

    Padding comes before the first convolution because SAME with stride 2 pads by the width's parity: the
    same pixels would give other latents in a longer image.
    """
    height, width = tf.unstack(tf.shape(images)[1:3])
    padded = tf.pad(images, [[0, 0], [0, -height % TOTAL_STRIDE], [0, -width % TOTAL_STRIDE], [0, 0]])
    if images.shape.rank == 4:
        sides = [None if side is None else side + -side % TOTAL_STRIDE for side in images.shape[1:3]]
        padded.set_shape([images.shape[0], *sides, images.shape[3]])
    return padded


def _hidden_stages(
    convolution: Callable[[bool], tf.keras.layers.Layer], normalisation: str, inverse: bool
) -> list[tf.keras.layers.Layer]:
    """Three times a convolution and what follows it; the convolution has a bias where no BatchNorm does."""
    if normalisation not in NORMALISATIONS:
        raise ValueError(f"unknown normalisation {normalisation!r}; known: {', '.join(NORMALISATIONS)}")
    stages = []
    for _ in range(3):
        if normalisation == "gdn":
            stages += [convolution(True), tfc.GDN(inverse=inverse)]
        elif normalisation == "none":
            stages += [convolution(True), tf.keras.layers.LeakyReLU(LEAKY_RELU_SLOPE)]
        else:
            stages += [
                convolution(False),
                batch_normalisation(),
                tf.keras.layers.LeakyReLU(LEAKY_RELU_SLOPE),
            ]
    return stages


@tf.keras.utils.register_keras_serializable("tfnoise")
class AnalysisTransform(tf.keras.layers.Layer):
    """Image `[batch, height, width, channels]` to latent `[batch, height / 16, width / 16, latents]`.

    Four convolutions of stride 2; after the first three what `normalisation` says.

    Args:
      filters: filters of the first three convolutions.
      latent_channels: channels of the latent; None: `filters`.
      kernel_size: side of the kernels, pixels.
      latent_gain: standard deviation of the untrained latent, relative to that of Glorot's initial weights.
      bounded: BatchNorm and Tanh after the last convolution, so that the latent lies in [-1, 1] (what
        `LevelsBottleneck` takes); False: a bias only (what `EntropyBottleneck` takes).
      normalisation: one of `NORMALISATIONS`.

    Raises:
      ValueError: the normalisation is unknown.
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
        return _through(self.stages, images, training)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "latent_channels": self.latent_channels,
            "kernel_size": self.kernel_size,
            "bounded": self.bounded,
            "latent_gain": self.latent_gain,
            "normalisation": self.normalisation,
        }


@tf.keras.utils.register_keras_serializable("tfnoise")
class SynthesisTransform(tf.keras.layers.Layer):
    """Latent `[batch, rows, columns, latents]` to image `[batch, 16 rows, 16 columns, channels]` in [0, 1].

    Four transposed convolutions of stride 2; after the first three what `normalisation` says. At the end with
    BatchNorm a sigmoid (in float32); else the interval's bounds, except in training, where values beyond them
    must keep their gradient.

    Args:
      filters: filters of the first three transposed convolutions.
      image_channels: channels of the image.
      kernel_size: side of the kernels, pixels.
      normalisation: one of `NORMALISATIONS`.

    Raises:
      ValueError: the normalisation is unknown.
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
        # Either way an untrained image is grey.
        grey = 0.0 if normalisation == "batch" else 0.5
        self.stages.append(self._convolution(image_channels, use_bias=True, bias=grey))
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
        image = tf.cast(_through(self.stages, latent, training), tf.float32)
        return image if training or self.normalisation == "batch" else tf.clip_by_value(image, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "image_channels": self.image_channels,
            "kernel_size": self.kernel_size,
            "normalisation": self.normalisation,
        }


def _through(stages: list[tf.keras.layers.Layer], values: tf.Tensor, training: bool | None) -> tf.Tensor:
    for stage in stages:
        if isinstance(stage, tf.keras.layers.BatchNormalization):
            values = stage(values, training=training)
        else:
            values = stage(values)
    return values
