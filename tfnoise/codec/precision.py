"""The synthesis of an exported model in another precision: faster on some CPUs, and no matter to symbols."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfnoise.autoencoder import Autoencoder
from tfnoise.codec.loading import LoadedModel
from tfnoise.layers.transforms import TOTAL_STRIDE

PRECISIONS = ("float32", "bfloat16")


def synthesis_in(precision: str, model: LoadedModel) -> Callable[[tf.Tensor], tf.Tensor]:
    """`FrozenModel.synthesise` with convolutions in a precision.

    Args:
      precision: "float32", or "bfloat16" with float32 accumulation.
      model: a loaded one.

    Returns:
      A function of quantized latents, float32 `[batch, rows, columns, latents]`, that gives images, float32
      `[batch, 16 rows, 16 columns, channels]`.

    Raises:
      ValueError: the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    if precision == "float32":
        return model.module.synthesise
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        twin = Autoencoder.from_config(model.settings["architecture"])
        twin(tf.zeros([1, TOTAL_STRIDE, TOTAL_STRIDE, twin.get_config()["image_channels"]]))
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
    variables = [*twin.analysis.variables, *twin.synthesis.variables]
    for variable, value in zip(variables, model.module.weights):
        variable.assign(value)
    return tf.function(
        lambda latent: tf.cast(twin.synthesis(latent, training=False), tf.float32),
        [tf.TensorSpec([None, None, None, twin.analysis.latent_channels], tf.float32)],
    )
