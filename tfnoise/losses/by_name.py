"""Losses by the names that flags and configurations use."""

from __future__ import annotations

import tensorflow as tf

from tfnoise.losses.keras_losses import MSE, MSSSIM, NLPD

NAMES = ("mse", "ms_ssim", "nlpd")
"""What `loss_by_name` knows."""


def loss_by_name(name: str, ms_ssim_scales: int = 3) -> tf.keras.losses.Loss:
    """The Keras loss called `name`.

    Args:
      name: one of `NAMES`.
      ms_ssim_scales: scales of MS-SSIM; 3 fit patches of 41 to 80 pixels.

    Raises:
      ValueError: an unknown name; the message lists the known ones.
    """
    if name == "mse":
        return MSE()
    if name == "ms_ssim":
        return MSSSIM(scales=ms_ssim_scales)
    if name == "nlpd":
        return NLPD()
    raise ValueError(f"unknown loss {name!r}; known: {', '.join(NAMES)}")
