"""The compressive autoencoder: transforms around a bottleneck, as a Keras model."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tfnoise import layers
from tfnoise.layers.rate_control import mean_over_replicas

BOTTLENECKS = ("entropy", "levels")

GLOROT_LATENT_DEVIATION = 0.67
"""Standard deviation of the untrained latent of noise under Glorot's initial weights, after BatchNorm."""

PRIOR_SCALE = 0.6
"""`init_scale` of a prior that fits a latent of standard deviation 1."""


@tf.keras.utils.register_keras_serializable("tfnoise")
class Autoencoder(tf.keras.Model):
    """Codes images in [0, 1] at a given rate; a Keras model.

    The workflow is to train, evaluate, export and compress:

        model = tfnoise.Autoencoder(bpp=0.5, control_steps=2000)
        model.compile("adam", loss=tfnoise.losses.NLPD())
        model.fit(tfnoise.data.noise_images(64, 64, batch_size=32), steps_per_epoch=500, epochs=4)
        model.evaluate(images)
        tfnoise.serving.export_model(model, tfnoise.audio.FrontEnd(), "saved_models/mine", training={})
        data = tfnoise.Codec.load("saved_models/mine").compress(waveform, sample_rate_hz=16000)

    A call takes images `[batch, height, width, channels]` of any size and returns their reconstruction,
    float32, of the same shape:

    >>> Autoencoder(filters=8)(tf.zeros([1, 64, 90, 1])).shape
    TensorShape([1, 64, 90, 1])

    `fit` and `evaluate` take datasets of images or of pairs (image, target).  With the entropy bottleneck
    `fit` minimises `distortion / scale + multiplier * bpp` and moves the multiplier so that the rate ends at
    `bpp`; with levels it minimises the loss itself.  Logs: `loss` (the objective), `distortion` (the compiled
    loss), `rate` (bits per pixel as the objective counts them), `bpp` (of the hard symbols), `multiplier`,
    and in training `gradient_norm`.

    Args:
      bottleneck: "entropy" or "levels".
      bpp: target rate, bits per pixel.  With levels it gives the number of latent channels.
      filters: filters of the convolutions.
      kernel_size: side of the kernels, pixels.
      image_channels: channels of the images.
      levels, quantizer_s: of the levels bottleneck (see `LevelsBottleneck`).
      control_steps: number of training steps, for the entropy bottleneck's rate control.
      init_scale: width of the entropy bottleneck's prior at the start; None: fitted to the target rate.
      seed: of the entropy bottleneck's noise.
      normalisation: of the transforms, "batch" (the paper's), "none" or "gdn" (`layers.NORMALISATIONS`).
      latent_channels: of the entropy bottleneck; None: `filters`.
      noise_bpp: rate on the training images, held by the entropy bottleneck's control; None: `bpp`.

    Raises:
      ValueError: an unknown bottleneck or normalisation, a rate that no whole number of channels of levels
        gives, or latent channels for levels.
    """

    def __init__(
        self,
        bottleneck: str = "entropy",
        bpp: float = 0.5,
        filters: int = 128,
        kernel_size: int = 3,
        image_channels: int = 1,
        levels: int = 2,
        quantizer_s: float = 1.0,
        control_steps: int = 2000,
        init_scale: float | None = None,
        seed: int = 0,
        normalisation: str = "batch",
        latent_channels: int | None = None,
        noise_bpp: float | None = None,
        **kwargs: Any,
    ):
        config = {
            name: value for name, value in locals().items() if name not in ("self", "kwargs", "__class__")
        }
        super().__init__(**kwargs)
        if bottleneck not in BOTTLENECKS:
            raise ValueError(f"unknown bottleneck {bottleneck!r}; known: {', '.join(BOTTLENECKS)}")
        self._config = config
        has_levels = bottleneck == "levels"
        if has_levels and latent_channels is not None:
            raise ValueError("latent channels of levels follow from the rate; omit latent_channels")
        if has_levels:
            latent_channels = layers.latent_channels_for(bpp, levels)
        latent_channels = latent_channels or filters
        trained_bpp = noise_bpp or bpp
        bits_per_value = min(trained_bpp * layers.TOTAL_STRIDE**2 / latent_channels, 6.0)
        deviation = _latent_deviation(bits_per_value)
        # Without BatchNorm the latent begins small, and weights that made it wide would make gradients wild.
        wide = not has_levels and normalisation == "batch"
        self.analysis = layers.AnalysisTransform(
            filters,
            latent_channels,
            kernel_size,
            bounded=has_levels,
            latent_gain=deviation / GLOROT_LATENT_DEVIATION if wide else 1.0,
            normalisation=normalisation,
        )
        self.synthesis = layers.SynthesisTransform(filters, image_channels, kernel_size, normalisation)
        if has_levels:
            self.bottleneck = layers.LevelsBottleneck(levels, quantizer_s)
            self.rate_control = None
        else:
            self.bottleneck = layers.EntropyBottleneck(init_scale or PRIOR_SCALE * deviation, seed)
            # At high rates distortion falls by 2 ln 2 a bit and value, and the cost of a bit with it.
            start = -0.1 - 2 * math.log(2) * bits_per_value
            self.rate_control = layers.RateControl(trained_bpp, control_steps, start)
        # The results of train_step are means over all replicas already.
        self.distribute_reduction_method = "first"
        names = ("total", "distortion", "rate", "bpp", "gradient_norm")
        self._trackers = {name: tf.keras.metrics.Mean(name) for name in names}

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The reconstruction of `images`, float32 in [0, 1], of the same shape."""
        return self.code(images, training)[0]

    def code(self, images: tf.Tensor, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Codes images `[batch, height, width, channels]`.

        Returns:
          The reconstruction (same shape, float32), and two rates in bits per pixel of the image before
          padding, `[batch]`: the differentiable one that training minimises, and the counted one of the
          hard symbols.
        """
        shape = tf.shape(images)
        latent = tf.cast(self.analysis(layers.pad_to_stride(images), training=training), tf.float32)
        quantized, bits = self.bottleneck(latent, training=training)
        counted_bits = self.bottleneck.counted_bits(tf.stop_gradient(latent)) if training else bits
        reconstruction = self.synthesis(quantized, training=training)[:, : shape[1], : shape[2]]
        reconstruction.set_shape(images.shape[:3] + reconstruction.shape[3:])
        pixels = tf.cast(shape[1] * shape[2], tf.float32)
        return reconstruction, bits / pixels, counted_bits / pixels

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step of `fit` on `data`: images, or images and targets."""
        images, targets, weights = self._images_and_targets(data)
        variables = self.trainable_variables
        with tf.GradientTape() as tape:
            reconstruction, bpp, counted_bpp = self.code(images, training=True)
            # Keras divides a replica's loss by their number, since it sums up their gradients.
            distortion = self.compute_loss(images, targets, reconstruction, weights) * _replicas()
            if self.rate_control is not None:
                self.rate_control.begin(distortion)
            total = self._total(distortion, bpp)
            share = total / _replicas()
        gradients = [gradient for gradient, _ in self.optimizer.compute_gradients(share, variables, tape)]
        if _replicas() > 1:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        self.optimizer.apply_gradients(zip(gradients, variables), skip_gradients_aggregation=True)
        if self.rate_control is not None:
            self.rate_control.update(tf.reduce_mean(counted_bpp))
        values = {"total": total, "distortion": distortion, "rate": bpp, "bpp": counted_bpp}
        values = {name: mean_over_replicas(tf.reduce_mean(value)) for name, value in values.items()}
        values["gradient_norm"] = tf.linalg.global_norm(gradients)
        return self._logs(self.compute_metrics(images, targets, reconstruction, weights), values)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step of `evaluate` on `data`: images, or images and targets; hard symbols."""
        images, targets, weights = self._images_and_targets(data)
        reconstruction, bpp, counted_bpp = self.code(images, training=False)
        distortion = self.compute_loss(images, targets, reconstruction, weights) * _replicas()
        total = self._total(distortion, bpp)
        values = {"total": total, "distortion": distortion, "rate": bpp, "bpp": counted_bpp}
        return self._logs(self.compute_metrics(images, targets, reconstruction, weights), values)

    def _images_and_targets(self, data: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
        images, targets, weights = tf.keras.utils.unpack_x_y_sample_weight(data)
        if not self.built:
            self(images)  # Keras notes the shapes, without which a saved model is not loaded
        return images, images if targets is None else targets, weights

    def _total(self, distortion: tf.Tensor, bpp: tf.Tensor) -> tf.Tensor:
        if self.rate_control is None:
            return distortion
        return self.rate_control(distortion, tf.reduce_mean(bpp))

    def _logs(self, metrics: dict[str, tf.Tensor], values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Keras' metrics, with our means of a step's values beside them, and the objective as `loss`."""
        logs = {name: value for name, value in metrics.items() if name not in self._trackers}
        for name, value in values.items():
            self._trackers[name].update_state(value)
            logs["loss" if name == "total" else name] = self._trackers[name].result()
        if self.rate_control is not None:
            logs["multiplier"] = tf.identity(self.rate_control.multiplier)
        return logs

    def in_float32(self) -> Autoencoder:
        """This model if it computes in float32, else a copy that does, with the same weights."""
        if self.compute_dtype == "float32":
            return self
        policy = tf.keras.mixed_precision.global_policy()
        tf.keras.mixed_precision.set_global_policy("float32")
        try:
            copy = Autoencoder.from_config(self.get_config())
            side = layers.TOTAL_STRIDE
            copy(tf.zeros([1, side, side, self._config["image_channels"]]))
        finally:
            tf.keras.mixed_precision.set_global_policy(policy)
        for part in ("analysis", "synthesis", "bottleneck"):
            getattr(copy, part).set_weights(getattr(self, part).get_weights())
        return copy

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return dict(self._config)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Autoencoder:
        """The inverse of `get_config`."""
        return cls(**config)


def _replicas() -> int:
    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync if context else 1


def _latent_deviation(bits_per_value: float) -> float:
    """The standard deviation of a Gaussian whose rounded values take about that many bits each.

    Their entropy is log2(deviation) + 2.05 bits where that is a bit or more, and not far from it down to a
    quarter.  A latent that starts so leaves the rate no long way to its target.
    """
    return 2.0 ** (bits_per_value - 2.05)
