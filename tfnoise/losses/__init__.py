"""Perceptual losses: functions that return an index per image, and Keras classes on them.

    model.compile(loss=tfnoise.losses.MSSSIM(scales=4), metrics=[tfnoise.losses.NLPDMetric()])

The functions give similarities (`ms_ssim`, `ssim`: 1 is identical) or distances (`nlpd`, `mse`: 0 is
identical); the `Loss` classes give values to minimise, the `Metric` classes means of the functions.
"""

from tfnoise.losses.keras_classes import (
    MSE,
    MSSSIM,
    NAMES,
    NLPD,
    SSIM,
    MSSSIMMetric,
    NLPDMetric,
    SSIMMetric,
    WeightedSum,
    canonical_name,
    loss_by_name,
    loss_terms,
)
from tfnoise.losses.ms_ssim import ms_ssim, smallest_side, ssim
from tfnoise.losses.mse import mse
from tfnoise.losses.nlpd import nlpd
from tfnoise.losses.nlpd_fit import fit_nlpd
from tfnoise.losses.nlpd_parameters import NLPDParameters, published_parameters
from tfnoise.losses.nlpd_parameters import smallest_side as smallest_nlpd_side

__all__ = [
    "MSE",
    "MSSSIM",
    "MSSSIMMetric",
    "NAMES",
    "NLPD",
    "NLPDMetric",
    "NLPDParameters",
    "SSIM",
    "SSIMMetric",
    "WeightedSum",
    "canonical_name",
    "fit_nlpd",
    "loss_by_name",
    "loss_terms",
    "ms_ssim",
    "mse",
    "nlpd",
    "published_parameters",
    "smallest_nlpd_side",
    "smallest_side",
    "ssim",
]
