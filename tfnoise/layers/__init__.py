"""Keras layers of a compressive autoencoder: transforms, bottlenecks and the control of the rate."""

from tfnoise.layers.entropy import EntropyBottleneck
from tfnoise.layers.levels import LEVELS, LevelsBottleneck, bpp_of, latent_channels_for
from tfnoise.layers.rate_control import RateControl
from tfnoise.layers.transforms import (
    NORMALISATIONS,
    TOTAL_STRIDE,
    AnalysisTransform,
    SynthesisTransform,
    pad_to_stride,
)

__all__ = [
    "LEVELS",
    "NORMALISATIONS",
    "TOTAL_STRIDE",
    "AnalysisTransform",
    "EntropyBottleneck",
    "LevelsBottleneck",
    "RateControl",
    "SynthesisTransform",
    "bpp_of",
    "latent_channels_for",
    "pad_to_stride",
]
