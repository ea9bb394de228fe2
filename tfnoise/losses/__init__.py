"""Perceptual losses: functions that return an index per image, and Keras classes that are minimised."""

from tfnoise.losses.by_name import NAMES, loss_by_name
from tfnoise.losses.keras_losses import MSE, MSSSIM, NLPD
from tfnoise.losses.ms_ssim import ms_ssim, smallest_side, ssim
from tfnoise.losses.mse import mse
from tfnoise.losses.nlpd import nlpd

__all__ = [
    "MSE",
    "MSSSIM",
    "NAMES",
    "NLPD",
    "loss_by_name",
    "ms_ssim",
    "mse",
    "nlpd",
    "smallest_side",
    "ssim",
]
