"""Tiny exported models of both bottlenecks, untrained but with latents that are not all zero."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder
from tfnoise.serving import export_model

FRONT_END = FrontEnd(sample_rate_hz=8000, n_fft=512, hop=128, mels=48)


def _exported(folder: Path, bottleneck: str) -> Path:
    tf.keras.utils.set_random_seed(2)
    model = Autoencoder(bottleneck=bottleneck, bpp=0.125, filters=8)
    model(tf.zeros([1, 48, 32, 1]))
    if bottleneck == "entropy":
        kernel = model.analysis.stages[-1].kernel
        kernel.assign(kernel * 30)
    return export_model(model, FRONT_END, folder / "saved_models" / bottleneck, {})


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A folder with saved_models/entropy/1 and saved_models/levels/1."""
    folder = tmp_path_factory.mktemp("models")
    for bottleneck in ("entropy", "levels"):
        _exported(folder, bottleneck)
    return folder
