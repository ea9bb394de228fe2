"""The losses as Keras `Loss` classes: what a call returns is to be minimised."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfnoise.losses.ms_ssim import ms_ssim
from tfnoise.losses.mse import mse
from tfnoise.losses.nlpd import nlpd


@tf.keras.utils.register_keras_serializable("tfnoise")
class MSE(tf.keras.losses.Loss):
    """Mean squared error per image; 0 is identical."""

    def __init__(self, reduction: str = tf.keras.losses.Reduction.AUTO, name: str = "mse"):
        super().__init__(reduction=reduction, name=name)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        return mse(y_true, y_pred)


@tf.keras.utils.register_keras_serializable("tfnoise")
class MSSSIM(tf.keras.losses.Loss):
    """1 - MS-SSIM per image; 0 is identical.  The scales are explicit: 4 fit images of 81 to 160 pixels."""

    def __init__(
        self,
        scales: int = 5,
        max_val: float | None = None,
        reduction: str = tf.keras.losses.Reduction.AUTO,
        name: str = "ms_ssim",
    ):
        super().__init__(reduction=reduction, name=name)
        self.scales, self.max_val = scales, max_val

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        return 1 - ms_ssim(y_true, y_pred, scales=self.scales, max_val=self.max_val)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "scales": self.scales, "max_val": self.max_val}


@tf.keras.utils.register_keras_serializable("tfnoise")
class NLPD(tf.keras.losses.Loss):
    """The normalised Laplacian pyramid distance per image; 0 is identical."""

    def __init__(
        self,
        family: str = "2016",
        reduction: str = tf.keras.losses.Reduction.AUTO,
        name: str = "nlpd",
    ):
        super().__init__(reduction=reduction, name=name)
        self.family = family

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        return nlpd(y_true, y_pred, family=self.family)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "family": self.family}
