"""Holds the rate of an entropy bottleneck at a target by moving its weight in the loss."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

LOWEST = -9.0
"""Bound of the slow part from below."""

HIGHEST = 0.0
"""Bound of the multiplier's logarithm from above.  A bit per pixel never costs more than an untrained model's
distortion; a multiplier that winds up beyond squeezes all information out of the latent for good."""

PROPORTIONAL_GAIN = 6.0
"""How strongly the multiplier answers the present error; without it the rate swings around the target."""

LEAST_INTEGRAL_STEPS = 500
INTEGRAL_SHARE = 1 / 5
"""The slow part repeats the answer to a lasting error within a fifth of the training, but in no fewer steps:
a slow part that winds up while the rate is still on its way carries it past the target."""


@tf.keras.utils.register_keras_serializable("tfnoise")
class RateControl(tf.keras.layers.Layer):
    """The objective `distortion / scale + multiplier * bpp`, and the rule that moves the multiplier.

    The scale is the distortion at the first training step, when nothing is learned yet, so that the
    multiplier means the same for every loss.  The rule is a proportional-integral controller: with
    `error = clip(ln(bpp / target_bpp), -1, 1)`, where bpp is the rate of the *rounded* symbols at the last
    step, the multiplier is `exp(min(m + 6 error, 0))`, and after each step
    `m += 6 error / max(500, steps / 5)`.  Any budget from some hundred steps up ends near the target.

    Args:
      target_bpp: the rate to hold, bits per pixel.
      steps: number of training steps.
      start: m at the first step.

    >>> control = RateControl(target_bpp=0.5, start=-2.0)
    >>> control(tf.constant(0.25), tf.constant(1.0)).numpy().round(4)  # 0.25 + exp(-2)
    0.3853
    """

    def __init__(self, target_bpp: float = 0.5, steps: int = 2000, start: float = -1.5, **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.target_bpp, self.steps, self.start = target_bpp, steps, start
        self.log_multiplier = self._state("log_multiplier", start)
        self.error = self._state("error", 0.0)
        self.scale = self._state("distortion_scale", 0.0)

    def _state(self, name: str, start: float) -> tf.Variable:
        return self.add_weight(
            name,
            (),
            initializer=tf.keras.initializers.Constant(start),
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    @property
    def multiplier(self) -> tf.Tensor:
        """The cost of a bit per pixel in the objective."""
        return tf.exp(tf.minimum(self.log_multiplier + PROPORTIONAL_GAIN * self.error, HIGHEST))

    def call(self, distortion: tf.Tensor, bpp: tf.Tensor) -> tf.Tensor:
        """The objective: `distortion / scale + multiplier * bpp`, of scalars."""
        return distortion / tf.where(self.scale > 0, self.scale, 1.0) + self.multiplier * bpp

    def begin(self, distortion: tf.Tensor) -> None:
        """Takes the scale from the distortion of the first step; later calls change nothing."""
        first = tf.maximum(mean_over_replicas(tf.stop_gradient(distortion)), 1e-6)
        self.scale.assign(tf.where(self.scale > 0, self.scale, first))

    def update(self, counted_bpp: tf.Tensor) -> None:
        """Moves the multiplier after a step whose rounded symbols took `counted_bpp` bits per pixel."""
        relative = tf.maximum(mean_over_replicas(counted_bpp), 1e-9) / self.target_bpp
        error = tf.clip_by_value(tf.math.log(relative), -1.0, 1.0)
        integral_steps = max(LEAST_INTEGRAL_STEPS, INTEGRAL_SHARE * self.steps)
        moved = self.log_multiplier + PROPORTIONAL_GAIN / integral_steps * error
        self.log_multiplier.assign(tf.clip_by_value(moved, LOWEST, HIGHEST))
        self.error.assign(error)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        arguments = {"target_bpp": self.target_bpp, "steps": self.steps, "start": self.start}
        return {**super().get_config(), **arguments}


def mean_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """The mean of a value over the replicas of a strategy; the value itself where there is one."""
    context = tf.distribute.get_replica_context()
    if context and context.num_replicas_in_sync > 1:
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
    return value
