"""The losses as Keras `Loss` classes: what a call returns is to be minimised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfnoise.losses.inputs import check_number
from tfnoise.losses.ms_ssim import check_options, ms_ssim, ssim
from tfnoise.losses.mse import mse
from tfnoise.losses.nlpd import nlpd, resolved_parameters
from tfnoise.losses.nlpd_parameters import NLPDParameters

_AUTO = tf.keras.losses.Reduction.AUTO


class _IndexLoss(tf.keras.losses.Loss):
    """A loss that hands its options, each an attribute, to the function of an index."""

    def __init__(self, reduction: str, name: str, **options: Any):
        super().__init__(reduction=reduction, name=name)
        check_number("max_val", options.get("max_val"), above=0, allow_none=True)
        self._options = options

    def __getattr__(self, name: str) -> Any:
        options = self.__dict__.get("_options", {})
        if name in options:
            return options[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **self._options}


@tf.keras.utils.register_keras_serializable("tfnoise")
class MSE(_IndexLoss):
    """Mean squared error per image; 0 is identical.

    Args:
      max_val: as in `mse`.
      reduction, name: as in `tf.keras.losses.Loss`.
    """

    def __init__(self, max_val: float | None = None, reduction: str = _AUTO, name: str = "mse"):
        super().__init__(reduction, name, max_val=max_val)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        return mse(y_true, y_pred, **self._options)


@tf.keras.utils.register_keras_serializable("tfnoise")
class SSIM(_IndexLoss):
    """1 - SSIM per image; 0 is identical.

    Args:
      max_val, window, sigma, k1, k2: as in `ssim`.
      reduction, name: as in `tf.keras.losses.Loss`.

    Raises:
      ValueError: an option cannot work.
    """

    def __init__(
        self,
        max_val: float | None = None,
        window: int = 11,
        sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        reduction: str = _AUTO,
        name: str = "ssim",
    ):
        check_options(1, window, sigma, k1, k2)
        super().__init__(reduction, name, max_val=max_val, window=window, sigma=sigma, k1=k1, k2=k2)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        return 1 - ssim(y_true, y_pred, **self._options)


@tf.keras.utils.register_keras_serializable("tfnoise")
class MSSSIM(_IndexLoss):
    """1 - MS-SSIM per image; 0 is identical.  The scales are explicit: 4 fit images of 81 to 160 pixels.

    Args:
      scales, max_val, window, sigma, k1, k2, weights: as in `ms_ssim`.
      reduction, name: as in `tf.keras.losses.Loss`.

    Raises:
      ValueError: an option cannot work.
    """

    def __init__(
        self,
        scales: int = 5,
        max_val: float | None = None,
        window: int = 11,
        sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        weights: Sequence[float] | None = None,
        reduction: str = _AUTO,
        name: str = "ms_ssim",
    ):
        check_options(scales, window, sigma, k1, k2, weights)
        options = dict(scales=scales, max_val=max_val, window=window, sigma=sigma, k1=k1, k2=k2)
        super().__init__(
            reduction, name, **options, weights=None if weights is None else np.asarray(weights).tolist()
        )

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        return 1 - ms_ssim(y_true, y_pred, **self._options)


@tf.keras.utils.register_keras_serializable("tfnoise")
class NLPD(_IndexLoss):
    """The normalised Laplacian pyramid distance per image; 0 is identical.

    Args:
      family, scales, epsilon, max_val, luminance: as in `nlpd`.
      parameters: as in `nlpd`, or their `to_dict()`.
      reduction, name: as in `tf.keras.losses.Loss`.

    Raises:
      ValueError: an option cannot work.
    """

    def __init__(
        self,
        family: str | None = None,
        scales: int | None = None,
        epsilon: float = 1e-10,
        parameters: NLPDParameters | dict[str, Any] | None = None,
        max_val: float | None = None,
        luminance: bool = False,
        reduction: str = _AUTO,
        name: str = "nlpd",
    ):
        parameters = NLPDParameters.from_dict(parameters) if isinstance(parameters, dict) else parameters
        options = dict(family=family, scales=scales, epsilon=epsilon, luminance=luminance)
        resolved_parameters(parameters=parameters, **options)
        super().__init__(reduction, name, **options, parameters=parameters, max_val=max_val)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        return nlpd(y_true, y_pred, **self._options)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        fitted = config["parameters"]
        return {**config, "parameters": None if fitted is None else fitted.to_dict()}


@tf.keras.utils.register_keras_serializable("tfnoise")
class WeightedSum(tf.keras.losses.Loss):
    """A weighted sum of losses per image, as 0.5 * (1 - MS-SSIM) + 0.5 * NLPD.

    Args:
      losses: those of this module or any Keras losses, whose values are averaged to one an image; or what
        `get_config` makes of them.
      weights: one positive number a loss.
      reduction, name: as in `tf.keras.losses.Loss`.

    Raises:
      ValueError: no loss, or weights that do not fit.
    """

    def __init__(
        self,
        losses: Sequence[tf.keras.losses.Loss | dict[str, Any]],
        weights: Sequence[float],
        reduction: str = _AUTO,
        name: str = "weighted_sum",
    ):
        super().__init__(reduction=reduction, name=name)
        losses, weights = list(losses), list(weights)
        if not losses or len(losses) != len(weights):
            raise ValueError(
                f"weights must be one number for each of one or more losses, "
                f"not {len(weights)} for {len(losses)}"
            )
        for weight in weights:
            check_number("weights", weight, above=0)
        self.losses = [_loss_from(loss) for loss in losses]
        self.weights = [float(weight) for weight in weights]

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        values = [loss.call(y_true, y_pred) for loss in self.losses]
        values = [tf.reduce_mean(value, axis=list(range(1, value.shape.rank))) for value in values]
        return tf.add_n([weight * value for weight, value in zip(self.weights, values)])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        # Keys of our own: what Keras takes for its own form of an object it revives in some formats only.
        losses = [
            {"loss": tf.keras.utils.get_registered_name(type(loss)), "options": loss.get_config()}
            for loss in self.losses
        ]
        return {**super().get_config(), "losses": losses, "weights": list(self.weights)}


def _loss_from(value: Any) -> tf.keras.losses.Loss:
    if isinstance(value, tf.keras.losses.Loss):
        return value
    if isinstance(value, dict) and set(value) == {"loss", "options"}:
        name = value["loss"]
        kind = tf.keras.utils.get_registered_object(name) or getattr(tf.keras.losses, name, None)
        if isinstance(kind, type) and issubclass(kind, tf.keras.losses.Loss):
            return kind.from_config(value["options"])
    raise ValueError(f"losses must be Keras losses, as tfnoise.losses.NLPD(), not {value!r}")
