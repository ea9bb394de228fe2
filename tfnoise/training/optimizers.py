"""The optimizer of a training: Adam with a schedule, clipping and a moving average, all Keras' own."""

from __future__ import annotations

import tensorflow as tf

from tfnoise.training.settings import TrainingSettings


def make_optimizer(settings: TrainingSettings) -> tf.keras.optimizers.Optimizer:
    """Adam as the settings say.

    Args:
      settings: learning_rate, learning_rate_schedule ("cosine": down to 0 at the last step; "step": a tenth
        of it in the last fifth), clip_norm (of the global gradient; 0 for none) and ema (momentum of the
        weights' moving average; 0 for none).
    """
    rate = settings.learning_rate
    if settings.learning_rate_schedule == "cosine":
        rate = tf.keras.optimizers.schedules.CosineDecay(rate, settings.steps)
    elif settings.learning_rate_schedule == "step":
        # A boundary is the last step before the fall.
        boundary = settings.steps - settings.steps // 5 - 1
        rate = tf.keras.optimizers.schedules.PiecewiseConstantDecay([boundary], [rate, rate / 10])
    return tf.keras.optimizers.Adam(
        rate,
        global_clipnorm=settings.clip_norm or None,
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema or 0.99,
    )
