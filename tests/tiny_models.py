"""Tiny models for tests: untrained, but with latents that are not all zero; each exported once a test run."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfnoise import serving
from tfnoise.audio import FrontEnd
from tfnoise.autoencoder import Autoencoder

FRONT_END = FrontEnd(sample_rate_hz=8000, n_fft=512, hop=128, mels=48)


def tiny_autoencoder(
    bottleneck: str = "entropy",
    mels: int = FRONT_END.mels,
    gain: float | None = None,
    seed: int = 5,
    **options: Any,
) -> Autoencoder:
    """A built autoencoder of 8 filters, the same for the same arguments.

    Args:
      bottleneck: "entropy" or "levels".
      mels: height of its images.
      gain: factor of the latents; by default 10 of "entropy" and 1 of "levels".
      seed: random seed of the weights.
      **options: of `Autoencoder`, in place of 8 filters and .25 bits per pixel.
    """
    tf.keras.utils.set_random_seed(seed)
    model = Autoencoder(bottleneck=bottleneck, **{"filters": 8, "bpp": 0.25, **options})
    model(tf.zeros([1, mels, 32, 1]))
    # Untrained latents are so small that every step quantizes them to zeros.
    stage, default_gain = (-1, 10) if bottleneck == "entropy" else (-3, 1)
    kernel = model.analysis.stages[stage].kernel
    kernel.assign(kernel * (default_gain if gain is None else gain))
    return model


def exported_once(
    run_folder: Path,
    name: str,
    bottleneck: str = "entropy",
    front_end: FrontEnd = FRONT_END,
    frames: int | None = None,
    **options: Any,
) -> Path:
    """The exported version of a tiny autoencoder, `run_folder/NAME/1`; made by the first worker that asks.

    Args:
      run_folder: the folder that all workers of a test run share, the fixture `run_folder`.
      name: of the model, one for one set of arguments.
      bottleneck, **options: of `tiny_autoencoder`.
      front_end: that it is exported with.
      frames: fixed number of frames of its signatures, or None.
    """
    version = run_folder / name / "1"
    with open(run_folder / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not version.is_dir():
            model = tiny_autoencoder(bottleneck, front_end.mels, **options)
            serving.export_model(model, front_end, version.parent, {"loss": "mse"}, frames=frames)
    return version
