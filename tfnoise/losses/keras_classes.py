"""Keras `Loss` and `Metric` classes made from the functions of the indices, and losses by name.

A class takes the keyword arguments of its function as options: they are its attributes and its config.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfnoise.losses.images import check_number
from tfnoise.losses.ms_ssim import check_options, ms_ssim, ssim
from tfnoise.losses.mse import mse
from tfnoise.losses.nlpd import nlpd, resolved_parameters
from tfnoise.losses.nlpd_parameters import NLPDParameters

NAMES = ("mse", "ms_ssim", "nlpd", "ssim")
"""The names that `loss_by_name` takes."""

_KNOWN = "known: " + ", ".join(NAMES)
_AUTO = tf.keras.losses.Reduction.AUTO
_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+\."
_TERM = re.compile(rf"\s*(?:({_NUMBER})\s*\*\s*)?([A-Za-z_][A-Za-z0-9_]*)\s*")


class _IndexLoss(tf.keras.losses.Loss):
    """A loss of images by the function of an index, whose keyword arguments are its options."""

    index: ClassVar[Callable[..., tf.Tensor]]
    is_similarity: ClassVar[bool] = False

    def __init__(
        self, *arguments: Any, reduction: str = _AUTO, name: str | None = None, **keyword_arguments: Any
    ):
        super().__init__(reduction=reduction, name=name or type(self).index.__name__)
        bound = inspect.signature(type(self).index).bind(None, None, *arguments, **keyword_arguments)
        bound.apply_defaults()
        options = dict([*bound.arguments.items()][2:])
        max_val = options.pop("max_val")
        if max_val is not None:
            check_number("max_val", max_val, above=0)
        self._options = {**self._checked(options), "max_val": max_val}

    def _checked(self, options: dict[str, Any]) -> dict[str, Any]:
        """Checks the options other than `max_val`, and returns them as the loss uses them."""
        return options

    def __getattr__(self, name: str) -> Any:
        options = self.__dict__.get("_options", {})
        if name in options:
            return options[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch]` losses of images `[batch, height, width, channels]`."""
        values = type(self).index(y_true, y_pred, **self._options)
        return 1 - values if self.is_similarity else values

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **self._options}


@tf.keras.utils.register_keras_serializable("tfnoise")
class MSE(_IndexLoss):
    """Mean squared error per image; 0 is identical.  Options as in `mse`; Keras' reduction and name.

    >>> MSE()(tf.zeros([1, 2, 2, 1]), tf.fill([1, 2, 2, 1], 0.5)).numpy()
    0.25
    """

    index = staticmethod(mse)


@tf.keras.utils.register_keras_serializable("tfnoise")
class SSIM(_IndexLoss):
    """1 - SSIM per image; 0 is identical.  Options and errors as in `ssim`; Keras' reduction and name.

    >>> SSIM(window=7).get_config()["window"]
    7
    """

    index: ClassVar[Callable[..., tf.Tensor]] = staticmethod(ssim)
    is_similarity = True

    def _checked(self, options: dict[str, Any]) -> dict[str, Any]:
        check_options(**options)
        if options.get("weights") is not None:
            options["weights"] = np.asarray(options["weights"]).tolist()
        return options


@tf.keras.utils.register_keras_serializable("tfnoise")
class MSSSIM(SSIM):
    """1 - MS-SSIM per image; 0 is identical.  Options and errors as in `ms_ssim`; Keras' reduction and name.

    The scales are explicit: 4 fit images of 81 to 160 pixels.

    >>> images = tf.random.stateless_uniform([2, 48, 48, 1], seed=[0, 0])
    >>> MSSSIM(scales=3)(images, images).numpy()
    0.0
    """

    index = staticmethod(ms_ssim)


@tf.keras.utils.register_keras_serializable("tfnoise")
class NLPD(_IndexLoss):
    """Normalised Laplacian pyramid distance per image; 0 is identical.

    Options and errors as in `nlpd`, parameters also as their `to_dict()`; Keras' reduction and name.

    >>> NLPD(scales=4, reduction="none")(tf.zeros([2, 32, 32, 1]), tf.ones([2, 32, 32, 1])).shape
    TensorShape([2])
    """

    index = staticmethod(nlpd)

    def _checked(self, options: dict[str, Any]) -> dict[str, Any]:
        if isinstance(options["parameters"], dict):
            options["parameters"] = NLPDParameters.from_dict(options["parameters"])
        resolved_parameters(**options)
        return options

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        fitted = self.parameters
        return {**super().get_config(), "parameters": None if fitted is None else fitted.to_dict()}


@tf.keras.utils.register_keras_serializable("tfnoise")
class WeightedSum(tf.keras.losses.Loss):
    """A weighted sum of losses per image, as 0.5 * (1 - MS-SSIM) + 0.5 * NLPD.

    Args:
      losses: losses of this module or any Keras losses, whose values are averaged to one an image; or their
        entries in `get_config()`.
      weights: one positive number a loss.
      reduction, name: as in `tf.keras.losses.Loss`.

    Raises:
      ValueError: no loss, or weights that do not fit.

    >>> WeightedSum([MSE(), NLPD()], [0.5, 0.5]).weights
    [0.5, 0.5]
    """

    def __init__(
        self,
        losses: Sequence[tf.keras.losses.Loss | dict[str, Any]],
        weights: Sequence[float],
        reduction: str = _AUTO,
        name: str = "weighted_sum",
    ):
        super().__init__(reduction=reduction, name=name)
        if not losses or len(losses) != len(weights):
            counts = f"{len(weights)} for {len(losses)}"
            raise ValueError(f"weights must be one number for each of one or more losses, not {counts}")
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
        # Keys of our own: Keras revives entries of its own form in some file formats only.
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
        kind: Any = tf.keras.utils.get_registered_object(name) or getattr(tf.keras.losses, name, None)
        if inspect.isclass(kind) and issubclass(kind, tf.keras.losses.Loss):
            return kind.from_config(value["options"])  # type: ignore[attr-defined]
    raise ValueError(f"losses must be Keras losses, as tfnoise.losses.NLPD(), not {value!r}")


class _IndexMetric(tf.keras.metrics.Mean):
    """The mean of an index per image, with the options of the loss of the same name."""

    loss: ClassVar[type[_IndexLoss]]

    def __init__(self, *arguments: Any, name: str | None = None, dtype: Any = None, **options: Any):
        super().__init__(name=name or self.loss.index.__name__, dtype=dtype)
        self._loss = self.loss(*arguments, **options)

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: Any = None) -> Any:
        """Counts the images of a batch `[batch, height, width, channels]`, with weights `[batch]` if any."""
        return super().update_state(self.loss.index(y_true, y_pred, **self._loss._options), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        options = self._loss.get_config()
        return {**super().get_config(), **{name: options[name] for name in self._loss._options}}


@tf.keras.utils.register_keras_serializable("tfnoise")
class SSIMMetric(_IndexMetric):
    """The mean SSIM index; 1 is identical.  Arguments as in `ssim`, and Keras' name and dtype.

    >>> metric = SSIMMetric()
    >>> _ = metric.update_state(tf.ones([2, 16, 16, 1]), tf.ones([2, 16, 16, 1]))
    >>> metric.result().numpy()
    1.0
    """

    loss = SSIM


@tf.keras.utils.register_keras_serializable("tfnoise")
class MSSSIMMetric(_IndexMetric):
    """The mean MS-SSIM index; 1 is identical.  Arguments as in `ms_ssim`, and Keras' name and dtype.

    >>> MSSSIMMetric(scales=3).get_config()["scales"]
    3
    """

    loss = MSSSIM


@tf.keras.utils.register_keras_serializable("tfnoise")
class NLPDMetric(_IndexMetric):
    """The mean NLPD; 0 is identical.  Arguments as in `NLPD`, and Keras' name and dtype.

    >>> NLPDMetric(scales=4).name
    'nlpd'
    """

    loss = NLPD


def loss_terms(name: str) -> dict[str, float]:
    """The weights by loss of a name like "nlpd" or "0.5*ms_ssim+0.5*nlpd".

    Returns:
      At least one loss of `NAMES`, in the order of the text; weights of one named twice are added.

    Raises:
      ValueError: an unknown loss (the message lists the known ones), a weight that is not positive, or a text
        that is no such sum.

    >>> loss_terms("0.5*ms_ssim + nlpd")
    {'ms_ssim': 0.5, 'nlpd': 1.0}
    """
    terms: dict[str, float] = {}
    for part in re.split(r"(?<!\d[eE])\+", name):
        term = _TERM.fullmatch(part)
        if not term:
            raise ValueError(f"loss {name!r} is no name and no sum like 0.5*ms_ssim+0.5*nlpd; {_KNOWN}")
        weight, loss = float(term[1] or 1), term[2]
        if loss not in NAMES:
            raise ValueError(f"unknown loss {loss!r}; {_KNOWN}")
        if not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"the weight of {loss} in {name!r} must be a positive number, not {term[1]}")
        terms[loss] = terms.get(loss, 0.0) + weight
    return terms


def canonical_name(name: str) -> str:
    """The one way to write a loss: without spaces, without weights of 1, a loss named twice added up.

    Raises:
      ValueError: as `loss_terms`.

    >>> canonical_name(" 1*nlpd + .5*mse")
    'nlpd+0.5*mse'
    """
    return "+".join(
        loss if weight == 1 else f"{weight!r}*{loss}" for loss, weight in loss_terms(name).items()
    )


def loss_by_name(
    name: str, ms_ssim_scales: int = 3, nlpd_parameters: NLPDParameters | None = None
) -> tf.keras.losses.Loss:
    """The Keras loss of a name like "nlpd" or "0.5*ms_ssim+0.5*nlpd".

    Args:
      name: one of `NAMES`, or a sum of them with weights.
      ms_ssim_scales: scales of MS-SSIM; 3 fit patches of 41 to 80 pixels.
      nlpd_parameters: fitted parameters of NLPD; None: the published ones.

    Raises:
      ValueError: as `loss_terms`.

    >>> loss_by_name("0.5*ms_ssim+0.5*nlpd").weights
    [0.5, 0.5]
    """
    classes: dict[str, Callable[[], tf.keras.losses.Loss]] = {
        "mse": MSE,
        "ms_ssim": lambda: MSSSIM(scales=ms_ssim_scales),
        "nlpd": lambda: NLPD(parameters=nlpd_parameters),
        "ssim": SSIM,
    }
    terms = loss_terms(name)
    losses = [classes[loss]() for loss in terms]
    if list(terms.values()) == [1.0]:
        return losses[0]
    keras_name = re.sub(r"\W+", "_", canonical_name(name)).strip("_")
    return WeightedSum(losses, list(terms.values()), name=keras_name)
