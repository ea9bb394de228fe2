"""Losses by the names that flags and configurations use, and weighted sums of them."""

from __future__ import annotations

import math
import re

import tensorflow as tf

from tfnoise.losses.keras_losses import MSE, MSSSIM, NLPD, SSIM, WeightedSum
from tfnoise.losses.nlpd_parameters import NLPDParameters

NAMES = ("mse", "ms_ssim", "nlpd", "ssim")
"""What `loss_by_name` knows."""

_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+\."
_TERM = re.compile(rf"\s*(?:({_NUMBER})\s*\*\s*)?([A-Za-z_][A-Za-z0-9_]*)\s*")


def loss_terms(name: str) -> dict[str, float]:
    """The weights by loss of a name like "nlpd" or "0.5*ms_ssim+0.5*nlpd".

    Returns:
      At least one loss of `NAMES`, in the order of the text; weights of one named twice are added.

    Raises:
      ValueError: an unknown loss (the message lists the known ones), a weight that is not positive, or a text
        that is no such sum.
    """
    terms: dict[str, float] = {}
    place = 0
    while True:
        found = _TERM.match(name, place)
        if not found:
            raise ValueError(f"loss {name!r} is no name and no sum like 0.5*ms_ssim+0.5*nlpd; {_known()}")
        weight, loss = float(found[1] or 1), found[2]
        if loss not in NAMES:
            raise ValueError(f"unknown loss {loss!r}; {_known()}")
        if not (math.isfinite(weight) and weight > 0):
            raise ValueError(f"the weight of {loss} in {name!r} must be a positive number, not {found[1]}")
        terms[loss] = terms.get(loss, 0.0) + weight
        place = found.end()
        if place == len(name):
            return terms
        if name[place] != "+":
            raise ValueError(f"loss {name!r} is no name and no sum like 0.5*ms_ssim+0.5*nlpd; {_known()}")
        place += 1


def canonical_name(name: str) -> str:
    """The one way to write a loss: without spaces, without weights of 1, a loss named twice added up.

    Raises:
      ValueError: as `loss_terms`.
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
    """
    losses = {
        "mse": lambda: MSE(),
        "ms_ssim": lambda: MSSSIM(scales=ms_ssim_scales),
        "nlpd": lambda: NLPD(parameters=nlpd_parameters),
        "ssim": lambda: SSIM(),
    }
    terms = loss_terms(name)
    chosen = [losses[loss]() for loss in terms]
    if list(terms.values()) == [1.0]:
        return chosen[0]
    keras_name = re.sub(r"\W+", "_", canonical_name(name)).strip("_")
    return WeightedSum(chosen, list(terms.values()), name=keras_name)


def _known() -> str:
    return "known: " + ", ".join(NAMES)
