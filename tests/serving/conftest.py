"""Tiny exported models of both bottlenecks, and a stand-in server for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfnoise import serving
from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder

FRONT_END = FrontEnd(sample_rate_hz=8000, n_fft=512, hop=128, mels=48)


class Exported(NamedTuple):
    """A model in memory, and where it was exported to."""

    model: Autoencoder
    version: Path


def tiny_model(bottleneck: str) -> Autoencoder:
    tf.keras.utils.set_random_seed(5)
    model = Autoencoder(bottleneck=bottleneck, bpp=0.25, filters=8)
    model(tf.zeros([1, 48, 32, 1]))
    if bottleneck == "entropy":
        # An untrained latent is so small that every step gives zeros.
        kernel = model.analysis.stages[-1].kernel
        kernel.assign(kernel * 10)
    return model


@pytest.fixture(scope="package", params=["entropy", "levels"])
def exported(request, tmp_path_factory) -> Exported:
    """A model with any number of frames."""
    model = tiny_model(request.param)
    folder = tmp_path_factory.mktemp("saved_models") / request.param
    return Exported(model, serving.export_model(model, FRONT_END, folder, {"loss": "mse"}))


@pytest.fixture(scope="session")
def waveform() -> np.ndarray:
    """A second and a half of tones over noise, float32 `[samples]`."""
    rng = np.random.default_rng(1)
    times = np.arange(12000) / FRONT_END.sample_rate_hz
    tones = sum(np.sin(2 * np.pi * hz * times) for hz in (220, 660, 1500))
    return (0.2 * tones * np.exp(-2 * times) + 0.01 * rng.normal(size=12000)).astype(np.float32)


@pytest.fixture(scope="package")
def stand_in(exported) -> Iterator[dict[str, Any]]:
    """A stand-in server with one model: its addresses by protocol."""
    pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api, the extra `serving`")
    from tests.tools.stand_in_server import serve

    config = serving.write_server_config(exported.version.parents[1])[0]
    running = serve(config)
    yield {"rest": f"127.0.0.1:{running.rest_port}", "grpc": f"127.0.0.1:{running.grpc_port}"}
    running.stop()
