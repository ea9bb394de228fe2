"""The indices as Keras `Metric` classes: means over all images seen, for `compile(metrics=[...])`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfnoise.losses.keras_losses import MSSSIM, NLPD, SSIM
from tfnoise.losses.ms_ssim import ms_ssim, ssim
from tfnoise.losses.nlpd import nlpd
from tfnoise.losses.nlpd_parameters import NLPDParameters


class _IndexMetric(tf.keras.metrics.Mean):
    """The mean of an index per image, with the options of the loss of the same name."""

    def __init__(self, loss: tf.keras.losses.Loss, index: Any, name: str, dtype: Any):
        super().__init__(name=name, dtype=dtype)
        self._loss, self._index = loss, index

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: Any = None) -> Any:
        """Counts the images of a batch `[batch, height, width, channels]`, with weights `[batch]` if any."""
        return super().update_state(self._index(y_true, y_pred, **self._loss._options), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        options = self._loss.get_config()
        return {**super().get_config(), **{key: options[key] for key in self._loss._options}}


@tf.keras.utils.register_keras_serializable("tfnoise")
class SSIMMetric(_IndexMetric):
    """The mean SSIM index; 1 is identical.  Arguments as in `ssim`."""

    def __init__(
        self,
        max_val: float | None = None,
        window: int = 11,
        sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        name: str = "ssim",
        dtype: Any = None,
    ):
        super().__init__(SSIM(max_val, window, sigma, k1, k2), ssim, name, dtype)


@tf.keras.utils.register_keras_serializable("tfnoise")
class MSSSIMMetric(_IndexMetric):
    """The mean MS-SSIM index; 1 is identical.  Arguments as in `ms_ssim`."""

    def __init__(
        self,
        scales: int = 5,
        max_val: float | None = None,
        window: int = 11,
        sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        weights: Sequence[float] | None = None,
        name: str = "ms_ssim",
        dtype: Any = None,
    ):
        loss = MSSSIM(scales, max_val, window, sigma, k1, k2, weights)
        super().__init__(loss, ms_ssim, name, dtype)


@tf.keras.utils.register_keras_serializable("tfnoise")
class NLPDMetric(_IndexMetric):
    """The mean NLPD; 0 is identical.  Arguments as in `nlpd`, parameters also as their `to_dict()`."""

    def __init__(
        self,
        family: str | None = None,
        scales: int | None = None,
        epsilon: float = 1e-10,
        parameters: NLPDParameters | dict[str, Any] | None = None,
        max_val: float | None = None,
        luminance: bool = False,
        name: str = "nlpd",
        dtype: Any = None,
    ):
        loss = NLPD(family, scales, epsilon, parameters, max_val, luminance)
        super().__init__(loss, nlpd, name, dtype)
